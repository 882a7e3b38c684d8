//! Writing an index file: rows in the order of positions, then the table in the order of keys.

use causelog_segment::{Directory, NamedFile, temporary_name};
use causelog_types::{EventId, Position, Root, SegmentNumber, StoreId, planted};
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_CONTENT_BYTES, INDEX_VALUE_BYTES_MAX};
use causelog_wire::{
    IndexFileHeader, IndexRow, NodeBuilder, Salt, filter_bits, index_block_offset, push_position,
    seal_index_block,
};

use crate::file::{Unusable, blocks_of};
use crate::names::{RunRange, run_name};

/// What a new index file is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) store: StoreId,
    pub(crate) range: RunRange,
    pub(crate) root_before: Root,
    pub(crate) root: Root,
    pub(crate) first_segment: SegmentNumber,
}

/// How much is written at once.
const WRITE_BYTES: usize = 64 * INDEX_BLOCK_BYTES;
/// How many bits of the filter there are for an event: about one absent id in a hundred is looked for in vain.
const FILTER_BITS_PER_EVENT: usize = 10;
/// A position adds at most so many bytes to an entry's value.
const POSITION_BYTES_MAX: usize = 10;

/// Writes an index file under its temporary name, and gives it its own when it is whole. Never synced: whatever a
/// crash leaves of it is seen by its checksums.
pub(crate) struct RunWriter<'a> {
    directory: &'a Directory,
    file: NamedFile,
    header: IndexFileHeader,
    salt: Salt,
    /// Blocks that are not written yet, and how many are.
    pending: Vec<u8>,
    written: u64,
    rows: Vec<u8>,
    filter: Vec<[u8; INDEX_CONTENT_BYTES]>,
    leaf: NodeBuilder,
    /// The first key and the block of every leaf.
    leaves: Vec<NodeAt>,
    piece: Piece,
    finished: bool,
}

/// What was not finished shall take no room.
impl Drop for RunWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let name = temporary_name(&run_name(RunRange { base: self.header.base, next: self.header.next }));
            if let Err(error) = self.directory.remove(&name) {
                tracing::warn!(%error, "cannot remove an index file that was not finished");
            }
        }
    }
}

/// A node that is written: its first key, and its block.
type NodeAt = (Box<[u8]>, u32);

/// The entry about positions that is being filled.
#[derive(Default)]
struct Piece {
    /// What its key begins with, and then its first position; empty without one.
    key: Vec<u8>,
    about: usize,
    last: u64,
    value: Vec<u8>,
}

impl<'a> RunWriter<'a> {
    pub(crate) fn new(directory: &'a Directory, binding: &Binding) -> Result<Self, Unusable> {
        let Binding { store, range, root_before, root, first_segment } = *binding;
        let events = usize::try_from(range.events()).map_err(|_| Unusable::NotWhole)?;
        let filter_blocks = blocks_of(events * FILTER_BITS_PER_EVENT, 8 * INDEX_CONTENT_BYTES);
        let filter_blocks = u32::try_from(filter_blocks).map_err(|_| Unusable::NotWhole)?;
        let header = IndexFileHeader {
            store,
            base: range.base,
            next: range.next,
            root_before,
            root,
            first_segment,
            streams: 0,
            new_streams: 0,
            first_id: EventId::from_u128(u128::MAX),
            last_id: EventId::from_u128(0),
            filter_blocks,
            leaf_blocks: 0,
            node_blocks: 0,
            levels: 0,
        };
        let file = directory.make_temporary(&run_name(range), &[])?;
        Ok(Self {
            directory,
            file,
            header,
            salt: header.salt(),
            pending: Vec::with_capacity(WRITE_BYTES),
            written: 0,
            rows: Vec::with_capacity(INDEX_CONTENT_BYTES),
            filter: vec![[0; INDEX_CONTENT_BYTES]; usize::try_from(filter_blocks).unwrap_or(0)],
            leaf: NodeBuilder::default(),
            leaves: Vec::new(),
            piece: Piece::default(),
            finished: false,
        })
    }

    /// Adds the next row. All come before the first entry.
    pub(crate) fn row(&mut self, row: &IndexRow) -> Result<(), Unusable> {
        self.header.first_id = self.header.first_id.min(row.id);
        self.header.last_id = self.header.last_id.max(row.id);
        self.header.new_streams += u64::from(row.first_of_stream);
        if !planted!("leave-an-id-out-of-the-filter") {
            let (block, bits) = filter_bits(row.id, self.header.filter_blocks);
            if let Some(block) = usize::try_from(block).ok().and_then(|block| self.filter.get_mut(block)) {
                bits.iter().for_each(|bit| block[bit / 8] |= 1 << (bit % 8));
            }
        }
        self.rows.extend_from_slice(&row.encode());
        if self.rows.len() == INDEX_CONTENT_BYTES { self.end_rows() } else { Ok(()) }
    }

