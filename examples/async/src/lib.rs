//! Appending to a causelog from async code.
//!
//! [`Store::try_submit`] hands events over and gives a ticket, which is a future: it needs no runtime, and
//! whichever is there can await it. The functions here know none; the example and the test run them in two.

use causelog::{AppendError, AppendReceipt, NewEvent, Store};

/// Appends one event after the other, each when the one before is on disk.
///
/// # Errors
/// The first that is not acknowledged; a full queue is one, since waiting for room would block the runtime.
pub async fn append_in_turn(
    store: &Store,
    events: impl IntoIterator<Item = NewEvent>,
) -> Result<Vec<AppendReceipt>, AppendError> {
    let mut receipts = Vec::new();
    for event in events {
        receipts.extend(store.try_submit(event)?.await?);
    }
    Ok(receipts)
}

/// Hands all events over and then awaits them: they share syncs.
///
/// # Errors
/// The first that is not acknowledged; what had been handed over before is appended all the same.
pub async fn append_together(
    store: &Store,
    events: impl IntoIterator<Item = NewEvent>,
) -> Result<Vec<AppendReceipt>, AppendError> {
    let tickets: Result<Vec<_>, _> = events.into_iter().map(|event| store.try_submit(event)).collect();
    let mut receipts = Vec::new();
    for ticket in tickets? {
        receipts.extend(ticket.await?);
    }
    Ok(receipts)
}
