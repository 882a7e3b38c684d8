//! Stores of every format that was ever released: each opens, verifies, and has the head and the events that it always
//! had.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use causelog::{NewEvent, Region, Store};

use crate::Verdict;
use crate::history::fresh;

/// Looks at every store of a directory beside whose name stands a list of what is in it.
pub(crate) fn run(work: &Path, golden: &Path) -> Result<Verdict> {
    let (mut stores, mut events) = (Vec::new(), 0);
    let entries = fs::read_dir(golden).with_context(|| {
        format!(
            "{} cannot be read; give --golden DIR, or run this at the root of the workspace",
            golden.display()
        )
    })?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) else {
            continue;
        };
        let list = fs::read_to_string(golden.join(format!("{name}.events")))?;
        events += look(work, &path, &list).with_context(|| name.to_owned())?;
        stores.push(name.to_owned());
    }
    stores.sort();
    ensure!(!stores.is_empty(), "there is no golden store in {}", golden.display());
    let names = stores.join(", ");
    Ok(Verdict::Ran(format!("{} formats ({names}), {events} events: all as they were", stores.len())))
}

/// The head, and of every event its stream, its revision and depth, its recorded time, its id and its hash.
fn summary(store: &Store) -> Result<String> {
    let mut lines = format!("{}\n", store.end().root);
    for event in store.read(Region::all()) {
        let event = event?;
        let (header, dag) = (&event.header, &event.header.dag);
        let place = format!("{} {} {} {}", header.coordinate, header.revision, dag.depth, dag.hlc);
        lines.push_str(&format!("{place} {} {}\n", header.id, event.hash()));
    }
    Ok(lines)
}

/// How many events a store holds: what its list says.
fn look(work: &Path, path: &Path, list: &str) -> Result<usize> {
    let store = Store::open_read_only(path)?;
    ensure!(summary(&store)? == *list, "it does not hold what it held");
    drop(store);
    // A writer goes on in a copy.
    let copy = fresh(work, "golden")?;
    fs::create_dir_all(&copy)?;
    for file in fs::read_dir(path)? {
        let file = file?;
        fs::copy(file.path(), copy.join(file.file_name()))?;
    }
    let store = Store::open(&copy)?;
    let report = store.verify()?;
    ensure!(report.is_sound() && report.torn_tail.is_none(), "verification finds {:?}", report.findings);
    let first = store.read(Region::all()).next().context("it is empty")??.header;
    let receipt = store.append(NewEvent::new(&first.coordinate, first.kind, "it goes on")?)?;
    ensure!(receipt.position == report.head.position, "it goes on at {}", receipt.position);
    store.close()?;
    ensure!(Store::open_read_only(&copy)?.verify()?.is_sound(), "it does not verify after an append");
    Ok(list.lines().count().saturating_sub(1))
}
