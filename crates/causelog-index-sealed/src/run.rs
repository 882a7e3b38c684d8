//! What one index file answers.

use std::sync::Arc;

use causelog_index::{IndexEntry, IndexedHead};
use causelog_segment::Directory;
use causelog_types::{ByteOffset, Coordinate, EventId, Location, Position, SegmentNumber};
use causelog_wire::layout::{INDEX_ROW_BYTES, INDEX_ROWS_PER_BLOCK};
use causelog_wire::{IndexKey, IndexRow, StreamEntry, filter_bits};

use crate::file::{Block, BlockCache, IndexFile, Unusable, Use};
use crate::names::{RunRange, run_name};
use crate::table::{Entries, Keep, Positions, turned};

/// The events from one position to before another, in an index file.
#[derive(Debug)]
pub(crate) struct Run {
    file: IndexFile,
}

/// Reads rows, keeping hold of the block of the last one.
pub(crate) struct Rows<'a> {
    run: &'a Run,
    block: Option<(u32, Arc<Block>)>,
    keep: Keep,
}

impl Run {
    /// Opens the file of a range. Only its header is read.
    pub(crate) fn open(
        directory: &Directory,
        range: RunRange,
        cache: &Arc<BlockCache>,
    ) -> Result<Self, Unusable> {
        let file = IndexFile::open(directory, &run_name(range), cache)?;
        match (file.header().base, file.header().next) == (range.base, range.next) {
            true => Ok(Self { file }),
            false => Err(Unusable::OtherHistory),
        }
    }

    pub(crate) fn file(&self) -> &IndexFile {
        &self.file
    }

    pub(crate) fn range(&self) -> RunRange {
        RunRange { base: self.file.header().base, next: self.file.header().next }
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        self.rows_kept(Keep::Yes)
    }

