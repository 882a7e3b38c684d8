//! In which order an append does what it does, told from the calls that reach the disk.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::{MemoryStorage, Operation};

use super::helpers::{append, command, event, start};

/// What matters of the calls since the record began.
fn calls(storage: &MemoryStorage) -> Vec<String> {
    let calls = storage.trace().into_iter().filter_map(|operation| {
        let (what, name) = match operation {
            Operation::Write { name, .. } => ("write", name),
            Operation::SyncData { name } => ("sync", name),
            Operation::Rename { from, .. } => ("rename", from),
            Operation::Remove { name } => ("remove", name),
            Operation::SyncDir => ("sync", ".".to_owned()),
            _ => return None,
        };
        Some(format!("{what} {}", name.trim_start_matches('0')))
    });
    calls.collect()
}

/// Lesson 1: one write, one sync, and only then the published end, before the receipt.
///
/// Spec: COMMIT-1, COMMIT-6, SLOT-3
#[test]
fn lesson_1_a_group_is_synced_before_it_is_published() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    storage.clear_trace();
    let receipt = append(&mut machine, 2).unwrap();
    assert_eq!(calls(&storage), ["write 1.seg.tmp", "sync 1.seg.tmp", "write lock"]);
    let bytes: Vec<u64> = storage
        .trace()
        .iter()
        .filter_map(|operation| match operation {
            Operation::Write { bytes, .. } => Some(*bytes),
            _ => None,
        })
        .collect();
    assert!(bytes[0] > u64::from(receipt[0].location.bytes), "the group is one write");
    assert_eq!(storage.power_cut().files().len(), storage.files().len());
}

/// Lesson 2: a new segment is whole and synced before its name, its predecessor too, and the directory after it.
///
/// Spec: SEG-3, STORE-6, CLOSE-4
#[test]
fn lesson_2_a_segment_is_durable_with_its_name_before_it_is_written() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    storage.clear_trace();
    append(&mut machine, 1).unwrap();
    let began = ["write 1.seg.tmp", "sync 1.seg.tmp", "rename 1.seg.tmp", "sync ."];
    let group = ["write 1.seg.tmp", "sync 1.seg.tmp", "write lock"];
    assert_eq!(calls(&storage), [&began[..], &group[..]].concat());
    machine.append(&command(vec![event(2, &"x".repeat(3000))])).unwrap();
    storage.clear_trace();
    machine.append(&command(vec![event(3, &"x".repeat(3000))])).unwrap();
    let calls = calls(&storage);
    let at = |call: &str| calls.iter().position(|made| made == call);
    let (named, written) = (at("rename 2.seg.tmp"), calls.iter().rposition(|made| made == "write 2.seg.tmp"));
    assert!(at("sync 2.seg.tmp") < named && named < at("sync .") && at("sync .") < written, "{calls:?}");
}

/// Spec: CLOSE-4
#[test]
fn the_mark_of_a_clean_close_is_gone_durably_before_the_first_write() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    machine.close().unwrap();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    storage.clear_trace();
    append(&mut machine, 2).unwrap();
    assert_eq!(calls(&storage), ["remove closed", "sync .", "write 1.seg", "sync 1.seg", "write lock"]);
}

/// What is refused or found touches no file.
///
/// Spec: IDEM-2, COND-5
#[test]
fn what_is_refused_or_found_writes_nothing() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    let before = (storage.mutations(), storage.files());
    append(&mut machine, 1).unwrap();
    machine.append(&command(vec![event(1, "other")])).unwrap_err();
    machine.append(&command(vec![event(2, "x"), event(2, "x")])).unwrap_err();
    machine.append(&command(vec![])).unwrap_err();
    assert_eq!((storage.mutations(), storage.files()), before);
}
