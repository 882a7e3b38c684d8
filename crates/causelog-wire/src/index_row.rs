//! What an index file says of one event: a row of fixed length, found by the event's position.

use causelog_types::{Depth, EventId, EventKind, Hlc, Revision};

use crate::fixed::{FixedReader, FixedWriter};
use crate::layout::INDEX_ROW_BYTES;

/// The bit of a row's length word that says that the event is the first of its stream.
const FIRST_BIT: u32 = 1 << 31;

/// An event of an index file. Its position is the file's first and its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// The event's id.
    pub id: EventId,
    /// Where its frame begins in its segment.
    pub offset: u64,
    /// The frame's length.
    pub bytes: u32,
    /// Whether it is the first event of its stream that is there.
    pub first_of_stream: bool,
    /// Its segment's number, less that of the file's first segment.
    pub segment: u32,
    /// The number of its stream among the file's, in the order of their names.
    pub stream: u32,
    /// Its kind.
    pub kind: EventKind,
    /// Its revision.
    pub revision: Revision,
    /// Its depth.
    pub depth: Depth,
    /// Its recorded time.
    pub hlc: Hlc,
}

impl IndexRow {
    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; INDEX_ROW_BYTES] {
        let first = if self.first_of_stream { FIRST_BIT } else { 0 };
        FixedWriter::<INDEX_ROW_BYTES>::new()
            .bytes(&self.id.as_u128().to_be_bytes())
            .u64(self.offset)
            .u32(self.bytes & !FIRST_BIT | first)
            .u32(self.segment)
            .u32(self.stream)
            .u16(self.kind.bits())
            .u64(self.revision.0)
            .u32(self.depth.0)
            .u64(self.hlc.wall_ms)
            .u32(self.hlc.counter)
            .finish()
    }

    /// Reads one.
    #[must_use]
    pub fn decode(bytes: &[u8; INDEX_ROW_BYTES]) -> Self {
        let mut fields = FixedReader::new(bytes);
        let (id, offset, length) = (fields.event_id(), fields.u64(), fields.u32());
        Self {
            id,
            offset,
            bytes: length & !FIRST_BIT,
            first_of_stream: length & FIRST_BIT != 0,
            segment: fields.u32(),
            stream: fields.u32(),
            kind: EventKind::from_bits(fields.u16()),
            revision: Revision(fields.u64()),
            depth: Depth(fields.u32()),
            hlc: Hlc { wall_ms: fields.u64(), counter: fields.u32() },
        }
    }
}
