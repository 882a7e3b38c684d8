//! Torn tail or damage: what the end of the log is judged by.

use causelog_types::{ByteOffset, Position};
use causelog_wire::layout::{GROUP_HEADER_BYTES, SLOT_BYTES, SLOT_OFFSETS};
use causelog_wire::{CleanClose, Slot, StoreIdentity};

use super::support::*;
use crate::{DamageKind, Left, open_reader};

/// A store of one segment, and where each of its groups begins, the end last.
fn unclosed(durable: &[&str], unsynced: &[&str]) -> (Store, Vec<usize>) {
    let store = Store::new();
    let (mut appender, _) = store.open();
    let mut starts = vec![148];
    let place = |offset: ByteOffset| usize::try_from(offset.0).unwrap();
    for text in durable {
        append(&mut appender, &[text]).unwrap();
        starts.push(place(appender.end().offset));
    }
    for text in unsynced {
        write(&mut appender, &[text]).unwrap();
        starts.push(place(appender.end().offset));
    }
    // What the slots say is looked at in tests of its own.
    (store.after_kill().without("lock"), starts)
}

#[test]
fn a_later_group_shows_that_an_earlier_one_was_synced() {
    // Spec: RECOVER-2
    let (store, starts) = unclosed(&["a", "b", "c"], &[]);
    let store = store.edited(&segment(1), |bytes| bytes.truncate(starts[3] + 500));
    for group in 0..2 {
        for byte in starts[group]..starts[group + 1] {
            let broken = store.edited(&segment(1), |bytes| bytes[byte] ^= 0x20);
            let damage = broken.damage();
            let (file, offset, _) = place_of(&damage);
            assert_eq!(file, segment(1));
            let range = u64::try_from(starts[group]).unwrap()..=u64::try_from(byte).unwrap();
            assert!(range.contains(&offset), "byte {byte}: {damage}");
        }
    }
}

#[test]
fn the_last_group_may_be_torn_anywhere() {
    // Spec: RECOVER-3
    let (store, starts) = unclosed(&["a", "b", "c"], &[]);
    let store = store.edited(&segment(1), |bytes| bytes.truncate(starts[3] + 500));
    for byte in starts[2]..starts[3] {
        let torn = store.edited(&segment(1), |bytes| bytes[byte] ^= 0x20);
        let before = torn.file(&segment(1));
        let report = torn.report();
        let tail = report.torn_tail.unwrap();
        assert_eq!(tail.offset.0, u64::try_from(starts[2]).unwrap());
        assert_eq!(tail.bytes, report.bytes - tail.offset.0);
        assert_eq!(torn.texts(), ["a", "b"]);
        assert_eq!(torn.open().1.torn_tail, Some(tail.clone()));
        assert_eq!(torn.inspect().torn_tail, Some(tail));
        assert_eq!(torn.inspect().findings, []);
        assert_eq!(torn.file(&segment(1)), before);
    }
}

#[test]
fn groups_written_without_a_sync_between_them_show_nothing_of_each_other() {
    // Spec: RECOVER-2, RECOVER-3
    let (store, starts) = unclosed(&["a"], &["b", "c", "d"]);
    let torn = store.edited(&segment(1), |bytes| bytes[starts[1] + 120] ^= 1);
    assert_eq!(torn.texts(), ["a"]);
    assert!(torn.report().torn_tail.is_some());
    let damaged = store.edited(&segment(1), |bytes| bytes[starts[0] + 120] ^= 1);
    assert_eq!(place_of(&damaged.damage()).0, segment(1));
}

#[test]
fn one_whole_header_behind_the_damage_is_enough_though_its_frames_are_not_whole() {
    // Spec: RECOVER-2
    let (store, starts) = unclosed(&["a", "b", "c"], &[]);
    let broken = store.edited(&segment(1), |bytes| {
        bytes[starts[1]] ^= 1;
        bytes[starts[2] + 130] ^= 1;
    });
    assert!(matches!(broken.damage().kind, DamageKind::Rule(causelog_wire::Rule::Magic)));
    // Zeros over all of it but that header.
    let broken = store.edited(&segment(1), |bytes| {
        bytes[starts[1]..starts[2]].fill(0);
        bytes[starts[2] + 112..].fill(0);
    });
    assert_eq!(broken.damage().offset.0, u64::try_from(starts[1]).unwrap());
    // Without it there is nothing but zeros.
    let lost = store.edited(&segment(1), |bytes| bytes[starts[1]..].fill(0));
    assert_eq!(lost.texts(), ["a"]);
    assert_eq!(lost.report().torn_tail, None);
}

