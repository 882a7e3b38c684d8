//! Crashes at every operation, and errors at every operation.

use std::io::ErrorKind;

use causelog::{AppendErrorKind, Event, MemoryStorage, Region, Store};
use causelog_io::{Fault, Operation};

use crate::helpers::{Lab, all, door, event, id, long_event};
use crate::script::{Outcome, Step, Told, append, check_read, check_recovery, is_damage, run, script};

/// What has been acknowledged by now is visible, and nothing else is.
fn check_visible(store: &Store, outcomes: &[Outcome], context: &str) {
    // The planned fault may hit this very read; it then hits no second one.
    let read = || store.read(Region::all()).collect::<Result<Vec<Event>, _>>();
    let visible = read().or_else(|_| read()).unwrap();
    let is_clear = |outcome: &Outcome| matches!(outcome.told, Told::Acknowledged(_) | Told::NotWritten);
    if outcomes.iter().all(is_clear) {
        check_read(&visible, outcomes, context);
    } else {
        // What is unknown to its caller is not visible before the store is opened again.
        let acknowledged = outcomes.iter().filter(|outcome| matches!(outcome.told, Told::Acknowledged(_)));
        let count: usize = acknowledged.map(|outcome| outcome.batch.len()).sum();
        assert!(visible.len() >= count, "{context}: acknowledged and not visible");
    }
}

fn operations_of(script: &[Step]) -> u64 {
    let disk = MemoryStorage::created();
    let outcomes = run(&Lab::new(), &disk, script, &mut |_, _| {});
    let refused = outcomes.iter().filter(|outcome| !matches!(outcome.told, Told::Acknowledged(_))).count();
    assert_eq!(refused, 2, "the script does not run as it says: {outcomes:?}");
    disk.operations()
}

/// Lesson 1 (an acknowledgement sent before the sync), lesson 2 (a new file synced, its directory entry not) and
/// lesson 35 (a kill between creating a file and writing its header): cut at every operation, by a kill and by a
/// power cut, with all that was acknowledged there, all that was refused absent, and batches whole.
///
/// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-8, SEG-3, STORE-3, STORE-6, RECOVER-3, RECOVER-6, IDEM-2, IDEM-5
#[test]
fn lessons_1_2_35_a_crash_at_any_operation_loses_nothing_acknowledged() {
    let script = script();
    for nth in 0..operations_of(&script) {
        let (lab, disk) = (Lab::new(), MemoryStorage::created());
        disk.crash_at(nth);
        let context = format!("cut at operation {nth}, {:?}", disk.trace().last());
        let outcomes = run(&lab, &disk, &script, &mut |_, _| {});
        assert!(disk.crashed());
        check_recovery(&lab, &disk.power_cut(), &outcomes, &format!("power {context}"));
        check_recovery(&lab, &disk.kill(), &outcomes, &format!("kill {context}"));
    }
}

/// A crash in the recovery from a crash: whatever was adopted before it and acknowledged stays.
///
/// Lesson 33 (a recovery that adopted bytes without syncing them: kill, reopen, append, power cut) is one of
/// these orders.
///
/// Spec: COMMIT-2, RECOVER-6
#[test]
fn lesson_33_a_crash_at_any_operation_of_a_recovery_loses_nothing_acknowledged() {
    let script = script();
    for first in (0..operations_of(&script)).step_by(11) {
        let (lab, disk) = (Lab::new(), MemoryStorage::created());
        disk.crash_at(first);
        let outcomes = run(&lab, &disk, &script, &mut |_, _| {});
        let killed = disk.kill();
        for second in (0..80).step_by(4) {
            let disk = killed.kill();
            disk.crash_at(second);
            let (mut outcomes, mut served) = (outcomes.clone(), Vec::new());
            if let Ok(store) = lab.try_open(&disk) {
                let read: Result<Vec<Event>, _> = store.read(Region::all()).collect();
                served = read.unwrap_or_default();
                outcomes.push(append(&store, vec![event(&door(), "after").with_id(id(2000))]));
            }
            let context = format!("cut at {first}, then at {second} of the recovery");
            let left = disk.power_cut();
            let found = all(&lab.open(&left));
            assert!(found.starts_with(&served), "{context}: served, then lost");
            check_recovery(&lab, &left, &outcomes, &context);
        }
    }
}

