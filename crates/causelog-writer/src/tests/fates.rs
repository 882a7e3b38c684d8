//! What is said of events that another append has given to the log.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::{Fault, MemoryStorage};

use super::helpers::{Fragile, Trouble, command, event, id, start_machine};
use crate::{Durability, Fate, Machine, Offered};

fn machine(storage: &MemoryStorage, durability: Durability) -> Machine<u32> {
    start_machine(storage, Arc::new(MemoryIndex::new()), durability)
}

/// A retry of a batch of which a part is being written and a part is staged is as unknown as that part.
///
/// Spec: COMMIT-3
#[test]
fn a_retry_of_what_is_in_flight_is_unknown_when_that_fails() {
    let storage = MemoryStorage::new();
    let mut machine = machine(&storage, Durability::Sync);
    for (who, number) in [(1, 1), (2, 2)] {
        assert!(matches!(machine.offer(&command(vec![event(number, "x")]), who), Offered::Waits));
        if who == 1 {
            let job = machine.next_job().unwrap();
            machine.finish(job.run());
        }
    }
    let job = machine.next_job().unwrap();
    assert!(matches!(machine.offer(&command(vec![event(3, "x")]), 3), Offered::Waits));
    let both = command(vec![event(2, "x"), event(3, "x")]);
    assert!(matches!(machine.offer(&both, 4), Offered::Waits));
    storage.fail(1, Fault::SyncFailsAndDrops);
    let answers = machine.finish(job.run());
    let fates: Vec<_> =
        answers.iter().map(|told| (told.who, told.answer.as_ref().unwrap_err().fate())).collect();
    assert_eq!(fates, [(2, Fate::Unknown), (3, Fate::NotWritten), (4, Fate::Unknown)]);
    assert_eq!(answers[2].answer.as_ref().unwrap_err().ids(), [id(2), id(3)]);
}

/// An index that fails where nothing was synced leaves it unknown whether the events stay.
///
/// Spec: COMMIT-11
#[test]
fn an_index_that_fails_without_a_sync_leaves_the_fate_unknown() {
    for (durability, fate) in [(Durability::Os, Fate::Unknown), (Durability::Sync, Fate::Written)] {
        let index = Arc::new(Fragile::default());
        let mut machine: Machine = start_machine(&MemoryStorage::new(), index.clone(), durability);
        index.set(Trouble::ApplyFails);
        let error = machine.append(&command(vec![event(1, "x")])).unwrap_err();
        assert_eq!(error.fate(), fate, "{durability:?}: {error}");
    }
}

/// A retry that waited for its group and whose receipt cannot be told then: only what is synced is surely there.
///
/// Spec: COMMIT-3
#[test]
fn a_receipt_that_cannot_be_told_is_as_sure_as_its_sync() {
    for (durability, fate) in [(Durability::Os, Fate::Unknown), (Durability::Sync, Fate::Written)] {
        let index = Arc::new(Fragile::default());
        let mut machine: Machine<u32> = start_machine(&MemoryStorage::new(), index.clone(), durability);
        for who in [1, 2] {
            assert!(matches!(machine.offer(&command(vec![event(1, "x")]), who), Offered::Waits));
        }
        let job = machine.next_job().unwrap();
        index.set(Trouble::QuestionsFail);
        let answers = machine.finish(job.run());
        assert!(answers[0].answer.is_ok());
        assert_eq!(answers[1].answer.as_ref().unwrap_err().fate(), fate, "{durability:?}");
    }
}

/// Of several conditions that fail, the earliest event that any of them does not allow is told.
///
/// Spec: COND-2
#[test]
fn the_first_event_that_any_condition_does_not_allow_is_told() {
    use causelog_types::{Position, Region};

    use crate::{AppendCondition, AppendErrorKind};

    let mut machine = machine(&MemoryStorage::new(), Durability::Sync);
    assert!(matches!(machine.offer(&command(vec![event(1, "x"), event(2, "x")]), 1), Offered::Waits));
    let job = machine.next_job().unwrap();
    machine.finish(job.run());
    let none = |from| AppendCondition { region: Region::all(), from: Position(from) };
    let offered = command(vec![event(3, "x")]).on_condition(none(1)).on_condition(none(0));
    let Offered::Answered(told) = machine.offer(&offered, 2) else { panic!("it waits") };
    let error = told.answer.unwrap_err();
    let first = matches!(error.kind(), AppendErrorKind::ConditionFailed { position: Position(0), .. });
    assert!(first, "{error}");
}

/// Those that wait without events are bounded too.
///
/// Spec: COMMIT-12
#[test]
fn retries_that_wait_fill_the_queue() {
    let mut machine = machine(&MemoryStorage::new(), Durability::Sync);
    let again = command(vec![event(1, "x")]);
    let mut waiting = 0;
    while machine.has_room(&again) && waiting < 100_000 {
        assert!(matches!(machine.offer(&again, waiting), Offered::Waits));
        waiting += 1;
    }
    assert_eq!(waiting, 16_384);
    let job = machine.next_job().unwrap();
    assert_eq!(machine.finish(job.run()).len(), 16_384);
    assert!(machine.has_room(&again));
}
