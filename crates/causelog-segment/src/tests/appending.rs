//! Append, close and reopen, in all orders.

use causelog_io::MemoryStorage;
use causelog_types::{ByteOffset, Position};

use super::support::*;
use crate::{Left, LogError, open_reader};

#[test]
fn an_open_creates_only_lock_and_store() {
    // Spec: RECOVER-5
    let store = Store::new();
    let (appender, report) = store.open();
    assert_eq!(report.left, Left::New);
    assert_eq!(report.epoch, 1);
    assert_eq!(store.names(), ["lock", "store"]);
    drop(appender);
    for epoch in 2..6 {
        let (_, report) = store.open();
        assert_eq!((report.left, report.epoch), (Left::Unclosed, epoch));
        assert_eq!(store.names(), ["lock", "store"]);
    }
}

#[test]
fn opens_without_appends_make_no_segment_and_change_none() {
    // Spec: RECOVER-5
    let store = Store::small();
    store.append_and_drop(&["a", "b"]);
    let before: Vec<_> = store.storage.files().into_iter().filter(|(name, _)| name != "lock").collect();
    for _ in 0..3 {
        store.open();
        assert_eq!(store.texts(), ["a", "b"]);
        store.inspect();
    }
    let after: Vec<_> = store.storage.files().into_iter().filter(|(name, _)| name != "lock").collect();
    assert_eq!(before, after);
}

#[test]
fn a_reader_creates_and_changes_nothing() {
    // Spec: RECOVER-5
    let store = Store::small();
    store.append_and_drop(&["a", "b"]);
    let store = store.without("lock");
    let before = store.storage.files();
    store.storage.clear_trace();
    assert_eq!(store.texts(), ["a", "b"]);
    assert_eq!(store.inspect().findings, []);
    assert_eq!(store.storage.files(), before);
    let writes = store.changes().into_iter().filter(|done| {
        !matches!(done, causelog_io::Operation::SyncData { .. } | causelog_io::Operation::SyncDir)
    });
    assert_eq!(writes.count(), 0);

    let empty = Store::at(MemoryStorage::new());
    assert!(matches!(open_reader(&empty.environment), Err(LogError::NotAStore { .. })));
    assert!(empty.names().is_empty());
}

#[test]
fn closed_and_unclosed_stores_go_on_where_they_ended() {
    // Spec: RECOVER-1, CLOSE-4
    for orders in 0..32_u32 {
        let store = Store::new().with(crate::AppenderSettings { segment_bytes: 700 });
        let mut expected = Vec::new();
        for round in 0..5 {
            let marked = store.file("closed").is_some();
            let (mut appender, report) = store.open();
            let left = if marked { Left::Closed } else { Left::Unclosed };
            assert_eq!(report.left, if round == 0 { Left::New } else { left });
            assert_eq!(report.head.position.0, u64::try_from(expected.len()).unwrap());
            // The fourth opening appends nothing.
            for text in ["x", "y"].iter().filter(|_| round != 3) {
                let text = format!("{text}{round}");
                append(&mut appender, &[&text, "with"]).unwrap();
                expected.extend([text, "with".to_owned()]);
            }
            let close = orders >> round & 1 == 1;
            match close {
                true => appender.close().unwrap(),
                false => drop(appender),
            }
            assert_eq!(store.file("closed").is_some(), close || (round == 3 && marked));
            assert_eq!(store.texts(), expected, "orders {orders:b}, round {round}");
            let inspection = store.inspect();
            assert_eq!(inspection.findings, [], "orders {orders:b}, round {round}");
            assert_eq!(inspection.dead_bytes, 0);
        }
        assert_eq!(store.report().unknown_names, Vec::<String>::new());
    }
}

/// The epochs of all groups, in order.
fn epochs(store: &Store) -> Vec<u64> {
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    log.groups(&snapshot, Position(0)).map(|group| group.unwrap().header.epoch).collect()
}

#[test]
fn an_epoch_is_one_opening_by_a_writer() {
    // Spec: GROUP-9
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d"]);
    assert_eq!(epochs(&store), [1; 4], "the same over segments");
    store.append_and_drop(&["e"]);
    // Openings that append nothing count as well: their slots say so.
    store.append_and_close(&[]);
    store.append_and_close(&[]);
    store.append_and_close(&["f", "g"]);
    assert_eq!(epochs(&store), [1, 1, 1, 1, 2, 5, 5]);
    assert_eq!(store.report().epoch, 5);
    // Without slots, the greatest found is that of the last groups.
    let without = store.without("lock");
    without.append_and_close(&["h"]);
    assert_eq!(epochs(&without), [1, 1, 1, 1, 2, 5, 5, 6]);
}

#[test]
fn the_last_segment_is_continued() {
    // Spec: RECOVER-1
    for close in [true, false] {
        let store = Store::new();
        for text in ["a", "b", "c"] {
            match close {
                true => store.append_and_close(&[text]),
                false => store.append_and_drop(&[text]),
            }
        }
        assert_eq!(store.report().segments, 1);
        assert_eq!(store.texts(), ["a", "b", "c"]);
    }
}

#[test]
fn a_clean_close_leaves_no_room_and_says_where_the_log_ends() {
    // Spec: CLOSE-1, CLOSE-2
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a", "b"]).unwrap();
    let end = appender.end();
    assert!(store.report().bytes > 64 * 1024);
    appender.close().unwrap();
    assert_eq!(store.report().bytes, end.offset.0);
    let closed = causelog_wire::CleanClose::decode(&store.file("closed").unwrap()).whole().unwrap();
    assert_eq!((closed.position, closed.root, closed.hlc), (Position(2), end.root, end.hlc));
    assert_eq!((closed.segment, closed.segment_length), (end.segment, end.offset.0));
    let after = store.after_power_cut();
    assert_eq!(after.report().left, Left::Closed);
    assert_eq!(after.texts(), ["a", "b"]);
}

