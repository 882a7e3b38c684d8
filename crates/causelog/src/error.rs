//! What opening a store can fail with.

use std::sync::Arc;

use causelog_index::IndexError;
use causelog_io::IoError;
use causelog_segment::LogError;
use causelog_writer::CatchUpError;

/// A store that could not be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The log: it is locked, damaged, not there, or the system refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The index could not be brought up to the log.
    #[error("the index cannot be brought up to the log: {0}")]
    Index(#[from] IndexError),
    /// The writer's thread could not be started.
    #[error("the writer's thread cannot be started: {0}")]
    Thread(Arc<std::io::Error>),
    /// An option is out of its range.
    #[error("{option} is {given}; it must be {least} to {most}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        given: u64,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
}

impl From<IoError> for OpenError {
    fn from(error: IoError) -> Self {
        Self::Log(error.into())
    }
}

impl From<CatchUpError> for OpenError {
    fn from(error: CatchUpError) -> Self {
        match error {
            CatchUpError::Log(error) => Self::Log(error),
            CatchUpError::Index(error) => Self::Index(error),
            CatchUpError::Thread(error) => Self::Thread(error),
            error => Self::Index(IndexError::Backend(Box::new(error))),
        }
    }
}
