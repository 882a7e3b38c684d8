//! An index backend of one's own: a vector that every question scans.
//!
//! It is as small as a backend can be, and holds the whole contract of [`Index`]: the conformance suite runs on it
//! in this package's tests. Begin with it, and replace the scans that your questions cannot afford.

use std::ops::Range;

use causelog_index::{
    AppliedEvent, AppliedGroup, Counts, Direction, Index, IndexEntry, IndexError, IndexedHead, Selection,
    Watermark,
};
use causelog_types::{
    Causes, Coordinate, Depth, EventHash, EventId, EventKind, Facts, Hlc, Location, Position, Revision, Tags,
};
use parking_lot::RwLock;

/// The index that scans.
#[derive(Default)]
pub struct ScanIndex {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// By rising positions.
    rows: Vec<Row>,
    gaps: Vec<Range<Position>>,
    watermark: Option<Watermark>,
}

/// An event without its payload.
struct Row {
    id: EventId,
    coordinate: Coordinate,
    kind: EventKind,
    tags: Tags,
    causes: Causes,
    position: Position,
    revision: Revision,
    hlc: Hlc,
    depth: Depth,
    hash: EventHash,
    location: Location,
}

impl State {
    /// What shows as of a position: the one rule that no answer may forget.
    fn visible(&self, as_of: Position) -> &[Row] {
        &self.rows[..self.rows.partition_point(|row| row.position < as_of)]
    }

    fn next(&self) -> Position {
        self.watermark.map_or(Position(0), |known| known.next)
    }
}

impl Row {
    fn new(event: &AppliedEvent<'_>) -> Self {
        let &AppliedEvent { id, kind, position, revision, hlc, depth, hash, location, .. } = event;
        let (coordinate, tags, causes) = (event.coordinate.clone(), event.tags.clone(), event.causes.clone());
        Self { id, coordinate, kind, tags, causes, position, revision, hlc, depth, hash, location }
    }

    fn entry(&self) -> IndexEntry {
        IndexEntry { id: self.id, position: self.position, depth: self.depth, location: self.location }
    }

    fn facts(&self) -> Facts<'_, Box<str>> {
        Facts {
            entity: self.coordinate.entity(),
            scope: self.coordinate.scope(),
            kind: self.kind,
            tags: self.tags.as_slice(),
            position: self.position,
            revision: self.revision,
            recorded_ms: self.hlc.wall_ms,
        }
    }
}

impl Index for ScanIndex {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        Ok(self.state.read().watermark)
    }

    fn reset(&self) -> Result<(), IndexError> {
        *self.state.write() = State::default();
        Ok(())
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        let mut state = self.state.write();
        if state.watermark.is_some_and(|known| known.store != group.after.store) {
            return Err(IndexError::OtherStore);
        }
        let (expected, end) = (state.next(), group.after.next);
        match group.events.first().map(|event| event.position) {
            Some(found) if found > expected => return Err(IndexError::OutOfOrder { expected, found }),
            Some(_) => {
                let new = group.events.iter().filter(|event| event.position >= expected);
                state.rows.extend(new.map(Row::new));
            }
            // A group without events is a gap; gaps that touch each other are one.
            None if end > expected => match state.gaps.last_mut() {
                Some(last) if last.end == expected => last.end = end,
                _ => state.gaps.push(expected..end),
            },
            None => {}
        }
        // An old group that comes again moves nothing back.
        if end > expected {
            state.watermark = Some(group.after);
        }
        Ok(())
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        let state = self.state.read();
        let head = |stream: &&Coordinate| {
            let row = state.visible(as_of).iter().rfind(|row| row.coordinate == **stream)?;
            // A hash that was given is right only for the last event of a stream in a group.
            let is_newest = !state
                .rows
                .iter()
                .any(|other| other.position > row.position && other.coordinate == row.coordinate);
            Some(IndexedHead {
                position: row.position,
                revision: row.revision,
                hlc: row.hlc,
                location: row.location,
                hash: is_newest.then_some(row.hash),
            })
        };
        Ok(streams.iter().map(head).collect())
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        let state = self.state.read();
        let find = |id: &EventId| state.visible(as_of).iter().find(|row| row.id == *id).map(Row::entry);
        Ok(ids.iter().map(find).collect())
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        let state = self.state.read();
        let rows = state.visible(selection.as_of);
        let cursor = rows.partition_point(|row| row.position < selection.from);
        // `Region::matches` is the only matcher there is.
        let matches = |row: &&Row| selection.region.matches(&row.facts());
        Ok(match selection.direction {
            Direction::Forwards => {
                rows[cursor..].iter().filter(matches).take(selection.limit).map(Row::entry).collect()
            }
            Direction::Backwards => {
                rows[..cursor].iter().rev().filter(matches).take(selection.limit).map(Row::entry).collect()
            }
        })
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        let state = self.state.read();
        let caused = |row: &&Row| row.position >= from && row.causes.as_slice().contains(&cause);
        Ok(state.visible(as_of).iter().filter(caused).take(limit).map(Row::entry).collect())
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        let state = self.state.read();
        let rows = state.visible(as_of);
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let mut streams: Vec<&Coordinate> = rows.iter().map(|row| &row.coordinate).collect();
        streams.sort_unstable();
        streams.dedup();
        Ok(Counts { events: count(rows.len()), streams: count(streams.len()) })
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        let state = self.state.read();
        let begun = state.gaps.iter().filter(|gap| gap.start < as_of);
        Ok(begun.map(|gap| gap.start..gap.end.min(as_of)).collect())
    }
}
