//! Many tasks of two runtimes append to one store.

use std::sync::Arc;

use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, Coordinate, EventId, EventKind, ExpectedRevision, NewEvent,
    Store,
};
use causelog_examples_async::{append_in_turn, append_together};

const TASKS: u64 = 8;
const EVENTS: u64 = 20;

fn events(runtime: &str, task: u64) -> Vec<NewEvent> {
    let stream = Coordinate::new(runtime, task.to_string()).unwrap();
    (0..EVENTS).map(|number| NewEvent::new(&stream, EventKind::of::<0x1001>(), &number).unwrap()).collect()
}

async fn append(
    store: Arc<Store>,
    runtime: &'static str,
    task: u64,
) -> Result<Vec<AppendReceipt>, AppendError> {
    match task % 2 {
        0 => append_in_turn(&store, events(runtime, task)).await,
        _ => append_together(&store, events(runtime, task)).await,
    }
}

#[track_caller]
fn check_stream(receipts: &[AppendReceipt]) -> Vec<EventId> {
    assert!(receipts.iter().map(|receipt| receipt.revision.0).eq(0..EVENTS));
    receipts.iter().map(|receipt| receipt.id).collect()
}

/// Spec: COMMIT-1, COMMIT-13
#[test]
fn tasks_of_two_runtimes_share_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path().join("events")).unwrap());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let of_tokio: Vec<_> =
        (0..TASKS).map(|task| tokio.spawn(append(Arc::clone(&store), "tokio", task))).collect();
    let of_smol: Vec<_> =
        (0..TASKS).map(|task| smol::spawn(append(Arc::clone(&store), "smol", task))).collect();
    let mut ids = Vec::new();
    for task in of_smol {
        ids.extend(check_stream(&smol::block_on(task).unwrap()));
    }
    for task in of_tokio {
        ids.extend(check_stream(&tokio.block_on(task).unwrap().unwrap()));
    }
    assert_eq!(store.end().position.0, 2 * TASKS * EVENTS);
    assert!(ids.iter().all(|id| store.get(*id).unwrap().is_some()));
}

/// Spec: COND-1, COND-3
#[test]
fn a_refusal_is_awaited_like_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path().join("events")).unwrap());
    let event = |task| events("door", task).remove(0).expecting(ExpectedRevision::Empty);
    smol::block_on(async {
        let (first, second) = (store.submit(event(1)).unwrap(), store.submit(event(1)).unwrap());
        assert_eq!(first.await.unwrap().len(), 1);
        let refused = second.await.unwrap_err();
        assert!(matches!(refused.kind(), AppendErrorKind::WrongRevision { .. }), "{refused}");
    });
}

/// A task that is dropped takes nothing back.
///
/// Spec: COMMIT-2
#[test]
fn a_dropped_task_leaves_its_event() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("events")).unwrap();
    let event = events("door", 1).remove(0);
    drop(store.submit(event.clone()).unwrap());
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    tokio.block_on(async { store.submit(event).unwrap().await.unwrap() });
    drop(tokio);
    assert_eq!(store.end().position.0, 2);
}
