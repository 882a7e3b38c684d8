//! What an append can fail with, and what then has become of its events.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use causelog_index::IndexError;
use causelog_segment::LogError;
use causelog_types::{Coordinate, EventId, ExpectedRevision, InvalidValue, Position, Region, Revision};
use causelog_wire::EncodeError;

/// An append that was not acknowledged. It carries the ids of its events: appending them again settles it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}{}", what_became(ids, *fate))]
pub struct AppendError {
    ids: Vec<EventId>,
    fate: Fate,
    kind: AppendErrorKind,
}

/// What has become of the events of an append that was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// This append wrote none of them, and none will appear by it. Only an earlier append of the same ids may have
    /// written them.
    NotWritten,
    /// They may be in the log, or not. Append them again with the same ids: if they are there, the first receipts
    /// are returned. Where the writer has failed ([`AppendErrorKind::Poisoned`] is what further appends get), the
    /// store must be opened again for that; after a panic that its policy allows, it is started again by itself.
    Unknown,
    /// They are in the log, durably. Open the store again to see them, or append them again with the same ids.
    Written,
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendErrorKind {
    /// The batch is empty.
    #[error("the batch has no event")]
    EmptyBatch,
    /// The batch is beyond a limit.
    #[error("the batch has {given} {what}; at most {limit} are allowed")]
    BatchTooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// An event's frame is beyond its limit.
    #[error("event {index} of the batch takes {bytes} bytes; at most {limit} are allowed")]
    EventTooLarge {
        /// The event's place in the batch.
        index: usize,
        /// The length of its frame.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An event that could not be read back: its payload is empty, for one.
    #[error("event {index} of the batch cannot be written: {reason}")]
    Unreadable {
        /// The event's place in the batch.
        index: usize,
        /// What is wrong with it.
        reason: EncodeError,
    },
    /// An ordinary append of a library event.
    #[error("event {index} of the batch is a library event: its kind's category or its entity is reserved")]
    Reserved {
        /// The event's place in the batch.
        index: usize,
    },
    /// A value that the data model does not allow.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// Two events of the batch have the same id.
    #[error("event {id} is twice in the batch")]
    DuplicateId {
        /// The id.
        id: EventId,
    },
    /// The id is in the store with other content.
    #[error(
        "event {id} is already stored at position {position} with other content: read it, or append this one with another id"
    )]
    IdConflict {
        /// The id.
        id: EventId,
        /// Where the stored event stands.
        position: Position,
    },
    /// Some events of the batch are in the store with the same content, and some are not.
    #[error("of the batch, {} stored already: append the others alone", Are(stored))]
    PartlyStored {
        /// The ones that are stored.
        stored: Vec<EventId>,
    },
    /// A cause is neither in the store nor earlier in the batch.
    #[error(
        "event {index} of the batch names cause {cause}, which is neither stored nor earlier in the batch"
    )]
    UnknownCause {
        /// The event's place in the batch.
        index: usize,
        /// The cause.
        cause: EventId,
    },
    /// The stream is not as expected.
    #[error(
        "event {index} of the batch: stream {stream} was expected {}, but {}",
        Expected(*expected),
        Actual(*actual, *place)
    )]
    WrongRevision {
        /// The event's place in the batch.
        index: usize,
        /// The stream.
        stream: Coordinate,
        /// What was expected.
        expected: ExpectedRevision,
        /// The revision of its last event; `None` when it is empty.
        actual: Option<Revision>,
        /// Where that event stands.
        place: Option<Place>,
    },
    /// An event has come that a condition does not allow.
    #[error(
        "condition {index} of the append does not hold: event {id} of its region stands at position {position}, and none may stand at {from} or later; read again and decide anew"
    )]
    ConditionFailed {
        /// The place of the condition: those on regions in the order given, then the witnesses.
        index: usize,
        /// Which events must not have come.
        region: Box<Region>,
        /// From which position on.
        from: Position,
        /// The first such event.
        id: EventId,
        /// Where it stands.
        position: Position,
    },
    /// A condition asks about positions whose events were lost, so nobody can tell whether it holds.
    #[error(
        "condition {index} of the append cannot be judged: the events at positions {} up to before {} were lost, and one of them may have been of its region; ask over gaps to be judged by what is there", lost.start, lost.end
    )]
    ConditionUnknown {
        /// The place of the condition: those on regions in the order given, then the witnesses.
        index: usize,
        /// The first positions that were lost, as far as it asks about them.
        lost: Range<Position>,
    },
    /// A witness that this store has not given.
    #[error("the witness was given by another store, or by a later state of this one; read again here")]
    ForeignWitness,
    /// There is no room for the events among those that wait to be written, or the writer is being started again.
    /// There is room for 4,096 events or 4 MiB, whichever comes first, and for 16,384 callers that wait.
    #[error("the queue of events that wait to be written is full: try again, or append with a wait for room")]
    QueueFull,
    /// The stored event of the id, or one that a condition asks about, is damaged. Nothing was written, and nothing
    /// will be until it can be read.
    #[error("a stored event that the append is to be compared with cannot be read: {0}")]
    StoredUnreadable(Arc<LogError>),
    /// The log refused, before anything was written; it may not the next time.
    #[error("the log cannot take the events now: {0}")]
    Refused(Arc<LogError>),
    /// The log failed. The writer takes no more appends until the store is opened again.
    #[error("the log failed: {0}")]
    LogFailed(Arc<LogError>),
    /// The index failed. After a failure behind a sync, the writer takes no more appends.
    #[error("the index failed: {0}")]
    IndexFailed(Arc<IndexError>),
    /// The writer has failed before; open the store again.
    #[error("the writer takes no more appends since an earlier failure ({0}); open the store again")]
    Poisoned(Poison),
    /// The writer panicked with these events in hand. It is started again if its policy allows: then the same store
    /// takes them again.
    #[error("the writer panicked with the events in hand")]
    Panicked,
    /// The store was opened before a `fork` and is used by the child.
    #[error("the store was opened by process {opened_by}, and this one is its child; open it again here")]
    OtherProcess {
        /// The process that opened it.
        opened_by: u32,
    },
    /// The store is open read-only.
    #[error("the store is open read-only")]
    ReadOnly,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// Where an event stands that an append has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this position of the store.
    Store(Position),
    /// In the batch that is being appended: so many events are before it.
    Batch(usize),
}

