//! The one error of an index.

use causelog_types::Position;

/// An index that cannot answer, or was fed wrongly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A group begins after the watermark: something between is missing.
    #[error("the index stands at position {expected}, but was given a group that begins at {found}")]
    OutOfOrder {
        /// The position due.
        expected: Position,
        /// The position given.
        found: Position,
    },
    /// The index was given events of another store than the one it holds.
    #[error("the index holds another store's events; reset it first")]
    OtherStore,
    /// More events than the backend can hold.
    #[error("the index can hold no more {what}")]
    Full {
        /// What there is too much of.
        what: &'static str,
    },
    /// The backend's own trouble. A backend that reads the log and finds it damaged gives the log's error as it is: the
    /// writer and readers tell of that as of any damage.
    #[error("the index backend failed: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl IndexError {
    /// Takes out the backend's own trouble, if it is of this type.
    ///
    /// # Errors
    /// It is of another, or the trouble is not the backend's own: the error as it was.
    pub fn into_backend<E: std::error::Error + 'static>(self) -> Result<E, Self> {
        match self {
            Self::Backend(source) => source.downcast().map(|error| *error).map_err(Self::Backend),
            other => Err(other),
        }
    }
}
