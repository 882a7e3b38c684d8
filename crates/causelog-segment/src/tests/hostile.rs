//! Bytes made to mislead: garbage, lengths that promise too much, forged headers, and stores with many files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use causelog_io::Operation;
use causelog_types::{ByteOffset, Position, widen};
use causelog_wire::layout::GROUP_MAGIC;
use causelog_wire::{GroupHeader, GroupKind, hash};

use super::support::*;
use super::watched::{Watch, watched};
use crate::{FINDINGS_MAX, Rescue, open_reader, open_writer};

/// How many bytes were read since the record began.
fn bytes_read(store: &Store) -> u64 {
    let read = |done: Operation| if let Operation::Read { bytes, .. } = done { bytes } else { 0 };
    store.storage.trace().into_iter().map(read).sum()
}

/// A store with one group, its end, and these bytes behind it.
fn with_tail(tail: &[u8]) -> Store {
    let store = Store::new();
    store.append_and_drop(&["a"]);
    let end = usize::try_from(open_reader(&store.environment).unwrap().1.end.offset.0).unwrap();
    store.edited(&segment(1), |bytes| {
        bytes.truncate(end);
        bytes.extend(tail);
    })
}

/// The bytes are a torn tail, and judging them costs no more than they are long.
fn check_torn(tail: &[u8]) {
    let store = with_tail(tail);
    store.storage.clear_trace();
    let report = store.report();
    assert_eq!(report.torn_tail.map(|torn| torn.bytes), Some(widen(tail.len())), "{tail:?}");
    assert!(bytes_read(&store) < 8 * report.bytes + 10_000, "{} bytes read", bytes_read(&store));
    assert_eq!(store.texts(), ["a"]);
    assert_eq!(store.inspect().findings, []);
    let counts = Arc::new(Counts::default());
    open_reader(&watched(&store, &counts)).unwrap();
    let buffer = counts.buffer_bytes_most.load(Ordering::SeqCst);
    assert!(widen(buffer) <= report.bytes, "{buffer} bytes allocated");
    store.append_and_close(&["b"]);
    assert_eq!(store.texts(), ["a", "b"]);
}

/// Headers that would stand `places` behind the store's one group, with checksums that fit.
fn forged_at(length: u32, count: u64, synced_to: u64, places: impl Iterator<Item = u64>) -> Vec<u8> {
    let store = Store::new();
    store.append_and_drop(&["a"]);
    let end = open_reader(&store.environment).unwrap().1.end;
    let header = GroupHeader {
        kind: GroupKind::Events,
        length,
        count,
        base: Position(synced_to.max(end.position.0)),
        epoch: 1,
        synced_to: Position(synced_to),
        root_before: end.root,
        root_after: hash::first_root(store.segment_header(1).store),
    };
    let salt = store.segment_header(1).salt;
    places.flat_map(|place| header.encode(salt, ByteOffset(end.offset.0 + place))).collect()
}

fn forged(length: u32, count: u64, synced_to: u64, place: u64) -> Vec<u8> {
    forged_at(length, count, synced_to, std::iter::once(place))
}

#[test]
fn garbage_of_any_length_is_a_torn_tail() {
    // Spec: RECOVER-3
    for length in [1, 8, 12, 111, 112, 113, 5_000] {
        check_torn(&vec![0xFF; length]);
        check_torn(&(0..length).map(|i| u8::try_from(i % 251).unwrap() | 1).collect::<Vec<_>>());
    }
    check_torn(b"CLGp\x01\0\0\0\xFF\xFF\xFF\xFF");
    check_torn(&GROUP_MAGIC.repeat(1_000));
}

#[test]
fn a_length_is_believed_only_as_far_as_the_file_goes() {
    // Spec: GROUP-2
    check_torn(&forged(128 * 1024 * 1024 - 112, 1, 0, 0));
    check_torn(&forged(100_000_000, 1_000_000, 0, 0));
}

#[test]
fn zeros_are_no_frames() {
    // Spec: FRAME-2
    for zeros in [8, 83, 166] {
        let header = forged(u32::try_from(zeros.max(83)).unwrap(), 1, 0, 0);
        check_torn(&[header, vec![0; zeros]].concat());
    }
    let zeros = with_tail(&[0; 8]);
    assert_eq!((zeros.texts(), zeros.report().torn_tail), (vec!["a".to_owned()], None));
}

