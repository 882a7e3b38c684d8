//! The log of causelog: segment files, append, seal, scan, byte-level recovery, and the published end.
//!
//! A log is a directory of numbered segments; a segment is a sequence of commit groups; a group is what one
//! sync made durable, and is there as a whole or not at all. [`open_writer`] recovers the end of the log and
//! hands out its two sides: an [`Appender`], a sequence of plain steps with no thread in it, and a [`Log`] to
//! read from. [`inspect`] walks over everything and goes on behind damage.
//!
//! This crate knows bytes and groups. It does not know streams, policy gates or the index.
//!
//! # Example
//!
//! ```
//! use causelog_io::{Environment, MemoryStorage};
//! use causelog_segment::{AppenderSettings, open_reader, open_writer};
//! use causelog_types::*;
//! use causelog_wire::{GroupBuffer, hash};
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::real(Arc::new(MemoryStorage::new()));
//! let (log, _, mut appender, _) = open_writer(&environment, AppenderSettings::default())?;
//!
//! let payload = Payload::encode("opened")?;
//! let (id, hlc) = (EventId::from_u128(7), Hlc { wall_ms: 1, counter: 0 });
//! let header = Header {
//!     id,
//!     coordinate: Coordinate::new("door:1", "home")?,
//!     kind: EventKind::of::<0x1001>(),
//!     payload_version: 0,
//!     position: Position(0),
//!     revision: Revision(0),
//!     previous_hash: None,
//!     payload_hash: hash::payload(payload.as_bytes()),
//!     dag: DagPosition { correlation_id: id, causes: Causes::none(), depth: Depth(0), hlc, occurred_ms: None },
//!     tags: Tags::none(),
//!     evidence: None,
//!     batch_remaining: 0,
//!     salted: false,
//! };
//! let mut group = GroupBuffer::new();
//! group.push(&header, payload.as_bytes())?;
//! appender.place(group.len())?;
//! appender.write(&mut group, hlc)?;
//! appender.sync()?;
//! appender.close()?;
//!
//! let (log, snapshot, report) = open_reader(&environment)?;
//! assert_eq!(report.head.position, Position(1));
//! let groups: Result<Vec<_>, _> = log.groups(&snapshot, Position(0)).collect();
//! assert_eq!(groups?[0].events[0].header, header);
//! # Ok(())
//! # }
//! ```

mod append;
mod directory;
mod ends;
mod error;
mod findings;
mod group;
mod handles;
mod inspect;
mod lock;
mod log;
mod names;
mod open;
mod progress;
mod published;
mod report;
mod rescue;
mod scan;
mod segment;
mod shown;
mod survey;
mod tail;
mod window;

pub use append::{Appender, AppenderSettings, Placement, StepError};
pub use directory::{Directory, NamedFile};
pub use error::{Damage, DamageKind, LogError};
pub use findings::{FINDINGS_MAX, Findings};
pub use group::{Group, StoredEvent};
pub use inspect::{Inspection, Visit, inspect};
pub use lock::HeldLock;
pub use log::{FrameReader, Groups, Log};
pub use names::{CLOSED_FILE, FileName, STORE_FILE, index_name, segment_name, temporary_name};
pub use open::{open_reader, open_writer, reopen_writer};
pub use progress::Progress;
pub use published::{LogEnd, Published, Snapshot, Waited};
pub use report::{Left, OpenReport, TornTail};
pub use rescue::{Rescue, Rescued, RescuedGroups};
pub use segment::{Segment, SegmentEnd, SegmentList, sealed_end};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
