//! The backend that holds everything in memory.

mod candidates;
mod columns;
mod ids;
mod list;
mod names;
mod places;
mod plan;
mod row;
mod select;
mod state;
mod streams;

use std::fmt;
use std::mem;
use std::ops::Range;

use causelog_types::{Coordinate, EventId, Position};
use parking_lot::RwLock;

use crate::{AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, Selection, Watermark};
use row::Row;
use state::State;

/// The index that holds everything in memory, behind one lock.
///
/// It gives no false matches. The first group of events may begin at any position; those after it follow without
/// gaps but those that it is told, so that a position is a row number and what the gaps before it add. At most
/// 2^32 - 1 events fit.
///
/// # Memory
/// Per event 62 bytes: 32 for its row, 16 for its id, 8 for finding it by its id, 5 for the lists of its stream,
/// scope and kind, and what is held in reserve. So it was measured, by what is allocated, at sizes from 131,072 to
/// 2,000,000 events of 10,000 streams, the worst moments of growth included; a test holds it to 64. With fewer events
/// the reserve weighs more: up to 100 KiB of it is for the rows to come.
///
/// A list takes 1 byte for an event less than 128 events behind the one before in it, 2 below 16,384, 3 below
/// 2,097,152. Each tag of an event adds 4 bytes and a list, each cause 4; an event with effects adds about 80. A
/// revision above 2^32 - 2 adds 16 bytes. A segment that begins or a clock that jumps by 50 days, from which the rows
/// behind are then counted, adds 32. Each stream adds about 330 bytes and its name twice; the text of a scope or tag
/// is kept once.
///
/// # Locking
/// A group is applied under the write lock, so readers see all of it or nothing. Questions share the read lock:
/// one for [`Index::heads`], [`Index::lookup`], [`Index::effects`] and [`Index::counts`]; [`Index::select`] takes
/// it anew after every 16,384 events looked at, so that a search for something rare does not hold up the writer.
///
/// # Example
/// The page of this crate has one.
#[derive(Default)]
pub struct MemoryIndex {
    state: RwLock<State>,
}

impl MemoryIndex {
    /// Makes an empty index.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for MemoryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryIndex").field("watermark", &self.state.read().watermark).finish_non_exhaustive()
    }
}

impl Index for MemoryIndex {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        Ok(self.state.read().watermark)
    }

    fn reset(&self) -> Result<(), IndexError> {
        // The old state is let go after the lock: freeing it takes a while.
        let forgotten = mem::take(&mut *self.state.write());
        drop(forgotten);
        Ok(())
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        self.state.write().apply(group)
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        let state = self.state.read();
        Ok(streams.iter().map(|stream| state.head(stream, as_of)).collect())
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        let state = self.state.read();
        Ok(ids.iter().map(|id| state.lookup(*id, as_of)).collect())
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        let mut found = Vec::new();
        let mut step = Some(*selection);
        while let Some(next) = step {
            let from = self.state.read().select(&next, &mut found);
            step = from.map(|from| Selection { from, ..next });
        }
        Ok(found)
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        let state = self.state.read();
        let (start, end): (Row, Row) = (state.row(from), state.row(as_of));
        let rows = state.effects(cause);
        let rows = rows[rows.partition_point(|row| *row < start)..].iter().take_while(|row| **row < end);
        Ok(rows.take(limit).map(|row| state.entry(*row)).collect())
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        Ok(self.state.read().counts(as_of))
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        Ok(self.state.read().places.gaps(as_of))
    }
}

#[cfg(test)]
mod tests;
