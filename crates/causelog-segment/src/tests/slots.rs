//! Which slot is written next.

use causelog_io::Operation;

use super::support::*;

/// Where slots were written since the store's files were there.
fn written(store: &Store) -> Vec<u64> {
    let written = |done| match done {
        Operation::Write { name, offset, .. } if name == "lock" => Some(offset),
        _ => None,
    };
    store.storage.trace().into_iter().filter_map(written).collect()
}

#[test]
fn a_new_opening_leaves_the_newest_slot_and_writes_over_the_other() {
    // Spec: SLOT-1
    for groups in 1..5 {
        let store = Store::new();
        store.append_and_drop(&vec!["x"; groups]);
        let newest = written(&store).pop().unwrap();
        let next = store.after_kill();
        next.open();
        assert!(written(&next).iter().all(|offset| *offset != newest), "{groups} groups");
        assert_eq!(written(&next).len(), 1);
    }
}

#[test]
fn a_slot_that_has_fallen_behind_by_segments_keeps_nobody_out() {
    // Spec: SLOT-4, SLOT-6
    let store = Store::small();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    let lock = store.file("lock");
    (0..8).for_each(|_| append(&mut appender, &["x"]).unwrap());
    drop(appender);
    let behind = store.with_file("lock", lock);
    assert!(behind.report().segments > 2);
    assert_eq!(behind.texts().len(), 9);
    assert_eq!(behind.try_open().unwrap().0.end.head(), store.report().head);
}
