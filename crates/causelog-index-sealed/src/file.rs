//! An index file that is open: its blocks, each checked when it is first read, and kept in memory up to a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog_io::IoError;
use causelog_segment::{Directory, NamedFile};
use causelog_types::{ByteOffset, widen};
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_CONTENT_BYTES, INDEX_HEADER_BYTES};
use causelog_wire::{IndexFileHeader, IndexNode, Rule, check_index_block, index_block_offset};
use quick_cache::sync::Cache;

/// Why an index file is of no use. It costs only the time to make it again from the frames.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("it is not there")]
    Missing,
    #[error("the store is being closed")]
    Stopped,
    #[error("it is not whole")]
    NotWhole,
    #[error("it belongs to another history than the log's")]
    OtherHistory,
    #[error("{0}")]
    Rule(#[from] Rule),
}

/// A block of an index file, whose checksum was right.
pub(crate) struct Block(Box<[u8; INDEX_BLOCK_BYTES]>);

impl Block {
    /// What stands in it.
    pub(crate) fn content(&self) -> &[u8] {
        &self.0[..INDEX_CONTENT_BYTES]
    }

    /// As a node of the table.
    pub(crate) fn node(&self) -> IndexNode<'_> {
        IndexNode::of(self.content())
    }
}

/// How a block is used, and therefore checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Plain,
    Node,
}

/// Blocks of all files of an index, up to a bound.
#[derive(Debug)]
pub(crate) struct BlockCache(Cache<(u64, u32), Arc<Block>>);

/// How many blocks are kept: 32 MiB.
const BLOCKS_KEPT: usize = 32 * 1024 * 1024 / INDEX_BLOCK_BYTES;

impl BlockCache {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Cache::new(BLOCKS_KEPT)))
    }
}

/// An index file that is open.
pub(crate) struct IndexFile {
    file: NamedFile,
    header: IndexFileHeader,
    /// What its blocks are known by in the cache.
    number: u64,
    cache: Arc<BlockCache>,
}

impl IndexFile {
    /// Opens a file, of which only the header is read.
    pub(crate) fn open(directory: &Directory, name: &str, cache: &Arc<BlockCache>) -> Result<Self, Unusable> {
        let file = directory.open_if_there(name)?.ok_or(Unusable::Missing)?;
        let mut bytes = [0; INDEX_BLOCK_BYTES];
        let read = file.read(&mut bytes, 0)?;
        let header = match IndexFileHeader::decode(&bytes[..read]) {
            causelog_wire::Decoded::Whole(header) => header,
            causelog_wire::Decoded::Incomplete { .. } => return Err(Unusable::NotWhole),
            causelog_wire::Decoded::Corrupt(flaw) => return Err(flaw.rule.into()),
        };
        if bytes[INDEX_HEADER_BYTES..].iter().any(|byte| *byte != 0) {
            return Err(Rule::Reserved.into());
        }
        if file.length()? != header.file_bytes() {
            return Err(Unusable::NotWhole);
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { file, header, number, cache: Arc::clone(cache) })
    }

    pub(crate) fn header(&self) -> &IndexFileHeader {
        &self.header
    }

    pub(crate) fn path(&self) -> &str {
        self.file.path()
    }

    /// A block by its number, from memory if it is there.
    pub(crate) fn block(&self, number: u64, as_a: Use) -> Result<Arc<Block>, Unusable> {
        let short = u32::try_from(number).map_err(|_| Rule::Range("index child"))?;
        if let Some(block) = self.cache.0.get(&(self.number, short)) {
            return Ok(block);
        }
        let block = Arc::new(self.read(number, as_a)?);
        self.cache.0.insert((self.number, short), Arc::clone(&block));
        Ok(block)
    }

    /// A block that nobody will ask for again soon, as a merge reads them all.
    pub(crate) fn read(&self, number: u64, as_a: Use) -> Result<Block, Unusable> {
        let mut bytes = Box::new([0; INDEX_BLOCK_BYTES]);
        let offset = index_block_offset(number);
        if self.file.read(&mut bytes[..], offset.0)? != INDEX_BLOCK_BYTES {
            return Err(Unusable::NotWhole);
        }
        check_index_block(&bytes, self.header.salt(), offset)?;
        if as_a == Use::Node {
            IndexNode::check(&bytes[..INDEX_CONTENT_BYTES])?;
        }
        Ok(Block(bytes))
    }

    /// The number of the first block of the filter.
    pub(crate) fn first_filter_block(&self) -> u64 {
        self.header.row_blocks()
    }

    /// The number of the first leaf.
    pub(crate) fn first_leaf(&self) -> u64 {
        self.first_filter_block() + u64::from(self.header.filter_blocks)
    }

    /// The number of the root of the table.
    pub(crate) fn root(&self) -> u64 {
        let after =
            self.first_leaf() + u64::from(self.header.leaf_blocks) + u64::from(self.header.node_blocks);
        after.saturating_sub(1)
    }
    /// Reads everything; where the first block stands that is of no use, and why.
    pub(crate) fn check(&self) -> Result<(), (ByteOffset, Unusable)> {
        let leaves = self.first_leaf();
        (0..=self.root()).try_for_each(|number| {
            let as_a = if number < leaves { Use::Plain } else { Use::Node };
            self.read(number, as_a).map(drop).map_err(|reason| (index_block_offset(number), reason))
        })
    }
}

impl std::fmt::Debug for IndexFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexFile").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// A length as a number of blocks of so many bytes.
pub(crate) fn blocks_of(items: usize, per_block: usize) -> u64 {
    widen(items.div_ceil(per_block))
}
