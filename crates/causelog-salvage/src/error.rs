//! What salvaging can fail with.

use causelog_io::IoError;
use causelog_reader::Finding;
use causelog_segment::LogError;

/// A salvage that was not done. The damaged store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SalvageError {
    /// The damaged store cannot be read: it is in use, a newer release wrote it, there is none, or the system
    /// refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The new store cannot be written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Something is in the directory for the new store.
    #[error("{directory} is not empty; give a directory that is, or one that is not there yet")]
    NotEmpty {
        /// The directory.
        directory: String,
    },
    /// The new store does not verify, so that it was made no store: what is in its directory is of no use.
    #[error("what was written does not verify ({0}); remove it, and try another disk")]
    NotSound(Finding),
}
