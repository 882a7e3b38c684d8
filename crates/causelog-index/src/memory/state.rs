//! What the index holds: columns by row, and the rows by everything that can be asked for.
//!
//! Rows are in the order of positions, and gaps have none. Rows are only ever added, so an answer as of a position
//! stays the same whatever is applied later.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use causelog_types::{
    ByteOffset, Coordinate, Depth, EventId, EventKind, Facts, Hlc, Location, Position, Region, Revision,
    SegmentNumber, limits,
};

use super::ids::Ids;
use super::names::{NameNumber, Names};
use super::places::Places;
use super::row::{Record, Row};
use super::streams::Streams;
use crate::{AppliedEvent, AppliedGroup, Counts, IndexEntry, IndexError, IndexedHead, Watermark};

/// Everything the index holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) watermark: Option<Watermark>,
    pub(super) places: Places,
    ids: Ids,
    pub(super) records: Vec<Record>,
    /// The tags of all rows, one row after the other.
    row_tags: Vec<NameNumber>,
    pub(super) streams: Streams,
    pub(super) scopes: Names,
    pub(super) tags: Names,
    pub(super) kinds: BTreeMap<EventKind, Vec<Row>>,
    effects: HashMap<EventId, Vec<Row>>,
}

impl State {
    /// Takes in a group. What is refused is refused before anything is changed; only a full index keeps a part
    /// of a group, beyond the watermark, and knows it again.
    pub(super) fn apply(&mut self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        if self.watermark.is_some_and(|known| known.store != group.after.store) {
            return Err(IndexError::OtherStore);
        }
        let Some(first) = group.events.first().map(|event| event.position) else {
            return self.skip(group.after);
        };
        let expected = self.watermark.map_or(first, |known| known.next);
        if first > expected {
            return Err(IndexError::OutOfOrder { expected, found: first });
        }
        check_gapless(first, group)?;
        if self.watermark.is_none() {
            *self = Self { places: Places::from(first), ..Self::default() };
        }
        let known = self.position(self.end()).since(first).unwrap_or(0);
        for event in group.events.iter().skip(usize::try_from(known).unwrap_or(usize::MAX)) {
            self.push(event)?;
        }
        if self.watermark.is_none_or(|known| known.next < group.after.next) {
            self.watermark = Some(group.after);
        }
        Ok(())
    }

    /// Goes on behind a gap, which ends at a watermark.
    fn skip(&mut self, after: Watermark) -> Result<(), IndexError> {
        let (expected, found) = (self.watermark.map_or(Position(0), |known| known.next), after.next);
        if found <= expected {
            return Ok(());
        }
        match self.watermark {
            None => *self = Self { places: Places::from(expected), ..Self::default() },
            // Only a full index knows events beyond its watermark, and no gap can stand in their place.
            Some(_) if self.position(self.end()) > expected => {
                return Err(IndexError::OutOfOrder { expected, found });
            }
            Some(_) => {}
        }
        self.places.skip(self.end(), found);
        self.watermark = Some(after);
        Ok(())
    }

    /// Adds one event. Everything that can fail comes first, and leaves nothing that shows.
    fn push(&mut self, event: &AppliedEvent<'_>) -> Result<(), IndexError> {
        let row = self.end();
        if row.0 == u32::MAX {
            return Err(IndexError::Full { what: "events" });
        }
        let stream = self.streams.number(event.coordinate, event.hash, &mut self.scopes)?;
        let tags_start = self.row_tags.len();
        for tag in event.tags.iter() {
            self.row_tags.push(self.tags.number(tag, "tags")?);
        }
        let full = |_| IndexError::Full { what: "tags" };
        let record = Record {
            wall_ms: event.hlc.wall_ms,
            revision: event.revision.0,
            segment: event.location.segment.0,
            offset: event.location.offset.0,
            bytes: event.location.bytes,
            counter: event.hlc.counter,
            depth: event.depth.0,
            stream,
            tags_start: u32::try_from(tags_start).map_err(full)?,
            tags_count: u8::try_from(event.tags.len()).map_err(full)?,
            kind: event.kind,
        };
        self.ids.push(row, event.id);
        self.records.push(record);
        let scope = self.streams.extend(stream, row, event.hash);
        self.scopes.bear(scope, row);
        for tag in &self.row_tags[tags_start..] {
            self.tags.bear(*tag, row);
        }
        self.kinds.entry(event.kind).or_default().push(row);
        for cause in event.causes.iter() {
            self.effects.entry(cause).or_default().push(row);
        }
        Ok(())
    }

