//! Several commands in one group, and commands that are judged upon a group that is being written.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::{Fault, MemoryStorage};
use causelog_types::{Coordinate, ExpectedRevision, Position, Region, Revision};

use super::helpers::{command, event, id, start_machine};
use crate::{
    AppendCondition, AppendError, AppendErrorKind, AppendReceipt, Command, Durability, Fate, Job, Machine,
    Offered, Outcome, Place,
};

type Answer = Result<Vec<AppendReceipt>, AppendError>;

struct Bench {
    storage: MemoryStorage,
    machine: Machine<u32>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Durability::Sync)
    }

    fn with(durability: Durability) -> Self {
        let storage = MemoryStorage::new();
        let machine = start_machine(&storage, Arc::new(MemoryIndex::new()), durability);
        Self { storage, machine }
    }

    /// Offers a command that has to wait.
    #[track_caller]
    fn stage(&mut self, who: u32, command: &Command) {
        let offered = self.machine.offer(command, who);
        assert!(matches!(offered, Offered::Waits), "{offered:?}");
    }

    /// Offers a command that is answered at once.
    #[track_caller]
    fn answer(&mut self, command: &Command) -> Answer {
        match self.machine.offer(command, 0) {
            Offered::Answered(told) => told.answer,
            Offered::Waits => panic!("it waits"),
        }
    }

    #[track_caller]
    fn job(&mut self) -> Job {
        self.machine.next_job().unwrap()
    }

    fn finish(&mut self, job: Job) -> Vec<(u32, Answer)> {
        self.machine.finish(job.run()).into_iter().map(|told| (told.who, told.answer)).collect()
    }
}

fn exactly(number: u128, revision: u64) -> Command {
    command(vec![event(number, "x").expecting(ExpectedRevision::Exactly(Revision(revision)))])
}

#[track_caller]
fn places(answer: &Answer) -> Vec<(u64, u64)> {
    let receipts = answer.as_ref().unwrap();
    receipts.iter().map(|receipt| (receipt.position.0, receipt.revision.0)).collect()
}

/// A command that is refused half-way leaves the group as it was.
///
/// Spec: COND-5, GROUP-10
#[test]
fn a_refused_command_leaves_nothing_in_the_group() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    let fails = vec![event(2, "x"), event(3, "x"), event(4, "x").expecting(ExpectedRevision::Empty)];
    // It rests on events that are only staged, so it waits with them.
    bench.stage(2, &command(fails));
    bench.stage(3, &command(vec![event(2, "y"), event(5, "x")]));
    let job = bench.job();
    let answers = bench.finish(job);
    assert_eq!(answers.len(), 3);
    assert_eq!((answers[0].0, places(&answers[0].1)), (1, vec![(0, 0)]));
    let error = answers[1].1.as_ref().unwrap_err();
    let AppendErrorKind::WrongRevision { index: 2, place: Some(Place::Batch(1)), .. } = error.kind() else {
        unreachable!("{error}")
    };
    assert!(error.to_string().starts_with("event 2 of the batch: stream"), "{error}");
    assert!(error.to_string().contains("at revision 2, by event 1 of the same batch"), "{error}");
    assert_eq!((answers[2].0, places(&answers[2].1)), (3, vec![(1, 1), (2, 2)]));
}

/// Commands are judged upon the group that is being written, and become the next one.
///
/// Spec: COND-3, COMMIT-6
#[test]
fn the_next_group_is_judged_while_the_last_one_is_written() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    let first = bench.job();
    assert!(bench.machine.next_job().is_none(), "one job is out");
    bench.stage(2, &exactly(2, 0));
    bench.stage(3, &exactly(3, 1));
    assert_eq!(bench.machine.published().load().end.position, Position(0));
    assert_eq!(bench.finish(first).len(), 1);
    assert_eq!(bench.machine.published().load().end.position, Position(1));
    let second = bench.job();
    let answers = bench.finish(second);
    assert_eq!(answers.iter().map(|(_, answer)| places(answer)[0]).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert!(bench.machine.next_job().is_none(), "there is nothing to do");
}

