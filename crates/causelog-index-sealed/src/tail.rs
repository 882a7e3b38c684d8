//! The index file of the segment that is being written, growing with it.

use causelog_index::{AppliedEvent, Watermark};
use causelog_types::{Coordinate, EventHash, Position, SegmentNumber};
use causelog_wire::layout::INDEX_HEADER_BYTES;
use causelog_wire::{
    BlockKind, CauseRow, EventRow, IndexBlock, IndexFileHeader, Salt, StreamRow, TagRow, encode_block,
};
use hashbrown::HashMap;

/// A block is ended when its content is this long; no item makes it much longer.
const BLOCK_BYTES: usize = 64 * 1024;
/// Room for the item that fills a block.
const BLOCK_RESERVE_BYTES: usize = 1024;

/// The index file of one segment, until the segment is sealed.
#[derive(Debug)]
pub(crate) struct TailFile {
    pub(crate) segment: SegmentNumber,
    base: Position,
    /// The position of the next event to take in.
    pub(crate) next: Position,
    streams: Vec<(Coordinate, EventHash)>,
    numbers: HashMap<Coordinate, u32>,
    ended: Vec<Block>,
    events: Block,
    causes: Block,
    tags: Block,
}

#[derive(Debug)]
struct Block {
    kind: BlockKind,
    items: u32,
    content: Vec<u8>,
}

impl Block {
    fn new(kind: BlockKind) -> Self {
        // Grown once, not by doubling: events come one by one.
        Self { kind, items: 0, content: Vec::with_capacity(BLOCK_BYTES + BLOCK_RESERVE_BYTES) }
    }

    /// Adds an item; ends the block when it is full.
    fn add(&mut self, ended: &mut Vec<Self>, encode: impl FnOnce(&mut Vec<u8>)) {
        encode(&mut self.content);
        self.items += 1;
        if self.content.len() >= BLOCK_BYTES {
            ended.push(std::mem::replace(self, Self::new(self.kind)));
        }
    }
}

/// What an index file is bound to, beside what it knows itself.
pub(crate) struct Binding {
    pub(crate) salt: Salt,
    pub(crate) segment_length: u64,
    pub(crate) end: Watermark,
}

impl TailFile {
    pub(crate) fn new(segment: SegmentNumber, base: Position) -> Self {
        Self {
            segment,
            base,
            next: base,
            streams: Vec::new(),
            numbers: HashMap::new(),
            ended: Vec::new(),
            events: Block::new(BlockKind::Events),
            causes: Block::new(BlockKind::Causes),
            tags: Block::new(BlockKind::Tags),
        }
    }

    /// Takes in the next event.
    pub(crate) fn add(&mut self, event: &AppliedEvent<'_>) {
        let number = u32::try_from(self.next.0 - self.base.0).unwrap_or(u32::MAX);
        let stream = self.stream(event);
        let row = EventRow {
            id: event.id,
            offset: event.location.offset.0,
            bytes: event.location.bytes,
            stream,
            kind: event.kind,
            revision: event.revision,
            depth: event.depth,
            hlc: event.hlc,
        };
        self.events.add(&mut self.ended, |out| row.encode(out));
        for cause in event.causes.iter() {
            self.causes.add(&mut self.ended, |out| CauseRow { event: number, cause }.encode(out));
        }
        for tag in event.tags.iter() {
            self.tags.add(&mut self.ended, |out| TagRow { event: number, tag }.encode(out));
        }
        self.next = Position(self.next.0 + 1);
    }

    fn stream(&mut self, event: &AppliedEvent<'_>) -> u32 {
        let hash = event.hash;
        if let Some(number) = self.numbers.get(event.coordinate) {
            let known = usize::try_from(*number).ok().and_then(|number| self.streams.get_mut(number));
            if let Some((_, last_hash)) = known {
                *last_hash = hash;
            }
            return *number;
        }
        let number = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        self.numbers.insert(event.coordinate.clone(), number);
        self.streams.push((event.coordinate.clone(), hash));
        number
    }

    /// The whole file.
    pub(crate) fn finish(mut self, binding: &Binding) -> Vec<u8> {
        let mut streams = Block::new(BlockKind::Streams);
        for (coordinate, last_hash) in &self.streams {
            let (entity, scope) = (coordinate.entity(), coordinate.scope());
            let row = StreamRow { entity, scope, last_hash: *last_hash };
            streams.add(&mut self.ended, |out| row.encode(out));
        }
        let open = [streams, self.events, self.causes, self.tags];
        self.ended.extend(open.into_iter().filter(|block| block.items > 0));
        let header = IndexFileHeader {
            store: binding.end.store,
            segment: self.segment,
            segment_length: binding.segment_length,
            base: self.base,
            next: binding.end.next,
            root: binding.end.root,
            blocks: u32::try_from(self.ended.len()).unwrap_or(u32::MAX),
        };
        let length: usize = self.ended.iter().map(|block| block.content.len() + INDEX_HEADER_BYTES).sum();
        let mut file = Vec::with_capacity(INDEX_HEADER_BYTES + length);
        file.extend_from_slice(&header.encode(binding.salt));
        for block in &self.ended {
            let block = IndexBlock { kind: block.kind, items: block.items, content: &block.content };
            encode_block(&block, binding.salt, &mut file);
        }
        file
    }
}
