//! What a salvage costs, however much is wrong.

use std::sync::Arc;

use causelog::{Coordinate, Durability, EventKind, MemoryStorage, NewEvent, Options, Progress, verify};
use causelog_io::Operation;

use super::lab::{Whole, environment};
use crate::{Salvage, SalvageStep};

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

/// Each step goes on from nothing to all, and says how much that is.
#[test]
fn every_step_tells_how_far_it_is() {
    let whole = Whole::usual(false).flipped("00000000000000000002.seg", 400);
    let lengths = |files: &[(String, Vec<u8>)]| {
        let segments = files.iter().filter(|(name, _)| name.ends_with(".seg"));
        segments.map(|(_, bytes)| u64::try_from(bytes.len()).unwrap()).sum::<u64>()
    };
    let mut told = [const { Vec::<Progress>::new() }; 3];
    let [reading, copying, verifying] = &mut told;
    let salvage =
        Salvage::read_telling(Arc::new(whole.disk()), &mut |progress| reading.push(progress)).unwrap();
    let new = MemoryStorage::new();
    let mut tell = |step, progress| match step {
        SalvageStep::Copying => copying.push(progress),
        SalvageStep::Verifying => verifying.push(progress),
    };
    let report = salvage.write_telling(&environment(&new), &mut tell).unwrap();
    assert_eq!(told[1].len(), usize::try_from(report.groups).unwrap());
    let totals = [lengths(&whole.files), told[1][0].bytes_total, lengths(&new.files())];
    for (told, total) in told.iter().zip(totals) {
        assert!(told.len() > 5 && total > 5_000);
        assert!(told.iter().all(|progress| progress.bytes_total == total), "{told:?}");
        assert!(told.is_sorted_by_key(|progress| progress.bytes_done), "{told:?}");
        assert_eq!(told.last().unwrap().bytes_done, total);
    }
}