/// Of racers for one revision one wins, and the losers learn it when the winner is durable.
///
/// Spec: COND-3, COND-4
#[test]
fn a_rejection_that_rests_on_a_staged_event_is_told_after_its_sync() {
    let mut bench = Bench::new();
    let empty = |number| command(vec![event(number, "x").expecting(ExpectedRevision::Empty)]);
    bench.stage(1, &empty(1));
    bench.stage(2, &empty(2));
    let job = bench.job();
    // It rests on what is being written, not on the group after it.
    bench.stage(3, &empty(3));
    let answers = bench.finish(job);
    assert_eq!(answers.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(answers.iter().filter(|(_, answer)| answer.is_ok()).count(), 1);
    // One that rests on what is committed is told at once, and so is one that rests on nothing.
    bench.answer(&empty(4)).unwrap_err();
    bench.answer(&command(vec![event(5, "x").caused_by([id(99)]).unwrap()])).unwrap_err();
}

/// A retry of an event that is only staged is answered with its receipt after its sync.
///
/// Spec: IDEM-2, COND-4
#[test]
fn a_retry_of_a_staged_event_waits_for_it() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    bench.stage(2, &command(vec![event(1, "x")]));
    let job = bench.job();
    bench.stage(3, &command(vec![event(1, "x")]));
    bench.stage(4, &command(vec![event(1, "other")]));
    bench.stage(5, &command(vec![event(1, "x"), event(2, "x")]));
    let answers = bench.finish(job);
    let of = |who| &answers.iter().find(|(other, _)| *other == who).unwrap().1;
    let first = of(1).as_ref().unwrap()[0];
    for who in [2, 3] {
        let again = of(who).as_ref().unwrap()[0];
        assert_eq!(again, AppendReceipt { outcome: Outcome::Found, ..first });
    }
    let conflict = of(4).as_ref().unwrap_err();
    assert!(matches!(conflict.kind(), AppendErrorKind::IdConflict { position: Position(0), .. }));
    let partly = of(5).as_ref().unwrap_err();
    assert!(matches!(partly.kind(), AppendErrorKind::PartlyStored { stored } if stored == &[id(1)]));
    assert!(bench.machine.next_job().is_none(), "nothing of that is written");
}

/// Causes may stand in the group that is being written, and in the same group.
///
/// Spec: TYPE-10
#[test]
fn causes_are_found_where_they_are_staged() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    let job = bench.job();
    bench.stage(2, &command(vec![event(2, "x").caused_by([id(1)]).unwrap()]));
    bench.stage(3, &command(vec![event(3, "x").caused_by([id(2)]).unwrap()]));
    bench.finish(job);
    let job = bench.job();
    assert_eq!(bench.finish(job).len(), 2);
    let index = bench.machine.index();
    let depths = index.lookup(&[id(1), id(2), id(3)], Position(3)).unwrap();
    assert_eq!(depths.iter().map(|entry| entry.unwrap().depth.0).collect::<Vec<_>>(), [0, 1, 2]);
}

/// A failed sync fails its group, whose fate is unknown, and all that was judged upon it, which was not written.
///
/// Spec: COMMIT-3, COMMIT-4, COMMIT-6
#[test]
fn a_failed_sync_fails_all_that_was_judged_upon_it() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    let job = bench.job();
    bench.finish(job);
    bench.stage(2, &command(vec![event(2, "x")]));
    let job = bench.job();
    bench.stage(3, &command(vec![event(3, "x")]));
    bench.stage(4, &command(vec![event(3, "other")]));
    bench.storage.fail(1, Fault::SyncFailsAndDrops);
    let fates: Vec<_> =
        bench.finish(job).iter().map(|(who, answer)| (*who, answer.as_ref().unwrap_err().fate())).collect();
    assert_eq!(fates, [(2, Fate::Unknown), (3, Fate::NotWritten), (4, Fate::NotWritten)]);
    assert!(bench.machine.next_job().is_none());
    let error = bench.answer(&command(vec![event(5, "x")])).unwrap_err();
    assert!(matches!(error.kind(), AppendErrorKind::Poisoned(_)), "{error}");
}

/// What fails before anything is written fails the same commands, and the machine goes on where it was.
///
/// Spec: COMMIT-5
#[test]
fn a_refused_group_takes_along_what_was_judged_upon_it() {
    let mut bench = Bench::new();
    bench.stage(1, &command(vec![event(1, "x")]));
    bench.storage.set_space(0);
    let job = bench.job();
    bench.stage(2, &exactly(2, 0));
    for (_, answer) in bench.finish(job) {
        let error = answer.unwrap_err();
        assert_eq!(error.fate(), Fate::NotWritten);
        assert!(matches!(error.kind(), AppendErrorKind::Refused(_)), "{error}");
    }
    bench.storage.set_space(u64::MAX);
    bench.answer(&exactly(2, 0)).unwrap_err();
    bench.stage(1, &command(vec![event(1, "x")]));
    let job = bench.job();
    assert_eq!(places(&bench.finish(job)[0].1), [(0, 0)]);
}