#[test]
fn a_header_counts_as_evidence_only_at_its_own_place() {
    // Spec: RECOVER-2
    let at = |place: u64, bytes: Vec<u8>| {
        let mut tail = vec![7; usize::try_from(place).unwrap()];
        tail.extend(bytes);
        tail
    };
    for place in [1, 50, 4_000] {
        let evidence = with_tail(&at(place, forged(100, 1, 5, place)));
        assert_eq!(place_of(&evidence.damage()).0, segment(1));
        // Moved by one byte, its checksum does not fit; and a sync up to X shows nothing of what is due at X.
        check_torn(&at(place, forged(100, 1, 5, place + 1)));
        check_torn(&at(place, forged(100, 1, 1, place)));
    }
}

#[test]
fn many_headers_in_a_tail_do_not_multiply_its_cost() {
    // Spec: RECOVER-8
    check_torn(&forged_at(100, 1, 0, (0..2_000).map(|i| i * 112)));
}

#[test]
fn many_bad_places_do_not_multiply_the_cost_of_a_walk_or_a_rescue() {
    // Spec: VERIFY-6, VERIFY-7
    const HEADERS: u64 = 4_000;
    // Each of them stands before one that shows it to have been synced, which is the last.
    let mut tail = forged_at(100, 1, 0, (0..HEADERS - 1).map(|i| i * 112));
    tail.extend(forged(100, 1, 9, (HEADERS - 1) * 112));
    let store = with_tail(&tail);
    type Reading = fn(&Store) -> (usize, u64);
    let reading: [(&str, Reading); 2] = [
        ("walk", |store| {
            let found = store.inspect();
            (found.findings.len(), found.more_findings)
        }),
        ("rescue", |store| {
            let rescue = Rescue::read(Arc::new(store.storage.clone())).unwrap();
            (rescue.findings().first().len(), rescue.findings().more())
        }),
    ];
    for (what, read) in reading {
        store.storage.clear_trace();
        // All bad places are told, the first by name; the last one is a torn tail.
        assert_eq!(read(&store), (FINDINGS_MAX, HEADERS - 1 - widen(FINDINGS_MAX)), "{what}");
        let (read, length) = (bytes_read(&store), widen(tail.len()));
        assert!(read < 8 * length, "{what}: {read} bytes read of {length}");
    }
}

#[test]
fn an_open_reads_the_tail_and_not_the_store() {
    // Spec: RECOVER-8
    let store = Store::new().with(crate::AppenderSettings { segment_bytes: 20_000 });
    let (mut appender, _) = store.open();
    for _ in 0..40 {
        append(&mut appender, &[&"x".repeat(9_000)]).unwrap();
    }
    drop(appender);
    let report = store.report();
    assert!(report.segments >= 20);
    for open in [|store: &Store| drop(store.open()), |store: &Store| drop(store.report())] {
        store.storage.clear_trace();
        open(&store);
        let headers = 148 * widen(report.segments);
        assert!(bytes_read(&store) < headers + 3 * 20_500, "{} of {}", bytes_read(&store), report.bytes);
    }
}

/// Counts the files that are open, and measures the buffers to read into.
#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    open_most: AtomicUsize,
    buffer_bytes_most: AtomicUsize,
}

impl Watch for Counts {
    fn opened(&self) {
        let now = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.open_most.fetch_max(now, Ordering::SeqCst);
    }

    fn closed(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    fn reads(&self, _name: &str, buffer_bytes: usize) {
        self.buffer_bytes_most.fetch_max(buffer_bytes, Ordering::SeqCst);
    }
}

#[test]
fn opening_appending_and_walking_keep_few_files_open_however_many_segments_there_are() {
    // Spec: RECOVER-8
    let store = Store::small();
    store.append_and_drop(&["x"; 60]);
    let counts = Arc::new(Counts::default());
    let environment = watched(&store, &counts);
    let (log, snapshot, mut appender, report) = open_writer(&environment, SMALL).unwrap();
    assert!(report.segments >= 20);
    assert_eq!(log.groups(&snapshot, Position(0)).filter(Result::is_ok).count(), 60);
    for _ in 0..30 {
        append(&mut appender, &["y"]).unwrap();
    }
    appender.close().unwrap();
    drop(open_reader(&environment).unwrap());
    crate::inspect(Arc::clone(&environment.storage), &mut |_| {}, &mut |_| {}).unwrap();
    drop((log, snapshot));
    assert!(counts.open_most.load(Ordering::SeqCst) < 8, "{counts:?}");
    assert_eq!(counts.open.load(Ordering::SeqCst), 0);
}
