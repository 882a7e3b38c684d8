//! What goes wrong with a database file.

use std::error::Error;

use causelog_index::IndexError;
use causelog_io::IoError;

/// A database file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedbError {
    /// The path does not end in a file's name.
    #[error("{path} names no file: give the path of the database file")]
    NoName {
        /// The path given.
        path: String,
    },
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] IoError),
    /// An index has the file open, in this process or in another.
    #[error("{file} is open elsewhere: every open store needs a database file of its own")]
    InUse {
        /// The file.
        file: String,
    },
    /// The file holds something else, and is left as it is.
    #[error("{file} is not the database of an index: give another path")]
    NotAnIndex {
        /// The file.
        file: String,
    },
    /// The database failed. If it is damaged, the next open makes it anew.
    #[error("the index database {file} failed: {source}")]
    Database {
        /// The file.
        file: String,
        /// What the database said.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl From<RedbError> for IndexError {
    fn from(error: RedbError) -> Self {
        Self::Backend(Box::new(error))
    }
}

/// What stands in the database makes no sense.
pub(crate) fn damaged(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what}; delete the index database, and the next open makes it anew"))
}
