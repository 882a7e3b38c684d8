//! An id twice in one batch.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::MemoryStorage;

use super::helpers::{command, event, id, start_machine};
use crate::{AppendErrorKind, Durability, Machine, Offered};

#[track_caller]
fn check_refused(machine: &mut Machine<u32>) {
    let Offered::Answered(told) = machine.offer(&command(vec![event(1, "x"), event(1, "x")]), 9) else {
        panic!("it waits");
    };
    let error = told.answer.unwrap_err();
    assert!(matches!(error.kind(), AppendErrorKind::DuplicateId { id: twice } if *twice == id(1)), "{error}");
}

/// The same verdict wherever the event stands by then: nowhere, staged, being written, committed.
///
/// Spec: IDEM-1
#[test]
fn an_id_twice_in_a_batch_is_refused_at_once() {
    let mut machine = start_machine(&MemoryStorage::new(), Arc::new(MemoryIndex::new()), Durability::Sync);
    check_refused(&mut machine);
    let offered = machine.offer(&command(vec![event(1, "x")]), 1);
    assert!(matches!(offered, Offered::Waits));
    check_refused(&mut machine);
    let job = machine.next_job().unwrap();
    check_refused(&mut machine);
    assert_eq!(machine.finish(job.run()).len(), 1);
    check_refused(&mut machine);
}
