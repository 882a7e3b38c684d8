//! Reading an index file back: whole and bound to its segment, or not at all.

use causelog_index::{AppliedEvent, AppliedGroup, Index, IndexError, Watermark};
use causelog_io::IoError;
use causelog_segment::{Directory, LogError, NamedFile, SegmentEnd, index_name};
use causelog_types::{
    ByteOffset, Causes, Coordinate, Depth, EventHash, EventId, EventKind, Hlc, Location, Position, Revision,
    SegmentNumber, StoreId, Tags, planted, widen,
};
use causelog_wire::layout::{
    INDEX_BLOCK_BYTES_MAX, INDEX_BLOCK_HEADER_BYTES, INDEX_HEADER_BYTES, SEGMENT_HEADER_BYTES,
};
use causelog_wire::{
    BlockKind, CauseRow, EventRow, IndexBlock, IndexFileHeader, Rule, Salt, SegmentHeader, StreamRow, TagRow,
    decode_block,
};

/// Why an index file is of no use. It costs only the time to read the segment's frames instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Io(#[from] IoError),
    #[error("it is not there")]
    Missing,
    #[error("it is not whole from offset {0} on")]
    NotWhole(ByteOffset),
    #[error("it belongs to another segment, or to another state of it")]
    OtherSegment(StoreId, SegmentNumber),
    #[error("{0}")]
    Rule(#[from] Rule),
    #[error("its items contradict each other")]
    Contradiction,
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// What a segment's file begins with, where it is whole.
pub(crate) fn header_of(directory: &Directory, name: &str) -> Result<Option<SegmentHeader>, IoError> {
    let Some(file) = directory.open_if_there(name)? else { return Ok(None) };
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let read = file.read(&mut bytes, 0)?;
    Ok(SegmentHeader::decode(&bytes[..read]).whole())
}

/// What the index file of a sealed segment says.
#[derive(Default)]
pub(crate) struct Loaded {
    streams: Vec<(Coordinate, EventHash)>,
    events: Vec<Row>,
}

struct Row {
    id: EventId,
    location: Location,
    stream: usize,
    kind: EventKind,
    revision: Revision,
    depth: Depth,
    hlc: Hlc,
    causes: Vec<EventId>,
    tags: Vec<Box<str>>,
}

impl Loaded {
    /// Reads the index file of a segment. Nothing in it is believed before its checksums and its binding hold.
    pub(crate) fn read(
        directory: &Directory,
        header: &SegmentHeader,
        end: SegmentEnd,
    ) -> Result<Self, Unusable> {
        let file = directory.open_if_there(&index_name(header.number))?.ok_or(Unusable::Missing)?;
        let bound = IndexFileHeader {
            store: header.store,
            segment: header.number,
            segment_length: end.length,
            base: header.base,
            next: end.position,
            root: end.root,
            blocks: 0,
        };
        let mut bytes = [0; INDEX_HEADER_BYTES];
        let read = file.read(&mut bytes, 0)?;
        let found = IndexFileHeader::decode(&bytes[..read], header.salt).whole();
        let found = found.ok_or_else(|| match IndexFileHeader::claims(&bytes[..read]) {
            // One of another segment has another salt, so that its checksum cannot fit.
            Some((store, segment)) if (store, segment) != (header.store, header.number) => {
                Unusable::OtherSegment(store, segment)
            }
            _ => Unusable::NotWhole(ByteOffset(0)),
        })?;
        if (IndexFileHeader { blocks: 0, ..found }) != bound && !planted!("trust-an-index-file") {
            return Err(Unusable::OtherSegment(found.store, found.segment));
        }
        let mut loaded = Self::default();
        loaded.read_blocks(&file, &found, header.salt)?;
        match widen(loaded.events.len()) == found.next.0 - found.base.0 {
            true => Ok(loaded),
            false => Err(Unusable::Contradiction),
        }
    }

    fn read_blocks(
        &mut self,
        file: &NamedFile,
        header: &IndexFileHeader,
        salt: Salt,
    ) -> Result<(), Unusable> {
        // Room for a whole block at any place; as many blocks as stand in it are served by one read.
        let mut buffer = vec![0; INDEX_BLOCK_HEADER_BYTES + INDEX_BLOCK_BYTES_MAX];
        let mut offset = ByteOffset::default().plus(INDEX_HEADER_BYTES);
        let (mut start, mut end) = (0, 0);
        // Causes and tags name events by number, so they wait until all events are known.
        let mut later = Vec::new();
        for _ in 0..header.blocks {
            let (block, length) = match decode_block(&buffer[start..end], salt, offset).whole() {
                Some(decoded) => decoded,
                None => {
                    (start, end) = (0, file.read(&mut buffer, offset.0)?);
                    decode_block(&buffer[..end], salt, offset).whole().ok_or(Unusable::NotWhole(offset))?
                }
            };
            match block.kind {
                BlockKind::Streams => self.streams(&block)?,
                BlockKind::Events => self.events(&block, header)?,
                BlockKind::Causes | BlockKind::Tags => {
                    later.push((block.kind, block.items, block.content.to_vec()));
                }
            }
            start += length;
            offset = offset.plus(length);
        }
        if file.length()? != offset.0 {
            return Err(Unusable::NotWhole(offset));
        }
        for (kind, items, content) in &later {
            let block = IndexBlock { kind: *kind, items: *items, content };
            match kind {
                BlockKind::Causes => self.causes(&block)?,
                _ => self.tags(&block)?,
            }
        }
        Ok(())
    }

    fn streams(&mut self, block: &IndexBlock<'_>) -> Result<(), Unusable> {
        let mut content = block.content;
        for _ in 0..block.items {
            let row = StreamRow::decode(&mut content)?;
            let coordinate = Coordinate::new(row.entity, row.scope).map_err(|_| Unusable::Contradiction)?;
            self.streams.push((coordinate, row.last_hash));
        }
        Ok(())
    }

    fn events(&mut self, block: &IndexBlock<'_>, header: &IndexFileHeader) -> Result<(), Unusable> {
        let mut content = block.content;
        for _ in 0..block.items {
            let row = EventRow::decode(&mut content)?;
            let offset = ByteOffset(row.offset);
            self.events.push(Row {
                id: row.id,
                location: Location { segment: header.segment, offset, bytes: row.bytes },
                stream: usize::try_from(row.stream).map_err(|_| Unusable::Contradiction)?,
                kind: row.kind,
                revision: row.revision,
                depth: row.depth,
                hlc: row.hlc,
                causes: Vec::new(),
                tags: Vec::new(),
            });
        }
        Ok(())
    }

    fn causes(&mut self, block: &IndexBlock<'_>) -> Result<(), Unusable> {
        let mut content = block.content;
        for _ in 0..block.items {
            let row = CauseRow::decode(&mut content)?;
            self.event(row.event)?.causes.push(row.cause);
        }
        Ok(())
    }

    fn tags(&mut self, block: &IndexBlock<'_>) -> Result<(), Unusable> {
        let mut content = block.content;
        for _ in 0..block.items {
            let row = TagRow::decode(&mut content)?;
            self.event(row.event)?.tags.push(row.tag.into());
        }
        Ok(())
    }

    fn event(&mut self, number: u32) -> Result<&mut Row, Unusable> {
        let number = usize::try_from(number).map_err(|_| Unusable::Contradiction)?;
        self.events.get_mut(number).ok_or(Unusable::Contradiction)
    }

    /// Whether it could be applied, but for what the index itself says.
    pub(crate) fn check(&self) -> Result<(), Unusable> {
        let names_a_stream = |row: &Row| row.stream < self.streams.len();
        self.lists().map(drop)?;
        self.events.iter().all(names_a_stream).then_some(()).ok_or(Unusable::Contradiction)
    }

    fn lists(&self) -> Result<Vec<(Causes, Tags)>, Unusable> {
        let lists = |row: &Row| {
            let causes = Causes::new(row.causes.iter().copied()).map_err(|_| Unusable::Contradiction)?;
            let tags = Tags::new(&row.tags).map_err(|_| Unusable::Contradiction)?;
            Ok((causes, tags))
        };
        self.events.iter().map(lists).collect()
    }

    /// Applies all of it as one group.
    pub(crate) fn apply(self, index: &dyn Index, base: Position, after: Watermark) -> Result<(), Unusable> {
        let lists = self.lists()?;
        let mut events = Vec::with_capacity(self.events.len());
        for (i, (row, (causes, tags))) in self.events.iter().zip(&lists).enumerate() {
            let (coordinate, last_hash) = self.streams.get(row.stream).ok_or(Unusable::Contradiction)?;
            events.push(AppliedEvent {
                id: row.id,
                coordinate,
                kind: row.kind,
                tags,
                causes,
                position: Position(base.0 + widen(i)),
                revision: row.revision,
                hlc: row.hlc,
                depth: row.depth,
                // Right for the stream's last event in the segment; heads are asked for that one alone.
                hash: *last_hash,
                location: row.location,
            });
        }
        Ok(index.apply(&AppliedGroup { events: &events, after })?)
    }
}
