//! The walk over everything: what it counts, and how it goes on behind damage.

use std::sync::Arc;

use causelog_types::{Position, widen};

use super::support::*;
use crate::{DamageKind, Inspection, Visit, inspect};

/// What a walk has shown: the base of each group, and `None` for a break.
fn walk(store: &Store) -> (Vec<Option<u64>>, Inspection) {
    let mut visits = Vec::new();
    let mut visit = |visit: Visit<'_>| {
        visits.push(match visit {
            Visit::Group(group, segment) => {
                assert_eq!(group.events[0].location.segment, segment.number());
                assert!(group.events.iter().all(|event| event.payload_is_right == Some(true)));
                Some(group.header.base.0)
            }
            Visit::Break => None,
        });
    };
    let inspection = inspect(Arc::new(store.storage.clone()), &mut visit, &mut |_| {}).unwrap();
    (visits, inspection)
}

fn store() -> Store {
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d", "e", "f", "g"]);
    store
}

/// Where the frames of the group of a position begin, with its segment.
fn frame_of(store: &Store, position: u64) -> (String, usize) {
    let (log, snapshot, _) = crate::open_reader(&store.environment).unwrap();
    let group = log.groups(&snapshot, Position(position)).next().unwrap().unwrap();
    let location = group.events[0].location;
    (segment(location.segment.0), usize::try_from(location.offset.0).unwrap())
}

#[test]
fn a_sound_store_is_counted() {
    let store = store();
    let (visits, inspection) = walk(&store);
    assert_eq!(visits, (0..7).map(Some).collect::<Vec<_>>());
    let report = store.report();
    assert_eq!(
        inspection,
        Inspection {
            head: report.head,
            segments: 3,
            groups: 7,
            bytes: report.bytes,
            dead_bytes: 0,
            torn_tail: None,
            in_use: false,
            findings: Vec::new(),
            more_findings: 0,
        }
    );
}

#[test]
fn an_empty_store_is_sound() {
    let store = Store::new();
    store.open();
    let (visits, inspection) = walk(&store);
    assert_eq!((visits, inspection.findings), (vec![], vec![]));
    assert_eq!(inspection.head, store.report().head);
}

#[test]
fn groups_on_both_sides_of_damage_are_visited() {
    // Spec: RECOVER-9
    let store = store();
    for position in 0..7 {
        let (name, frame) = frame_of(&store, position);
        for byte in [frame - 112, frame - 50, frame, frame + 40] {
            let broken = store.edited(&name, |bytes| bytes[byte] ^= 4);
            let (visits, inspection) = walk(&broken);
            let good: Vec<u64> = visits.iter().copied().flatten().collect();
            assert_eq!(good, (0..7).filter(|base| *base != position).collect::<Vec<_>>());
            let shown = visits.iter().position(Option::is_none);
            assert_eq!(shown, Some(usize::try_from(position).unwrap()), "{visits:?}");
            assert_eq!(inspection.groups, 6);
            let (found, others) = inspection.findings.split_first().unwrap();
            assert_eq!(place_of(found).0, name);
            // The end is gone with the last group, and two files say so.
            let files: Vec<_> = others.iter().map(|found| place_of(found).0).collect();
            assert_eq!(files, if position == 6 { &["closed", "lock"][..] } else { &[] });
            let offset = found.offset.0;
            assert!((widen(frame) - 112..=widen(byte)).contains(&offset), "{offset}, not {byte}");
        }
    }
}

#[test]
fn all_damage_is_found_in_one_walk() {
    // Spec: RECOVER-9
    let store = store();
    let broken = [0, 2, 4, 5].iter().fold(store.copy(), |broken, position| {
        let (name, frame) = frame_of(&store, *position);
        broken.edited(&name, |bytes| bytes[frame + 30] ^= 1)
    });
    let (visits, inspection) = walk(&broken);
    assert_eq!(visits.iter().copied().flatten().collect::<Vec<_>>(), [1, 3, 6]);
    assert_eq!(inspection.findings.len(), 4, "{:?}", inspection.findings);
}

#[test]
fn a_segment_without_a_readable_header_hides_no_other() {
    // Spec: RECOVER-9
    let store = store();
    let broken = store.edited(&segment(2), |bytes| bytes[40] ^= 1);
    let (visits, inspection) = walk(&broken);
    assert_eq!(visits, [Some(0), Some(1), Some(2), None, Some(6)]);
    assert_eq!(inspection.segments, 2);
    let files: Vec<_> = inspection.findings.iter().map(|found| place_of(found).0.to_owned()).collect();
    assert_eq!(files, [segment(2), segment(3)]);
    assert!(matches!(inspection.findings[1].kind, DamageKind::SegmentMissing(number) if number.0 == 2));
}

#[test]
fn without_its_identity_a_store_is_still_walked() {
    // Spec: RECOVER-9, STORE-4
    let (visits, inspection) = walk(&store().without("store"));
    assert_eq!(visits, (0..7).map(Some).collect::<Vec<_>>());
    assert!(matches!(inspection.findings[..], [crate::Damage { kind: DamageKind::IdentityMissing, .. }]));
}

#[test]
fn dead_bytes_are_counted_and_no_finding_whatever_they_are() {
    // Spec: SEG-5
    let store = store();
    let dead = store.edited(&segment(1), |bytes| bytes.extend([0xAB; 1_000]));
    let (visits, inspection) = walk(&dead);
    assert_eq!((visits.len(), inspection.dead_bytes), (7, 1_000));
    assert_eq!(inspection.findings, []);
    assert_eq!(dead.report().dead_bytes, 1_000);
    assert_eq!(dead.texts().len(), 7);
    // Not even a group that would be right there is read.
    let (name, frame) = frame_of(&store, 1);
    assert_eq!(name, segment(1));
    let group = store.file(&name).unwrap()[frame - 112..].to_vec();
    let copied = store.edited(&segment(1), |bytes| bytes.extend(&group));
    assert_eq!(walk(&copied).1.findings, []);
    assert_eq!(copied.texts().len(), 7);
}

#[test]
fn a_sealed_segment_must_end_with_the_root_that_its_successor_records() {
    // Spec: SEG-4, SEG-5
    let store = store();
    // A group less, with a successor that says so.
    let (_, frame) = frame_of(&store, 2);
    let forged = store.edited(&segment(2), |bytes| {
        bytes[104..112].copy_from_slice(&(widen(frame) - 112).to_le_bytes());
        let salt = store.segment_header(2).salt;
        mend(&mut bytes[..148], salt, 0);
    });
    let (visits, inspection) = walk(&forged);
    assert_eq!(visits.iter().filter(|visit| visit.is_none()).count(), 1, "{visits:?}");
    assert_eq!(inspection.findings[0].kind, DamageKind::RootBroken(Position(3)));
    assert!(forged.try_texts().is_err());
}

#[test]
fn a_walk_changes_nothing() {
    // Spec: RECOVER-5
    let store = store();
    store.storage.clear_trace();
    walk(&store);
    assert_eq!(store.changes(), []);
}