#[test]
fn a_header_far_behind_is_found_wherever_it_stands() {
    // Spec: RECOVER-2
    // The search goes in strides of 64 KiB; a header may lie across two of them.
    let across = (65_150..65_550).step_by(50);
    for bytes in across.chain([65_000, 262_000, 262_144, 300_000]) {
        let long = "x".repeat(bytes);
        let (store, starts) = unclosed(&["a", &long, "c"], &[]);
        let broken = store.edited(&segment(1), |content| content[starts[1]] ^= 1);
        assert_eq!(broken.damage().offset.0, u64::try_from(starts[1]).unwrap());
    }
}

#[test]
fn a_header_with_which_the_file_ends_is_found() {
    // Spec: RECOVER-2
    // It stands where the second stride of the search begins, and nothing behind it.
    const STRIDE: usize = 64 * 1024 + 1;
    let with = |bytes: usize| unclosed(&["a", &"x".repeat(bytes), "c"], &[]);
    let (_, starts) = with(65_000);
    let (store, starts) = with(65_000 + STRIDE - (starts[2] - starts[1]));
    assert_eq!(starts[2] - starts[1], STRIDE);
    let cut = store.edited(&segment(1), |content| {
        content[starts[1]] ^= 1;
        content.truncate(starts[2] + GROUP_HEADER_BYTES);
    });
    assert_eq!(cut.damage().offset.0, u64::try_from(starts[1]).unwrap());
}

#[test]
fn a_zero_byte_too_few_or_too_many_changes_nothing() {
    // Spec: SEG-6, RECOVER-1
    let (store, starts) = unclosed(&["a", "b"], &[]);
    for length in [starts[2], starts[2] + 1, starts[2] + 111, starts[2] + 112, 500_000] {
        let other = store.edited(&segment(1), |bytes| bytes.resize(length, 0));
        assert_eq!(other.report().torn_tail, None);
        other.append_and_drop(&["c"]);
        assert_eq!(other.after_power_cut().texts(), ["a", "b", "c"]);
        assert_eq!(other.report().segments, 1);
    }
}

#[test]
fn while_the_mark_stands_nothing_at_the_end_is_a_torn_tail() {
    // Spec: CLOSE-5
    let store = Store::new();
    store.append_and_close(&["a", "b"]);
    let length = store.file(&segment(1)).unwrap().len();
    let changed = |store: &Store, expected: DamageKind, says: &str| {
        let damage = store.damage();
        assert_eq!(damage.kind, expected);
        assert_eq!(store.inspect().findings[0], damage);
        assert!(damage.to_string().contains(says), "{damage}");
    };
    let behind = "bytes stand behind the end that the clean close recorded, position 2";
    changed(&store.edited(&segment(1), |bytes| bytes.push(1)), DamageKind::BehindClose(Position(2)), behind);
    let more = store.edited(&segment(1), |bytes| bytes.extend([[0; 5_000], [7; 5_000]].concat()));
    changed(&more, DamageKind::BehindClose(Position(2)), behind);
    let ends_at = |found| DamageKind::ChangedAfterClose { closed: Position(2), found: Position(found) };
    changed(&store.without(&segment(1)), ends_at(0), "at position 2, but the log ends at position 0");
    let (_, starts) = unclosed(&["a", "b"], &[]);
    let short = store.edited(&segment(1), |bytes| bytes.truncate(starts[1]));
    changed(&short, ends_at(1), "at position 2, but the log ends at position 1");
    let mut mark = CleanClose::decode(&store.file("closed").unwrap()).whole().unwrap();
    mark.root.0[0] ^= 1;
    let other = store.with_file("closed", Some(mark.encode().to_vec()));
    changed(&other, ends_at(2), "at position 2, but the log there is not the one that was closed");
    let torn = store.edited(&segment(1), |bytes| bytes[length - 1] ^= 1);
    assert!(matches!(torn.damage().kind, DamageKind::Rule(_)));

    let zeros = store.edited(&segment(1), |bytes| bytes.resize(length + 100, 0));
    assert_eq!(zeros.report().left, Left::Closed);
}

