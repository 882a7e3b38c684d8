//! An index of causelog in one database file, on the redb key-value store.
//!
//! [`RedbIndex`] implements the `Index` trait. Nothing of it grows with the store but the file: a question reads the
//! pages it needs, through a cache of bounded size. It suits who wants one file instead of an index file a segment,
//! or a process that may not hold an index in memory.
//!
//! The file is derived from the log, as every index is: it may be deleted, and what a crash takes of it is applied
//! again. All that is read or written goes through `causelog-io`, so that tests cut its power too.
//!
//! This crate does not know the log, the writer or the readers.
//!
//! # Example
//!
//! ```
//! use causelog_index::{Counts, Index};
//! use causelog_index_redb::{Check, RedbIndex};
//! use causelog_io::MemoryStorage;
//! use causelog_types::Position;
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let directory = MemoryStorage::new();
//! let index = RedbIndex::open_in(Arc::new(directory), "events.redb", Check::WholeFile)?;
//! assert_eq!(index.watermark()?, None);
//! assert_eq!(index.counts(Position(0))?, Counts::default());
//! # Ok(())
//! # }
//! ```

mod apply;
mod error;
mod file;
mod index;
mod open;
mod plan;
mod record;
mod select;
mod tables;

pub use error::RedbError;
pub use index::RedbIndex;
pub use open::Check;

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