    /// Ends the rows, and writes the filter.
    pub(crate) fn rows_end(&mut self, streams: u64) -> Result<(), Unusable> {
        self.header.streams = streams;
        if !self.rows.is_empty() {
            self.end_rows()?;
        }
        for content in std::mem::take(&mut self.filter) {
            self.block(&content)?;
        }
        Ok(())
    }

    /// Adds an entry, whose key is greater than those before it.
    pub(crate) fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unusable> {
        self.end_piece()?;
        self.add(key, value)
    }

    /// Adds a position to what is said about a thing: after all that has been said of it, and after all lesser things.
    pub(crate) fn position(&mut self, about: &[u8], position: Position) -> Result<(), Unusable> {
        let same = self.piece.about == about.len() && self.piece.key.starts_with(about);
        if same && self.piece.value.len() + POSITION_BYTES_MAX <= INDEX_VALUE_BYTES_MAX {
            push_position(&mut self.piece.value, position.0.saturating_sub(self.piece.last));
            self.piece.last = position.0;
            return Ok(());
        }
        self.end_piece()?;
        self.piece.key.extend_from_slice(about);
        self.piece.key.extend_from_slice(&position.0.to_be_bytes());
        (self.piece.about, self.piece.last) = (about.len(), position.0);
        Ok(())
    }

    /// Ends the table, and gives the file its name.
    pub(crate) fn finish(mut self) -> Result<(), Unusable> {
        self.end_piece()?;
        self.end_leaf()?;
        self.header.leaf_blocks = count(self.leaves.len())?;
        let mut level = std::mem::take(&mut self.leaves);
        while level.len() > 1 {
            level = self.level(&level)?;
            self.header.levels += 1;
        }
        self.flush()?;
        let mut first = [0; INDEX_BLOCK_BYTES];
        let header = self.header.encode();
        first[..header.len()].copy_from_slice(&header);
        self.file.write_once(&first, 0)?;
        let name = run_name(RunRange { base: self.header.base, next: self.header.next });
        self.directory.rename(&temporary_name(&name), &name)?;
        self.finished = true;
        Ok(())
    }

    /// Writes the nodes above those of a level.
    fn level(&mut self, below: &[NodeAt]) -> Result<Vec<NodeAt>, Unusable> {
        let mut level = Vec::new();
        let mut node = NodeBuilder::default();
        for (key, child) in below {
            if !node.add(key, &child.to_le_bytes()) {
                level.push(self.node(&mut node)?);
                let _ = node.add(key, &child.to_le_bytes());
            }
        }
        level.push(self.node(&mut node)?);
        self.header.node_blocks = count(level.len())?.saturating_add(self.header.node_blocks);
        Ok(level)
    }

    fn node(&mut self, node: &mut NodeBuilder) -> Result<NodeAt, Unusable> {
        let key = node.first_key().into();
        let mut content = [0; INDEX_CONTENT_BYTES];
        node.finish(&mut content);
        let number = count(usize::try_from(self.blocks()).unwrap_or(usize::MAX))?;
        self.block(&content)?;
        Ok((key, number))
    }

    fn end_piece(&mut self) -> Result<(), Unusable> {
        if self.piece.key.is_empty() {
            return Ok(());
        }
        let mut piece = std::mem::take(&mut self.piece);
        self.add(&piece.key, &piece.value)?;
        piece.key.clear();
        piece.value.clear();
        piece.about = 0;
        self.piece = piece;
        Ok(())
    }

    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), Unusable> {
        if !self.leaf.add(key, value) {
            self.end_leaf()?;
            let _ = self.leaf.add(key, value);
        }
        Ok(())
    }

    fn end_leaf(&mut self) -> Result<(), Unusable> {
        if !self.leaf.is_empty() {
            let mut leaf = std::mem::take(&mut self.leaf);
            let written = self.node(&mut leaf)?;
            self.leaves.push(written);
            self.leaf = leaf;
        }
        Ok(())
    }

    fn end_rows(&mut self) -> Result<(), Unusable> {
        let rows = std::mem::take(&mut self.rows);
        self.block(&rows)?;
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }

    /// How many blocks there are so far.
    fn blocks(&self) -> u64 {
        self.written + blocks_of(self.pending.len(), INDEX_BLOCK_BYTES)
    }

    /// Adds a block with this content, and zeros behind it.
    fn block(&mut self, content: &[u8]) -> Result<(), Unusable> {
        let mut block = [0; INDEX_BLOCK_BYTES];
        block[..content.len()].copy_from_slice(content);
        seal_index_block(&mut block, self.salt, index_block_offset(self.blocks()));
        self.pending.extend_from_slice(&block);
        if self.pending.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Unusable> {
        if !self.pending.is_empty() {
            self.file.write_once(&self.pending, index_block_offset(self.written).0)?;
            self.written = self.blocks();
            self.pending.clear();
        }
        Ok(())
    }
}

fn count(count: usize) -> Result<u32, Unusable> {
    u32::try_from(count).map_err(|_| Unusable::NotWhole)
}