#[test]
fn a_mark_that_cannot_be_read_is_damage_and_nothing_is_opened() {
    // Spec: CLOSE-2, CLOSE-5
    let store = Store::new();
    store.append_and_close(&["a"]);
    let edits: [fn(&mut Vec<u8>); 4] =
        [Vec::clear, |bytes| bytes.truncate(99), |bytes| bytes.push(0), |bytes| bytes[50] ^= 1];
    for edit in edits {
        let broken = store.edited("closed", edit);
        assert_eq!(place_of(&broken.damage()).0, "closed");
        assert_eq!(place_of(&broken.inspect().findings[0]).0, "closed");
    }
}

#[test]
fn a_log_that_verifies_beyond_the_mark_shows_a_stale_mark() {
    // Spec: CLOSE-6
    let store = Store::new();
    store.append_and_close(&["a"]);
    let mark = store.file("closed").unwrap();
    store.append_and_drop(&["b"]);
    let stale = store.with_file("closed", Some(mark));
    assert_eq!(stale.report().left, Left::StaleMark);
    assert_eq!(stale.inspect().findings, []);
    assert_eq!(stale.texts(), ["a", "b"]);
    let torn = stale.edited(&segment(1), |bytes| bytes[5_000] = 1);
    assert!(torn.report().torn_tail.is_some());

    stale.append_and_close(&[]);
    assert_eq!(stale.report().left, Left::Closed, "the close makes it anew");
    assert_eq!(stale.texts(), ["a", "b"]);
    torn.append_and_drop(&["c"]);
    assert_eq!(torn.texts(), ["a", "b", "c"]);
    assert_eq!(torn.file("closed"), None);
}

#[test]
fn a_mark_with_another_root_at_its_position_is_damage_and_not_stale() {
    // Spec: CLOSE-6
    let store = Store::new();
    store.append_and_close(&["a"]);
    let mut mark = CleanClose::decode(&store.file("closed").unwrap()).whole().unwrap();
    store.append_and_drop(&["b"]);
    mark.root.0[0] ^= 1;
    let replaced = store.with_file("closed", Some(mark.encode().to_vec()));
    let expected = DamageKind::ChangedAfterClose { closed: Position(1), found: Position(2) };
    assert_eq!(replaced.damage().kind, expected);
    assert_eq!(replaced.inspect().findings, [replaced.damage()]);
}

/// The store's newest slot, and a lock file that holds only this one.
fn slots(store: &Store, edit: impl FnOnce(&mut Slot)) -> Vec<u8> {
    let id = StoreIdentity::decode(&store.file("store").unwrap()).whole().unwrap().store;
    let lock = store.file("lock").unwrap();
    let all = SLOT_OFFSETS.map(|offset| {
        let at = usize::try_from(offset).unwrap();
        Slot::decode(lock.get(at..).unwrap_or_default(), id, ByteOffset(offset)).whole()
    });
    let mut newest = all.into_iter().flatten().max_by_key(|slot| (slot.position, slot.epoch)).unwrap();
    edit(&mut newest);
    newest.encode(id, ByteOffset(0)).to_vec()
}

#[test]
fn a_slot_ahead_of_the_log_or_with_another_root_shows_a_log_cut_off() {
    // Spec: SLOT-6
    for close in [false, true] {
        let store = Store::small();
        match close {
            true => store.append_and_close(&["a", "b", "c", "d"]),
            false => store.append_and_drop(&["a", "b", "c", "d"]),
        }
        let same = store.with_file("lock", Some(slots(&store, |_| {})));
        assert_eq!(same.texts(), ["a", "b", "c", "d"]);
        let cut = |slot: Vec<u8>, published| {
            let cut = store.with_file("lock", Some(slot));
            let damage = cut.damage();
            let expected = DamageKind::CutOff { found: Position(4), published: Position(published) };
            assert_eq!(damage.kind, expected);
            assert_eq!(place_of(&damage).0, "lock");
            assert_eq!(damage_of(open_reader(&cut.environment).unwrap_err()), damage);
            assert_eq!(cut.inspect().findings, [damage]);
        };
        cut(slots(&store, |slot| slot.position = Position(5)), 5);
        cut(slots(&store, |slot| slot.root.0[31] ^= 1), 4);
        // A slot of an earlier group, or of a segment's first position.
        cut(slots(&store, |slot| slot.position = Position(3)), 3);
    }
}

