//! The weaker durabilities: when they sync, what they say, and what a crash takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use causelog::{
    Batch, Durability, Environment, Fate, MemoryStorage, Options, Outcome, Position, Store, WaitError,
};
use causelog_io::{Clock, Fault, SystemClock};

use crate::held::{Gate, held, open_held};
use crate::helpers::{Lab, all, door, event, id, options};

/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(600);

fn interval(max_ms: u64, max_events: u64) -> Options {
    options().durability(Durability::Interval { max_ms, max_events })
}

#[track_caller]
fn append(store: &Store, number: u128) -> Durability {
    store.append(event(&door(), "x").with_id(id(number))).unwrap().durability
}

/// The flush comes by itself, though nobody calls any more.
///
/// Spec: COMMIT-1, COMMIT-15
#[test]
fn an_idle_store_is_flushed_when_its_time_has_come() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let environment = Environment { clock: std::sync::Arc::new(SystemClock), ..lab.environment(&disk) };
    let store = interval(5, 1_000_000).open_in(environment).unwrap();
    for number in 1..4 {
        assert_eq!(append(&store, number), Durability::Interval { max_ms: 5, max_events: 1_000_000 });
        let end = store.end().position;
        store.wait_durable(end, LONG).unwrap();
        assert_eq!(store.durable_position(), end);
        assert_eq!(all(&lab.open(&disk.power_cut())).len(), usize::try_from(number).unwrap());
    }
}

/// Spec: COMMIT-15, COMMIT-16
#[test]
fn no_flush_comes_before_its_time() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = interval(5, 1_000_000).open_in(lab.environment(&disk)).unwrap();
    append(&store, 1);
    lab.clock.advance(4);
    let waited = store.wait_durable(Position(1), Duration::from_millis(20));
    assert_eq!(waited, Err(WaitError::TimedOut { durable: Position(0) }));
    assert_eq!(store.wait_durable(Position(0), Duration::ZERO), Ok(()));
    lab.clock.advance(1);
    store.wait_durable(Position(1), LONG).unwrap();
    assert_eq!(store.durable_position(), Position(1));
    let reader = Store::options().open_read_only_in(lab.environment(&disk)).unwrap();
    assert_eq!(reader.wait_durable(Position(1), LONG), Ok(()));
    assert_eq!(reader.wait_durable(Position(2), LONG), Err(WaitError::ReadOnly { durable: Position(1) }));
}

/// Spec: COMMIT-2, COMMIT-6, COMMIT-15
#[test]
fn a_flush_comes_when_enough_events_wait_for_it() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = interval(60_000, 3).open_in(lab.environment(&disk)).unwrap();
    let durabilities: Vec<bool> = (1..8).map(|number| append(&store, number) == Durability::Sync).collect();
    assert_eq!(durabilities, [false, false, true, false, false, true, false]);
    assert_eq!(store.durable_position(), Position(6));
    assert_eq!(all(&store).len(), 7, "visible before it is durable");
    assert_eq!(all(&lab.open(&disk.power_cut())).len(), 6);
    assert_eq!(all(&lab.open(&disk.kill())).len(), 7, "a kill loses nothing");
}

/// Spec: COMMIT-1
#[test]
fn a_sync_is_asked_for_by_call_or_by_append() {
    for durability in [Durability::Os, Durability::Interval { max_ms: 60_000, max_events: 1000 }] {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let store = options().durability(durability).open_in(lab.environment(&disk)).unwrap();
        assert_eq!(append(&store, 1), durability);
        store.sync().unwrap();
        assert_eq!(store.durable_position(), Position(1));
        assert_eq!(append(&store, 1), Durability::Sync, "it is synced by now");
        assert_eq!(append(&store, 2), durability);
        let receipts = store.append_batch(Batch::from(event(&door(), "x")).durable()).unwrap();
        assert_eq!(receipts[0].durability, Durability::Sync);
        assert_eq!(all(&lab.open(&disk.power_cut())).len(), 3);
        let ticket = store.submit(Batch::from(event(&door(), "x")).durable()).unwrap();
        assert_eq!(ticket.wait().unwrap()[0].durability, Durability::Sync);
        assert_eq!(all(&lab.open(&disk.power_cut())).len(), 4);
    }
}

