//! The default index of causelog: index files for what the log has held for a while, memory for the tail.
//!
//! What an index needs to know of events that stand in the log does not change any more, so it is written once, into a
//! file that is bound to the log by store, positions and roots. At an open only the headers of these files are read;
//! questions read the blocks they need, and check them when they are first read. Files of a size are merged into one,
//! so that their number grows with the logarithm of the history. Index files are derived: they may be deleted at any
//! time and cost only the time to make them again.
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
//! let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained, 2 * 1024 * 1024);
//! assert_eq!(index.counts(Position(0))?, Counts::default());
//! # Ok(())
//! # }
//! ```

mod file;
mod inspect;
mod merge;
mod names;
mod open;
mod parts;
mod rebuild;
mod run;
mod sealed;
mod select;
mod shared;
mod table;
mod tail;
mod tiers;
mod work;
mod write;

pub use inspect::{IndexFileFinding, IndexFileFlaw, IndexFilesReport, IndexInspection, inspect_index_files};
pub use sealed::SealedIndex;
pub use shared::IndexFiles;

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
