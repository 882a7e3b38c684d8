//! Queries, causal graph walks and verification of a causelog store.
//!
//! A [`Reader`] puts together a log's published end and an index: single events, the events of a region in
//! either direction, heads of streams, ancestors and descendants. Whatever an index names is checked against
//! the event itself. [`verify`] needs no index: it walks over every group, frame, chain and root.
//!
//! This crate writes nothing and does not know the writer.
//!
//! # Example
//!
//! ```
//! use causelog_index::MemoryIndex;
//! use causelog_io::{Environment, MemoryStorage};
//! use causelog_reader::{Query, Reader, verify};
//! use causelog_segment::{AppenderSettings, Published, open_reader, open_writer};
//! use causelog_types::Region;
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let disk = Arc::new(MemoryStorage::new());
//! let environment = Environment::real(disk.clone());
//! let (_, _, appender, _) = open_writer(&environment, AppenderSettings::default())?;
//! appender.close()?;
//!
//! let (log, snapshot, _) = open_reader(&environment)?;
//! let reader = Reader::new(log, Published::new(snapshot), Arc::new(MemoryIndex::new()));
//! assert_eq!(reader.read(Query::new(Region::all())).count(), 0);
//! assert!(verify(disk)?.is_sound());
//! # Ok(())
//! # }
//! ```

mod compare;
mod error;
mod graph;
mod query;
mod reader;
mod verify;

pub use compare::{IndexQuestion, IndexReport};
pub use error::ReadError;
pub use graph::{Ancestors, Descendants};
pub use query::{Events, Gaps, Payloads, Query};
pub use reader::Reader;
pub use verify::Checker;
pub use verify::{
    Finding, FindingKind, VerifyReport, verify, verify_against, verify_telling, verify_visiting,
};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
