//! One store, appended to from two async runtimes: `cargo run -p causelog-examples-async --example two_runtimes`.

use std::sync::Arc;

use causelog::{Coordinate, EventKind, InvalidValue, NewEvent, Region, Store};
use causelog_examples_async::{append_in_turn, append_together};

const OPENED: EventKind = EventKind::of::<0x1001>();

fn openings(door: &str) -> Result<Vec<NewEvent>, InvalidValue> {
    let door = Coordinate::new(door, "home")?;
    (0..10).map(|number| NewEvent::new(&door, OPENED, &number)).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let store = Arc::new(Store::open(directory.path().join("events"))?);

    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let events = openings("door:tokio")?;
    let task = tokio.spawn({
        let store = Arc::clone(&store);
        async move { append_together(&store, events).await }
    });

    let receipts = smol::block_on(append_in_turn(&store, openings("door:smol")?))?;
    println!("smol appended {} events one after the other", receipts.len());
    let receipts = tokio.block_on(task)??;
    println!("tokio appended {} events together", receipts.len());

    let report = store.verify()?;
    println!("{} events in {} groups, each with one sync", report.events, report.groups);
    println!("{} doors were opened", store.read(Region::all()).count());
    Ok(())
}