/// A retry may ask for more than the first append did.
///
/// Spec: COMMIT-1, IDEM-2
#[test]
fn a_durable_retry_of_an_event_that_is_not_synced_is_answered_after_a_sync() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = options().durability(Durability::Os).open_in(lab.environment(&disk)).unwrap();
    let first = store.append(event(&door(), "x").with_id(id(1))).unwrap();
    let retry = || Batch::from(event(&door(), "x").with_id(id(1))).durable();
    let again = store.append_batch(retry()).unwrap()[0];
    assert_eq!((again.hash, again.outcome, again.durability), (first.hash, Outcome::Found, Durability::Sync));
    assert_eq!(all(&lab.open(&disk.power_cut())).len(), 1);
}

/// The same, while the first append is still in flight.
///
/// Spec: COMMIT-1, IDEM-2
#[test]
fn a_durable_retry_of_an_event_in_flight_is_answered_after_a_sync() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, gate) = open_held(&lab, &disk, options().durability(Durability::Os));
    gate.shut();
    thread::scope(|scope| {
        // The first one begins a segment, whose header is synced.
        let first = scope.spawn(|| store.append(event(&door(), "x").with_id(id(1))).unwrap());
        gate.wait_until_held();
        let retry = store.submit(Batch::from(event(&door(), "x").with_id(id(1))).durable()).unwrap();
        gate.open();
        assert_eq!(first.join().unwrap().durability, Durability::Os);
        assert_eq!(retry.wait().unwrap()[0].durability, Durability::Sync);
    });
    assert_eq!(all(&lab.open(&disk.power_cut())).len(), 1);
}

/// Spec: COMMIT-4, COMMIT-16
#[test]
fn a_wait_ends_when_nothing_more_will_be_durable() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = interval(60_000, 1000).open_in(lab.environment(&disk)).unwrap();
    append(&store, 1);
    store.sync().unwrap();
    append(&store, 2);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| store.wait_durable(Position(2), LONG));
        let durable = scope.spawn(|| store.wait_durable(Position(1), LONG));
        disk.fail(0, Fault::SyncFailsAndDrops);
        assert_eq!(store.sync().unwrap_err().fate(), Fate::Unknown);
        assert_eq!(waiting.join().unwrap(), Err(WaitError::Ended { durable: Position(1) }));
        assert_eq!(durable.join().unwrap(), Ok(()));
    });
    store.close().unwrap_err();
    assert_eq!(all(&lab.open(&disk)).len(), 1, "what was not synced is not served again");
}

/// Beyond a restart the modes go on as before.
///
/// Spec: COMMIT-10, COMMIT-15
#[test]
fn a_flush_comes_after_a_restart_too() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let environment = Environment { clock: std::sync::Arc::new(SystemClock), ..lab.environment(&disk) };
    let store = interval(5, 1_000_000).open_in(environment).unwrap();
    append(&store, 1);
    disk.fail(0, Fault::Panic);
    // Either this append or a flush just before it meets the panic.
    let _ = store.append(event(&door(), "x").with_id(id(2)));
    append(&store, 2);
    append(&store, 3);
    store.wait_durable(Position(3), LONG).unwrap();
    assert_eq!(all(&lab.open(&disk.power_cut())).len(), 3);
}

/// The clock of a reader: in its third sleep the writer that opens is let go on.
struct Patience {
    gate: Gate,
    sleeps: AtomicU64,
}

impl Clock for Patience {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }

    fn sleep_ms(&self, ms: u64) {
        if self.sleeps.fetch_add(1, Ordering::SeqCst) == 2 {
            self.gate.open();
        }
        thread::sleep(Duration::from_millis(ms));
    }
}

/// What no slot tells of, a reader shows that finds no writer, and the next one too, beside a writer that is still
/// making it durable.
///
/// Spec: LOCK-3, LOCK-6
#[test]
fn beside_a_writer_that_opens_a_reader_sees_what_one_before_it_saw() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = options().durability(Durability::Os).open_in(lab.environment(&disk)).unwrap();
    append(&store, 1);
    let disk = disk.kill();
    let seen = all(&lab.try_open_read_only(&disk).unwrap());
    assert_eq!(seen.len(), 1);

    let (environment, gate) = held(&lab, &disk);
    gate.shut();
    thread::scope(|scope| {
        let writer = scope.spawn(|| options().open_in(environment).unwrap());
        gate.wait_until_held();
        let clock = Arc::new(Patience { gate: gate.clone(), sleeps: AtomicU64::new(0) });
        let beside = options().open_read_only_in(Environment { clock, ..lab.environment(&disk) });
        gate.open();
        let writer = writer.join().unwrap();
        assert_eq!((all(&beside.unwrap()), all(&writer)), (seen.clone(), seen));
    });
}
