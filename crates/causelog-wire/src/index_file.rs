//! Index files: a header that says which events of which history it is about, then blocks of one length.
//!
//! They are files of their own, never bytes inside a segment that an event's data could imitate.

use causelog_types::{ByteOffset, EventId, Position, Root, SegmentNumber, StoreId};

use crate::checksum::checksum;
use crate::fixed::{FixedReader, FixedWriter};
use crate::layout::{
    FORMAT_VERSION, INDEX_BLOCK_BYTES, INDEX_CONTENT_BYTES, INDEX_HEADER_BYTES, INDEX_MAGIC,
    INDEX_ROWS_PER_BLOCK,
};
use crate::{Decoded, Flaw, Rule, Salt};

/// What an index file begins with: what it is bound to, and where its parts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFileHeader {
    /// The store.
    pub store: StoreId,
    /// The position of its first event.
    pub base: Position,
    /// The position after its last event. It has at least one.
    pub next: Position,
    /// The root at `base`.
    pub root_before: Root,
    /// The root at `next`.
    pub root: Root,
    /// The segment in which its first event stands; rows name theirs by the distance from it.
    pub first_segment: SegmentNumber,
    /// How many streams its events belong to.
    pub streams: u64,
    /// How many of these streams begin in it.
    pub new_streams: u64,
    /// The least id in it.
    pub first_id: EventId,
    /// The greatest id in it.
    pub last_id: EventId,
    /// How many blocks of the filter of ids follow the rows.
    pub filter_blocks: u32,
    /// How many leaves of the table follow the filter.
    pub leaf_blocks: u32,
    /// How many inner nodes of the table follow the leaves, level by level; the last is the root.
    pub node_blocks: u32,
    /// How many levels of inner nodes there are: 0 when there is one leaf.
    pub levels: u16,
}

impl IndexFileHeader {
    /// Seeds the checksums of the file: the beginning of the root at its end, which nothing else has.
    #[must_use]
    pub fn salt(&self) -> Salt {
        salt_of(self.root)
    }

    /// How many events it is about.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.next.0.saturating_sub(self.base.0)
    }

    /// How many blocks of rows stand at the beginning.
    #[must_use]
    pub fn row_blocks(&self) -> u64 {
        self.events().div_ceil(u64::from(INDEX_ROWS_PER_BLOCK))
    }

    /// How long the whole file is, in bytes.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        let others = [self.filter_blocks, self.leaf_blocks, self.node_blocks].map(u64::from);
        let blocks = others.iter().fold(self.row_blocks(), |sum, count| sum.saturating_add(*count));
        index_block_offset(blocks).0
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; INDEX_HEADER_BYTES] {
        let fields = FixedWriter::<INDEX_HEADER_BYTES>::new()
            .bytes(&INDEX_MAGIC)
            .u16(FORMAT_VERSION)
            .u16(0)
            .store(self.store)
            .u64(self.base.0)
            .u64(self.next.0)
            .bytes(&self.root_before.0)
            .bytes(&self.root.0)
            .u64(self.first_segment.0)
            .u64(self.streams)
            .u64(self.new_streams)
            .bytes(&self.first_id.as_u128().to_be_bytes())
            .bytes(&self.last_id.as_u128().to_be_bytes())
            .u32(self.filter_blocks)
            .u32(self.leaf_blocks)
            .u32(self.node_blocks)
            .u16(self.levels);
        let checksum = checksum(self.salt(), ByteOffset(0), &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads the one at the beginning of a file.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Some(bytes) = bytes.get(..INDEX_HEADER_BYTES) else {
            return Decoded::Incomplete { need: INDEX_HEADER_BYTES };
        };
        Self::read(bytes).map_err(|rule| Flaw { rule, offset: ByteOffset(0) }).into()
    }

    fn read(bytes: &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        if fields.array() != INDEX_MAGIC {
            return Err(Rule::Magic);
        }
        let (version, flags) = (fields.u16(), fields.u16());
        let header = Self {
            store: fields.store(),
            base: fields.position(),
            next: fields.position(),
            root_before: fields.root(),
            root: fields.root(),
            first_segment: SegmentNumber(fields.u64()),
            streams: fields.u64(),
            new_streams: fields.u64(),
            first_id: fields.event_id(),
            last_id: fields.event_id(),
            filter_blocks: fields.u32(),
            leaf_blocks: fields.u32(),
            node_blocks: fields.u32(),
            levels: fields.u16(),
        };
        let (covered, _) = bytes.split_at(INDEX_HEADER_BYTES - 4);
        if fields.u32() != checksum(header.salt(), ByteOffset(0), &[covered]) {
            return Err(Rule::Checksum("index header"));
        }
        if version != FORMAT_VERSION {
            return Err(Rule::UnsupportedVersion(version));
        }
        if flags != 0 {
            return Err(Rule::Unsupported("index file flag"));
        }
        header.check_ranges()?;
        Ok(header)
    }

    fn check_ranges(&self) -> Result<(), Rule> {
        let events = self.events();
        let counted = (1..=u64::from(u32::MAX)).contains(&events);
        let parts = self.filter_blocks > 0
            && self.leaf_blocks > 0
            && (self.levels == 0) == (self.node_blocks == 0)
            && (self.leaf_blocks == 1) == (self.levels == 0)
            && u32::from(self.levels) <= self.node_blocks;
        let streams = self.new_streams <= self.streams && self.streams <= events;
        match (counted, parts, streams && self.first_id <= self.last_id) {
            (false, ..) => Err(Rule::Range("next_position")),
            (_, false, _) => Err(Rule::Range("blocks")),
            (_, _, false) => Err(Rule::Range("streams")),
            _ => Ok(()),
        }
    }
}

fn salt_of(root: Root) -> Salt {
    let mut first = [0; 8];
    first.copy_from_slice(&root.0[..8]);
    Salt(u64::from_le_bytes(first))
}

/// Where a block of an index file begins.
#[must_use]
pub fn index_block_offset(number: u64) -> ByteOffset {
    let block = u64::try_from(INDEX_BLOCK_BYTES).unwrap_or(u64::MAX);
    ByteOffset(number.saturating_add(1).saturating_mul(block))
}

/// Ends a block, whose content stands at its beginning, with the checksum for its place.
pub fn seal_index_block(block: &mut [u8; INDEX_BLOCK_BYTES], salt: Salt, offset: ByteOffset) {
    let (content, end) = block.split_at_mut(INDEX_CONTENT_BYTES);
    end.copy_from_slice(&checksum(salt, offset, &[content]).to_le_bytes());
}

/// Whether a block is whole and stands in its place.
///
/// # Errors
/// [`Rule::Checksum`] when it is not.
pub fn check_index_block(
    block: &[u8; INDEX_BLOCK_BYTES],
    salt: Salt,
    offset: ByteOffset,
) -> Result<(), Rule> {
    let (content, end) = block.split_at(INDEX_CONTENT_BYTES);
    match end == checksum(salt, offset, &[content]).to_le_bytes() {
        true => Ok(()),
        false => Err(Rule::Checksum("index block")),
    }
}
