//! Who waits for a group, and what they are told.

use std::ops::Range;

use causelog_types::EventId;

use crate::command::AppendReceipt;
use crate::error::AppendError;

/// Somebody who waits for a group to be committed.
pub(crate) struct Waiting<T> {
    pub(crate) who: T,
    pub(crate) answer: Answer,
}

/// What they are told then.
pub(crate) enum Answer {
    /// The receipts of these events of the group.
    Staged(Range<usize>),
    /// The receipts of these events, which are committed then.
    Found(Vec<EventId>),
    /// The receipts of these events, which were written before and are synced then.
    FoundUnsynced(Vec<EventId>),
    /// A refusal that rests on an event of the group.
    Refused(AppendError),
    /// That everything is synced.
    Synced,
}

/// An answer, and whose it is. Whoever asked for a sync alone is answered without receipts.
#[derive(Debug)]
pub struct Answered<T> {
    /// Who asked.
    pub who: T,
    /// The answer.
    pub answer: Result<Vec<AppendReceipt>, AppendError>,
}
