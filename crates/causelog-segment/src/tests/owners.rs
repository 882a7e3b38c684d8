//! Which store a file belongs to is asked before anything else.

use super::support::*;
use crate::{DamageKind, LogError, open_reader};

/// Two stores of seven events in three segments, closed.
fn stores() -> (Store, Store) {
    let stores = (Store::small(), Store::small());
    // Another id: the random bytes of the first opening are drawn away.
    stores.1.environment.random.fill(&mut [0; 16]).unwrap();
    for store in [&stores.0, &stores.1] {
        store.append_and_close(&["a", "b", "c", "d", "e", "f", "g"]);
    }
    stores
}

#[test]
fn a_segment_of_another_store_is_foreign_whatever_its_number() {
    // Spec: SEG-2, SEG-9
    let (store, other) = stores();
    let theirs = other.segment_header(2).store;
    for number in [2, 4, 9] {
        let mixed = store.with_file(&segment(number), other.file(&segment(2)));
        let findings = mixed.inspect().findings;
        let places: Vec<_> = findings.iter().map(place_of).collect();
        assert!(places.contains(&(&*segment(number), 0, &DamageKind::SegmentForeign(theirs))), "{places:?}");
    }
    let twice = store.with_file(&segment(9), store.file(&segment(2)));
    assert!(matches!(twice.damage().kind, DamageKind::SegmentMisnamed(number) if number.0 == 2));
}

#[test]
fn a_store_file_that_no_segment_agrees_with_is_named_itself() {
    // Spec: STORE-4, VERIFY-2, SALVAGE-2
    let (store, other) = stores();
    let theirs = other.segment_header(1).store;
    let mixed = store.with_file("store", other.file("store"));
    let inspection = mixed.inspect();
    let places: Vec<_> = inspection.findings.iter().map(place_of).collect();
    assert_eq!(places, [("store", 0, &DamageKind::SegmentForeign(theirs))]);
    assert_eq!(inspection.groups, 7);
    assert_eq!(mixed.damage(), inspection.findings[0]);
    // The slots are those of the store that the segments are of.
    let cut = mixed.without(&segment(3)).without("closed").inspect();
    let files: Vec<_> = cut.findings.iter().map(|found| place_of(found).0.to_owned()).collect();
    assert_eq!(files, ["store", "lock"]);
    let Err(LogError::Damaged(refused)) = open_reader(&mixed.environment) else { panic!("it opens") };
    assert_eq!(place_of(&refused).0, "store");
    // A segment that agrees with it: then the others are foreign.
    let two = mixed.with_file(&segment(2), other.file(&segment(2))).inspect();
    let files: Vec<_> = two.findings.iter().map(|found| place_of(found).0.to_owned()).collect();
    assert!(!files.contains(&"store".to_owned()) && files.contains(&segment(1)), "{files:?}");
}
