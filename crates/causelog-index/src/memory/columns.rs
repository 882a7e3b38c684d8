//! What is kept of every event, by row.
//!
//! Rows stand in chunks, so that what has been written is never copied and little is held in reserve. A row counts
//! its wall time and its place from a base, in half the bytes; where they do not fit, the next base begins.

use causelog_types::{ByteOffset, Depth, EventId, EventKind, Hlc, Location, Revision, SegmentNumber, limits};

use super::names::NameNumber;
use super::row::Row;
use super::streams::StreamNumber;
use crate::AppliedEvent;

/// What is kept of all events.
#[derive(Default)]
pub(super) struct Columns {
    end: Row,
    /// In chunks too.
    ids: Vec<Vec<EventId>>,
    chunks: Vec<Chunk>,
}

/// What is kept of an event, beside its id.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    chunk: &'a Chunk,
    place: usize,
    packed: &'a Packed,
}

const CHUNK_ROWS: usize = 2048;

/// So many rows; fewer in the last chunk.
struct Chunk {
    rows: Vec<Packed>,
    base: Base,
    /// The bases after the first, by rising places.
    next_bases: Vec<(usize, Base)>,
    /// The revisions that a row has no room for, by rising places.
    high_revisions: Vec<(usize, Revision)>,
    /// The tags of all rows, one row after the other.
    tags: Vec<NameNumber>,
}

/// A row.
struct Packed {
    /// Counted from the base.
    wall_ms: u32,
    /// Counted from the base.
    offset: u32,
    bytes: u32,
    counter: u32,
    depth: u32,
    /// [`HIGH_REVISION`] when it stands elsewhere.
    revision: u32,
    stream: StreamNumber,
    kind: EventKind,
    /// Where its tags end in the chunk. They begin where those of the row before end.
    tags_end: u16,
}

const HIGH_REVISION: u32 = u32::MAX;

/// What the rows from one on, up to the next base's, are counted from: wall time and place of the first.
struct Base {
    wall_ms: u64,
    segment: SegmentNumber,
    offset: u64,
}

// The sum in the documentation of `MemoryIndex` rests on this.
const _: () = assert!(size_of::<Packed>() == 32);
// `tags_end` can say where the last row's tags end.
const _: () = assert!(CHUNK_ROWS * limits::TAGS_MAX < 1 << 16);

impl Columns {
    /// The row after the last.
    pub(super) fn end(&self) -> Row {
        self.end
    }

    /// Adds the next row. There must be a number left for it.
    pub(super) fn push(&mut self, event: &AppliedEvent<'_>, stream: StreamNumber, tags: &[NameNumber]) {
        let (number, place) = split(self.end);
        if number == self.chunks.len() {
            // The first chunk grows, so that a small index stays small.
            let rows = if number == 0 { 0 } else { CHUNK_ROWS };
            self.ids.push(Vec::with_capacity(rows));
            self.chunks.push(Chunk::new(rows, Base::of(event)));
        }
        self.ids[number].push(event.id);
        self.chunks[number].push(place, event, stream, tags);
        self.end = Row(self.end.0 + 1);
    }

    /// The id of a row.
    pub(super) fn id(&self, row: Row) -> EventId {
        let (number, place) = split(row);
        self.ids[number][place]
    }

    /// What is kept of a row.
    pub(super) fn record(&self, row: Row) -> Record<'_> {
        let (number, place) = split(row);
        let chunk = &self.chunks[number];
        Record { chunk, place, packed: &chunk.rows[place] }
    }
}

impl<'a> Record<'a> {
    pub(super) fn stream(self) -> StreamNumber {
        self.packed.stream
    }

    pub(super) fn kind(self) -> EventKind {
        self.packed.kind
    }

    pub(super) fn revision(self) -> Revision {
        match self.packed.revision {
            HIGH_REVISION => self.chunk.high_revision(self.place),
            revision => Revision(u64::from(revision)),
        }
    }

    pub(super) fn hlc(self) -> Hlc {
        let wall_ms = self.chunk.base(self.place).wall_ms + u64::from(self.packed.wall_ms);
        Hlc { wall_ms, counter: self.packed.counter }
    }

    pub(super) fn depth(self) -> Depth {
        Depth(self.packed.depth)
    }

    pub(super) fn location(self) -> Location {
        let base = self.chunk.base(self.place);
        let offset = ByteOffset(base.offset + u64::from(self.packed.offset));
        Location { segment: base.segment, offset, bytes: self.packed.bytes }
    }

    pub(super) fn tags(self) -> &'a [NameNumber] {
        let before = self.place.checked_sub(1).map(|before| &self.chunk.rows[before]);
        let start = before.map_or(0, |before| usize::from(before.tags_end));
        &self.chunk.tags[start..usize::from(self.packed.tags_end)]
    }
}

impl Chunk {
    fn new(rows: usize, base: Base) -> Self {
        Self {
            rows: Vec::with_capacity(rows),
            base,
            next_bases: Vec::new(),
            high_revisions: Vec::new(),
            tags: Vec::new(),
        }
    }

    fn push(&mut self, place: usize, event: &AppliedEvent<'_>, stream: StreamNumber, tags: &[NameNumber]) {
        let base = self.next_bases.last().map_or(&self.base, |(_, base)| base);
        let (wall_ms, offset) = base.count(event).unwrap_or_else(|| {
            self.next_bases.push((place, Base::of(event)));
            (0, 0)
        });
        let revision = u32::try_from(event.revision.0).unwrap_or(HIGH_REVISION);
        if revision == HIGH_REVISION {
            self.high_revisions.push((place, event.revision));
        }
        self.tags.extend_from_slice(tags);
        self.rows.push(Packed {
            wall_ms,
            offset,
            bytes: event.location.bytes,
            counter: event.hlc.counter,
            depth: event.depth.0,
            revision,
            stream,
            kind: event.kind,
            tags_end: u16::try_from(self.tags.len()).unwrap_or(u16::MAX),
        });
        if self.rows.len() == CHUNK_ROWS {
            self.tags.shrink_to_fit();
        }
    }

    fn base(&self, place: usize) -> &Base {
        let begun = self.next_bases.partition_point(|(start, _)| *start <= place);
        begun.checked_sub(1).map_or(&self.base, |last| &self.next_bases[last].1)
    }

    fn high_revision(&self, place: usize) -> Revision {
        self.high_revisions[self.high_revisions.partition_point(|(other, _)| *other < place)].1
    }
}

impl Base {
    fn of(event: &AppliedEvent<'_>) -> Self {
        let Location { segment, offset, .. } = event.location;
        Self { wall_ms: event.hlc.wall_ms, segment, offset: offset.0 }
    }

    /// An event's wall time and offset counted from here, when they can be.
    fn count(&self, event: &AppliedEvent<'_>) -> Option<(u32, u32)> {
        let Location { segment, offset, .. } = event.location;
        let wall_ms = u32::try_from(event.hlc.wall_ms.checked_sub(self.wall_ms)?).ok()?;
        let offset = u32::try_from(offset.0.checked_sub(self.offset)?).ok()?;
        (segment == self.segment).then_some((wall_ms, offset))
    }
}

/// A row's chunk, and its place there.
fn split(row: Row) -> (usize, usize) {
    (row.index() / CHUNK_ROWS, row.index() % CHUNK_ROWS)
}

#[cfg(test)]
mod tests;
