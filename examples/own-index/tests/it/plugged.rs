//! A store that asks it, after an open and after another one.

use std::sync::Arc;

use causelog::{Coordinate, EventKind, NewEvent, Region, Store};
use causelog_examples_own_index::ScanIndex;

/// Spec: INDEX-7
#[test]
fn a_store_asks_the_index_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let door = Coordinate::new("door:1", "home").unwrap();
    for opens in 1..4 {
        let index = Arc::new(ScanIndex::default());
        let store = Store::options().index(index).open(&path).unwrap();
        store.append(NewEvent::new(&door, EventKind::of::<0x1001>(), &opens).unwrap()).unwrap();
        assert_eq!(store.read(Region::stream(&door)).count(), opens);
        assert!(store.verify().unwrap().is_sound());
        store.close().unwrap();
    }
}
