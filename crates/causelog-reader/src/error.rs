//! What a read can fail with.

use std::fmt;

use causelog_index::IndexError;
use causelog_segment::LogError;
use causelog_types::{ByteOffset, EventId, Position};

/// A read that could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log is damaged where it was read, or the system refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The index failed.
    #[error(transparent)]
    Index(IndexError),
    /// The index names an event that does not stand where it says.
    #[error(
        "{file}, offset {offset}: the index says that event {id} stands here, at position {position}, but it does not; remove the index files"
    )]
    Stale {
        /// The file, with its path as far as known.
        file: String,
        /// Where, from its beginning.
        offset: ByteOffset,
        /// The event.
        id: EventId,
        /// Where the index says it stands.
        position: Position,
    },
    /// The payload is not the one that the event's header vouches for: it was changed behind the library's back.
    #[error(
        "{file}, offset {offset}: the payload of event {id} at position {position} is not the one that its header vouches for"
    )]
    PayloadChanged {
        /// The file, with its path as far as known.
        file: String,
        /// Where its frame begins, from the file's beginning.
        offset: ByteOffset,
        /// The event.
        id: EventId,
        /// Where it stands.
        position: Position,
    },
    /// Positions that were asked for hold no event any more: it was lost, and salvage has left a gap. What stands
    /// behind it follows.
    #[error("{}; what stands behind follows", AreLost(*from, *to))]
    Lost {
        /// The first position.
        from: Position,
        /// The position after the last.
        to: Position,
    },
    /// A cause is not in the store, in which events were lost. What else there is follows.
    #[error("event {cause}, a cause of event {effect}, is not in the store, in which events were lost")]
    CauseLost {
        /// The cause.
        cause: EventId,
        /// The event that names it.
        effect: EventId,
    },
    /// There is no such event.
    #[error("event {id} is not in the store")]
    NotFound {
        /// The event.
        id: EventId,
    },
}

impl From<IndexError> for ReadError {
    /// Damage of the log is told as such, though an index has met it.
    fn from(error: IndexError) -> Self {
        error.into_backend().map_or_else(Self::Index, Self::Log)
    }
}

/// Says of events from one position to before another that they are lost.
struct AreLost(Position, Position);

impl fmt::Display for AreLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(from, to) = self;
        match to.since(*from) {
            Some(1) => write!(f, "the event at position {from} is lost"),
            _ => write!(f, "the events at positions {from} to {} are lost", to.0.saturating_sub(1)),
        }
    }
}
