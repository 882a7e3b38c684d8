//! Failed writes and syncs, full disks, and what follows from them.

use std::io::ErrorKind;

use causelog_io::Fault;

use super::support::*;
use crate::{Left, LogError, StepError};

#[test]
fn a_failed_sync_is_never_tried_again_and_its_group_never_acknowledged() {
    // Spec: RECOVER-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["b"]).unwrap();
    store.storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(matches!(appender.sync(), Err(StepError::Fatal(LogError::Io(_)))));
    store.storage.clear_trace();
    assert!(matches!(appender.sync(), Err(StepError::Fatal(LogError::Poisoned { .. }))));
    assert!(matches!(write(&mut appender, &["c"]), Err(StepError::Fatal(LogError::Poisoned { .. }))));
    assert!(matches!(appender.close(), Err(LogError::Poisoned { .. })));
    assert_eq!(store.changes(), [], "nothing was written, synced or marked as closed");

    // The group is still read from memory, but the device never had it.
    assert_eq!(store.texts(), ["a"]);
    let (mut appender, report) = store.open();
    assert_eq!((report.left, report.head.position.0), (Left::Unclosed, 1));
    append(&mut appender, &["d"]).unwrap();
    assert_eq!(store.after_power_cut().texts(), ["a", "d"]);
}

#[test]
fn a_group_that_was_only_written_is_made_durable_before_it_is_adopted() {
    // Spec: RECOVER-6
    for by_reader in [true, false] {
        let store = Store::new();
        let (mut appender, _) = store.open();
        append(&mut appender, &["a"]).unwrap();
        write(&mut appender, &["b"]).unwrap();
        let killed = store.after_kill();
        match by_reader {
            true => assert_eq!(killed.texts(), ["a", "b"]),
            false => assert_eq!(killed.open().1.head.position.0, 2),
        }
        assert_eq!(killed.after_power_cut().texts(), ["a", "b"]);
        killed.append_and_drop(&["c"]);
        assert_eq!(killed.after_power_cut().texts(), ["a", "b", "c"]);
    }
}

#[test]
fn a_segment_whose_name_is_not_durable_yet_is_made_so_before_it_is_adopted() {
    // Spec: STORE-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    // Open, set the length, write, allocate, sync and rename: the directory's sync fails.
    store.storage.crash_at(8);
    let error = append(&mut appender, &["a"]).unwrap_err();
    assert!(matches!(error, StepError::Fatal(_)) && store.file(&segment(1)).is_some(), "{error:?}");
    assert!(store.after_power_cut().file(&segment(1)).is_none());
    let killed = store.after_kill();
    killed.append_and_drop(&["b"]);
    assert_eq!(killed.after_power_cut().texts(), ["b"]);
}

#[test]
fn after_a_short_write_the_next_group_stands_in_a_new_segment() {
    // Spec: SEG-8, RECOVER-3
    for taken in [1, 111, 112, 150] {
        let store = Store::new();
        let (mut appender, _) = store.open();
        append(&mut appender, &["a"]).unwrap();
        let end = appender.end();
        store.storage.fail(0, Fault::ShortWrite(taken));
        assert!(matches!(write(&mut appender, &["b"]), Err(StepError::Fatal(_))));
        assert_eq!(appender.end(), end);
        drop(appender);
        let (mut appender, report) = store.open();
        let tail = report.torn_tail.unwrap();
        assert_eq!((tail.offset, tail.file), (end.offset, format!("memory/{}", segment(1))));
        append(&mut appender, &["c"]).unwrap();
        assert_eq!(appender.end().segment.unwrap().0, 2);
        drop(appender);
        assert_eq!(store.texts(), ["a", "c"]);
        let report = store.report();
        assert_eq!((report.torn_tail, report.dead_bytes), (None, tail.bytes));
        assert_eq!(store.inspect().findings, []);
    }
}

#[test]
fn a_torn_tail_is_reported_left_in_place_and_keeps_a_close_from_marking() {
    // Spec: RECOVER-3, CLOSE-3, SEG-7
    let store = Store::new();
    store.append_and_drop(&["a"]);
    let store = store.edited(&segment(1), |bytes| bytes[1_000..1_020].fill(0xAA));
    let before = store.file(&segment(1));
    let (appender, report) = store.open();
    assert!(report.torn_tail.is_some());
    appender.close().unwrap();
    assert_eq!(store.file("closed"), None);
    assert_eq!(store.file(&segment(1)), before);
    // With an append it is a dead end of a sealed segment, and the close is a clean one.
    store.append_and_close(&["b"]);
    assert_eq!(store.file(&segment(1)), before, "a torn tail is never cut");
    let report = store.report();
    assert_eq!((report.left, report.torn_tail), (Left::Closed, None));
    assert!(report.dead_bytes > 0);
    assert_eq!(store.texts(), ["a", "b"]);
}

