//! What a measurement can fail with.

use std::io;

use causelog::{AppendError, CloseError, InvalidValue, IoError, OpenError};

/// A measurement that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A sync means nothing there.
    #[error("{directory} is in memory, where a sync means nothing: choose a directory on a disk")]
    InMemory {
        /// The directory.
        directory: String,
    },
    /// A directory or a thread could not be made, or a file not be removed.
    #[error(transparent)]
    System(#[from] IoError),
    /// A bare loop could not write.
    #[error("the bare loop cannot write: {0}")]
    Bare(#[source] io::Error),
    /// The events.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
    /// The store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store refused events.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// A thread that appends has panicked.
    #[error("a thread that appends has panicked")]
    CallerPanicked,
}
