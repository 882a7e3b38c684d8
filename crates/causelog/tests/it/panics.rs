//! Panics behind the storage seam, wherever an append calls it: what its callers learn, and how the store goes on.

use std::sync::Arc;
use std::thread;

use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, CloseError, Event, Fate, Index, MemoryIndex, MemoryStorage,
    NewEvent, Outcome, Poison, RestartPolicy, Storage, Store,
};
use causelog_io::{Access, Fault};

use crate::held::open_held;
use crate::helpers::{Lab, all, bytes_of, door, event, id, long_event, names, options, refusal, stream};

/// What stands in the store before the append that meets the panic.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    One,
    FullSegment,
    CleanClose,
}

#[track_caller]
fn prepare(lab: &Lab, disk: &MemoryStorage, before: Before) -> Store {
    let store = lab.open(disk);
    match before {
        Before::Nothing => {}
        Before::One | Before::CleanClose => {
            store.append(event(&door(), "first").with_id(id(1))).unwrap();
        }
        Before::FullSegment => {
            store.append(long_event(&door(), 3500).with_id(id(1))).unwrap();
        }
    }
    match before {
        Before::CleanClose => {
            store.close().unwrap();
            lab.open(disk)
        }
        _ => store,
    }
}

/// Two streams, and a cause in the batch.
fn batch() -> Vec<NewEvent> {
    let caused = event(&stream("siren", "home"), "effect").with_id(id(11)).caused_by([id(10)]).unwrap();
    vec![event(&door(), &"x".repeat(700)).with_id(id(10)), caused]
}

/// How many operations the append takes.
fn operations(before: Before) -> u64 {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = prepare(&lab, &disk, before);
    // What this reads of index files is kept, here as there.
    all(&store);
    let begun = disk.operations();
    store.append_batch(batch()).unwrap();
    disk.operations() - begun
}

#[track_caller]
fn check_unknown(error: &AppendError, ids: &[causelog::EventId], context: &str) {
    assert_eq!((error.fate(), error.ids()), (Fate::Unknown, ids), "{context}: {error}");
    assert!(matches!(error.kind(), AppendErrorKind::Panicked), "{context}: {error}");
}

/// The caller learns "unknown" or an answer; the store goes on after one restart, has lost and doubled nothing,
/// and a retry settles it.
///
/// Spec: COMMIT-2, COMMIT-3, COMMIT-8, COMMIT-10, IDEM-1, IDEM-2
#[test]
fn a_panic_at_any_operation_of_an_append_is_told_honestly() {
    for before in [Before::Nothing, Before::One, Before::FullSegment, Before::CleanClose] {
        let operations = operations(before);
        assert!(operations >= 3, "{before:?}: a write, a sync and a slot");
        for nth in 0..operations {
            let (lab, disk) = (Lab::new(), MemoryStorage::new());
            let store = prepare(&lab, &disk, before);
            let acknowledged = all(&store);
            disk.fail(nth, Fault::Panic);
            let first = store.append_batch(batch());
            let context = format!("{before:?}, a panic at operation {nth} of {operations}, {first:?}");
            let error = first.expect_err("every operation of an append is behind the seam");
            check_unknown(&error, &[id(10), id(11)], &context);
            let later = store.append(event(&door(), "later").with_id(id(20))).unwrap();
            let settled = store.append_batch(batch()).unwrap();
            check_once(&store, &disk, &acknowledged, &settled, &later, &context);
        }
    }
}

/// Each event stands once, as its receipt says, now and after a power cut.
#[track_caller]
fn check_once(
    store: &Store,
    disk: &MemoryStorage,
    before: &[Event],
    settled: &[AppendReceipt],
    later: &AppendReceipt,
    context: &str,
) {
    let events = all(store);
    assert!(events.starts_with(before), "{context}: lost or changed");
    assert_eq!(events.len(), before.len() + 3, "{context}: lost or doubled");
    for receipt in settled.iter().chain([later]) {
        let stored = &events[usize::try_from(receipt.position.0).unwrap()];
        assert_eq!((stored.header.id, stored.hash()), (receipt.id, receipt.hash), "{context}");
    }
    assert!(store.verify().unwrap().is_sound(), "{context}");
    assert_eq!(all(&Lab::new().open(&disk.power_cut())), events, "{context}");
}

