//! The index of the causelog event store: what answers questions about events without reading the log.
//!
//! [`Index`] is the contract. The writer feeds an index with committed groups, and the writer and the readers ask
//! it for heads of streams, for events by id, for the events of a region, and for effects. Every question is asked
//! *as of* a position, so that readers see whole groups while the writer is further on.
//!
//! It is a trait because workloads differ: [`MemoryIndex`] keeps everything in memory, the default backend keeps
//! sealed segments in files, and others may use a database. The log alone is the truth: an index that does not
//! agree with it is reset and fed again. The feature `conformance` adds the suite that every backend must pass.
//!
//! This crate does no I/O and knows no frames: it is told where a frame stands, and gives that back.
//!
//! # Example
//!
//! ```
//! use causelog_index::{
//!     AppliedEvent, AppliedGroup, Direction, Index, MemoryIndex, Selection, Watermark,
//! };
//! use causelog_types::{
//!     ByteOffset, Causes, Clause, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Header, Hlc,
//!     InvalidValue, Location, PayloadHash, Position, Region, Revision, Root, SegmentNumber, StoreId, Tags,
//! };
//!
//! /// The header of an event without causes, the first of its stream.
//! fn header(position: u64, entity: &str) -> Result<Header, InvalidValue> {
//!     let id = EventId::from_u128(100 + u128::from(position));
//!     let (causes, hlc) = (Causes::none(), Hlc { wall_ms: 1_000 + position, counter: 0 });
//!     Ok(Header {
//!         id,
//!         coordinate: Coordinate::new(entity, "home")?,
//!         kind: EventKind::of::<0x1001>(),
//!         payload_version: 0,
//!         position: Position(position),
//!         revision: Revision(0),
//!         previous_hash: None,
//!         payload_hash: PayloadHash([0; 32]),
//!         dag: DagPosition { correlation_id: id, causes, depth: Depth(0), hlc, occurred_ms: None },
//!         tags: Tags::new(["night"])?,
//!         evidence: None,
//!         batch_remaining: 0,
//!         salted: false,
//!     })
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let headers = [header(0, "door:1")?, header(1, "lamp:1")?];
//! let events = [(&headers[0], 64), (&headers[1], 364)].map(|(header, offset)| {
//!     let location = Location { segment: SegmentNumber(1), offset: ByteOffset(offset), bytes: 300 };
//!     AppliedEvent::new(header, EventHash([1; 32]), location)
//! });
//! let after = Watermark { store: StoreId::from_u128(7), next: Position(2), root: Root([2; 32]) };
//!
//! let index = MemoryIndex::new();
//! index.apply(&AppliedGroup { events: &events, after })?;
//! assert_eq!(index.watermark()?, Some(after));
//!
//! let doors: Region = Clause::new().entity_prefix("door:")?.tag("night")?.into();
//! let found = index.select(&Selection {
//!     region: &doors,
//!     from: Position(0),
//!     direction: Direction::Forwards,
//!     limit: 10,
//!     as_of: Position(2),
//! })?;
//! assert_eq!(found.len(), 1);
//! assert_eq!(found[0].location.offset, ByteOffset(64));
//!
//! // As of the position before it, the lamp's event does not show.
//! let lamp = &headers[1].coordinate;
//! assert_eq!(index.heads(&[lamp], Position(1))?, [None]);
//! assert!(index.heads(&[lamp], Position(2))?[0].is_some());
//! # Ok(())
//! # }
//! ```

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod contract;
mod error;
mod memory;

pub use contract::{
    AppliedEvent, AppliedGroup, Counts, Direction, Index, IndexEntry, IndexedHead, Selection, Watermark,
};
pub use error::IndexError;
pub use memory::MemoryIndex;
