//! Finds the next entries of a region, a bounded piece of work at a time.

use std::ops::Range;

use causelog_types::Position;

use super::candidates::Candidates;
use super::plan::plan;
use super::row::Row;
use super::state::State;
use crate::{Direction, IndexEntry, Selection};

/// Most rows looked at before the lock is let go.
const STEP_ROWS: usize = 16 * 1024;

impl State {
    /// Adds the next entries to those found, until there are `selection.limit`. Returns from where to go on when
    /// a step's work is done before that, and `None` when nothing is left to find.
    pub(super) fn select(&self, selection: &Selection<'_>, found: &mut Vec<IndexEntry>) -> Option<Position> {
        let rows = self.rows_of(selection);
        let wanted = selection.limit.saturating_sub(found.len());
        if wanted == 0 || rows.is_empty() {
            return None;
        }
        let plan = plan(self, selection.region, &rows, wanted);
        for (looked, row) in Candidates::new(plan, &rows, selection.direction).enumerate() {
            if looked == STEP_ROWS {
                return Some(match selection.direction {
                    Direction::Forwards => self.position(row),
                    Direction::Backwards => self.position(Row(row.0.saturating_add(1))),
                });
            }
            if self.matches(selection.region, row) {
                found.push(self.entry(row));
                if found.len() == selection.limit {
                    return None;
                }
            }
        }
        None
    }

    /// The rows that positions, recorded times, cursor and `as_of` leave.
    fn rows_of(&self, selection: &Selection<'_>) -> Range<Row> {
        let positions = selection.region.position_range();
        let (start, end) = match selection.direction {
            Direction::Forwards => (positions.start.max(selection.from), positions.end),
            Direction::Backwards => (positions.start, positions.end.min(selection.from)),
        };
        let end = self.row(end.min(selection.as_of));
        let start = self.row(start).min(end);
        self.recorded_within(selection.region, start..end)
    }
}
