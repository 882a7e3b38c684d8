//! The threads of a writer under schedules drawn at random: nobody is left waiting, nobody is answered twice,
//! and nothing is seen that a power cut would lose.
//!
//! Built with `--cfg causelog_shuttle` alone. A deadlock is what a lost wake-up looks like here: shuttle reports
//! it, with the schedule. `CAUSELOG_SCHEDULES` says how many schedules each test tries.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use causelog_index::{Index as _, MemoryIndex};
use causelog_io::{Fault, MemoryStorage};
use causelog_segment::open_reader;
use causelog_types::{EventId, Position};
use shuttle::rand::{Rng as _, thread_rng};
use shuttle::thread::{self, JoinHandle};
use shuttle::{check_random, future};

use super::helpers::{command, environment, event, id, start_writer_with};
use crate::{
    AppendError, AppendErrorKind, AppendReceipt, Command, Durability, Fate, Outcome, RestartPolicy,
    WaitError, Writer,
};

/// How many schedules a test tries unless it is told.
const SCHEDULES: usize = 200;
/// Nothing waits in real time here.
const LONG: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "for whoever looks for what is rare")]
fn try_schedules(scenario: impl Fn() + Send + Sync + 'static) {
    let given = std::env::var("CAUSELOG_SCHEDULES").ok().map(|given| given.parse().unwrap());
    check_random(scenario, given.unwrap_or(SCHEDULES));
}

type Answer = Result<Vec<AppendReceipt>, AppendError>;

/// A writer, and the disk below it.
#[derive(Clone)]
struct Bench {
    storage: MemoryStorage,
    writer: Arc<Writer>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Durability::Sync, RestartPolicy::Once)
    }

    fn with(durability: Durability, restarts: RestartPolicy) -> Self {
        let storage = MemoryStorage::new();
        let writer = start_writer_with(&storage, Arc::new(MemoryIndex::new()), durability, restarts);
        Self { storage, writer: Arc::new(writer) }
    }

    /// Has begun its segment, so that a fault meets the write and the sync of a group.
    fn begun() -> Self {
        Self::begun_with(RestartPolicy::Once)
    }

    fn begun_with(restarts: RestartPolicy) -> Self {
        let bench = Self::with(Durability::Sync, restarts);
        bench.writer.append(&one(0)).unwrap();
        bench
    }

    fn append(&self, number: u128) -> Answer {
        let answer = self.writer.append(&one(number));
        self.check_acknowledged(&answer);
        answer
    }

    /// What is acknowledged as durable is what a power cut leaves.
    fn check_acknowledged(&self, answer: &Answer) {
        if let Ok(receipts) = answer {
            let left = ids(&self.storage.power_cut());
            for receipt in receipts {
                assert_eq!(receipt.durability, Durability::Sync);
                assert_eq!(left.get(place(receipt)), Some(&receipt.id), "acknowledged and lost");
            }
        }
    }

    /// Looks at what is visible, now and then: all of it is durable.
    fn watch(&self) -> JoinHandle<()> {
        let bench = self.clone();
        spawn(move || {
            for _ in 0..4 {
                let visible = bench.writer.published().load().end.position;
                let left = ids(&bench.storage.power_cut()).len();
                assert!(Position(u64::try_from(left).unwrap()) >= visible, "visible and not durable");
                thread::yield_now();
            }
        })
    }

    fn spawn<T: Send + 'static>(&self, run: impl FnOnce(&Self) -> T + Send + 'static) -> JoinHandle<T> {
        let bench = self.clone();
        spawn(move || run(&bench))
    }

    /// Ends, and is opened again: what is there.
    fn left(self) -> Vec<EventId> {
        drop(self.writer);
        let again = start_writer_with(
            &self.storage,
            Arc::new(MemoryIndex::new()),
            Durability::Sync,
            RestartPolicy::Once,
        );
        again.close().unwrap();
        ids(&self.storage)
    }
}

fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    thread::spawn(run)
}

/// A command of one event, made before the schedules begin to matter.
fn one(number: u128) -> Command {
    command(vec![event(number, "x")])
}

fn place(receipt: &AppendReceipt) -> usize {
    usize::try_from(receipt.position.0).unwrap()
}

/// The ids of what a reader finds, in order.
fn ids(storage: &MemoryStorage) -> Vec<EventId> {
    let (log, snapshot, _) = open_reader(&environment(storage)).unwrap();
    let groups = log.groups(&snapshot, Position(0)).flat_map(|group| group.unwrap().events);
    groups.map(|event| event.header.id).collect()
}

