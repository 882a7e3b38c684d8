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
    /// The directory for the new store cannot be listed, or what does not verify cannot be removed from it.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Something failed after the writing of the new store had begun; what is in its directory is no store.
    #[error("{source}; {directory} is unfinished: remove it before you try again")]
    Unfinished {
        /// The directory.
        directory: String,
        /// What failed: the system refused to write there, or to read the damaged store.
        source: LogError,
    },
    /// Something is in the directory for the new store.
    #[error(
        "{directory} is not empty; give a directory that is, or one that is not there yet; remove it first if a salvage has left it unfinished"
    )]
    NotEmpty {
        /// The directory.
        directory: String,
    },
    /// The new store does not verify, so that it was made no store: what is in its directory is of no use.
    #[error("what was written does not verify ({0}); remove it, and try another disk")]
    NotSound(Finding),
}
