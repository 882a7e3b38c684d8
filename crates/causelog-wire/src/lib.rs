//! The bytes of the causelog format.
//!
//! Typed headers, commit groups, frames, index blocks and the small files of a store, to bytes and back, as
//! SPEC.md says. Checksums find accidents and hashes find tampering; both are computed here and nowhere else.
//!
//! This crate does no I/O and keeps no state. Decoding never panics, allocates no more than the limits of one
//! header, whatever lengths the bytes promise, and has three outcomes: the thing, *incomplete* (how much is
//! missing), or *corrupt* (which rule, at which offset). Whether that means a torn tail or damage is for
//! recovery to judge, not for a decoder.
//!
//! # Example
//!
//! ```
//! use causelog_types::*;
//! use causelog_wire::{Decoded, GroupBuffer, GroupMeta, Salt, decode_frame, hash};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let payload = Payload::encode(&("front", "opened"))?;
//! let id = EventId::from_u128(7);
//! let header = Header {
//!     id,
//!     coordinate: Coordinate::new("door:1", "home")?,
//!     kind: EventKind::of::<0x1001>(),
//!     payload_version: 0,
//!     position: Position(0),
//!     revision: Revision(0),
//!     previous_hash: None,
//!     payload_hash: hash::payload(payload.as_bytes()),
//!     dag: DagPosition {
//!         correlation_id: id,
//!         causes: Causes::none(),
//!         depth: Depth(0),
//!         hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 0 },
//!         occurred_ms: None,
//!     },
//!     tags: Tags::none(),
//!     evidence: None,
//!     batch_remaining: 0,
//!     salted: false,
//! };
//! let mut group = GroupBuffer::new();
//! let written = group.push(&header, payload.as_bytes())?;
//!
//! let (salt, group_at) = (Salt(42), ByteOffset(148));
//! let root = hash::first_root(StoreId::from_u128(1));
//! let meta = GroupMeta { epoch: 1, base: Position(0), root_before: root, synced_to: Position(0) };
//! let bytes = group.seal(salt, group_at, &meta)?;
//!
//! let frame_at = written.start;
//! let Decoded::Whole(frame) = decode_frame(&bytes[frame_at..], salt, group_at.plus(frame_at)) else {
//!     return Err("not a frame".into());
//! };
//! assert_eq!(frame.header, header);
//! assert_eq!(frame.payload(), Some(payload.as_bytes()));
//! assert_eq!(hash::event(frame.header_bytes), written.hash);
//! # Ok(())
//! # }
//! ```

mod checksum;
mod decoded;
mod fixed;
mod frame;
mod group;
pub mod hash;
mod header;
mod index_file;
mod index_row;
mod index_table;
pub mod layout;
mod msgpack;
mod restamp;
mod segment_header;
mod small_files;

pub use checksum::Salt;
pub use decoded::{Decoded, Flaw, Rule};
pub use frame::{Frame, decode_frame};
pub use group::{EncodeError, GapReason, GroupBuffer, GroupHeader, GroupKind, GroupMeta, PushedFrame};
pub use header::{decode_header, encode_header};
pub use index_file::{IndexFileHeader, check_index_block, index_block_offset, seal_index_block};
pub use index_row::IndexRow;
pub use index_table::{
    IndexKey, IndexNode, NodeBuilder, StreamEntry, decode_positions, filter_bits, push_position,
};
pub use restamp::restamp_group;
pub use segment_header::{Predecessor, SegmentHeader};
pub use small_files::{CleanClose, Slot, StoreIdentity};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
