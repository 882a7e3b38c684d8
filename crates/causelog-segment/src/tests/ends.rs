//! An end that something vouches for and that is gone is named, whatever else is damaged.

use std::sync::Arc;

use causelog_types::Position;

use super::support::*;
use crate::{Damage, DamageKind, Rescue};

/// Seven events in three segments, closed.
fn store() -> Store {
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d", "e", "f", "g"]);
    store
}

fn broken(name: &str, store: &Store) -> Store {
    store.edited(name, |bytes| bytes[300] ^= 1)
}

/// That `verify` names the end that is gone, by the mark of the clean close and by the slot.
#[track_caller]
fn check_gone(store: &Store, found: u64) {
    let findings = store.inspect().findings;
    let places: Vec<_> = findings.iter().map(place_of).collect();
    let (found, published) = (Position(found), Position(7));
    let (cut, changed) =
        (DamageKind::CutOff { found, published }, DamageKind::ChangedAfterClose { closed: published, found });
    assert!(places.contains(&("closed", 0, &changed)), "{places:?}");
    assert!(places.contains(&("lock", 0, &cut)), "{places:?}");
}

#[test]
fn a_lost_end_is_named_beside_other_damage() {
    // Spec: VERIFY-2, SLOT-6, CLOSE-6
    let store = store();
    let cut = store.without(&segment(3));
    check_gone(&cut, 6);
    check_gone(&broken(&segment(1), &cut), 6);
    check_gone(&store.edited(&segment(3), |bytes| bytes.truncate(bytes.len() - 20)), 6);
    let emptied = [1, 2, 3]
        .iter()
        .fold(store.copy(), |store, number| store.edited(&segment(*number), |bytes| bytes.clear()));
    check_gone(&emptied, 0);
}

#[test]
fn a_lost_end_is_named_where_nothing_but_the_mark_says_which_store_it_was() {
    // Spec: VERIFY-2, CLOSE-6
    let all = [&segment(1), &segment(2), &segment(3), "store"];
    check_gone(&all.iter().fold(store(), |store, name| store.without(name)), 0);
}

#[test]
fn another_end_is_named_beside_other_damage() {
    // Spec: VERIFY-2, SLOT-6
    let store = store();
    // As many events, and another last one.
    let fork = |text: &str| {
        let store = store.without("closed");
        store.append_and_close(&[text]);
        store
    };
    let (mine, theirs) = (fork("h"), fork("i"));
    let mixed = mine.with_file("lock", theirs.file("lock")).with_file("closed", theirs.file("closed"));
    for store in [&mixed, &broken(&segment(1), &mixed)] {
        let findings = store.inspect().findings;
        let files: Vec<_> = findings.iter().map(|found| place_of(found).0).collect();
        assert!(files.contains(&"closed") && files.contains(&"lock"), "{findings:?}");
    }
}

#[test]
fn damage_before_an_end_that_is_there_is_not_called_a_lost_end() {
    // Spec: VERIFY-2
    let store = store();
    for number in [1, 2] {
        let findings = broken(&segment(number), &store).inspect().findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
    // The group before the end that was published is bad, and the store goes on behind it.
    let store = Store::new();
    store.append_and_drop(&["a", "b"]);
    let lock = store.file("lock");
    store.append_and_close(&["c", "d"]);
    let old = store.with_file("lock", lock).without("closed");
    let findings = broken(&segment(1), &old).inspect().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
}

#[test]
fn salvage_names_a_lost_end_as_a_verification_does() {
    // Spec: SALVAGE-4
    let store = store();
    let ends = |findings: &[Damage]| {
        let is_end = |found: &&Damage| ["closed", "lock"].contains(&place_of(found).0);
        findings.iter().filter(is_end).cloned().collect::<Vec<_>>()
    };
    for name in ["closed", "lock", "none"] {
        let cut = store.without(&segment(3));
        let cut = if name == "none" { cut } else { cut.without(name) };
        let rescue = Rescue::read(Arc::new(cut.storage.clone())).unwrap();
        let verified = ends(&cut.inspect().findings);
        assert_eq!(ends(rescue.findings().first()), verified, "without {name}");
        assert_eq!(verified.len(), if name == "none" { 2 } else { 1 });
    }
}
