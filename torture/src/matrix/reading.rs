//! Reading a damaged store in every way, and writing on: what is served is what was appended.

use anyhow::{Result, bail, ensure};
use causelog::{Event, MemoryStorage, NewEvent, Region, Store};

use crate::matrix::said::Said;
use crate::matrix::samples::{Files, SEGMENT_BYTES, Sample, environment};

/// What was read of a store.
pub(crate) struct Served {
    /// How many events, from the first on.
    pub(crate) events: usize,
    /// What stopped the reading.
    pub(crate) said: Option<Said>,
}

/// Reads everything in every way. What comes must be what was appended.
pub(crate) fn read(sample: &Sample, store: &Store) -> Result<Served> {
    let mut served = Served { events: 0, said: None };
    for event in store.read(Region::all().with_library_events()) {
        match event {
            Ok(event) => {
                check(sample, served.events, &event)?;
                served.events += 1;
            }
            Err(error) => {
                served.said = Some(Said::by_read(&error));
                break;
            }
        }
    }
    for (position, known) in sample.events.iter().enumerate() {
        match store.get(known.header.id) {
            Ok(Some(event)) => check(sample, position, &event)?,
            Ok(None) => {
                ensure!(position >= served.events || served.said.is_some(), "{position} is not found by id");
            }
            Err(error) => served.said = served.said.or(Some(Said::by_read(&error))),
        }
    }
    for event in &sample.events {
        let stream = &event.header.coordinate;
        match store.head(stream) {
            Ok(Some(head)) => {
                let known = sample.events.iter().find(|known| known.header.position == head.position);
                ensure!(known.is_some_and(|known| known.hash() == head.hash), "a wrong head of {stream}");
            }
            Ok(None) => {}
            Err(error) => served.said = served.said.or(Some(Said::by_read(&error))),
        }
    }
    Ok(served)
}

fn check(sample: &Sample, position: usize, event: &Event) -> Result<()> {
    ensure!(sample.events.get(position) == Some(event), "another event is served at position {position}");
    Ok(())
}

/// A writer that opens it adds to what a reader is served, and takes nothing away.
pub(crate) fn write_on(sample: &Sample, files: &Files, served: usize) -> Result<()> {
    let disk = MemoryStorage::from_files(files.clone());
    let options = || Store::options().segment_bytes(SEGMENT_BYTES);
    let Ok(store) = options().open_in(environment(&disk, 8)) else { return Ok(()) };
    let Some(first) = sample.events.first() else { bail!("the sample is empty") };
    let event = NewEvent::new(&first.header.coordinate, first.header.kind, "on")?;
    let Ok(receipt) = store.append(event) else { return Ok(()) };
    store.close()?;
    let store = options().open_in(environment(&disk, 9))?;
    let again = read_prefix(sample, &store, served)?;
    ensure!(again == served, "a writer has made {again} events of {served}");
    ensure!(receipt.position.0 >= u64::try_from(served)?, "a position is given twice");
    ensure!(store.get(receipt.id)?.is_some(), "what was appended is not there");
    Ok(())
}

/// How many of the first events are still what they were.
fn read_prefix(sample: &Sample, store: &Store, served: usize) -> Result<usize> {
    let mut same = 0;
    for event in store.read(Region::all().with_library_events()).take(served) {
        let Ok(event) = event else { break };
        check(sample, same, &event)?;
        same += 1;
    }
    Ok(same)
}