#[test]
fn without_room_an_append_is_refused_and_with_room_again_it_succeeds() {
    // Spec: SEG-8
    let store = Store::small();
    store.append_and_close(&["a"]);
    let used = |store: &Store| store.storage.files().iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    let (mut appender, _) = store.open();
    store.storage.set_space(u64::try_from(used(&store)).unwrap());
    for _ in 0..3 {
        let error = append(&mut appender, &["b"]).unwrap_err();
        assert!(
            matches!(&error, StepError::Refused(LogError::Io(io)) if io.source.kind() == ErrorKind::StorageFull)
        );
        assert_eq!(store.after_kill().texts(), ["a"]);
    }
    store.storage.set_space(u64::MAX);
    for text in ["b", "c", "d", "e"] {
        append(&mut appender, &[text]).unwrap();
    }
    drop(appender);
    assert_eq!(store.after_power_cut().texts(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn whatever_room_there_is_nothing_acknowledged_is_lost_and_the_full_store_opens() {
    // Spec: SEG-8, SLOT-4
    let (mut refused, mut fatal) = (0, 0);
    for space in (0..6_000).step_by(37) {
        let store = Store::small();
        store.storage.set_space(space);
        let mut expected = Vec::new();
        if let Ok((_, mut appender, _)) = store.try_open() {
            for text in ["a", "b", "c", "d", "e", "f", "g", "h"] {
                match append(&mut appender, &[text]) {
                    Ok(()) => expected.push(text),
                    Err(StepError::Refused(_)) => refused += 1,
                    Err(StepError::Fatal(_)) => fatal += 1,
                }
            }
            drop(appender);
            assert_eq!(store.texts(), expected, "{space} bytes");
        }
        // The disk is still full.
        let cut = store.after_power_cut();
        if !expected.is_empty() {
            let (_, report) = cut.open();
            assert_eq!(report.head.position.0, u64::try_from(expected.len()).unwrap());
        }
        cut.storage.set_space(u64::MAX);
        cut.append_and_close(&["more"]);
        expected.push("more");
        assert_eq!(cut.after_power_cut().texts(), expected, "{space} bytes");
    }
    assert!(refused > 50 && fatal == 0, "{refused}, {fatal}");
}

#[test]
fn a_store_on_a_full_disk_opens_although_its_end_cannot_be_published() {
    // Spec: SLOT-4
    let store = Store::new();
    store.append_and_close(&["a"]);
    let store = store.edited("lock", Vec::clear);
    store.storage.set_space(0);
    let (appender, report) = store.open();
    assert_eq!(report.head.position.0, 1);
    assert_eq!(store.file("lock"), Some(Vec::new()));
    drop(appender);
    store.storage.set_space(u64::MAX);
    store.append_and_drop(&["b"]);
    assert_eq!(store.texts(), ["a", "b"]);
}

#[test]
fn a_slot_that_cannot_be_written_fails_nothing_and_is_written_with_the_next_group() {
    // Spec: SLOT-4
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["b"]).unwrap();
    appender.sync().unwrap();
    store.storage.fail(0, Fault::ShortWrite(30));
    assert!(appender.publish().is_err());
    assert_eq!(store.texts(), ["a"], "the older slot still stands");
    append(&mut appender, &["c"]).unwrap();
    assert_eq!(store.texts(), ["a", "b", "c"]);
}

#[test]
fn no_descriptor_at_rotation_hides_no_segment() {
    // Spec: SEG-9
    let store = Store::small();
    let (mut appender, _) = store.open();
    let (mut expected, mut refused) = (Vec::new(), 0);
    for i in 0..12 {
        let text = format!("event {i}");
        let (group, _) = group(appender.end().position, &[&text]);
        let rotates = appender.end().offset.plus(group.len()).0 > SMALL.segment_bytes;
        if rotates && i > 0 {
            // The two before it compare the lock file with its path.
            store.storage.fail(2, Fault::Error(ErrorKind::Other));
            let error = appender.place(group.len()).unwrap_err();
            assert!(
                matches!(&error, StepError::Refused(LogError::Io(io)) if io.operation == "open"),
                "{error:?}"
            );
            assert_eq!(store.texts(), expected);
            refused += 1;
        }
        append(&mut appender, &[&text]).unwrap();
        expected.push(text);
    }
    assert!(refused > 2);
    assert_eq!(store.texts(), expected);
}
