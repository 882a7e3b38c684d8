//! Where an open begins to read: at the last group before the published end, if the log confirms that it stands there.

use causelog_io::Operation;
use causelog_types::{ByteOffset, Position, Root, SegmentNumber};
use causelog_wire::layout::SLOT_OFFSETS;
use causelog_wire::{CleanClose, Slot, StoreIdentity};

use super::support::*;
use crate::{DamageKind, Group, Left, LogEnd, OpenReport, open_reader};

/// The newest slot of a store.
fn newest(store: &Store) -> Slot {
    let id = StoreIdentity::decode(&store.file("store").unwrap()).whole().unwrap().store;
    let lock = store.file("lock").unwrap();
    let slots = SLOT_OFFSETS.map(|offset| {
        let at = usize::try_from(offset).unwrap();
        Slot::decode(lock.get(at..).unwrap_or_default(), id, ByteOffset(offset)).whole()
    });
    slots.into_iter().flatten().max_by_key(|slot| (slot.position, slot.epoch)).unwrap()
}

/// The same store, whose `lock` holds this slot alone.
fn with_slot(store: &Store, slot: Slot) -> Store {
    let id = StoreIdentity::decode(&store.file("store").unwrap()).whole().unwrap().store;
    store.with_file("lock", Some(slot.encode(id, ByteOffset(0)).to_vec()))
}

/// Groups of one event each in one segment; the last `unsynced` of them are only written.
fn unclosed(groups: usize, unsynced: usize) -> Store {
    let store = Store::new();
    let (mut appender, _) = store.open();
    for _ in unsynced..groups {
        append(&mut appender, &["a"]).unwrap();
    }
    for _ in 0..unsynced {
        write(&mut appender, &["b"]).unwrap();
    }
    store.after_kill()
}

fn closed(groups: usize) -> Store {
    let store = Store::new();
    store.append_and_close(&vec!["a"; groups]);
    store.copy()
}

fn groups(store: &Store) -> Vec<Group> {
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    log.groups(&snapshot, Position(0)).map(Result::unwrap).collect()
}

/// What an open as a reader finds, and how many bytes of the log before its end that took.
fn found(store: &Store) -> (LogEnd, OpenReport, u64) {
    store.storage.clear_trace();
    let (_, snapshot, report) = open_reader(&store.environment).unwrap();
    let end = snapshot.end.offset.0;
    let before_end = |operation| match operation {
        Operation::Read { name, offset, bytes } if name.ends_with(".seg") => {
            (offset + bytes).min(end).saturating_sub(offset)
        }
        _ => 0,
    };
    let read = store.storage.trace().into_iter().map(before_end).sum();
    (snapshot.end, report, read)
}

#[test]
fn an_open_reads_the_last_group_alone_however_many_there_are() {
    // Spec: RECOVER-8, RECOVER-10, SLOT-3
    for make in [closed, |groups| unclosed(groups, 0)] {
        let (.., due) = found(&make(2));
        assert!(due < 148 + 3 * 250, "{due} bytes were read");
        for groups in [20, 200] {
            let (end, report, read) = found(&make(groups));
            assert_eq!(end.head(), report.head);
            // Greater numbers are longer.
            assert!((due..due + 8).contains(&read), "{groups} groups: {read} bytes were read, not {due}");
        }
    }
}

#[test]
fn a_reader_beside_a_writer_reads_the_last_published_group_alone() {
    // Spec: RECOVER-8, RECOVER-10, LOCK-3
    let due = |groups: usize| {
        let store = Store::new();
        let (mut appender, _) = store.open();
        for _ in 0..groups {
            append(&mut appender, &["a"]).unwrap();
        }
        write(&mut appender, &["b"]).unwrap();
        let (end, report, read) = found(&store);
        assert_eq!((end.position.0, report.left), (u64::try_from(groups).unwrap(), Left::InUse));
        read
    };
    assert_eq!(due(40), due(3));
}

#[test]
fn beginning_at_the_last_group_finds_what_beginning_at_the_first_does() {
    // Spec: RECOVER-6, RECOVER-10, TYPE-4
    let small = Store::small();
    small.append_and_drop(&["a", "b", "c", "d", "e"]);
    let stores = (1..5).flat_map(|groups| {
        let torn = unclosed(groups, 0).edited(&segment(1), |bytes| bytes[3_000] = 1);
        [closed(groups), unclosed(groups, 0), unclosed(groups, groups / 2), torn]
    });
    for store in stores.chain([small.after_kill()]) {
        let (end, report, _) = found(&store);
        let (end_of_all, report_of_all, _) = found(&store.without("lock"));
        assert_eq!(end, end_of_all);
        assert_eq!(end.group, groups(&store).last().unwrap().location.offset);
        let epoch = report.epoch;
        assert_eq!(report, OpenReport { epoch, ..report_of_all });
        // What a writer publishes and appends next follows from it.
        let (_, snapshot, report) = open_reader(&store.environment).unwrap();
        let (appender, _) = store.open();
        assert_eq!(appender.end(), snapshot.end);
        assert_eq!(newest(&store), snapshot.end.slot(appender.epoch()));
        assert!(appender.epoch() > report.epoch);
    }
}

