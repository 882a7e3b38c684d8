//! Index files: a header bound to a sealed segment, then checksummed blocks.
//!
//! They are files of their own, never bytes inside a segment that an event's data could imitate.

use causelog_types::{ByteOffset, Position, Root, SegmentNumber, StoreId};

use crate::checksum::checksum;
use crate::fixed::{FixedReader, FixedWriter};
use crate::layout::{
    FORMAT_VERSION, INDEX_BLOCK_BYTES_MAX, INDEX_BLOCK_HEADER_BYTES, INDEX_HEADER_BYTES, INDEX_MAGIC,
};
use crate::{Decoded, Flaw, Rule, Salt};

/// What an index file begins with: what it is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFileHeader {
    /// The store.
    pub store: StoreId,
    /// The segment.
    pub segment: SegmentNumber,
    /// The segment's valid length.
    pub segment_length: u64,
    /// The position of the segment's first event.
    pub base: Position,
    /// The position after the segment's last event.
    pub next: Position,
    /// The root at the segment's end.
    pub root: Root,
    /// How many blocks follow.
    pub blocks: u32,
}

/// What a block of an index file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// The segment's streams, with their heads.
    Streams,
    /// The segment's events, in order.
    Events,
    /// Causes of events.
    Causes,
    /// Tags of events.
    Tags,
}

/// One block of an index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexBlock<'a> {
    /// What it holds.
    pub kind: BlockKind,
    /// How many items.
    pub items: u32,
    /// The items.
    pub content: &'a [u8],
}

impl IndexFileHeader {
    /// Writes it. `salt` is the segment's.
    #[must_use]
    pub fn encode(&self, salt: Salt) -> [u8; INDEX_HEADER_BYTES] {
        let fields = FixedWriter::<INDEX_HEADER_BYTES>::new()
            .bytes(&INDEX_MAGIC)
            .u16(FORMAT_VERSION)
            .u16(0)
            .store(self.store)
            .u64(self.segment.0)
            .u64(self.segment_length)
            .u64(self.base.0)
            .u64(self.next.0)
            .bytes(&self.root.0)
            .u32(self.blocks);
        let checksum = checksum(salt, ByteOffset(0), &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads the one at the beginning of a file. `salt` is the segment's.
    #[must_use]
    pub fn decode(bytes: &[u8], salt: Salt) -> Decoded<Self> {
        let Some(bytes) = bytes.get(..INDEX_HEADER_BYTES) else {
            return Decoded::Incomplete { need: INDEX_HEADER_BYTES };
        };
        Self::read(bytes, salt).map_err(|rule| Flaw { rule, offset: ByteOffset(0) }).into()
    }

    /// The store and the segment that a header says it is of, whose checksum need not fit.
    #[must_use]
    pub fn claims(bytes: &[u8]) -> Option<(StoreId, SegmentNumber)> {
        let mut fields = FixedReader::new(bytes.get(..INDEX_HEADER_BYTES)?);
        let (magic, _): ([u8; 8], (u16, u16)) = (fields.array(), (fields.u16(), fields.u16()));
        (magic == INDEX_MAGIC).then(|| (fields.store(), SegmentNumber(fields.u64())))
    }

    fn read(bytes: &[u8], salt: Salt) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        if fields.array() != INDEX_MAGIC {
            return Err(Rule::Magic);
        }
        let (version, flags) = (fields.u16(), fields.u16());
        let header = Self {
            store: fields.store(),
            segment: SegmentNumber(fields.u64()),
            segment_length: fields.u64(),
            base: fields.position(),
            next: fields.position(),
            root: fields.root(),
            blocks: fields.u32(),
        };
        let (covered, _) = bytes.split_at(INDEX_HEADER_BYTES - 4);
        if fields.u32() != checksum(salt, ByteOffset(0), &[covered]) {
            return Err(Rule::Checksum("index header"));
        }
        if version != FORMAT_VERSION {
            return Err(Rule::UnsupportedVersion(version));
        }
        match (flags, header.base <= header.next) {
            (0, true) => Ok(header),
            (0, false) => Err(Rule::Range("next_position")),
            _ => Err(Rule::Unsupported("index file flag")),
        }
    }
}

impl BlockKind {
    fn number(self) -> u16 {
        match self {
            Self::Streams => 1,
            Self::Events => 2,
            Self::Causes => 3,
            Self::Tags => 4,
        }
    }

    fn from_number(number: u16) -> Result<Self, Rule> {
        match number {
            1 => Ok(Self::Streams),
            2 => Ok(Self::Events),
            3 => Ok(Self::Causes),
            4 => Ok(Self::Tags),
            _ => Err(Rule::Unsupported("index block kind")),
        }
    }
}

/// Adds a block to `out`, whose beginning stands at the beginning of the file. `salt` is the segment's.
/// The content must not be longer than [`INDEX_BLOCK_BYTES_MAX`].
pub fn encode_block(block: &IndexBlock<'_>, salt: Salt, out: &mut Vec<u8>) {
    assert!(block.content.len() <= INDEX_BLOCK_BYTES_MAX, "an index block is too long");
    let offset = ByteOffset::default().plus(out.len());
    let fields = FixedWriter::<INDEX_BLOCK_HEADER_BYTES>::new()
        .u16(block.kind.number())
        .u16(0)
        .u32(block.items)
        .u32(u32::try_from(block.content.len()).unwrap_or(u32::MAX));
    let checksum = checksum(salt, offset, &[fields.written(), block.content]);
    out.extend_from_slice(&fields.u32(checksum).finish());
    out.extend_from_slice(block.content);
}

/// Reads the block at the beginning of `bytes`, which stand at `offset` in an index file; returns it with its
/// whole length. `salt` is the segment's.
#[must_use]
pub fn decode_block(bytes: &[u8], salt: Salt, offset: ByteOffset) -> Decoded<(IndexBlock<'_>, usize)> {
    if bytes.len() < INDEX_BLOCK_HEADER_BYTES {
        return Decoded::Incomplete { need: INDEX_BLOCK_HEADER_BYTES };
    }
    let mut fields = FixedReader::new(bytes);
    let (kind, flags, items, length) = (fields.u16(), fields.u16(), fields.u32(), fields.u32());
    let Some(length) = usize::try_from(length).ok().filter(|length| *length <= INDEX_BLOCK_BYTES_MAX) else {
        return Decoded::corrupt(Rule::Range("length"), offset);
    };
    let need = INDEX_BLOCK_HEADER_BYTES + length;
    let Some(content) = bytes.get(INDEX_BLOCK_HEADER_BYTES..need) else {
        return Decoded::Incomplete { need };
    };
    let covered = &bytes[..INDEX_BLOCK_HEADER_BYTES - 4];
    if fields.u32() != checksum(salt, offset, &[covered, content]) {
        return Decoded::corrupt(Rule::Checksum("index block"), offset);
    }
    if flags != 0 {
        return Decoded::corrupt(Rule::Unsupported("index block flag"), offset);
    }
    match BlockKind::from_number(kind) {
        Ok(kind) => Decoded::Whole((IndexBlock { kind, items, content }, need)),
        Err(rule) => Decoded::corrupt(rule, offset),
    }
}
