//! A full queue: refused at once, refused after a time, waited for; and tickets.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use causelog::{AppendErrorKind, AppendReceipt, MemoryStorage, NewEvent, Outcome, Store, Ticket};
use causelog_io::Fault;

use crate::held::{Gate, open_held};
use crate::helpers::{Lab, all, door, event, id, options, refusal};

const BATCH: u128 = 1000;

fn batch(first: u128) -> Vec<NewEvent> {
    (first..first + BATCH).map(|number| event(&door(), "x").with_id(id(number))).collect()
}

/// A store with one group held in its sync, and behind it as many tickets as there is room for.
fn full(lab: &Lab, disk: &MemoryStorage) -> (Store, Gate, Vec<Ticket>) {
    let (store, gate) = open_held(lab, disk, options());
    // The first one begins the segment.
    store.append(event(&door(), "first").with_id(id(0))).unwrap();
    gate.shut();
    let mut tickets = vec![store.try_submit(event(&door(), "in flight").with_id(id(1))).unwrap()];
    gate.wait_until_held();
    for round in 1..100 {
        match store.try_submit(batch(round * BATCH)) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => {
                assert!(matches!(error.kind(), AppendErrorKind::QueueFull), "{error}");
                return (store, gate, tickets);
            }
        }
    }
    panic!("the queue is not bounded");
}

fn wait_all(tickets: Vec<Ticket>) -> Vec<AppendReceipt> {
    tickets.into_iter().flat_map(|ticket| ticket.wait().unwrap()).collect()
}

/// Spec: COMMIT-12
#[test]
fn a_full_queue_refuses_at_once_or_after_a_time_with_the_ids() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate, tickets) = full(&lab, &disk);
    let refused = [
        store.try_append(batch(BATCH * 500)).unwrap_err(),
        store.append_timeout(batch(BATCH * 500), Duration::ZERO).unwrap_err(),
        store.append_timeout(batch(BATCH * 500), Duration::from_millis(3)).unwrap_err(),
        store.try_submit(batch(BATCH * 500)).unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error.kind(), AppendErrorKind::QueueFull), "{error}");
        assert_eq!(
            error.ids(),
            batch(BATCH * 500).iter().map(|event| event.id().unwrap()).collect::<Vec<_>>()
        );
        refusal::<()>(Err(error));
    }
    gate.open();
    let receipts = wait_all(tickets);
    assert_eq!(all(&store).len(), 1 + receipts.len(), "what was refused has been written");
    store.try_append(event(&door(), "room again")).unwrap();
}

/// Once accepted, an append waits for its fate; what waits for room gets it with the next group.
///
/// Spec: COMMIT-12, COMMIT-13, TYPE-8
#[test]
fn appends_that_wait_for_room_are_written_when_there_is_some() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate, tickets) = full(&lab, &disk);
    let (store, minute) = (&store, Duration::from_secs(600));
    let receipts: Vec<AppendReceipt> = thread::scope(|scope| {
        let appends = (0..4).map(|n| scope.spawn(move || store.append_batch(batch(BATCH * (500 + n)))));
        let timed =
            (0..4).map(|n| scope.spawn(move || store.append_timeout(batch(BATCH * (600 + n)), minute)));
        let callers: Vec<_> = appends.chain(timed).collect();
        let submitted = scope.spawn(|| store.submit(batch(BATCH * 700)).unwrap().wait());
        gate.open();
        callers.into_iter().chain([submitted]).flat_map(|caller| caller.join().unwrap().unwrap()).collect()
    });
    let first = wait_all(tickets);
    let mut positions: Vec<u64> = first.iter().chain(&receipts).map(|receipt| receipt.position.0).collect();
    positions.sort_unstable();
    assert!(positions.into_iter().eq(1..store.end().position.0));
    assert_eq!(receipts.len(), usize::try_from(BATCH * 9).unwrap());
}

