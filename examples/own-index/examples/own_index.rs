//! A store that asks an index of one's own: `cargo run -p causelog-examples-own-index --example own_index`.

use std::sync::Arc;

use causelog::{Coordinate, EventKind, NewEvent, Region, Store};
use causelog_examples_own_index::ScanIndex;

const OPENED: EventKind = EventKind::of::<0x1001>();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let store =
        Store::options().index(Arc::new(ScanIndex::default())).open(directory.path().join("events"))?;

    let door = Coordinate::new("door:1", "home")?;
    for by in ["key", "code", "force"] {
        store.append(NewEvent::new(&door, OPENED, by)?)?;
    }
    for event in store.read(Region::stream(&door)) {
        let event = event?;
        println!("{} opened by {}", event.header.revision, event.decode::<String>()?);
    }
    store.close()?;
    Ok(())
}
