//! What a closed writer says, call by call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use causelog_index::MemoryIndex;
use causelog_io::MemoryStorage;
use causelog_types::{Position, Region};

use super::helpers::{Fragile, Trouble, command, event, id, start_writer, try_start_writer};
use crate::{
    AppendErrorKind, CatchUpError, Durability, Fate, ReceiveError, RestartPolicy, WaitError, Writer,
};

fn closed() -> Writer {
    let writer = start_writer(&MemoryStorage::new(), Arc::new(MemoryIndex::new()));
    writer.append(&command(vec![event(1, "x")])).unwrap();
    writer.close().unwrap();
    writer
}

/// Spec: COMMIT-17
#[test]
fn a_closed_writer_refuses_every_call() {
    let (writer, command) = (closed(), command(vec![event(2, "x"), event(3, "x")]));
    let errors = [
        writer.append(&command).unwrap_err(),
        writer.try_append(&command).unwrap_err(),
        writer.append_timeout(&command, Duration::from_secs(600)).unwrap_err(),
        writer.submit(&command).unwrap_err(),
        writer.try_submit(&command).unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.fate(), error.ids()), (Fate::NotWritten, &[id(2), id(3)][..]));
        assert!(matches!(error.kind(), AppendErrorKind::Closed), "{error}");
    }
    assert!(matches!(writer.sync().unwrap_err().kind(), AppendErrorKind::Closed));
    writer.close().unwrap();
}

/// Spec: COMMIT-16
#[test]
fn a_closed_writer_tells_what_is_durable() {
    let writer = closed();
    assert_eq!(writer.durable_position(), Position(1));
    assert_eq!(writer.wait_durable(Position(1), Duration::ZERO), Ok(()));
    let ended = writer.wait_durable(Position(2), Duration::from_secs(600));
    assert_eq!(ended, Err(WaitError::Ended { durable: Position(1) }));
}

/// Who subscribes to a closed writer does not wait for ever.
///
/// Spec: COMMIT-17, COMMIT-19
#[test]
fn a_closed_writer_has_nothing_to_tell() {
    let writer = closed();
    let notices = writer.notifications(Region::all(), 1);
    assert_eq!(notices.try_receive(), Err(ReceiveError::Closed));
}

/// However a writer ends, and where it does not even begin, the index is told while it may still write: it may keep files
/// in the directory.
///
/// Spec: LOCK-1
#[test]
fn an_index_is_told_of_the_end_while_the_lock_is_held() {
    let storage = MemoryStorage::new();
    let index = Arc::new(Fragile::writing(&storage));
    let writer = start_writer(&storage, index.clone());
    writer.append(&command(vec![event(1, "x")])).unwrap();
    writer.close().unwrap();
    assert!(index.ends.load(Ordering::SeqCst) > 0, "closed");

    let index = Arc::new(Fragile::writing(&storage));
    let writer = start_writer(&storage, index.clone());
    index.set(Trouble::ApplyFails);
    assert!(writer.append(&command(vec![event(2, "x")])).is_err());
    drop(writer);
    assert!(index.ends.load(Ordering::SeqCst) > 0, "failed");

    let index = Arc::new(Fragile::writing(&storage));
    index.set(Trouble::ApplyFails);
    let refused = try_start_writer(&storage, index.clone(), Durability::Sync, RestartPolicy::Once);
    assert!(matches!(refused.map(drop), Err(CatchUpError::Index(_))));
    assert!(index.ends.load(Ordering::SeqCst) > 0, "not begun");
    start_writer(&storage, Arc::new(Fragile::default()));
}