#[test]
fn a_new_store_can_be_closed_without_an_event() {
    // Spec: CLOSE-1
    let store = Store::new();
    store.append_and_close(&[]);
    assert_eq!(store.names(), ["closed", "lock", "store"]);
    let store = store.after_power_cut();
    assert_eq!(store.report().left, Left::Closed);
    store.append_and_drop(&["a"]);
    assert!(store.file("closed").is_none());
    assert_eq!(store.texts(), ["a"]);
}

#[test]
fn a_store_left_unclosed_is_closed_by_the_next_close() {
    // Spec: CLOSE-1
    let store = Store::new();
    store.append_and_drop(&["a"]);
    store.append_and_close(&[]);
    let report = store.report();
    assert_eq!(report.left, Left::Closed);
    assert_eq!(u64::try_from(store.file(&segment(1)).unwrap().len()).unwrap(), report.bytes);
    assert_eq!(store.after_power_cut().texts(), ["a"]);
}

#[test]
fn a_mark_that_stands_is_not_made_again() {
    // Spec: CLOSE-1
    let store = Store::new();
    store.append_and_close(&["a"]);
    let before = store.storage.files();
    store.append_and_close(&[]);
    let changed =
        |name: &str| store.file(name) != before.iter().find(|(n, _)| n == name).map(|(_, b)| b.clone());
    assert!(!changed("closed") && !changed(&segment(1)) && !changed("store"));
}

#[test]
fn several_groups_can_wait_for_one_sync() {
    // Spec: STORE-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    write(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["b", "c"]).unwrap();
    assert_eq!(appender.synced().end.position, Position(0));
    assert_eq!(appender.end().position, Position(3));
    assert_eq!(store.after_power_cut().texts(), Vec::<String>::new());
    appender.sync().unwrap();
    assert_eq!(appender.synced().end, appender.end());
    assert_eq!(store.after_power_cut().texts(), ["a", "b", "c"]);
}

#[test]
fn a_close_syncs_what_was_only_written() {
    // Spec: CLOSE-1
    let store = Store::new();
    let (mut appender, _) = store.open();
    write(&mut appender, &["a"]).unwrap();
    appender.close().unwrap();
    assert_eq!(store.after_power_cut().texts(), ["a"]);
    assert_eq!(store.after_power_cut().report().left, Left::Closed);
}

#[test]
fn roots_are_known_at_the_beginning_and_end_of_groups() {
    // Spec: GROUP-5
    let store = Store::small();
    let (mut appender, _) = store.open();
    let mut known = vec![(appender.end().position, appender.end().root)];
    for _ in 0..8 {
        append(&mut appender, &["a", "b"]).unwrap();
        known.push((appender.end().position, appender.end().root));
    }
    drop(appender);
    let (log, snapshot, report) = open_reader(&store.environment).unwrap();
    assert!(report.segments > 2);
    for position in (0..20).map(Position) {
        let expected = known.iter().find(|(at, _)| *at == position).map(|(_, root)| *root);
        assert_eq!(log.root_at(&snapshot, position).unwrap(), expected, "{position}");
    }
}

#[test]
fn groups_are_read_from_the_one_that_holds_a_position() {
    // Spec: GROUP-4
    let store = Store::small();
    store.append_and_drop(&["a", "b", "c", "d", "e", "f", "g"]);
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    for from in 0..9 {
        let bases = log.groups(&snapshot, Position(from)).map(|group| group.unwrap().header.base.0);
        assert_eq!(bases.collect::<Vec<_>>(), (from..7).collect::<Vec<_>>());
    }
}

#[test]
fn a_frame_is_read_only_where_a_whole_one_of_that_length_stands() {
    let store = Store::new();
    store.append_and_close(&["a", "b"]);
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    let groups: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    let right = groups[1].events[0].location;
    let mut frames = log.frames(&snapshot);
    assert_eq!(frames.read(right).unwrap().header.position, Position(1));
    let end = snapshot.end.offset;
    let wrong = [
        (right.segment, right.offset, right.bytes - 1),
        (right.segment, right.offset, right.bytes + 1),
        (right.segment, right.offset, u32::MAX),
        (right.segment, right.offset.plus(1), right.bytes),
        (right.segment, end, right.bytes),
        (right.segment, ByteOffset(u64::MAX), right.bytes),
        (causelog_types::SegmentNumber(2), right.offset, right.bytes),
    ];
    for (segment, offset, bytes) in wrong {
        let location = causelog_types::Location { segment, offset, bytes };
        assert!(matches!(frames.read(location), Err(LogError::Damaged(_))), "{location:?}");
    }
    assert_eq!(frames.read(right).unwrap().header.position, Position(1), "it goes on after an error");
}

#[test]
fn what_is_published_is_what_readers_load() {
    let store = Store::new();
    let (_, snapshot, mut appender, _) = crate::open_writer(&store.environment, SMALL).unwrap();
    let published = crate::Published::new(snapshot);
    append(&mut appender, &["a"]).unwrap();
    assert_eq!(published.load().end.position, Position(0));
    published.store(appender.synced(), Position(1));
    assert_eq!(published.load().end, appender.end());
}

#[test]
#[should_panic(expected = "the published end never shrinks")]
fn the_published_end_never_shrinks() {
    // Spec: LOCK-4
    let store = Store::new();
    let (_, snapshot, mut appender, _) = crate::open_writer(&store.environment, SMALL).unwrap();
    append(&mut appender, &["a"]).unwrap();
    crate::Published::new(appender.synced()).store(snapshot, Position(0));
}
