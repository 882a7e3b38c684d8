//! What a salvage costs, however much is wrong.

use std::sync::Arc;

use causelog::{Coordinate, Durability, EventKind, MemoryStorage, NewEvent, Options, verify};
use causelog_io::Operation;

use super::lab::environment;
use crate::Salvage;

/// One segment of groups of which nothing shows that they were synced, but the mark of a clean close.
fn never_synced(events: u64) -> Vec<(String, Vec<u8>)> {
    let disk = MemoryStorage::new();
    let store = Options::default().durability(Durability::Os).open_in(environment(&disk)).unwrap();
    let stream = Coordinate::new("door:1", "home").unwrap();
    for n in 0..events {
        let payload = (n, "x".repeat(1_000));
        store.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), &payload).unwrap()).unwrap();
    }
    store.close().unwrap();
    disk.files()
}

/// Bytes read to look through the store and to verify it, and its length, with a bit flipped in every third group.
fn read_of(events: u64) -> (u64, u64) {
    let mut files = never_synced(events);
    let (_, bytes) = files.iter_mut().find(|(name, _)| name.ends_with(".seg")).unwrap();
    bytes.iter_mut().skip(400).step_by(3_900).for_each(|byte| *byte ^= 1);
    let length = u64::try_from(bytes.len()).unwrap();
    let disk = MemoryStorage::from_files(files);
    let damaged = || Arc::new(disk.clone());
    Salvage::read(damaged()).unwrap();
    let found = verify(damaged()).unwrap().findings.len();
    assert!(u64::try_from(found).unwrap() > events / 4, "{found} findings");
    let read = |done| if let Operation::Read { bytes, .. } = done { bytes } else { 0 };
    let read = disk.trace().into_iter().map(read).sum();
    (read, length)
}

/// Spec: VERIFY-6
#[test]
fn the_bytes_read_grow_with_the_store_and_not_with_its_square() {
    for events in [400, 1_600] {
        let (read, length) = read_of(events);
        assert!(read < 8 * length, "{read} bytes read of {length}");
    }
}