/// Every operation fails once, in every way: what the callers were told is true in this process, after a
/// reopening, and after a power cut; after a fatal error nothing is appended until the store is opened again.
///
/// Lesson 26 (after a failed sync the pages are marked clean) and lesson 36 (a short write, then space again) are
/// among the ways.
///
/// Spec: COMMIT-3, COMMIT-4, COMMIT-5, COMMIT-7, SEG-8, SLOT-4
#[test]
fn lessons_26_36_an_error_at_any_operation_is_told_honestly() {
    let script = script();
    let whole = MemoryStorage::created();
    run(&Lab::new(), &whole, &script, &mut |store, outcomes| check_visible(store, outcomes, "whole"));
    for (nth, operation) in (0..).zip(whole.trace()) {
        for fault in faults_of(&operation) {
            let context = format!("{fault:?} at operation {nth}, {operation:?}");
            let (lab, disk) = (Lab::new(), MemoryStorage::created());
            disk.fail(nth, fault);
            let outcomes =
                run(&lab, &disk, &script, &mut |store, outcomes| check_visible(store, outcomes, &context));
            let failed = disk.trace().swap_remove(usize::try_from(nth).unwrap());
            assert_eq!(
                std::mem::discriminant(&failed),
                std::mem::discriminant(&operation),
                "{context}: {failed:?}"
            );
            let unclear =
                outcomes.iter().any(|outcome| matches!(outcome.told, Told::Unknown | Told::Written));
            assert!(!unclear || operation.mutates(), "{context}: a read poisoned the writer");
            let entries = matches!(operation, Operation::SyncDir | Operation::SyncParent);
            if fault == Fault::SyncFailsAndDrops && entries || !operation.mutates() {
                // Which names such a disk has lost cannot be asked of it; only what this machine sees is compared.
                check_read(&all(&lab.open(&disk)), &outcomes, &context);
                continue;
            }
            let power_cut = disk.power_cut();
            if power_cut.files().iter().any(|(name, _)| name == "store") {
                check_recovery(&lab, &power_cut, &outcomes, &format!("power cut, {context}"));
            }
            check_recovery(&lab, &disk, &outcomes, &context);
        }
    }
}

/// The ways in which an operation can fail.
fn faults_of(operation: &Operation) -> Vec<Fault> {
    let mut faults = vec![Fault::Error(ErrorKind::Other)];
    match operation {
        Operation::Write { .. } => {
            faults.extend([
                Fault::Error(ErrorKind::StorageFull),
                Fault::ShortWrite(0),
                Fault::ShortWrite(150),
            ]);
        }
        Operation::SyncData { .. } | Operation::SyncDir | Operation::SyncParent => {
            faults.push(Fault::SyncFailsAndDrops);
        }
        _ => {}
    }
    faults
}

/// What fails when a store is opened fails that open alone: the next one succeeds, and it was not called damage.
///
/// Spec: RECOVER-5, RECOVER-7
#[test]
fn an_open_that_failed_can_be_tried_again() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let outcomes = run(&lab, &disk, &script(), &mut |_, _| {});
    let before = disk.operations();
    drop(lab.open(&disk));
    for nth in 0..disk.operations() - before {
        disk.fail(nth, Fault::Error(ErrorKind::Other));
        if let Err(error) = lab.try_open(&disk) {
            assert!(!is_damage(&error), "operation {nth}: {error}");
        }
        check_read(&all(&lab.open(&disk)), &outcomes, &format!("after operation {nth} of an open failed"));
        disk.fail(nth, Fault::Error(ErrorKind::Other));
        if let Err(error) = lab.try_open_read_only(&disk) {
            assert!(!is_damage(&error), "read-only, operation {nth}: {error}");
        }
    }
}

/// The operations of one append to an open store, beginning with its first.
fn operations_of_append(lab: &Lab, disk: &MemoryStorage, bytes: usize) -> Vec<Operation> {
    let copy = disk.kill();
    let store = lab.open(&copy);
    store.append(event(&door(), "first")).unwrap();
    copy.clear_trace();
    store.append(long_event(&door(), bytes)).unwrap();
    copy.trace()
}

/// Spec: COMMIT-4
#[test]
fn a_failed_write_or_sync_poisons_until_the_store_is_opened_again() {
    for fault in [Fault::Error(ErrorKind::Other), Fault::ShortWrite(40), Fault::SyncFailsAndDrops] {
        for (nth, operation) in (0..).zip(operations_of_append(&Lab::new(), &MemoryStorage::new(), 10)) {
            let (lab, disk) = (Lab::new(), MemoryStorage::new());
            let store = lab.open(&disk);
            let first = store.append(event(&door(), "first").with_id(id(1))).unwrap();
            let end = store.end();
            disk.fail(nth, fault);
            let result = store.append(long_event(&door(), 10).with_id(id(2)));
            let to_segment = matches!(&operation, Operation::Write { name, .. } | Operation::SyncData { name } if name.ends_with(".seg.tmp") || name.ends_with(".seg"));
            if !to_segment {
                assert!(
                    result.is_ok() || matches!(&operation, Operation::Allocate { .. }),
                    "{operation:?}: {result:?}"
                );
                continue;
            }
            let error = result.unwrap_err();
            assert_eq!(error.fate(), causelog::Fate::Unknown, "{operation:?}");
            assert!(matches!(error.kind(), AppendErrorKind::LogFailed(_)), "{operation:?}: {error}");
            let second = store.append(event(&door(), "second")).unwrap_err();
            assert_eq!(second.fate(), causelog::Fate::NotWritten);
            assert!(matches!(second.kind(), AppendErrorKind::Poisoned(_)), "{second}");
            assert!(second.to_string().contains("open the store again"), "{second}");
            assert_eq!(store.end(), end);
            assert_eq!(store.get(first.id).unwrap().unwrap().hash(), first.hash);
            assert_eq!(store.get(id(2)).unwrap(), None);
            assert!(store.verify().unwrap().is_sound());
            assert!(store.close().is_err());
            let store = lab.open(&disk);
            let settled = store.append(long_event(&door(), 10).with_id(id(2))).unwrap();
            assert_eq!(settled.position.0, 1);
        }
    }
}
