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
            dead_files: Vec::new(),
            torn_tail: None,
            in_use: false,
            lock_is_unreadable: false,
            unknown_names: Vec::new(),
            more_unknown_names: 0,
            missing: Vec::new(),
            missing_positions: 0,
            known_end: Position(7),
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
    assert_eq!(inspection.dead_files, [format!("memory/{}", segment(1))]);
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

#[test]
fn the_positions_that_are_missing_are_told() {
    // Spec: VERIFY-2
    let store = store();
    let (name, frame) = frame_of(&store, 1);
    let first = store.edited(&name, |bytes| bytes[frame + 3] ^= 1);
    let missing = |store: &Store| {
        let found = store.inspect();
        let ranges: Vec<_> = found.missing.iter().map(|range| (range.start.0, range.end.0)).collect();
        let sum: u64 = ranges.iter().map(|(start, end)| end - start).sum();
        assert_eq!(sum, found.missing_positions);
        let end = ranges.last().map_or(Position(7), |(_, end)| Position(*end));
        assert_eq!(found.known_end, end.max(found.head.position));
        ranges
    };
    assert_eq!(missing(&first), [(1, 2)]);
    assert_eq!(missing(&first.without(&segment(2))), [(1, 2), (3, 6)]);
    for left in ["closed", "lock"] {
        assert_eq!(missing(&first.without(&segment(3)).without(left)), [(1, 2), (6, 7)]);
    }
    assert_eq!(missing(&first.without(&segment(3)).without("closed").without("lock")), [(1, 2)]);
    // A segment that was begun says where the one before it ended.
    let begun = store.without(&segment(2)).edited(&segment(3), |bytes| bytes.truncate(148));
    assert_eq!(missing(&begun), [(3, 6), (6, 7)]);
}

#[test]
fn a_lock_without_a_published_end_that_can_be_read_is_told() {
    // Spec: VERIFY-2, SLOT-2
    let store = store();
    let told = |store: &Store| {
        let inspection = store.inspect();
        assert_eq!(inspection.findings, []);
        inspection.lock_is_unreadable
    };
    let length = store.file("lock").unwrap().len();
    assert!(!told(&store) && !told(&store.without("lock")));
    assert!(!told(&store.with_file("lock", Some(vec![0; length]))));
    assert!(told(&store.with_file("lock", Some(vec![0xA7; length]))));
    assert!(told(&store.with_file("lock", Some(vec![0xA7; 20]))));
}

#[test]
fn names_that_are_not_a_stores_are_told() {
    // Spec: VERIFY-7
    let mut store = store();
    for name in ["notes", "a.bak"] {
        store = store.with_file(name, Some(vec![1]));
    }
    let inspection = store.inspect();
    assert_eq!(
        (inspection.unknown_names, inspection.more_unknown_names),
        (vec!["a.bak".into(), "notes".into()], 0)
    );
    let files = (0..1_003).map(|n| (format!("n{n:04}"), Vec::new())).chain(store.storage.files()).collect();
    let inspection = Store::at(causelog_io::MemoryStorage::from_files(files)).inspect();
    assert_eq!((inspection.unknown_names.len(), inspection.more_unknown_names), (1_000, 5));
}