/// Spec: COMMIT-10
#[test]
fn a_second_panic_is_one_too_many_unless_the_policy_says_otherwise() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = prepare(&lab, &disk, Before::One);
    for number in [2, 3] {
        disk.fail(0, Fault::Panic);
        let error = store.append(event(&door(), "x").with_id(id(number))).unwrap_err();
        check_unknown(&error, &[id(number)], "in hand");
    }
    let poisoned = refusal(store.append(event(&door(), "x").with_id(id(4))));
    assert!(matches!(poisoned, AppendErrorKind::Poisoned(Poison::Panicked)), "{poisoned}");
    let poisoned = refusal(store.sync());
    assert!(matches!(poisoned, AppendErrorKind::Poisoned(Poison::Panicked)), "{poisoned}");
    assert_eq!(all(&store).len(), 1, "readers go on");
    let closed = store.close();
    assert!(matches!(closed, Err(CloseError::Poisoned(Poison::Panicked))), "{closed:?}");
    let store = lab.open(&disk);
    store.append(event(&door(), "x").with_id(id(3))).unwrap();
    assert_eq!(all(&store).len(), 2);
}

/// A restart that is itself hit by a panic gives up, and loses nothing.
///
/// Spec: COMMIT-2, COMMIT-10
#[test]
fn a_panic_in_the_restart_poisons() {
    let mut poisoned = 0;
    for nth in 1.. {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let store = prepare(&lab, &disk, Before::One);
        disk.fail(1, Fault::Panic);
        disk.fail(1 + nth, Fault::Panic);
        let error = store.append(event(&door(), "x").with_id(id(2))).unwrap_err();
        check_unknown(&error, &[id(2)], "in hand");
        let error = store.append(event(&door(), "x").with_id(id(3))).unwrap_err();
        match error.kind() {
            AppendErrorKind::Poisoned(Poison::Panicked) => poisoned += 1,
            // The restart was over before, and the second panic met a later append.
            _ => {
                check_unknown(&error, &[id(3)], "in hand");
                break;
            }
        }
        store.close().unwrap_err();
        let store = lab.open(&disk);
        assert_eq!(all(&store)[0].header.id, id(1), "operation {nth} of the restart");
        store.append(event(&door(), "x").with_id(id(2))).unwrap();
        assert_eq!(all(&store).len(), 2, "operation {nth} of the restart");
    }
    assert!(poisoned > 5, "a recovery takes {poisoned} operations");
}

/// Spec: COMMIT-10
#[test]
fn a_bounded_policy_forgets_restarts_that_are_long_ago() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let policy = RestartPolicy::Bounded { max_restarts: 2, within_ms: 1000 };
    let store = options().restart_policy(policy).open_in(lab.environment(&disk)).unwrap();
    let mut number = 0;
    let mut panic_after = |ms| {
        lab.clock.advance(ms);
        disk.fail(0, Fault::Panic);
        number += 1;
        store.append(event(&door(), "x").with_id(id(number))).unwrap_err();
        store.append(event(&door(), "x").with_id(id(number)))
    };
    for (ms, goes_on) in [(0, true), (600, true), (400, true), (599, false)] {
        let result = panic_after(ms);
        assert_eq!(result.is_ok(), goes_on, "after {ms} more ms: {result:?}");
    }
    // Spent is spent: only an open starts it again.
    lab.clock.advance(5000);
    let poisoned = refusal(store.append(event(&door(), "x").with_id(id(9))));
    assert!(matches!(poisoned, AppendErrorKind::Poisoned(Poison::Panicked)), "{poisoned}");
    store.close().unwrap_err();
    lab.open(&disk).append(event(&door(), "x").with_id(id(4))).unwrap();
}

/// Puts the last segment and the slots back to what they were when a store ended earlier.
fn put_back(disk: &MemoryStorage, earlier: &MemoryStorage) {
    for name in [names(disk, ".seg")[0].clone(), "lock".to_owned()] {
        let file = disk.open(&name, Access::ReadWrite).unwrap();
        let bytes = bytes_of(earlier, &name);
        assert_eq!(file.write_at(&bytes, 0).unwrap(), bytes.len());
    }
}

/// What readers had been shown is gone: the restart does not go on from there.
///
/// Spec: COMMIT-10, LOCK-4
#[test]
fn a_restart_that_would_shrink_the_store_poisons() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = prepare(&lab, &disk, Before::One);
    let earlier = disk.kill();
    store.append(event(&door(), "shown").with_id(id(2))).unwrap();
    put_back(&disk, &earlier);
    disk.fail(0, Fault::Panic);
    check_unknown(&store.append(event(&door(), "x").with_id(id(3))).unwrap_err(), &[id(3)], "in hand");
    let AppendErrorKind::Poisoned(Poison::Shrunk { found, published }) =
        refusal(store.append(event(&door(), "x").with_id(id(4))))
    else {
        panic!("it goes on");
    };
    assert_eq!((found.0, published.0), (1, 2));
    assert_eq!(store.end().position.0, 2);
    assert!(matches!(store.close(), Err(CloseError::Poisoned(Poison::Shrunk { .. }))));
}