/// Spec: COND-2, COND-3, COND-5
#[test]
fn append_conditions_are_judged_against_what_is_committed_and_what_is_staged() {
    let mut bench = Bench::new();
    let none = |entity: &str, from| AppendCondition {
        region: Region::entity(entity).unwrap(),
        from: Position(from),
    };
    let elsewhere = |number, condition| {
        let other = Coordinate::new("other", "home").unwrap();
        let event = causelog_types::NewEvent::with_payload(
            &other,
            event(0, "x").kind(),
            event(0, "x").payload().clone(),
        );
        command(vec![event.with_id(id(number))]).on_condition(condition)
    };
    // A condition does not see the command's own events.
    bench.stage(1, &elsewhere(1, none("other", 0)));
    bench.stage(2, &elsewhere(2, none("other", 0)));
    bench.stage(3, &elsewhere(3, none("other", 1)));
    let job = bench.job();
    bench.stage(4, &elsewhere(4, none("other", 1)));
    let answers = bench.finish(job);
    let error = answers[1].1.as_ref().unwrap_err();
    let first = matches!(error.kind(), AppendErrorKind::ConditionFailed { id: found, position: Position(0), .. } if *found == id(1));
    assert!(first, "{error}");
    assert_eq!(places(&answers[2].1), [(1, 1)]);
    let error = answers[3].1.as_ref().unwrap_err();
    let second = matches!(error.kind(), AppendErrorKind::ConditionFailed { id: found, position: Position(1), .. } if *found == id(3));
    assert!(second, "{error}");
    // The same against what is committed, told at once; and one that holds. The one that fails is named.
    let both = elsewhere(5, none("other", 2)).on_condition(none("other", 1));
    let error = bench.answer(&both).unwrap_err();
    assert!(
        matches!(error.kind(), AppendErrorKind::ConditionFailed { index: 1, position: Position(1), .. }),
        "{error}"
    );
    bench.stage(6, &elsewhere(6, none("other", 2)));
    bench.stage(7, &elsewhere(7, none("door", 0)));
    // A retry is found before its condition is judged.
    assert_eq!(bench.answer(&elsewhere(1, none("other", 0))).unwrap()[0].outcome, Outcome::Found);
}

/// Spec: COMMIT-1
#[test]
fn a_weaker_mode_syncs_when_it_must_and_when_it_is_asked_to() {
    let syncs = |bench: &Bench| {
        let trace = bench.storage.trace();
        trace.iter().filter(|call| matches!(call, causelog_io::Operation::SyncData { .. })).count()
    };
    let mut bench = Bench::with(Durability::Interval { max_ms: 10, max_events: 3 });
    let commit = |bench: &mut Bench, command: &Command| {
        let before = syncs(bench);
        bench.stage(1, command);
        let job = bench.job();
        let answer = bench.finish(job).remove(0).1.unwrap();
        (syncs(bench) - before, answer[0].durability == Durability::Sync, bench.machine.unsynced())
    };
    // The first one begins a segment, whose header is synced.
    assert_eq!(commit(&mut bench, &command(vec![event(1, "x")])), (1, false, 1));
    assert_eq!(bench.machine.sync_due_ms(), Some(10));
    assert_eq!(commit(&mut bench, &command(vec![event(2, "x")])), (0, false, 2));
    assert_eq!(commit(&mut bench, &command(vec![event(3, "x")])), (1, true, 0));
    assert_eq!(bench.machine.sync_due_ms(), None);
    assert_eq!(commit(&mut bench, &command(vec![event(4, "x")])), (0, false, 1));
    assert_eq!(commit(&mut bench, &command(vec![event(5, "x")]).durable()), (1, true, 0));
    assert_eq!(bench.answer(&command(vec![event(5, "x")])).unwrap()[0].durability, Durability::Sync);

    let mut bench = Bench::with(Durability::Os);
    for number in 1..10 {
        let (_, durable, unsynced) = commit(&mut bench, &command(vec![event(number, "x")]));
        assert_eq!((durable, unsynced), (false, u64::try_from(number).unwrap()));
    }
    assert!(bench.machine.sync_due_ms().is_none() && bench.machine.next_job().is_none());
    assert!(matches!(bench.machine.offer_sync(2), Offered::Waits));
    let job = bench.job();
    assert!(bench.finish(job)[0].1.as_ref().unwrap().is_empty());
    assert_eq!(bench.machine.unsynced(), 0);
    assert!(matches!(bench.machine.offer_sync(3), Offered::Answered(_)));
}

/// Groups are bounded: who comes too late waits for the next one, but a great batch always fits an empty group.
#[test]
fn a_group_takes_in_only_so_much() {
    let mut bench = Bench::new();
    let batch = |from: u128, count: u128| command((from..from + count).map(|n| event(n, "x")).collect());
    assert!(bench.machine.has_room(&batch(0, 10_000)));
    bench.stage(1, &batch(0, 4000));
    assert!(bench.machine.has_room(&batch(5000, 96)) && !bench.machine.has_room(&batch(5000, 97)));
    let job = bench.job();
    assert!(bench.machine.has_room(&batch(5000, 10_000)), "the next group is empty");
    bench.finish(job);
    bench.stage(2, &command(vec![event(9000, &"x".repeat(4 * 1024 * 1024))]));
    assert!(!bench.machine.has_room(&batch(9001, 1)));
}
