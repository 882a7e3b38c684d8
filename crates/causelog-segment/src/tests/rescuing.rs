//! What is said of a damaged log beside its groups.

use std::sync::Arc;

use causelog_types::{Position, Root, StoreHead};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;

use super::support::*;
use crate::{Damage, DamageKind, Left, Rescue, open_reader};

fn rescue(store: &Store) -> Rescue {
    Rescue::read(Arc::new(store.storage.clone())).unwrap()
}

#[test]
fn a_damaged_log_counts_as_closed_only_where_its_mark_says_that_it_ends() {
    // Spec: CLOSE-2
    let store = Store::new();
    store.append_and_close(&["a", "b"]);
    let left = |store: &Store, end: StoreHead| rescue(store).open(end).unwrap().2.left;
    let end = rescue(&store).proven();
    assert_eq!(end.position, Position(2));
    assert_eq!(left(&store, end), Left::Closed);
    assert_eq!(left(&store, StoreHead { position: Position(1), ..end }), Left::Unclosed);
    assert_eq!(left(&store, StoreHead { root: Root([7; 32]), ..end }), Left::Unclosed);
    assert_eq!(left(&store.without("closed"), end), Left::Unclosed);
}

#[test]
fn a_segment_without_a_group_does_not_stand_for_the_end_that_is_gone() {
    // Spec: SALVAGE-4
    let store = Store::small();
    let (mut appender, _) = store.open();
    let (mut lock, mut end) = (None, appender.end());
    while appender.end().segment.is_none_or(|segment| segment.0 == 1) {
        (lock, end) = (store.file("lock"), appender.end());
        append(&mut appender, &["x"]).unwrap();
    }
    drop(appender);
    // The second segment was only begun, and the last group of the first one is bad.
    let store = store.with_file("lock", lock);
    let store = store.edited(&segment(2), |bytes| bytes.truncate(SEGMENT_HEADER_BYTES));
    let last = usize::try_from(end.offset.0).unwrap() - 1;
    let store = store.edited(&segment(1), |bytes| bytes[last] ^= 1);
    let (found, published) = (Position(end.position.0 - 1), end.position);
    let rescue = rescue(&store);
    let kinds: Vec<_> = rescue.findings().first().iter().map(|damage| &damage.kind).collect();
    assert!(kinds.contains(&&DamageKind::CutOff { found, published }), "{kinds:?}");
    // The segment's own header proves as much, but that is no file that says where the log ended.
    let without = self::rescue(&store.without("lock"));
    assert_eq!(without.proven().position, published);
    let cut_off = |damage: &Damage| matches!(damage.kind, DamageKind::CutOff { .. });
    assert!(!without.findings().first().iter().any(cut_off), "{:?}", without.findings());
}

#[test]
fn a_group_for_a_place_that_another_one_has_is_named() {
    // Spec: SALVAGE-2
    let (store, other) = (Store::new(), Store::new());
    store.append_and_drop(&["a", "b", "c"]);
    other.append_and_drop(&["x", "y", "z"]);
    let (log, snapshot, _) = open_reader(&other.environment).unwrap();
    let last = log.groups(&snapshot, Position(2)).next().unwrap().unwrap().location.offset;
    let both = store.with_file(&segment(2), other.file(&segment(1)));
    let rescue = rescue(&both);
    let mut groups = rescue.groups();
    let taken: Vec<_> = groups.by_ref().map(|group| group.unwrap().segment.number().0).collect();
    assert_eq!(taken, [1, 1, 1]);
    let named: Vec<_> = groups.contradictions().first().iter().map(place_of).collect();
    assert!(named.contains(&(&*segment(2), last.0, &DamageKind::RootBroken(Position(3)))), "{named:?}");
}

#[test]
fn what_proves_an_end_that_is_gone_is_named() {
    // Spec: SALVAGE-4
    let store = Store::new();
    store.append_and_close(&["a", "b"]);
    let broken = store.edited(&segment(1), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let (found, published) = (Position(1), Position(2));
    let cut = DamageKind::CutOff { found, published };
    let changed = DamageKind::ChangedAfterClose { closed: published, found };
    for (without, file, kind) in [("lock", "closed", changed), ("closed", "lock", cut)] {
        let findings = rescue(&broken.without(without)).findings().first().to_vec();
        assert!(findings.iter().any(|damage| place_of(damage) == (file, 0, &kind)), "{findings:?}");
    }
}

#[test]
fn what_the_last_opening_wrote_behind_a_bad_place_is_taken() {
    // Spec: SALVAGE-2
    let written = |last: &[&str]| {
        let store = Store::new();
        let (mut appender, _) = store.open();
        append(&mut appender, &["a"]).unwrap();
        let bad = usize::try_from(appender.end().offset.0).unwrap();
        last.iter().for_each(|text| write(&mut appender, &[text]).unwrap());
        (store, appender, bad)
    };
    let (synced, mut appender, _) = written(&["b", "c"]);
    appender.sync().unwrap();
    appender.publish().unwrap();
    let (store, _, bad) = written(&["b", "c", "d"]);
    // Only the slot shows that `b` was synced, and nothing vouches for `d`.
    let store = store.after_kill().with_file("lock", synced.file("lock"));
    let store = store.edited(&segment(1), |bytes| bytes[bad] ^= 1);
    let bases = rescue(&store).groups().map(|group| group.unwrap().group.header.base.0).collect::<Vec<_>>();
    assert_eq!(bases, [0, 2, 3]);
}

#[test]
fn what_lies_behind_the_valid_end_of_a_segment_is_no_finding() {
    // Spec: SALVAGE-2
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    let torn = usize::try_from(appender.end().offset.0).unwrap();
    ["b", "c"].iter().for_each(|text| write(&mut appender, &[text]).unwrap());
    let store = store.after_kill().edited(&segment(1), |bytes| bytes[torn] ^= 1);
    store.append_and_close(&["x"]);
    assert_eq!(store.texts(), ["a", "x"]);
    assert!(rescue(&store).findings().is_empty());
}

#[test]
fn where_two_vouch_for_other_roots_the_mark_of_the_close_is_believed() {
    // Spec: SALVAGE-3
    let (store, other) = (Store::new(), Store::new());
    store.append_and_close(&["a", "b"]);
    other.append_and_close(&["x", "y"]);
    let both = store.with_file("lock", other.file("lock"));
    assert_ne!(store.report().head, other.report().head);
    assert_eq!(rescue(&both).proven(), store.report().head);
}

#[test]
fn the_greatest_epoch_of_what_is_left_is_told() {
    // Spec: RECOVER-7
    let store = Store::new();
    ["a", "b", "c"].iter().for_each(|text| store.append_and_close(&[text]));
    let told = |store: &Store| rescue(store).open(rescue(store).proven()).unwrap().2.epoch;
    assert_eq!(store.report().epoch, 3);
    assert_eq!(told(&store), 3);
    assert_eq!(told(&store.without("lock")), 3);
    // Opened once more, and nothing written: the slot alone knows.
    store.open().0.close().unwrap();
    assert_eq!((told(&store), told(&store.without("lock"))), (4, 3));
    let first = store.edited(&segment(1), |bytes| bytes[170] ^= 1);
    assert_eq!(told(&first.without("lock")), 3);
}
