//! What fails, when, and what the machine says and does from then on.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::{Fault, MemoryStorage};

use super::helpers::{Fragile, Trouble, append, command, event, id, start, start_writer};
use crate::{AppendErrorKind, CloseError, Fate, Outcome, Poison};

/// Spec: COMMIT-11, COMMIT-4
#[test]
fn an_index_that_fails_after_the_sync_poisons_and_the_events_were_written() {
    let (storage, index) = (MemoryStorage::new(), Arc::new(Fragile::default()));
    let mut machine = start(&storage, index.clone());
    append(&mut machine, 1).unwrap();
    index.set(Trouble::ApplyFails);
    let error = append(&mut machine, 2).unwrap_err();
    assert_eq!((error.fate(), error.ids()), (Fate::Written, &[id(2)][..]));
    assert!(matches!(error.kind(), AppendErrorKind::IndexFailed(_)), "{error}");
    assert!(error.to_string().contains("were written"), "{error}");
    assert_eq!(machine.published().load().end.position.0, 1, "readers are not shown what the index lacks");
    index.set(Trouble::None);
    let error = append(&mut machine, 3).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    assert!(matches!(error.kind(), AppendErrorKind::Poisoned(Poison::Index(_))), "{error}");
    assert!(matches!(machine.check(), Err(Poison::Index(_))));
    assert!(matches!(machine.close(), Err(CloseError::Poisoned(_))));

    let mut machine = start(&storage.power_cut(), Arc::new(MemoryIndex::new()));
    assert_eq!(append(&mut machine, 2).unwrap()[0].outcome, Outcome::Found);
    assert_eq!(append(&mut machine, 3).unwrap()[0].position.0, 2);
}

/// Spec: COMMIT-5
#[test]
fn an_index_that_does_not_answer_refuses_and_is_asked_again() {
    let (storage, index) = (MemoryStorage::new(), Arc::new(Fragile::default()));
    let mut machine = start(&storage, index.clone());
    index.set(Trouble::QuestionsFail);
    let before = storage.mutations();
    let error = append(&mut machine, 1).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    assert!(matches!(error.kind(), AppendErrorKind::IndexFailed(_)), "{error}");
    assert_eq!(storage.mutations(), before);
    index.set(Trouble::None);
    assert_eq!(append(&mut machine, 1).unwrap()[0].position.0, 0);
    machine.close().unwrap();
}

/// An index that names another event's place neither finds a retry nor makes it a conflict.
///
/// Spec: INDEX-5, COMMIT-5
#[test]
fn an_index_that_names_another_place_is_not_believed() {
    let (storage, index) = (MemoryStorage::new(), Arc::new(Fragile::default()));
    let mut machine = start(&storage, index.clone());
    append(&mut machine, 1).unwrap();
    append(&mut machine, 2).unwrap();
    index.set(Trouble::WrongPlaces);
    let error = append(&mut machine, 2).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    assert!(matches!(error.kind(), AppendErrorKind::IndexFailed(_)), "{error}");
    index.set(Trouble::None);
    assert_eq!(append(&mut machine, 2).unwrap()[0].outcome, Outcome::Found);
}

/// A retry that cannot read what is stored is refused, and may be tried again.
///
/// Spec: COMMIT-5
#[test]
fn a_stored_event_that_cannot_be_read_refuses_the_retry_alone() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    append(&mut machine, 1).unwrap();
    storage.fail(0, Fault::Error(ErrorKind::Other));
    let error = append(&mut machine, 1).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    assert!(matches!(error.kind(), AppendErrorKind::Refused(_)), "{error}");
    assert_eq!(append(&mut machine, 1).unwrap()[0].outcome, Outcome::Found);
    assert_eq!(append(&mut machine, 2).unwrap()[0].position.0, 1);
    machine.close().unwrap();
}

/// A panic leaves the machine where nobody knows: it takes nothing more, and the next open says what there is.
///
/// Spec: COMMIT-10
#[test]
fn a_panic_in_the_machine_ends_it() {
    let (storage, index) = (MemoryStorage::new(), Arc::new(Fragile::default()));
    let mut machine = start(&storage, index.clone());
    append(&mut machine, 1).unwrap();
    index.set(Trouble::ApplyPanics);
    assert!(catch_unwind(AssertUnwindSafe(|| append(&mut machine, 2))).is_err());
    index.set(Trouble::None);
    assert!(matches!(machine.check(), Err(Poison::Panicked)));
    for number in [2, 3] {
        let error = append(&mut machine, number).unwrap_err();
        assert_eq!(error.fate(), Fate::NotWritten);
        assert!(matches!(error.kind(), AppendErrorKind::Poisoned(Poison::Panicked)), "{error}");
    }
    assert!(matches!(machine.close(), Err(CloseError::Poisoned(Poison::Panicked))));
    let mut machine = start(&storage.power_cut(), Arc::new(MemoryIndex::new()));
    assert_eq!(append(&mut machine, 2).unwrap()[0].outcome, Outcome::Found);
}

/// Spec: COMMIT-5
#[test]
fn a_closed_writer_refuses_with_the_ids() {
    let storage = MemoryStorage::new();
    let writer = start_writer(&storage, Arc::new(MemoryIndex::new()));
    writer.close().unwrap();
    let error = writer.append(&command(vec![event(1, "x"), event(2, "x")])).unwrap_err();
    assert_eq!((error.fate(), error.ids()), (Fate::NotWritten, &[id(1), id(2)][..]));
    assert!(matches!(error.kind(), AppendErrorKind::Closed), "{error}");
    writer.close().unwrap();
    start(&storage, Arc::new(MemoryIndex::new()));
}