fn join<T>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// After a failure: what was acknowledged is there, what was refused is not, and nothing is there twice.
fn check_told(left: &[EventId], told: &[(u128, Answer)]) {
    for (number, answer) in told {
        let times = left.iter().filter(|left| **left == id(*number)).count();
        match answer {
            Ok(_) => assert_eq!(times, 1, "event {number} was acknowledged"),
            Err(error) if error.fate() == Fate::NotWritten => assert_eq!(times, 0, "event {number}: {error}"),
            Err(error) => assert!(times <= 1, "event {number}: {error}"),
        }
    }
}

/// Spec: COMMIT-1, COMMIT-6, COMMIT-13
#[test]
fn callers_share_syncs_and_each_is_answered() {
    try_schedules(|| {
        let bench = Bench::new();
        let watcher = bench.watch();
        let callers = (0..3).map(|caller| {
            bench.spawn(move |bench| {
                [bench.append(10 * caller), bench.append(10 * caller + 1)].map(Result::unwrap)
            })
        });
        let mut places: Vec<usize> = join(callers.collect()).iter().flatten().flatten().map(place).collect();
        watcher.join().unwrap();
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4, 5]);
        bench.writer.close().unwrap();
        assert_eq!(bench.left().len(), 6);
    });
}

/// Spec: COMMIT-17, COMMIT-2
#[test]
fn a_close_among_callers_answers_all() {
    try_schedules(|| {
        let bench = Bench::new();
        let callers = (0..3).map(|number| bench.spawn(move |bench| (number, bench.append(number)))).collect();
        let ticket = bench.spawn(|bench| (9, bench.writer.submit(&one(9)).and_then(|ticket| ticket.wait())));
        let closes = (0..2).map(|_| bench.spawn(|bench| bench.writer.close().unwrap())).collect();
        let mut told: Vec<(u128, Answer)> = join(callers);
        told.push(ticket.join().unwrap());
        join(closes);
        for (number, answer) in &told {
            if let Err(error) = answer {
                assert!(matches!(error.kind(), AppendErrorKind::Closed), "{error}");
                assert_eq!(error.ids(), [id(*number)]);
            }
        }
        check_told(&bench.left(), &told);
    });
}

/// Spec: COMMIT-17
#[test]
fn a_drop_answers_every_ticket() {
    try_schedules(|| {
        let bench = Bench::new();
        let tickets: Vec<_> = (0..3).map(|number| bench.writer.submit(&one(number)).unwrap()).collect();
        let waiting = tickets.into_iter().map(|ticket| spawn(move || ticket.wait().unwrap())).collect();
        let left = bench.left();
        assert_eq!(join(waiting).len(), 3);
        assert_eq!(left, [id(0), id(1), id(2)]);
    });
}

/// Spec: COMMIT-3, COMMIT-4, COMMIT-14
#[test]
fn a_failure_is_told_to_all() {
    try_schedules(|| {
        let bench = Bench::begun();
        let fault = if thread_rng().r#gen() { Fault::SyncFailsAndDrops } else { Fault::ShortWrite(50) };
        bench.storage.fail(thread_rng().gen_range(0..6), fault);
        let watcher = bench.watch();
        let callers = (1..4).map(|number| bench.spawn(move |bench| (number, bench.append(number)))).collect();
        let ticket = bench.spawn(|bench| (9, bench.writer.submit(&one(9)).and_then(|ticket| ticket.wait())));
        let mut told: Vec<(u128, Answer)> = join(callers);
        told.push(ticket.join().unwrap());
        watcher.join().unwrap();
        drop(bench.writer.close());
        check_told(&bench.left(), &told);
    });
}

/// Spec: COMMIT-3, COMMIT-10, IDEM-2
#[test]
fn a_panic_is_told_to_all_and_a_retry_settles_it() {
    try_schedules(|| {
        let bench = Bench::begun();
        bench.storage.fail(thread_rng().gen_range(0..6), Fault::Panic);
        let callers = (1..4).map(|number| bench.spawn(move |bench| (number, bench.append(number)))).collect();
        let ticket = bench.spawn(|bench| (9, bench.writer.submit(&one(9)).unwrap().wait()));
        let mut told: Vec<(u128, Answer)> = join(callers);
        told.push(ticket.join().unwrap());
        for (number, answer) in &told {
            if let Err(error) = answer {
                assert_eq!((error.fate(), error.ids()), (Fate::Unknown, &[id(*number)][..]), "{error}");
            }
            // The panic that was planned may come as late as here.
            bench.append(*number).or_else(|_| bench.append(*number)).unwrap();
        }
        let left = bench.left();
        assert_eq!(left.len(), 5, "lost or doubled: {told:?}");
        check_told(&left, &told);
    });
}

