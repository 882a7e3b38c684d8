//! Rotation, and room made in advance.

use causelog_io::Operation;
use causelog_types::{Position, SegmentNumber, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;

use super::support::*;
use crate::{AppenderSettings, StepError, open_reader};

#[test]
fn a_full_segment_gets_a_successor_that_records_its_end() {
    // Spec: SEG-4, SEG-5
    let store = Store::small();
    let (mut appender, _) = store.open();
    let mut ends = Vec::new();
    for i in 0..10 {
        let before = appender.end();
        append(&mut appender, &[&format!("event {i}")]).unwrap();
        if before.segment != appender.end().segment {
            ends.push(before);
        }
    }
    assert!(ends.len() > 3);
    assert_eq!(store.segment_header(1).previous, None);
    for (number, before) in (2..).zip(&ends[1..]) {
        let header = store.segment_header(number);
        let previous = header.previous.unwrap();
        assert_eq!(
            (header.base, header.base_root, header.base_hlc),
            (before.position, before.root, before.hlc)
        );
        assert_eq!((previous.number, previous.root), (SegmentNumber(number - 1), before.root));
        assert_eq!(previous.length, before.offset.0);
        assert!(previous.length <= SMALL.segment_bytes);
        // SEG-7: the room behind its end has been given back.
        assert_eq!(widen(store.file(&segment(number - 1)).unwrap().len()), previous.length);
    }
    assert_eq!(store.texts().len(), 10);
    assert_eq!(store.report().dead_bytes, 0);
}

#[test]
fn a_group_is_never_split_and_a_long_one_gets_a_segment_of_its_own() {
    // Spec: GROUP-10
    let store = Store::small();
    let (mut appender, _) = store.open();
    let long = "x".repeat(3_000);
    for text in ["a", &long, "b", &long, &long] {
        append(&mut appender, &[text]).unwrap();
    }
    drop(appender);
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    let groups: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    let segments = groups.iter().map(|group| group.events[0].location.segment.0);
    assert_eq!(segments.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(store.texts(), ["a", &long, "b", &long, &long]);
}

#[test]
fn the_first_group_of_a_segment_may_be_longer_than_a_segment() {
    // Spec: GROUP-10
    let store = Store::new().with(AppenderSettings { segment_bytes: 0 });
    store.append_and_close(&["a", "b", "c"]);
    assert_eq!(store.texts(), ["a", "b", "c"]);
    assert_eq!(store.report().segments, 3);
}

#[test]
fn room_is_made_in_pieces_that_grow() {
    // Spec: SEG-7
    let store = Store::new();
    let (mut appender, _) = store.open();
    let text = "x".repeat(500_000);
    let mut pieces = Vec::new();
    append(&mut appender, &["first"]).unwrap();
    for _ in 0..40 {
        append(&mut appender, &[&text]).unwrap();
        assert!(widen(store.storage.files()[0].1.len()) >= appender.end().offset.0);
    }
    let mut room = widen(SEGMENT_HEADER_BYTES);
    for done in store.storage.trace() {
        if let Operation::Allocate { offset, bytes, .. } = done {
            assert_eq!(offset, room, "room is made behind the room there is");
            room += bytes;
            pieces.push(bytes);
        }
    }
    assert!(pieces.is_sorted(), "{pieces:?}");
    assert_eq!(pieces.first(), Some(&(64 * 1024)));
    assert_eq!(pieces.last(), Some(&(4 * 1024 * 1024)));
    assert!(pieces.len() < 12, "{pieces:?}");
    assert!(appender.end().offset.0 <= room);
}

#[test]
fn room_is_not_made_beyond_a_full_segment() {
    // Spec: SEG-7
    let store = Store::new().with(AppenderSettings { segment_bytes: 100_000 });
    let (mut appender, _) = store.open();
    for _ in 0..5 {
        append(&mut appender, &[&"x".repeat(30_000)]).unwrap();
    }
    for (name, bytes) in store.storage.files() {
        assert!(bytes.len() <= 100_000 + SEGMENT_HEADER_BYTES, "{name}: {} bytes", bytes.len());
    }
}

#[test]
fn every_write_stands_in_room_made_before() {
    // Spec: SEG-7
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d", "e"]);
    store.append_and_close(&["f", "g"]);
    let mut room = std::collections::BTreeMap::new();
    for done in store.storage.trace() {
        match done {
            Operation::Allocate { name, offset, bytes } => {
                room.insert(name, offset + bytes);
            }
            Operation::Write { name, offset, bytes } if name.contains(".seg") && offset > 0 => {
                let end = offset + bytes;
                // A reopened segment is opened under its final name.
                let made = room.get(&name).or_else(|| room.get(&format!("{name}.tmp"))).copied();
                assert!(made.is_some_and(|made| end <= made), "{name} up to {end}, room to {made:?}");
            }
            _ => {}
        }
    }
    assert!(room.len() > 2);
}

/// Two segments of these texts, the second under another number. No slot knows of another one.
fn renumbered(texts: &[&str], number: u64) -> Store {
    let store = Store::small();
    store.append_and_drop(texts);
    assert_eq!(store.names(), [segment(1), segment(2), "lock".to_owned(), "store".to_owned()]);
    store.renumbered(2, number).without("lock")
}

#[test]
fn numbers_ascend_from_the_greatest_there_is() {
    // Spec: SEG-1
    let store = renumbered(&["a", "b", "c", "d"], 9);
    store.append_and_drop(&["e", "f", "g", "h"]);
    let names: Vec<_> = store.names().into_iter().filter(|name| name.ends_with(".seg")).collect();
    assert_eq!(names, [1, 9, 10].map(segment));
    assert_eq!(store.segment_header(10).previous.map(|previous| previous.number), Some(SegmentNumber(9)));
    assert_eq!(store.texts(), ["a", "b", "c", "d", "e", "f", "g", "h"]);
}

/// An index file is named by positions, and no segment by it.
#[test]
fn index_files_take_no_segment_numbers() {
    // Spec: SEG-1, STORE-1
    let store = Store::small();
    store.append_and_close(&["a"]);
    let store = store.with_file(&crate::index_name(Position(8), Position(u64::MAX)), Some(Vec::new()));
    assert!(store.report().unknown_names.is_empty());
    store.append_and_drop(&["b", "c", "d", "e"]);
    assert!(store.file(&segment(2)).is_some());
}

#[test]
fn when_numbers_have_run_out_no_segment_is_overwritten() {
    // Spec: SEG-1
    let store = renumbered(&["a", "b", "c", "d"], u64::MAX);
    let (mut appender, _) = store.open();
    append(&mut appender, &["e"]).unwrap();
    let before = store.names();
    let refused = (0..5).map(|_| append(&mut appender, &["f"])).find_map(Result::err);
    assert!(matches!(refused, Some(StepError::Refused(_))), "{refused:?}");
    assert_eq!(store.names(), before);
    drop(appender);
    assert_eq!(store.texts()[..5], ["a", "b", "c", "d", "e"]);
}

#[test]
fn errors_name_the_segment_and_not_its_temporary_name() {
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    store.storage.crash_at(0);
    let error = write(&mut appender, &["b"]).unwrap_err().into_inner();
    assert!(error.to_string().contains("memory/00000000000000000001.seg:"), "{error}");
}
