//! What the index holds: columns by row, and the rows by everything that can be asked for.
//!
//! Rows are in the order of positions, and gaps have none. Rows are only ever added, so an answer as of a position
//! stays the same whatever is applied later.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use causelog_types::{Coordinate, EventId, EventKind, Facts, Position, Region, limits};

use super::columns::Columns;
use super::ids::Ids;
use super::list::RowList;
use super::names::{NameNumber, Names};
use super::places::Places;
use super::row::Row;
use super::streams::Streams;
use crate::{AppliedEvent, AppliedGroup, Counts, Direction, IndexEntry, IndexError, IndexedHead, Watermark};

/// Everything the index holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) watermark: Option<Watermark>,
    pub(super) places: Places,
    pub(super) columns: Columns,
    ids: Ids,
    pub(super) streams: Streams,
    pub(super) scopes: Names,
    pub(super) tags: Names,
    pub(super) kinds: BTreeMap<EventKind, RowList>,
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
        let mut tags = [NameNumber::default(); limits::TAGS_MAX];
        for (number, tag) in tags.iter_mut().zip(event.tags.iter()) {
            *number = self.tags.number(tag, "tags")?;
        }
        let tags = &tags[..event.tags.len()];
        self.ids.push(row, event.id, &self.columns);
        self.columns.push(event, stream, tags);
        let scope = self.streams.extend(stream, row, event.hash);
        self.scopes.bear(scope, row);
        for tag in tags {
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
        self.columns.end()
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
        let record = self.columns.record(row);
        IndexEntry {
            id: self.columns.id(row),
            position: self.position(row),
            depth: record.depth(),
            location: record.location(),
        }
    }

    /// What the index says of an event, if it stands before a position.
    pub(super) fn lookup(&self, id: EventId, as_of: Position) -> Option<IndexEntry> {
        let row = self.ids.find(id, &self.columns)?;
        (row < self.row(as_of)).then(|| self.entry(row))
    }

    /// The last event of a stream before a position.
    pub(super) fn head(&self, coordinate: &Coordinate, as_of: Position) -> Option<IndexedHead> {
        let stream = self.streams.find(coordinate)?;
        let end = self.row(as_of);
        let newest = stream.rows.last()?;
        let row = match newest < end {
            true => newest,
            false => stream.rows.walk(&(Row(0)..end), Direction::Backwards).next()?,
        };
        let record = self.columns.record(row);
        Some(IndexedHead {
            position: self.position(row),
            revision: record.revision(),
            hlc: record.hlc(),
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
        let record = self.columns.record(row);
        let numbers = record.tags();
        let coordinate = &self.streams.get(record.stream()).coordinate;
        let texts;
        let tags = match numbers {
            [] => &[][..],
            _ => {
                texts = self.tag_texts(numbers);
                &texts[..numbers.len()]
            }
        };
        region.matches(&Facts {
            entity: coordinate.entity(),
            scope: coordinate.scope(),
            kind: record.kind(),
            tags,
            position: self.position(row),
            revision: record.revision(),
            recorded_ms: record.hlc().wall_ms,
        })
    }

    fn tag_texts(&self, tags: &[NameNumber]) -> [&str; limits::TAGS_MAX] {
        let mut texts = [""; limits::TAGS_MAX];
        for (text, tag) in texts.iter_mut().zip(tags) {
            *text = self.tags.text(*tag);
        }
        texts
    }

    /// The rows from one row to before another whose recorded time lies in the region's range.
    /// The recorded time rises with the rows.
    pub(super) fn recorded_within(&self, region: &Region, rows: Range<Row>) -> Range<Row> {
        let range = region.recorded_ms_range();
        let before = |end: u64| {
            // Most regions have no such range.
            let (mut from, mut to) = match end {
                0 => return rows.start,
                u64::MAX => return rows.end,
                _ => (rows.start.0, rows.end.0),
            };
            while from < to {
                let middle = from + (to - from) / 2;
                match self.columns.record(Row(middle)).hlc().wall_ms < end {
                    true => from = middle + 1,
                    false => to = middle,
                }
            }
            Row(from)
        };
        before(range.start)..before(range.end)
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
