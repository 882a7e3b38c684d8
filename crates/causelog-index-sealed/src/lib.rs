//! The default index of causelog: index files of sealed segments, memory for the tail.
//!
//! A sealed segment never changes, so what an index needs to know of it is written once, into a file of its own
//! that is bound to the segment by store, number, length and root. At an open the files are read in place of
//! the frames; only the last segment's frames are. Index files are derived: they may be deleted at any time and
//! cost only the time to make them again.
//!
//! This crate does not know the writer.
//!
//! # Example
//!
//! ```
//! use causelog_index::{Counts, Index};
//! use causelog_index_sealed::{IndexFiles, SealedIndex};
//! use causelog_io::{Environment, MemoryStorage};
//! use causelog_segment::{AppenderSettings, open_writer};
//! use causelog_types::Position;
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::real(Arc::new(MemoryStorage::new()));
//! let (log, snapshot, _, _) = open_writer(&environment, AppenderSettings::default())?;
//! let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
//! assert_eq!(index.counts(Position(0))?, Counts::default());
//! # Ok(())
//! # }
//! ```

mod inspect;
mod load;
mod sealed;
mod tail;

pub use inspect::{IndexFileFinding, IndexFileFlaw, IndexFilesReport, inspect_index_files};
pub use sealed::{IndexFiles, SealedIndex};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