/// Two panics, where one restart is allowed: whoever comes later is refused, and nobody waits for ever.
///
/// Spec: COMMIT-10
#[test]
fn a_spent_budget_is_told_to_all() {
    try_schedules(|| {
        let bench = Bench::begun();
        let first = thread_rng().gen_range(0..4);
        bench.storage.fail(first, Fault::Panic);
        bench.storage.fail(first + thread_rng().gen_range(1..40), Fault::Panic);
        let callers = (1..5).map(|number| bench.spawn(move |bench| (number, bench.append(number)))).collect();
        let waiting = bench.spawn(|bench| bench.writer.wait_durable(Position(100), LONG));
        let told = join(callers);
        drop(bench.writer.close());
        assert!(matches!(waiting.join().unwrap(), Err(WaitError::Ended { .. })));
        // What is planned and was not met must not meet the next open.
        let left = ids(&bench.storage.kill());
        check_told(&left, &told);
    });
}

/// Tickets are awaited, waited for after they were polled, and looked at; callers lead meanwhile.
///
/// Spec: COMMIT-13
#[test]
fn tickets_are_answered_however_they_are_waited_for() {
    try_schedules(|| {
        let bench = Bench::new();
        let awaited = bench.spawn(|bench| future::block_on(bench.writer.submit(&one(1)).unwrap()));
        let waited = bench.spawn(|bench| {
            let mut ticket = bench.writer.submit(&one(2)).unwrap();
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            match std::pin::Pin::new(&mut ticket).poll(&mut context) {
                std::task::Poll::Ready(answer) => answer,
                std::task::Poll::Pending => ticket.wait(),
            }
        });
        let looked_at = bench.spawn(|bench| {
            let mut ticket = bench.writer.submit(&one(3)).unwrap();
            loop {
                if let Some(answer) = ticket.try_wait() {
                    return answer;
                }
                thread::yield_now();
            }
        });
        let appended = bench.spawn(|bench| bench.append(4));
        // A retry of what may be nowhere, staged, in flight or committed by now.
        let retried = bench.spawn(|bench| bench.append(1));
        for answer in join(vec![awaited, waited, looked_at, appended, retried]) {
            bench.check_acknowledged(&answer);
            assert_eq!(answer.unwrap().len(), 1);
        }
        assert_eq!(bench.left().len(), 4);
    });
}

/// Spec: COND-3, COND-4
#[test]
fn of_racers_one_wins() {
    try_schedules(|| {
        let bench = Bench::new();
        let racer = |number| {
            let empty = event(number, "x").expecting(causelog_types::ExpectedRevision::Empty);
            bench.spawn(move |bench| {
                let answer = bench.writer.append(&command(vec![empty]));
                bench.check_acknowledged(&answer);
                // Whoever has lost is told when the winner is durable, and visible.
                assert_eq!(bench.writer.published().load().end.position, Position(1));
                assert_eq!(bench.writer.durable_position(), Position(1));
                answer.is_ok()
            })
        };
        let won = join((1..4).map(racer).collect());
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    });
}

/// Spec: IDEM-1, IDEM-2
#[test]
fn one_id_from_many_callers_is_written_once() {
    try_schedules(|| {
        let bench = Bench::new();
        let receipts = join((0..3).map(|_| bench.spawn(|bench| bench.append(7).unwrap()[0])).collect());
        assert_eq!(receipts.iter().filter(|receipt| receipt.outcome == Outcome::Written).count(), 1);
        assert_eq!(bench.left(), [id(7)]);
    });
}

/// Spec: COMMIT-15, COMMIT-16
#[test]
fn a_sync_wakes_those_that_wait_for_it() {
    try_schedules(|| {
        let bench = Bench::with(Durability::Os, RestartPolicy::Once);
        bench.writer.append(&one(1)).unwrap();
        let waiting = bench.spawn(|bench| bench.writer.wait_durable(Position(1), LONG));
        let appends =
            (2..4).map(|number| bench.spawn(move |bench| bench.writer.append(&one(number)).unwrap()));
        let appends = appends.collect();
        let durable = bench.spawn(|bench| bench.writer.append(&one(4).durable()));
        let syncs = (0..2).map(|_| bench.spawn(|bench| bench.writer.sync().unwrap())).collect();
        join(syncs);
        assert_eq!(waiting.join().unwrap(), Ok(()));
        assert!(!ids(&bench.storage.power_cut()).is_empty());
        bench.check_acknowledged(&durable.join().unwrap());
        join(appends);
    });
}

/// A flush that is due comes, though nobody calls for it.
///
/// Spec: COMMIT-15
#[test]
fn a_flush_that_is_due_comes_by_itself() {
    try_schedules(|| {
        // Due at once, since no time goes by here.
        let bench = Bench::with(Durability::Interval { max_ms: 0, max_events: 100 }, RestartPolicy::Once);
        let callers = (0..2).map(|number| {
            bench.spawn(move |bench| {
                let receipts = bench.writer.append(&one(number)).unwrap();
                let end = Position(receipts[0].position.0 + 1);
                bench.writer.wait_durable(end, LONG).unwrap();
                assert!(ids(&bench.storage.power_cut()).contains(&id(number)));
            })
        });
        assert_eq!(join(callers.collect()).len(), 2);
    });
}