/// Why a writer takes no more appends.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Poison {
    /// A step of the log failed.
    #[error(transparent)]
    Log(Arc<LogError>),
    /// The index failed.
    #[error(transparent)]
    Index(Arc<IndexError>),
    /// The writer panicked, and was not or could not be started again.
    #[error("the writer panicked, and its restart policy allows no further restart")]
    Panicked,
    /// The writer panicked, and the log could not be opened again.
    #[error("the writer panicked, and could not be started again: {0}")]
    NotRestarted(Arc<CatchUpError>),
    /// The writer panicked, and the log then ended before what readers had already been shown.
    #[error(
        "after a panic the log ends at position {found}, before {published}, which readers had been shown"
    )]
    Shrunk {
        /// Where the log ends.
        found: Position,
        /// What had been shown.
        published: Position,
    },
}

impl AppendError {
    /// Makes an error of an append of these events.
    #[must_use]
    pub fn new(ids: Vec<EventId>, fate: Fate, kind: AppendErrorKind) -> Self {
        Self { ids, fate, kind }
    }

    /// The ids of the events, in the order given; on a store that is open read-only, those that were given.
    #[must_use]
    pub fn ids(&self) -> &[EventId] {
        &self.ids
    }

    /// What has become of the events.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &AppendErrorKind {
        &self.kind
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotWritten => "this append wrote nothing",
            Self::Unknown => {
                "whether the events were written is unknown: append them again with the same ids, and open the store again first if it takes no more appends"
            }
            Self::Written => "the events were written: open the store again to see them",
        })
    }
}

/// Nothing is said of events where there are none: a sync that was asked for, for one.
fn what_became(ids: &[EventId], fate: Fate) -> String {
    if ids.is_empty() { String::new() } else { format!("; {fate}") }
}

struct Are<'a>(&'a [EventId]);

impl fmt::Display for Are<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none are"),
            [id] => write!(f, "event {id} is"),
            [id, others @ ..] => write!(f, "event {id} and {} more are", others.len()),
        }
    }
}

struct Expected(ExpectedRevision);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ExpectedRevision::Any => f.write_str("in any state"),
            ExpectedRevision::Empty => f.write_str("to be empty"),
            ExpectedRevision::Exists => f.write_str("to have events"),
            ExpectedRevision::Exactly(revision) => write!(f, "at revision {revision}"),
        }
    }
}

struct Actual(Option<Revision>, Option<Place>);

impl fmt::Display for Actual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(revision, place) = self;
        match revision {
            None => f.write_str("it is empty"),
            Some(revision) => write!(f, "it is at revision {revision}"),
        }?;
        match place {
            Some(Place::Store(position)) => write!(f, ", by the event at position {position}"),
            Some(Place::Batch(index)) => write!(f, ", by event {index} of the same batch"),
            None => Ok(()),
        }
    }
}

/// A store whose index could not be brought up to its log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatchUpError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The index.
    #[error(transparent)]
    Index(IndexError),
    /// The writer's thread could not be started.
    #[error("the writer's thread cannot be started: {0}")]
    Thread(Arc<std::io::Error>),
}

impl From<IndexError> for CatchUpError {
    /// Damage of the log is told as such, though an index has met it.
    fn from(error: IndexError) -> Self {
        error.into_backend().map_or_else(Self::Index, Self::Log)
    }
}

/// A position that has not become durable while it was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The time is over.
    #[error("the time is over; what is durable ends at position {durable}")]
    TimedOut {
        /// Up to where events are durable.
        durable: Position,
    },
    /// The writer has failed or is closed: a sync says which.
    #[error(
        "nothing more will become durable, since the writer has failed or is closed; what is durable ends at position {durable}; open the store again"
    )]
    Ended {
        /// Up to where events are durable.
        durable: Position,
    },
    /// The store is open read-only: it holds what had been published at its open.
    #[error("the store is open read-only and ends at position {durable}; open it again to see more")]
    ReadOnly {
        /// Where it ends.
        durable: Position,
    },
    /// The store was opened before a `fork` and is used by the child.
    #[error("the store was opened by process {opened_by}, and this one is its child; open it again here")]
    OtherProcess {
        /// The process that opened it.
        opened_by: u32,
    },
}

/// A close that could not end the log in order. Nothing acknowledged is lost; the next open recovers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The writer had failed before.
    #[error(
        "the store was not closed cleanly, since the writer had failed before: {0}; the next open recovers"
    )]
    Poisoned(Poison),
    /// A step failed.
    #[error("the store was not closed cleanly: {0}; the next open recovers")]
    Log(LogError),
}
