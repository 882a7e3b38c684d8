//! The golden store of each version of the format: it opens, verifies, and holds what it always held.

use std::sync::Arc;

use causelog::{Event, Left, MemoryStorage, RealStorage, Storage, Store};

use crate::golden_script;
use crate::helpers::{Lab, all, event, long_event, stream};

const V1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1");

/// A copy in memory, so that opening it as a writer changes nothing in the repository.
fn copy() -> MemoryStorage {
    let storage = RealStorage::open(V1).unwrap();
    let mut files = Vec::new();
    for entry in storage.list().unwrap() {
        let file = storage.open(&entry.name, causelog_io::Access::Read).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        causelog_io::read_exact_at(&*file, &mut bytes, 0).unwrap();
        files.push((entry.name, bytes));
    }
    files.sort();
    MemoryStorage::from_files(files)
}

/// What has stood in it since it was made.
const V1_EVENTS: &str = include_str!("../golden/v1.events");

/// Spec: WIRE-7, HASH-5, HASH-6
#[test]
fn golden_v1_opens_and_verifies_and_is_what_it_was() {
    let copy = copy();
    let report = causelog::verify(Arc::new(copy.clone())).unwrap();
    assert_eq!((report.findings, report.torn_tail), (vec![], None));
    assert_eq!((report.events, report.groups, report.segments, report.streams), (12, 10, 2, 3));
    let lab = Lab::new();
    let read_only = Store::options().open_read_only_in(lab.environment(&copy)).unwrap();
    let events = all(&read_only);
    assert_eq!(golden_script::summary(&read_only).unwrap(), V1_EVENTS);
    assert_eq!(read_only.report().left, Left::Closed);
    assert_eq!(events[0].decode::<String>().unwrap(), "by key");
    assert_eq!(events[11].decode::<u64>().unwrap(), u64::MAX);
    drop(read_only);

    let store = lab.open(&copy);
    assert_eq!(all(&store), events);
    let number = |event: &Event| event.header.id.as_u128() & 0xff;
    let of_last: Vec<u128> =
        store.ancestors(events[10].header.id).unwrap().map(|event| number(&event.unwrap())).collect();
    assert_eq!(of_last, [11, 10, 9, 8, 7, 6]);
    store.append(event(&stream("door:1", "home"), "it goes on")).unwrap();
    store.append(long_event(&stream("new", "home"), 4000)).unwrap();
    assert!(store.verify().unwrap().is_sound());
    assert_eq!(all(&store)[..12], events);
}

/// The same script makes the same bytes: what writes the format has not changed either.
#[test]
fn golden_v1_is_made_again_byte_for_byte() {
    let made = MemoryStorage::new();
    golden_script::write(Arc::new(made.clone())).unwrap();
    let names = |disk: &MemoryStorage| disk.files().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&made), names(&copy()));
    assert_eq!(made.files(), copy().files());
}
