//! How a store ends: what was accepted is committed, everybody is answered, and the lock is gone.

use std::thread;

use causelog::{Durability, LogError, MemoryStorage, OpenError, Store, Ticket};
use causelog_io::Fault;

use crate::held::open_held;
use crate::helpers::{Lab, all, door, event, id, options};

#[track_caller]
fn check_locked(lab: &Lab, disk: &MemoryStorage) {
    let error = lab.try_open(disk).unwrap_err();
    assert!(matches!(error, OpenError::Log(LogError::Locked { .. })), "{error}");
}

/// Ends a store that has a group in its sync and tickets behind it.
fn check_end_with_tickets(end: fn(Store)) {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    gate.shut();
    let submit = |number| store.submit(event(&door(), "x").with_id(id(number))).unwrap();
    let mut tickets: Vec<Ticket> = vec![submit(0)];
    gate.wait_until_held();
    tickets.extend((1..50).map(submit));
    let ending = thread::spawn(move || end(store));
    check_locked(&lab, &disk);
    gate.open();
    ending.join().unwrap();
    let positions: Vec<u64> =
        tickets.into_iter().map(|ticket| ticket.wait().unwrap()[0].position.0).collect();
    assert!(positions.into_iter().eq(0..50));
    assert_eq!(all(&lab.open(&disk)).len(), 50);
    let left = disk.power_cut();
    assert!(left.files().iter().any(|(name, _)| name == "closed"), "it did not end in order");
    assert_eq!(all(&lab.open(&left)).len(), 50);
}

/// Spec: COMMIT-17, LOCK-1, CLOSE-1
#[test]
fn a_close_commits_what_was_submitted_and_gives_up_the_lock() {
    check_end_with_tickets(|store| assert!(store.close().is_ok()));
}

/// Spec: COMMIT-17, LOCK-1, CLOSE-1
#[test]
fn a_drop_does_the_same() {
    check_end_with_tickets(drop);
}

/// Spec: COMMIT-3, COMMIT-14, COMMIT-17
#[test]
fn a_close_that_cannot_commit_answers_all_and_says_why() {
    for end in [|store: Store| assert!(store.close().is_err()), drop] {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let (store, gate) = open_held(&lab, &disk, options());
        store.append(event(&door(), "first")).unwrap();
        gate.shut();
        let submit = |number| store.submit(event(&door(), "x").with_id(id(number))).unwrap();
        let mut tickets: Vec<Ticket> = vec![submit(0)];
        gate.wait_until_held();
        tickets.extend((1..50).map(submit));
        disk.fail(0, Fault::SyncFailsAndDrops);
        let ending = thread::spawn(move || end(store));
        gate.open();
        ending.join().unwrap();
        for (number, ticket) in (0..).zip(tickets) {
            let error = ticket.wait().unwrap_err();
            assert_eq!(error.ids(), [id(number)]);
            assert_eq!(error.fate() == causelog::Fate::Unknown, number == 0, "{error}");
        }
        // What failed to sync is not served.
        assert_eq!(all(&lab.open(&disk)).len(), 1);
    }
}

/// A panic while the tickets are waiting leaves nobody without an answer.
///
/// Spec: COMMIT-3, COMMIT-10
#[test]
fn tickets_that_a_panic_meets_are_answered() {
    for nth in 0..6 {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let store = lab.open(&disk);
        store.append(event(&door(), "first")).unwrap();
        disk.fail(nth, Fault::Panic);
        let tickets: Vec<Ticket> =
            (0..20).map(|number| store.submit(event(&door(), "x").with_id(id(number))).unwrap()).collect();
        let answers: Vec<_> = tickets.into_iter().map(Ticket::wait).collect();
        let lost = answers.iter().filter(|answer| answer.is_err()).count();
        for (number, answer) in (0..).zip(&answers) {
            let append = || store.append(event(&door(), "x").with_id(id(number)));
            // The panic may come as late as here.
            let again = append().or_else(|_| append()).unwrap();
            assert!(answer.as_ref().is_ok_and(|first| first[0].hash == again.hash) || answer.is_err());
        }
        assert_eq!(all(&store).len(), 21, "a panic at operation {nth}, {lost} unknown");
        store.close().unwrap();
    }
}

/// Spec: LOCK-1, LOCK-5
#[test]
fn a_second_open_in_this_process_is_refused_until_the_first_ends() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    for end in [|store: Store| store.close().unwrap(), drop] {
        let store = lab.open(&disk);
        store.append(event(&door(), "x")).unwrap();
        check_locked(&lab, &disk);
        end(store);
    }
    drop(lab.open(&disk));
}

/// Readers, witnesses and notices outlive the store without holding its lock.
///
/// Spec: LOCK-1
#[test]
fn what_outlives_a_store_holds_no_lock() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "x")).unwrap();
    let mut events = store.read(causelog::Region::all());
    let notices = store.notifications(causelog::Region::all(), 4).unwrap();
    let ticket = store.submit(event(&door(), "y")).unwrap();
    store.close().unwrap();
    let again = lab.open(&disk);
    again.append(event(&door(), "z")).unwrap();
    assert_eq!(events.next().unwrap().unwrap().header.position.0, 0);
    assert!(events.next().is_none());
    assert_eq!(ticket.wait().unwrap()[0].position.0, 1);
    drop(notices);
}

/// In every durability a clean close syncs everything.
///
/// Spec: CLOSE-1, COMMIT-15, COMMIT-17
#[test]
fn a_close_syncs_what_a_weaker_mode_left() {
    for durability in [Durability::Os, Durability::Interval { max_ms: 60_000, max_events: 1000 }] {
        for end in [|store: Store| store.close().unwrap(), drop] {
            let (lab, disk) = (Lab::new(), MemoryStorage::new());
            let store = options().durability(durability).open_in(lab.environment(&disk)).unwrap();
            store.append(event(&door(), "x")).unwrap();
            assert_eq!(store.durable_position().0, 0);
            end(store);
            assert_eq!(all(&lab.open(&disk.power_cut())).len(), 1, "{durability:?}");
        }
    }
}

/// The thread that does what nobody waits for has a name that a debugger shows.
///
/// Spec: COMMIT-13
#[test]
fn submitted_appends_are_synced_by_a_thread_with_a_name() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    store.append(event(&door(), "the first one begins the segment")).unwrap();
    let before = gate.threads().len();
    store.submit(event(&door(), "x")).unwrap().wait().unwrap();
    store.append(event(&door(), "x")).unwrap();
    let own = thread::current().name().map(str::to_owned);
    assert_eq!(gate.threads()[before..], [Some("causelog-writer".to_owned()), own]);
}