#[test]
fn nobody_can_have_vouched_for_a_position_inside_a_group() {
    // Spec: SLOT-6, CLOSE-6, GROUP-4
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a", "b", "c"]).unwrap();
    appender.close().unwrap();
    let mut mark = CleanClose::decode(&store.file("closed").unwrap()).whole().unwrap();
    mark.position = Position(2);
    let stale = store.with_file("closed", Some(mark.encode().to_vec()));
    assert!(matches!(stale.damage().kind, DamageKind::ChangedAfterClose { .. }));
    assert!(matches!(stale.inspect().findings[0].kind, DamageKind::ChangedAfterClose { .. }));
    let behind = store.with_file("lock", Some(slots(&store, |slot| slot.position = Position(1))));
    assert!(matches!(behind.damage().kind, DamageKind::CutOff { published: Position(1), .. }));
    assert!(matches!(behind.inspect().findings[0].kind, DamageKind::CutOff { .. }));
}

#[test]
fn a_log_whose_end_was_cut_off_is_shown_by_its_slot() {
    // Spec: SLOT-6
    let store = Store::small();
    store.append_and_drop(&["a", "b", "c", "d", "e", "f"]);
    let last = store.report().segments;
    let cut = store.without(&segment(u64::try_from(last).unwrap()));
    assert!(matches!(cut.damage().kind, DamageKind::CutOff { published: Position(6), .. }));
    let older = Store::small();
    older.append_and_drop(&["a"]);
    let other = older.with_file("store", store.file("store"));
    assert_eq!(
        other.with_file("lock", store.file("lock")).damage().kind,
        DamageKind::CutOff { found: Position(1), published: Position(6) }
    );
}

#[test]
fn slots_of_another_store_and_torn_ones_say_nothing() {
    // Spec: SLOT-2, SLOT-5
    let store = Store::new();
    store.append_and_drop(&["a", "b"]);
    for lock in [vec![], vec![0; 592], vec![0xFF; 2_000], store.file("store").unwrap()] {
        let other = store.with_file("lock", Some(lock));
        assert_eq!(other.texts(), ["a", "b"]);
        other.append_and_drop(&["c"]);
        assert_eq!(other.texts(), ["a", "b", "c"]);
    }
    let mut foreign = slots(&store, |slot| slot.position = Position(9));
    foreign[70] ^= 1;
    assert_eq!(store.with_file("lock", Some(foreign)).texts(), ["a", "b"]);
}

#[test]
fn the_two_slots_are_written_in_turn_and_the_newest_counts() {
    // Spec: SLOT-1, SLOT-5
    let store = Store::new();
    let (mut appender, _) = store.open();
    let (mut before, mut turn) = (store.file("lock").unwrap(), None);
    for (i, text) in ["a", "b", "c", "d"].iter().enumerate() {
        append(&mut appender, &[text]).unwrap();
        let after = store.file("lock").unwrap();
        let half =
            |lock: &[u8], i: usize| lock.iter().copied().skip(512 * i).take(SLOT_BYTES).collect::<Vec<_>>();
        let changed: Vec<_> =
            (0..2).filter(|half_i| half(&before, *half_i) != half(&after, *half_i)).collect();
        assert_eq!(changed.len(), 1, "group {i}");
        assert_ne!(turn.replace(changed[0]), Some(changed[0]), "group {i}");
        // The one before it still stands when the newest is torn.
        let mut torn = after.clone();
        torn[512 * changed[0] + 20] ^= 1;
        let store = store.after_kill().with_file("lock", Some(torn));
        assert_eq!(store.texts().len(), i + 1);
        before = after;
    }
}
