//! How much an open and a question read with the default index: what grows with the store does so with its logarithm.

use causelog::{Durability, EventId, MemoryStorage, Region, Store};
use causelog_io::Operation;

use crate::helpers::{Lab, event, names, stream};

const BATCH: u64 = 20;

/// Appends so many events in batches, over streams of which none is used twice in a row; the segment of the last.
fn append(store: &Store, events: u64) -> u64 {
    let mut segment = 0;
    for batch in 0..events / BATCH {
        let one = |i| event(&stream(&format!("door:{}", (batch * 7 + i) % 977), "home"), "opened again");
        let receipts = store.append_batch((0..BATCH).map(one).collect::<Vec<_>>()).unwrap();
        segment = receipts.last().unwrap().location.segment.0;
    }
    segment
}

/// The bytes that were read of index files, and of all other files.
fn read(disk: &MemoryStorage) -> (u64, u64) {
    let (mut of_indexes, mut of_others) = (0, 0);
    for operation in disk.trace() {
        let Operation::Read { name, bytes, .. } = operation else { continue };
        match name.ends_with(".idx") {
            true => of_indexes += bytes,
            false => of_others += bytes,
        }
    }
    (of_indexes, of_others)
}

/// An open reads the last group, the tail that no index file tells of, and of each segment and index file its first
/// block or less: at 10,000 events as at 1,000,000, after a close and after a kill.
///
/// Spec: RECOVER-8, INDEX-12
#[test]
fn what_an_open_reads_is_bounded_with_the_default_index() {
    let sizes: &[u64] =
        if cfg!(debug_assertions) { &[10_000, 30_000] } else { &[10_000, 100_000, 1_000_000] };
    for events in sizes {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let options = || Store::options().segment_bytes(1024 * 1024);
        let store = options().open_in(lab.environment(&disk)).unwrap();
        append(&store, *events);
        let killed = disk.kill();
        store.close().unwrap();
        for (left, tail) in [(killed, 1024 * 1024), (disk.kill(), 8 * 1024)] {
            left.clear_trace();
            let store = options().open_in(lab.environment(&left)).unwrap();
            let (of_indexes, of_others) = read(&left);
            let (segments, indexes) = (names(&left, ".seg").len(), names(&left, ".idx").len());
            assert_eq!(store.counts().unwrap().events, *events);
            // A header each, and of the last the row that says where it ends.
            let headers = u64::try_from(indexes + 1).unwrap() * 4096;
            assert!(of_indexes <= headers, "{events} events: {of_indexes} bytes of {indexes} index files");
            // The tail is read up to three times (found, read again, told to the index), and the room behind it twice.
            let most = 3 * tail + 8 * 1024 * 1024 + u64::try_from(segments).unwrap() * 148;
            assert!(of_others <= most, "{events} events: {of_others} bytes of {segments} segments");
            assert!(indexes <= 7 * 4, "{events} events: {indexes} index files");
            // To go on with a stream, nothing of the log is read.
            left.clear_trace();
            store.append(event(&stream("door:5", "home"), "once more")).unwrap();
            assert_eq!(read(&left).1, 0, "{events} events");
        }
    }
}

/// "Is this id new?" and "where does this stream end?" can touch no more files than there are, and these are few at any
/// number of segments.
///
/// Spec: INDEX-12
#[test]
fn there_are_few_index_files_at_any_number_of_segments() {
    for segments in [1, 100, 2_000] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let options = || Store::options().segment_bytes(4096).durability(Durability::Os);
        let store = options().open(&path).unwrap();
        while append(&store, BATCH) < segments {}
        store.close().unwrap();
        let names = || std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
        let files = names().filter(|name| name.to_str().unwrap().ends_with(".idx")).count();
        // Seven of a size, and sizes of 1, 8, 64 and 512 tails of a segment each.
        assert!((1..=4 * 7 + 8).contains(&files), "{segments} segments: {files} index files");
        let store = options().open(&path).unwrap();
        assert_eq!(store.get(EventId::from_u128(77)).unwrap(), None);
        assert_eq!(store.head(&stream("nobody", "home")).unwrap(), None);
        assert!(store.read(Region::entity("door:5").unwrap()).all(|event| event.is_ok()));
    }
}

/// However many segments are read, to and fro, few of them are kept open.
#[cfg(target_os = "linux")]
#[test]
fn few_files_are_kept_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap().join("events");
    let options = || Store::options().segment_bytes(4096).durability(Durability::Os);
    let store = options().open(&path).unwrap();
    while append(&store, BATCH) < 300 {}
    let open_files = || {
        let links = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = links.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        links.filter(|link| link.starts_with(&path)).count()
    };
    let ids: Vec<EventId> = store.read(Region::all()).map(|event| event.unwrap().header.id).collect();
    for i in 0..ids.len() {
        assert!(store.get(ids[i * 7919 % ids.len()]).unwrap().is_some());
    }
    assert_eq!(Ok(ids.len()), usize::try_from(store.end().position.0));
    let open = open_files();
    // 64 segments, index files, `lock`, `store`, and the segment that is written.
    assert!((1..=64 + 4 * 7 + 8).contains(&open), "{open} files are open");
}