    /// The row after the last.
    pub(super) fn end(&self) -> Row {
        Row(u32::try_from(self.records.len()).unwrap_or(u32::MAX))
    }

    /// Where a row's event stands in the store.
    pub(super) fn position(&self, row: Row) -> Position {
        self.places.position(row)
    }

    /// The row of a position: the next one for what has none, the end for what lies after.
    pub(super) fn row(&self, position: Position) -> Row {
        self.places.row(position, self.end())
    }

    /// What the index says of a row.
    pub(super) fn entry(&self, row: Row) -> IndexEntry {
        let record = &self.records[row.index()];
        IndexEntry {
            id: self.ids.get(row),
            position: self.position(row),
            depth: Depth(record.depth),
            location: record.location(),
        }
    }

    /// What the index says of an event, if it stands before a position.
    pub(super) fn lookup(&self, id: EventId, as_of: Position) -> Option<IndexEntry> {
        let row = self.ids.find(id)?;
        (row < self.row(as_of)).then(|| self.entry(row))
    }

    /// The last event of a stream before a position.
    pub(super) fn head(&self, coordinate: &Coordinate, as_of: Position) -> Option<IndexedHead> {
        let stream = self.streams.find(coordinate)?;
        let end = self.row(as_of);
        let newest = *stream.rows.last()?;
        let row = match newest < end {
            true => newest,
            false => *stream.rows[..stream.rows.partition_point(|row| *row < end)].last()?,
        };
        let record = &self.records[row.index()];
        Some(IndexedHead {
            position: self.position(row),
            revision: Revision(record.revision),
            hlc: Hlc { wall_ms: record.wall_ms, counter: record.counter },
            location: record.location(),
            hash: (row == newest).then_some(stream.head_hash),
        })
    }

    /// The rows caused by an event, rising.
    pub(super) fn effects(&self, cause: EventId) -> &[Row] {
        self.effects.get(&cause).map_or(&[], |rows| rows)
    }

    /// How many events and streams there are before a position.
    pub(super) fn counts(&self, as_of: Position) -> Counts {
        let end = self.row(as_of);
        let streams = u64::try_from(self.streams.begun_before(end)).unwrap_or(u64::MAX);
        Counts { events: u64::from(end.0), streams }
    }

    /// Whether a row's event lies in a region.
    pub(super) fn matches(&self, region: &Region, row: Row) -> bool {
        let record = &self.records[row.index()];
        let coordinate = &self.streams.get(record.stream).coordinate;
        let texts;
        let tags = match usize::from(record.tags_count) {
            0 => &[][..],
            count => {
                texts = self.tag_texts(record);
                &texts[..count]
            }
        };
        region.matches(&Facts {
            entity: coordinate.entity(),
            scope: coordinate.scope(),
            kind: record.kind,
            tags,
            position: self.position(row),
            revision: Revision(record.revision),
            recorded_ms: record.wall_ms,
        })
    }

    fn tag_texts(&self, record: &Record) -> [&str; limits::TAGS_MAX] {
        let mut texts = [""; limits::TAGS_MAX];
        for (text, tag) in texts.iter_mut().zip(&self.row_tags[record.tags()]) {
            *text = self.tags.text(*tag);
        }
        texts
    }

    /// The rows from one row to before another whose recorded time lies in the region's range.
    /// The recorded time rises with the rows.
    pub(super) fn recorded_within(&self, region: &Region, rows: Range<Row>) -> Range<Row> {
        let range = region.recorded_ms_range();
        let before = |end: u64| {
            let records = &self.records[rows.start.index()..rows.end.index()];
            let count = records.partition_point(|record| record.wall_ms < end);
            Row(rows.start.0 + u32::try_from(count).unwrap_or(u32::MAX - rows.start.0))
        };
        before(range.start)..before(range.end)
    }
}

impl Record {
    fn location(&self) -> Location {
        Location { segment: SegmentNumber(self.segment), offset: ByteOffset(self.offset), bytes: self.bytes }
    }
}

/// A group's events follow each other, and its watermark follows them.
fn check_gapless(first: Position, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
    let mut expected = first;
    for event in group.events {
        let found = event.position;
        if found != expected {
            return Err(IndexError::OutOfOrder { expected, found });
        }
        expected = expected.checked_add(1).ok_or(IndexError::Full { what: "positions" })?;
    }
    match group.after.next == expected {
        true => Ok(()),
        false => Err(IndexError::OutOfOrder { expected, found: group.after.next }),
    }
}