/// Spec: COMMIT-4, COMMIT-12, COMMIT-14
#[test]
fn an_append_that_waits_for_room_learns_of_a_failure() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate, tickets) = full(&lab, &disk);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| store.append_batch(batch(BATCH * 500)));
        disk.fail(0, Fault::SyncFailsAndDrops);
        gate.open();
        let kind = refusal(blocked.join().unwrap());
        assert!(matches!(kind, AppendErrorKind::Poisoned(_)), "{kind}");
    });
    for ticket in tickets {
        ticket.wait().unwrap_err();
    }
    assert_eq!(all(&store).len(), 1);
}

/// Spec: COMMIT-3
#[test]
fn a_ticket_tells_its_answer() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    gate.shut();
    let ticket = store.submit(event(&door(), "x").with_id(id(1))).unwrap();
    assert_eq!(ticket.ids(), [id(1)]);
    gate.wait_until_held();
    assert!(ticket.try_wait().is_none());
    // A second one with the same id is answered with it.
    let again = store.submit(event(&door(), "x").with_id(id(1))).unwrap();
    gate.open();
    assert_eq!(again.wait().unwrap()[0].outcome, Outcome::Found);
    assert_eq!(ticket.try_wait().unwrap().unwrap()[0].position.0, 0);
    // A look does not take it.
    assert_eq!(ticket.wait().unwrap()[0].position.0, 0);
    // What is known at once is told by the ticket all the same.
    let refused = store.submit(Vec::new()).unwrap().wait().unwrap_err();
    assert!(matches!(refused.kind(), AppendErrorKind::EmptyBatch), "{refused}");
}

/// Counts how often it is woken, and wakes a thread.
struct Count(AtomicUsize, Thread);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.unpark();
    }
}

/// Spec: COMMIT-3
#[test]
fn a_ticket_wakes_the_task_that_asked_last() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    gate.shut();
    let mut ticket = store.submit(event(&door(), "x")).unwrap();
    let count = || Arc::new(Count(0.into(), thread::current()));
    let (first, last) = (count(), count());
    for count in [&first, &last] {
        let waker = Waker::from(Arc::clone(count));
        assert!(Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    gate.open();
    while last.0.load(Ordering::SeqCst) == 0 {
        thread::park();
    }
    let polled = Pin::new(&mut ticket).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(_))), "{polled:?}");
    store.close().unwrap();
    assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
}

/// Dropping a ticket takes nothing back.
///
/// Spec: COMMIT-2
#[test]
fn what_a_dropped_ticket_stood_for_is_written() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    for number in 0..20 {
        drop(store.submit(event(&door(), "x").with_id(id(number))).unwrap());
    }
    store.append(event(&door(), "after")).unwrap();
    assert_eq!(all(&store).len(), 21);
}

/// A batch that does not fit beside what is queued is not passed by all the small ones that would.
///
/// Spec: COMMIT-12
#[test]
fn who_waits_first_for_room_has_it_first() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options());
    store.append(event(&door(), "first")).unwrap();
    gate.shut();
    let batch = |from: u128, count: u128| -> Vec<NewEvent> {
        (from..from + count).map(|n| event(&door(), "x").with_id(id(n))).collect()
    };
    let in_flight = store.submit(batch(100, 1)).unwrap();
    gate.wait_until_held();
    let staged = store.submit(batch(200, 4000)).unwrap();
    // It waits for room, and so does a small one behind it, though that would fit.
    assert!(matches!(refusal(store.try_append(batch(5000, 4000))), AppendErrorKind::QueueFull));
    let great = thread::scope(|scope| {
        let great = scope.spawn(|| store.append_batch(batch(5000, 4000)).unwrap());
        let passes = |_: &u32| {
            thread::yield_now();
            store.try_submit(batch(10_000, 1)).is_ok()
        };
        let passed = (0..200_000).take_while(passes).count();
        gate.open();
        assert!(passed < 200_000, "small ones pass it as long as they come");
        great.join().unwrap()
    });
    let written = [in_flight, staged].map(|ticket| ticket.wait().unwrap().len());
    assert_eq!((written, great.len()), ([1, 4000], 4000));
}
