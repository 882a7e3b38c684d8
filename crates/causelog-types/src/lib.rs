//! Vocabulary of the causelog event store.
//!
//! Coordinates, kinds, ids, positions, revisions, the hybrid logical clock, causes, tags, gate evidence,
//! hashes, headers, events, and [`Region`], the one predicate that serves every kind of reading.
//!
//! This crate does no I/O, reads no clock, makes no randomness and knows no byte of the file format.
//! Every value is checked when it is made, so that the layers above never check twice.
//!
//! # Example
//!
//! ```
//! use causelog_types::{Clause, Coordinate, EventKind, NewEvent, Region};
//!
//! # fn main() -> Result<(), causelog_types::InvalidValue> {
//! const OPENED: EventKind = EventKind::of::<0x1001>();
//! let door = Coordinate::new("door:1", "home")?;
//! let event = NewEvent::new(&door, OPENED, &("front", 3))?.with_tags(["night"])?;
//! assert_eq!(event.coordinate().entity(), "door:1");
//!
//! let doors: Region = Clause::new().entity_prefix("door:")?.tag("night")?.into();
//! assert!(doors.matches(&event.facts()));
//! assert!(!Region::entity("door:11")?.matches(&event.facts()));
//! # Ok(())
//! # }
//! ```

mod clock;
mod coordinate;
mod dag;
mod error;
mod event;
mod evidence;
mod hash;
mod id;
mod kind;
pub mod limits;
mod number;
mod payload;
mod planted;
mod region;
mod tags;

pub use clock::Hlc;
pub use coordinate::Coordinate;
pub use dag::{Causes, DagPosition};
pub use error::InvalidValue;
pub use event::{Event, ExpectedRevision, Header, NewEvent, StoreHead, StreamHead};
pub use evidence::Evidence;
pub use hash::{EventHash, PayloadHash, Root};
pub use id::{EventId, StoreId};
pub use kind::{Category, EventKind};
pub use number::{ByteOffset, Depth, Location, Position, Revision, SegmentNumber, widen};
pub use payload::Payload;
#[cfg(causelog_planted)]
pub use planted::is_planted;
pub use region::{Clause, EntityMatch, Facts, KindMatch, Region};
pub use tags::Tags;

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