#[test]
fn a_slot_that_the_log_does_not_confirm_has_all_of_the_segment_read() {
    // Spec: RECOVER-2, RECOVER-10
    let store = unclosed(4, 0);
    let slot = newest(&store);
    let starts: Vec<_> = groups(&store).iter().map(|group| group.location.offset).collect();
    assert_eq!(slot.group, starts[3]);
    let damaged = |slot: Slot| with_slot(&store.edited(&segment(1), |bytes| bytes[200] ^= 1), slot);
    assert_eq!(damaged(slot).report().head.position, Position(4), "the first group is not looked at");
    let before = starts.iter().take(3).copied();
    let elsewhere = [0, 1, 148, slot.group.0 - 1, slot.group.0 + 1, slot.offset.0, 1 << 40, u64::MAX];
    for group in before.chain(elsewhere.map(ByteOffset)) {
        let other = Slot { group, ..slot };
        assert_eq!(found(&with_slot(&store, other)).0, found(&store).0, "group at {group}");
        assert_eq!(place_of(&damaged(other).damage()).0, segment(1), "group at {group}");
    }
    let offset = ByteOffset(slot.offset.0 - 1);
    let others = [Slot { segment: Some(SegmentNumber(2)), ..slot }, Slot { offset, ..slot }];
    for other in others {
        assert_eq!(found(&with_slot(&store, other)).0, found(&store).0);
        assert_eq!(place_of(&damaged(other).damage()).0, segment(1));
    }
    // These contradict the log, wherever it is read from.
    for other in [Slot { root: Root([1; 32]), ..slot }, Slot { position: Position(3), ..slot }] {
        assert!(matches!(with_slot(&store, other).damage().kind, DamageKind::CutOff { .. }));
        assert_eq!(place_of(&damaged(other).damage()).0, segment(1));
    }
}

#[test]
fn damage_before_the_last_group_shows_where_it_is_read_and_in_a_verification() {
    // Spec: RECOVER-7, RECOVER-9
    for store in [closed(5), unclosed(5, 0), unclosed(5, 2)] {
        let damaged = store.edited(&segment(1), |bytes| bytes[280] ^= 1);
        let findings = damaged.inspect().findings;
        assert_eq!(place_of(&findings[0]).0, segment(1));
        assert!(damaged.try_texts().is_err());
        let (log, snapshot, report) = open_reader(&damaged.environment).unwrap();
        assert_eq!(report.head, store.report().head);
        let groups = groups(&store);
        let mut frames = log.frames(&snapshot);
        assert!(frames.read_event(groups[0].events[0].location).is_err());
        assert!(frames.read_event(groups[1].events[0].location).is_ok());
        damaged.append_and_drop(&["c"]);
        assert_eq!(damaged.report().head.position, Position(6));
        assert_eq!(damaged.inspect().findings, findings);
    }
}

#[test]
fn the_last_group_and_what_follows_it_are_judged_as_ever() {
    // Spec: SLOT-6, RECOVER-2, CLOSE-5
    let (store, mark) = (unclosed(5, 2), closed(3));
    let last = newest(&store);
    let broken = |store: &Store, at: u64| {
        store.edited(&segment(1), |bytes| bytes[usize::try_from(at).unwrap() + 130] ^= 1)
    };
    let published = DamageKind::CutOff { found: Position(2), published: Position(3) };
    assert_eq!(broken(&unclosed(3, 0), last.group.0).damage().kind, published);
    assert!(matches!(broken(&mark, last.group.0).damage().kind, DamageKind::Rule(_)));
    let torn = broken(&store, last.offset.0).report();
    assert_eq!((torn.head.position, torn.torn_tail.unwrap().offset), (Position(3), last.offset));
    // A slot of an earlier group says nothing of what was synced later.
    let two = Store::new();
    two.append_and_drop(&["a", "a"]);
    let earlier = newest(&two);
    let later = with_slot(&unclosed(5, 0), Slot { root: groups(&store)[1].header.root_after, ..earlier });
    assert_eq!(later.report().head.position, Position(5));
    assert_eq!(broken(&later, last.group.0).damage().offset.0 / 100, last.group.0 / 100 + 1);
}

#[test]
fn a_mark_from_before_the_last_group_is_looked_for_in_all_of_the_segment() {
    // Spec: CLOSE-6, RECOVER-10
    let store = Store::new();
    store.append_and_close(&["a"]);
    let mut mark = CleanClose::decode(&store.file("closed").unwrap()).whole().unwrap();
    store.append_and_drop(&["b", "c", "d"]);
    let stale = store.with_file("closed", Some(mark.encode().to_vec()));
    assert_eq!((stale.report().left, stale.texts().len()), (Left::StaleMark, 4));
    mark.root.0[0] ^= 1;
    let other = store.with_file("closed", Some(mark.encode().to_vec()));
    let expected = DamageKind::ChangedAfterClose { closed: Position(1), found: Position(4) };
    assert_eq!(other.damage().kind, expected);
}

#[test]
fn a_close_publishes_what_it_has_synced() {
    // Spec: SLOT-3
    let store = Store::new();
    let (mut appender, _) = store.open();
    for _ in 0..4 {
        write(&mut appender, &["a"]).unwrap();
    }
    let end = appender.end();
    appender.close().unwrap();
    let slot = newest(&store);
    assert_eq!((slot.offset, slot.position, slot.root), (end.offset, end.position, end.root));
    assert_eq!(slot.group, groups(&store)[3].location.offset);
}