/// A panic while a job is out must not hide that the job's sync failed.
///
/// Spec: COMMIT-4
#[test]
fn a_panic_does_not_pass_over_a_failed_sync() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    store.append(event(&door(), "first").with_id(id(1))).unwrap();
    gate.shut();
    thread::scope(|scope| {
        let caller = scope.spawn(|| store.append(event(&door(), "x").with_id(id(2))));
        gate.wait_until_held();
        // The retry is compared with what is stored, and the read of it panics.
        disk.fail(0, Fault::Panic);
        let error = store.append(event(&door(), "first").with_id(id(1))).unwrap_err();
        check_unknown(&error, &[id(1)], "in hand");
        disk.fail(0, Fault::SyncFailsAndDrops);
        gate.open();
        assert_eq!(caller.join().unwrap().unwrap_err().fate(), Fate::Unknown);
    });
    let poisoned = refusal(store.append(event(&door(), "x").with_id(id(3))));
    assert!(matches!(poisoned, AppendErrorKind::Poisoned(Poison::Log(_))), "{poisoned}");
    assert_eq!(all(&store).len(), 1);
}

/// A writer that has failed is not started again because of a panic that comes later.
///
/// Spec: COMMIT-4, COMMIT-10
#[test]
fn a_panic_does_not_revive_a_writer_that_has_failed() {
    let (lab, disk, index) = (Lab::new(), MemoryStorage::new(), Arc::new(MemoryIndex::new()));
    let (store, gate) = open_held(&lab, &disk, options().index(index.clone()));
    store.append(event(&door(), "first").with_id(id(1))).unwrap();
    gate.shut();
    thread::scope(|scope| {
        let caller = scope.spawn(|| store.append(event(&door(), "x").with_id(id(2))));
        gate.wait_until_held();
        index.reset().unwrap();
        let failed = refusal(store.append(event(&door(), "x").with_id(id(3))));
        assert!(matches!(failed, AppendErrorKind::IndexFailed(_)), "{failed}");
        disk.fail(0, Fault::Panic);
        gate.open();
        check_unknown(&caller.join().unwrap().unwrap_err(), &[id(2)], "in flight");
    });
    let poisoned = refusal(store.append(event(&door(), "x").with_id(id(3))));
    assert!(matches!(poisoned, AppendErrorKind::Poisoned(Poison::Index(_))), "{poisoned}");
}

/// Many callers, and a panic now and then: whoever is told "unknown" tries again, and in the end every event
/// stands once.
///
/// Spec: COMMIT-2, COMMIT-3, COMMIT-10, IDEM-1
#[test]
fn many_callers_settle_what_panics_left_unknown() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let policy = RestartPolicy::Bounded { max_restarts: u32::MAX, within_ms: 1 };
    let store = options().restart_policy(policy).open_in(lab.environment(&disk)).unwrap();
    let append = |number: u128| {
        // One caller plans them, one at a time: none meets a restart, and none is left for what follows.
        if number.is_multiple_of(7) && number < 30 {
            disk.fail(u64::try_from(number % 5).unwrap(), Fault::Panic);
        }
        loop {
            match store.append(event(&door(), "x").with_id(id(number))) {
                Ok(receipt) => return receipt,
                Err(error) => check_unknown(&error, &[id(number)], "in hand"),
            }
        }
    };
    let mut receipts: Vec<AppendReceipt> = thread::scope(|scope| {
        let append = &append;
        let run = |caller: u128| move || (0..40).map(|n| append(caller * 40 + n)).collect::<Vec<_>>();
        let callers: Vec<_> = (0..6).map(|caller| scope.spawn(run(caller))).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    receipts.sort_unstable_by_key(|receipt| receipt.position);
    let events = all(&store);
    let due: Vec<_> = receipts.iter().map(|receipt| (receipt.id, receipt.hash)).collect();
    assert_eq!(events.iter().map(|event| (event.header.id, event.hash())).collect::<Vec<_>>(), due);
    assert!(receipts.iter().any(|receipt| receipt.outcome == Outcome::Found), "no panic came after a sync");
    assert_eq!(all(&lab.open(&disk.power_cut())), events);
}
