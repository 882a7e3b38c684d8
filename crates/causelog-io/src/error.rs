//! The one error of this crate: what was tried, on which file, and what the system said.

use std::io;

/// An operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {file}: {source}")]
pub struct IoError {
    /// What was tried: a verb, as `read` or `sync the data of`.
    pub operation: &'static str,
    /// The file or directory, with its path as far as known.
    pub file: String,
    /// What the system said.
    pub source: io::Error,
}

impl IoError {
    /// Makes an error of what the system said; for `map_err`.
    pub fn on(operation: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { operation, file: file.into(), source }
    }
}