    pub(crate) fn rows_kept(&self, keep: Keep) -> Rows<'_> {
        Rows { run: self, block: None, keep }
    }

    /// An event by its id.
    pub(crate) fn find(&self, id: EventId) -> Result<Option<IndexEntry>, Unusable> {
        let header = self.file.header();
        if !(header.first_id..=header.last_id).contains(&id) || !self.may_hold(id)? {
            return Ok(None);
        }
        let key = IndexKey::id(id);
        let Some(entry) = Entries::last_up_to(&self.file, key.as_bytes())? else { return Ok(None) };
        if !entry.key_begins_with(key.as_bytes()) {
            return Ok(None);
        }
        let row: [u8; 4] = entry.value().try_into().map_err(|_| Unusable::NotWhole)?;
        let row = u32::from_le_bytes(row);
        let found = self.rows().get(row)?;
        match found.id == id {
            true => Ok(Some(self.entry(row, &found))),
            false => Err(Unusable::NotWhole),
        }
    }

    /// `false` when the filter says that an id is not there.
    fn may_hold(&self, id: EventId) -> Result<bool, Unusable> {
        let (block, bits) = filter_bits(id, self.file.header().filter_blocks);
        let block = self.file.block(self.file.first_filter_block() + u64::from(block), Use::Plain)?;
        let content = block.content();
        Ok(bits.iter().all(|bit| content.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)))
    }

    /// The last event of a stream before a position.
    pub(crate) fn head(&self, stream: &Coordinate, as_of: Position) -> Result<Option<IndexedHead>, Unusable> {
        let key = IndexKey::head(stream);
        let Some(entry) = Entries::last_up_to(&self.file, key.as_bytes())? else { return Ok(None) };
        let mut found = Vec::new();
        entry.key_into(&mut found);
        if found != key.as_bytes() {
            return Ok(None);
        }
        let known = StreamEntry::decode(entry.value())?;
        let row = self.rows().get(known.last_row)?;
        if row.stream != known.number {
            return Err(Unusable::NotWhole);
        }
        let last = self.head_at(known.last_row, &row);
        match last.position < as_of {
            true => Ok(Some(IndexedHead { hash: Some(known.last_hash), ..last })),
            false => self.older_head(stream, as_of),
        }
    }

    fn older_head(&self, stream: &Coordinate, as_of: Position) -> Result<Option<IndexedHead>, Unusable> {
        let mut positions = Positions::new(&self.file, IndexKey::stream(stream).as_bytes(), true);
        let Some(before) = as_of.0.checked_sub(1) else { return Ok(None) };
        let Some(rank) = positions.next_from(turned(before))? else { return Ok(None) };
        let row = self.row_at(Position(turned(rank))).ok_or(Unusable::NotWhole)?;
        Ok(Some(self.head_at(row, &self.rows().get(row)?)))
    }

    fn head_at(&self, row: u32, found: &IndexRow) -> IndexedHead {
        let IndexEntry { position, location, .. } = self.entry(row, found);
        IndexedHead { position, revision: found.revision, hlc: found.hlc, location, hash: None }
    }

    /// What the index says of a row.
    pub(crate) fn entry(&self, row: u32, found: &IndexRow) -> IndexEntry {
        let header = self.file.header();
        let segment = SegmentNumber(header.first_segment.0.saturating_add(u64::from(found.segment)));
        IndexEntry {
            id: found.id,
            position: Position(header.base.0 + u64::from(row)),
            depth: found.depth,
            location: Location { segment, offset: ByteOffset(found.offset), bytes: found.bytes },
        }
    }

    /// The row of a position, if it has one here.
    pub(crate) fn row_at(&self, position: Position) -> Option<u32> {
        let header = self.file.header();
        let row = position.0.checked_sub(header.base.0).filter(|_| position < header.next)?;
        u32::try_from(row).ok()
    }

    /// Where its last event's frame ends.
    pub(crate) fn end(&self) -> Result<(SegmentNumber, ByteOffset), Unusable> {
        let last =
            u32::try_from(self.file.header().events().saturating_sub(1)).map_err(|_| Unusable::NotWhole)?;
        let Location { segment, offset, bytes } = self.entry(last, &self.rows().get(last)?).location;
        Ok((segment, ByteOffset(offset.0.saturating_add(bytes.into()))))
    }

    /// Adds the next effects of an event to those found, until there are `limit`.
    pub(crate) fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
        found: &mut Vec<IndexEntry>,
    ) -> Result<(), Unusable> {
        let (mut next, end) = (from.max(self.range().base), as_of.min(self.range().next));
        if next >= end {
            return Ok(());
        }
        let mut positions = Positions::new(&self.file, IndexKey::effects(cause).as_bytes(), false);
        let mut rows = self.rows();
        while found.len() < limit {
            let Some(position) = positions.next_from(next.0)?.map(Position).filter(|found| *found < end)
            else {
                break;
            };
            let row = self.row_at(position).ok_or(Unusable::NotWhole)?;
            found.push(self.entry(row, &rows.get(row)?));
            next = Position(position.0 + 1);
        }
        Ok(())
    }

    /// How many streams begin in it before a position.
    pub(crate) fn new_streams(&self, as_of: Position) -> Result<u64, Unusable> {
        let Some(end) = self.row_at(as_of) else { return Ok(self.file.header().new_streams) };
        let mut rows = self.rows();
        let mut count = 0;
        for row in 0..end {
            count += u64::from(rows.get(row)?.first_of_stream);
        }
        Ok(count)
    }
}

impl Rows<'_> {
    pub(crate) fn get(&mut self, row: u32) -> Result<IndexRow, Unusable> {
        let number = row / INDEX_ROWS_PER_BLOCK;
        if u64::from(row) >= self.run.file.header().events() {
            return Err(Unusable::NotWhole);
        }
        let block = match &self.block {
            Some((held, block)) if *held == number => block,
            _ => {
                let block = match self.keep {
                    Keep::Yes => self.run.file.block(u64::from(number), Use::Plain)?,
                    Keep::No => Arc::new(self.run.file.read(u64::from(number), Use::Plain)?),
                };
                &self.block.insert((number, block)).1
            }
        };
        let (rows, _) = block.content().as_chunks::<INDEX_ROW_BYTES>();
        let place = usize::try_from(row % INDEX_ROWS_PER_BLOCK).unwrap_or(usize::MAX);
        rows.get(place).map(IndexRow::decode).ok_or(Unusable::NotWhole)
    }
}
