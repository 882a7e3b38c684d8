//! How much an open reads: its bound is the end of the log, whatever stands before that.

use std::sync::Arc;

use causelog::{Left, MemoryIndex, MemoryStorage, Options, Store};
use causelog_io::Operation;

use crate::helpers::{Lab, event, names, stream};

/// Events of a batch, each batch a group.
const BATCH: u64 = 20;
/// How many events a store has; the greatest number takes too long where nothing is optimised.
const EVENTS: &[u64] = if cfg!(debug_assertions) { &[2_000, 20_000] } else { &[2_000, 20_000, 1_000_000] };
/// The greatest length of a segment, so that all stands in one, and one of which many are filled.
const SEGMENTS: [u64; 2] = [1 << 30, 64 * 1024];
/// A group of a batch is shorter.
const GROUP_BYTES: u64 = 8 * 1024;
/// The room that is made behind the end at once, at most.
const ROOM_BYTES: u64 = 4 * 1024 * 1024;
/// What is read for each segment: its header.
const HEADER_BYTES: u64 = 148;

fn options(segment_bytes: u64, index: &Arc<MemoryIndex>) -> Options {
    Store::options().segment_bytes(segment_bytes).index(index.clone())
}

/// Appends so many events; where the last of them ends.
fn append(store: &Store, events: u64) -> u64 {
    let mut end = 0;
    for batch in 0..events / BATCH {
        let one = |i| event(&stream(&format!("door:{}", (batch + i) % 97), "home"), "opened again");
        let receipts = store.append_batch((0..BATCH).map(one).collect::<Vec<_>>()).unwrap();
        let last = receipts.last().unwrap().location;
        end = last.offset.0 + u64::from(last.bytes);
    }
    end
}

/// How a store is left before it is opened again.
#[derive(Clone, Copy, Debug)]
enum Leave {
    Closed,
    Killed,
}

/// A store, and an index that knows some of it.
struct Made {
    disk: MemoryStorage,
    /// Where the last event ends.
    end: u64,
    index: Arc<MemoryIndex>,
}

/// Makes a store of so many events, and an index of all but the last `lag` batches.
fn make(events: u64, segment_bytes: u64, lag: u64, leave: Leave) -> Made {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let index = Arc::new(MemoryIndex::new());
    let store = options(segment_bytes, &index).open_in(lab.environment(&disk)).unwrap();
    append(&store, events - lag * BATCH);
    store.close().unwrap();
    let other = Arc::new(MemoryIndex::new());
    let store = options(segment_bytes, &other).open_in(lab.environment(&disk)).unwrap();
    let end = append(&store, lag * BATCH);
    let killed = disk.kill();
    store.close().unwrap();
    let disk = match leave {
        Leave::Closed => disk.kill(),
        Leave::Killed => killed,
    };
    Made { disk, end, index }
}

/// What was read since the record was cleared: of the last segment, before its end and behind it, of the other
/// segments, and of other files. Headers of segments are left out.
#[derive(Debug, Default, PartialEq)]
struct Bytes {
    before_end: u64,
    behind_end: u64,
    of_others: u64,
    of_files: u64,
}

fn read(made: &Made) -> Bytes {
    let last = names(&made.disk, ".seg").pop().unwrap();
    let mut read = Bytes::default();
    for operation in made.disk.trace() {
        match operation {
            Operation::Read { name, offset: 0, bytes: HEADER_BYTES } if name.ends_with(".seg") => {}
            Operation::Read { name, offset, bytes } if name == last => {
                let before = (offset + bytes).min(made.end).saturating_sub(offset);
                read.before_end += before;
                read.behind_end += bytes - before;
            }
            Operation::Read { name, bytes, .. } if name.ends_with(".seg") => read.of_others += bytes,
            Operation::Read { bytes, .. } => read.of_files += bytes,
            _ => {}
        }
    }
    read
}

/// Opens a store read-only with an index that lags behind it, then as a writer with the same index.
fn check(events: u64, segment_bytes: u64, lag: u64, leave: Leave) {
    let made = make(events, segment_bytes, lag, leave);
    let context = format!("{events} events, segments of {segment_bytes} bytes, {lag} batches, {leave:?}");
    let lab = Lab::new();
    for (writer, lag) in [(false, lag), (true, 0)] {
        made.disk.clear_trace();
        let (options, environment) = (options(segment_bytes, &made.index), lab.environment(&made.disk));
        let store = match writer {
            true => options.open_in(environment).unwrap(),
            false => options.open_read_only_in(environment).unwrap(),
        };
        let read = read(&made);
        assert_eq!(store.end().position.0, events, "{context}");
        assert_eq!(store.counts().unwrap().events, events, "{context}");
        assert_eq!(store.report().segments > 1, segment_bytes == SEGMENTS[1], "{context}");
        // The last group as found, read again, and read for the index; and what that lacks.
        assert!(read.before_end <= (3 + lag) * GROUP_BYTES, "{context}: {read:?}");
        assert!(read.of_others <= lag * GROUP_BYTES, "{context}: {read:?}");
        assert!(read.of_files <= 2 * 1024, "{context}: {read:?}");
        match leave {
            Leave::Closed => assert_eq!((store.report().left, read.behind_end), (Left::Closed, 0)),
            Leave::Killed => assert!(read.behind_end <= 2 * ROOM_BYTES, "{context}: {read:?}"),
        }
    }
}

/// Spec: RECOVER-8, RECOVER-10
#[test]
fn what_an_open_reads_does_not_grow_with_the_store() {
    for leave in [Leave::Closed, Leave::Killed] {
        for segment_bytes in SEGMENTS {
            EVENTS.iter().for_each(|events| check(*events, segment_bytes, 3, leave));
        }
    }
}
