//! What is synced before what, read from the record of operations.

use causelog_io::{Access, Operation};

use super::support::*;

/// Whether a file is a segment; one that was made by this process is recorded under its temporary name.
fn is_segment(name: &str) -> bool {
    name.contains(".seg")
}

/// The final name of a file that may have been opened under its temporary one.
fn final_name(name: &str) -> String {
    name.trim_end_matches(".tmp").to_owned()
}

fn at(trace: &[Operation], what: impl Fn(&Operation) -> bool) -> usize {
    trace.iter().position(what).unwrap()
}

#[test]
fn a_group_is_one_write_and_one_sync() {
    // Spec: STORE-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    store.storage.clear_trace();
    write(&mut appender, &["b"]).unwrap();
    appender.sync().unwrap();
    let name = "00000000000000000001.seg.tmp".to_owned();
    let trace = store.storage.trace();
    assert!(
        matches!(&trace[..], [Operation::Write { name: w, .. }, Operation::SyncData { name: s }]
        if *w == name && *s == name),
        "{trace:?}"
    );
    appender.publish().unwrap();
    assert!(matches!(&store.storage.trace()[2..], [Operation::Write { name, .. }] if name == "lock"));
}

#[test]
fn nothing_is_synced_twice() {
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    store.storage.clear_trace();
    appender.sync().unwrap();
    assert_eq!(store.storage.trace(), []);
}

#[test]
fn a_new_store_is_durable_before_its_first_append() {
    // Spec: STORE-3
    let store = Store::new();
    store.open();
    let done = store.changes();
    let parent = at(&done, |done| *done == Operation::SyncParent);
    let sync = at(&done, |done| matches!(done, Operation::SyncData { name } if name == "store.tmp"));
    let rename = at(&done, |done| matches!(done, Operation::Rename { to, .. } if to == "store"));
    assert!(parent < rename && sync < rename);
    assert_eq!(done[rename + 1], Operation::SyncDir);
    assert!(store.after_power_cut().file("store").is_some());
}

#[test]
fn a_reader_that_finds_no_writer_makes_durable_what_it_serves() {
    // Spec: LOCK-3, STORE-6
    let store = Store::new();
    store.append_and_drop(&["a"]);
    store.storage.clear_trace();
    store.report();
    let done = store.changes();
    assert_eq!(done, [Operation::SyncData { name: segment(1) }, Operation::SyncDir]);
}

/// Checks a whole record: what a name comes to stand for is durable before it, and the name right after.
fn check_names(trace: &[Operation]) {
    let mut dirty = Vec::<String>::new();
    let changes: Vec<_> = trace.iter().filter(|done| done.mutates()).collect();
    for (i, done) in changes.iter().enumerate() {
        match done {
            Operation::Write { name, .. } if name == "lock" => {}
            Operation::Write { name, .. }
            | Operation::SetLen { name, .. }
            | Operation::Allocate { name, .. } => dirty.push(final_name(name)),
            Operation::SyncData { name } => dirty.retain(|dirty| *dirty != final_name(name)),
            Operation::Rename { to, .. } => {
                assert_eq!(dirty, Vec::<String>::new(), "dirty when {to} appears");
                assert_eq!(changes.get(i + 1), Some(&&Operation::SyncDir), "after {to} appears");
            }
            Operation::Remove { name } => {
                assert_eq!(name, "closed");
                assert_eq!(changes.get(i + 1), Some(&&Operation::SyncDir), "after {name} is removed");
            }
            Operation::Open { name, access: Access::OpenOrCreate } => {
                assert!(name == "lock" || name.ends_with(".tmp"), "{name} is created under its own name");
            }
            Operation::Open { name, .. } => panic!("{name} is created"),
            _ => {}
        }
    }
    assert_eq!(dirty, Vec::<String>::new());
}

#[test]
fn names_appear_for_durable_content_only() {
    // Spec: STORE-6, SEG-3, CLOSE-1
    let store = Store::small();
    store.append_and_close(&["a", "b", "c", "d"]);
    store.append_and_drop(&["e", "f"]);
    store.append_and_close(&["g"]);
    check_names(&store.storage.trace());
    let renamed = store.changes().iter().filter(|done| matches!(done, Operation::Rename { .. })).count();
    assert_eq!(renamed, 6, "store, three segments and two marks");
}

#[test]
fn a_predecessor_is_synced_before_its_successor_appears_in_every_mode() {
    // Spec: SEG-3
    let store = Store::small();
    let (mut appender, _) = store.open();
    store.storage.clear_trace();
    for i in 0..9 {
        write(&mut appender, &[&format!("unsynced {i}")]).unwrap();
    }
    let last = appender.end().segment.unwrap().0;
    assert!(last > 2);
    appender.sync().unwrap();
    check_names(&store.storage.trace());

    let store = Store::small();
    let (mut appender, _) = store.open();
    for i in 0..9 {
        write(&mut appender, &[&format!("unsynced {i}")]).unwrap();
    }
    let sealed = appender.synced().end.position;
    assert!(sealed.0 > 0);
    assert_eq!(store.after_power_cut().texts().len(), usize::try_from(sealed.0).unwrap());
}

#[test]
fn the_mark_is_gone_durably_before_anything_is_written() {
    // Spec: CLOSE-4
    for texts in [&["a"][..], &["a", "b", "c"], &[]] {
        let store = Store::small();
        store.append_and_close(texts);
        let (mut appender, _) = store.open();
        assert!(store.file("closed").is_some());
        store.storage.clear_trace();
        write(&mut appender, &["more"]).unwrap();
        let done = store.changes();
        let [Operation::Remove { name }, Operation::SyncDir, rest @ ..] = &done[..] else {
            panic!("{done:?}");
        };
        assert_eq!(name, "closed");
        assert!(!rest.is_empty());
        assert!(store.after_power_cut().file("closed").is_none());
    }
}

#[test]
fn the_recovered_end_is_durable_before_it_is_published() {
    // Spec: RECOVER-6, SLOT-3
    let store = Store::new();
    store.append_and_drop(&["a", "b"]);
    store.storage.clear_trace();
    store.open();
    let done = store.storage.trace();
    let read = |done: &Operation| matches!(done, Operation::Read { name, offset, .. } if is_segment(name) && *offset > 0);
    let sync = at(&done, |done| matches!(done, Operation::SyncData { name } if is_segment(name)));
    let dropped = at(&done, |done| matches!(done, Operation::DropCached { .. }));
    let again = done.iter().rposition(read).unwrap();
    let directory = at(&done, |done| *done == Operation::SyncDir);
    let slot = at(&done, |done| matches!(done, Operation::Write { name, .. } if name == "lock"));
    assert!(sync < dropped && dropped < again && again < directory && directory < slot, "{done:?}");
    assert_eq!(slot, done.len() - 1, "nothing else is written");
}
