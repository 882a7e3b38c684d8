//! What a read can fail with.

use causelog_index::IndexError;
use causelog_segment::LogError;
use causelog_types::{EventId, Position};

/// A read that could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log is damaged where it was read, or the system refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index names an event that does not stand where it says.
    #[error(
        "the index says that event {id} stands at position {position}, but it does not; remove the index files"
    )]
    Stale {
        /// The event.
        id: EventId,
        /// Where the index says it stands.
        position: Position,
    },
    /// The payload is not the one that the event's header vouches for: it was changed behind the library's back.
    #[error(
        "the payload of event {id} at position {position} is not the one that its header vouches for; verify the store"
    )]
    PayloadChanged {
        /// The event.
        id: EventId,
        /// Where it stands.
        position: Position,
    },
    /// There is no such event.
    #[error("event {id} is not in the store")]
    NotFound {
        /// The event.
        id: EventId,
    },
}