/// Batches of which no two fit into one group.
static GREAT: LazyLock<Vec<Command>> = LazyLock::new(|| {
    let batch = |first: u128| command((first..first + 2100).map(|number| event(number, "x")).collect());
    (1..5).map(|number| batch(10_000 * number)).collect()
});

/// Spec: COMMIT-12
#[test]
fn whoever_waits_for_room_gets_it() {
    LazyLock::force(&GREAT);
    try_schedules(|| {
        let bench = Bench::new();
        let appends =
            (0..2).map(|number| bench.spawn(move |bench| bench.writer.append(&GREAT[number]).unwrap().len()));
        let appends = appends.collect();
        let ticket = bench.spawn(|bench| bench.writer.submit(&GREAT[2]).unwrap().wait().unwrap().len());
        let timed = bench.spawn(|bench| bench.writer.append_timeout(&GREAT[3], LONG).unwrap().len());
        assert_eq!(join(appends), [2100, 2100]);
        assert_eq!((ticket.join().unwrap(), timed.join().unwrap()), (2100, 2100));
    });
}

/// Spec: COMMIT-12
#[test]
fn whoever_waits_for_room_gets_it_behind_one_that_needs_none() {
    LazyLock::force(&GREAT);
    try_schedules(|| {
        let bench = Bench::begun();
        let greats =
            (0..3).map(|number| bench.spawn(move |bench| bench.writer.append(&GREAT[number]).unwrap().len()));
        let greats = greats.collect();
        // Answered at once, with no job to follow that would wake the next in the queue.
        let retries = (0..2).map(|_| bench.spawn(|bench| bench.writer.append(&one(0)).unwrap().len()));
        let retries = retries.collect();
        assert_eq!(join(greats), [2100; 3]);
        assert_eq!(join(retries), [1; 2]);
    });
}

/// Spec: COMMIT-12, COMMIT-17
#[test]
fn whoever_waits_for_room_learns_of_a_close() {
    LazyLock::force(&GREAT);
    try_schedules(|| {
        let bench = Bench::begun();
        let appends = (0..4).map(|number| bench.spawn(move |bench| bench.writer.append(&GREAT[number])));
        let appends = appends.collect();
        let close = bench.spawn(|bench| bench.writer.close().unwrap());
        for answer in join(appends) {
            if let Err(error) = answer {
                assert!(matches!(error.kind(), AppendErrorKind::Closed), "{error}");
            }
        }
        close.join().unwrap();
    });
}

/// Spec: COMMIT-4, COMMIT-12, COMMIT-14
#[test]
fn whoever_waits_for_room_learns_of_a_failure() {
    LazyLock::force(&GREAT);
    try_schedules(|| {
        let bench = Bench::begun();
        // The write of a group, its sync, its slot; a second group begins a segment.
        bench.storage.fail(thread_rng().gen_range(0..2), Fault::SyncFailsAndDrops);
        let appends = (0..4).map(|number| bench.spawn(move |bench| bench.writer.append(&GREAT[number])));
        let failed = join(appends.collect()).into_iter().filter_map(Result::err).count();
        assert!(failed > 0);
        drop(bench.writer.close());
    });
}

/// Somebody resets the index: whoever comes next finds out, and all are told, those too that wait for room.
///
/// Spec: COMMIT-12, INDEX-7
#[test]
fn an_index_that_was_reset_is_told_to_all() {
    LazyLock::force(&GREAT);
    try_schedules(|| {
        let (storage, index) = (MemoryStorage::new(), Arc::new(MemoryIndex::new()));
        let writer = start_writer_with(&storage, index.clone(), Durability::Sync, RestartPolicy::Once);
        let bench = Bench { storage, writer: Arc::new(writer) };
        bench.writer.append(&one(0)).unwrap();
        let reset = spawn(move || index.reset().unwrap());
        let tickets = (0..2).map(|number| {
            bench.spawn(move |bench| bench.writer.submit(&GREAT[number]).and_then(|ticket| ticket.wait()))
        });
        let mut callers: Vec<_> = tickets.collect();
        callers.extend((1..3).map(|number| bench.spawn(move |bench| bench.writer.append(&one(number)))));
        for answer in join(callers) {
            if let Err(error) = answer {
                let told =
                    matches!(error.kind(), AppendErrorKind::IndexFailed(_) | AppendErrorKind::Poisoned(_));
                assert!(told, "{error}");
            }
        }
        reset.join().unwrap();
        drop(bench.writer.close());
    });
}
