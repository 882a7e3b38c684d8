//! Which row stands at which position: one run of positions, and one more after every gap.

use std::ops::Range;

use causelog_types::Position;

use super::row::Row;

/// The positions of all rows.
#[derive(Default)]
pub(super) struct Places {
    /// Rising, by rows as by positions; only the last may have no rows.
    runs: Vec<Run>,
}

/// Rows at positions that follow each other.
struct Run {
    row: Row,
    position: Position,
}

impl Places {
    /// Of an index whose first row will stand here.
    pub(super) fn from(position: Position) -> Self {
        Self { runs: vec![Run { row: Row(0), position }] }
    }

    /// Goes on behind a gap: the next row will stand here.
    pub(super) fn skip(&mut self, next: Row, position: Position) {
        // Gaps that touch each other are one. The first run stays, so that a gap at the beginning is one too.
        if self.runs.len() > 1 {
            self.runs.pop_if(|last| last.row == next);
        }
        self.runs.push(Run { row: next, position });
    }

    /// Where a row's event stands in the store.
    pub(super) fn position(&self, row: Row) -> Position {
        let after = self.runs.partition_point(|run| run.row <= row);
        match after.checked_sub(1).and_then(|last| self.runs.get(last)) {
            Some(run) => Position(run.position.0.saturating_add(u64::from(row.0 - run.row.0))),
            None => Position(u64::from(row.0)),
        }
    }

    /// The row of a position, before `end`: the next one for what has none, the end for what lies after.
    pub(super) fn row(&self, position: Position, end: Row) -> Row {
        let after = self.runs.partition_point(|run| run.position <= position);
        let Some(run) = after.checked_sub(1).and_then(|last| self.runs.get(last)) else { return Row(0) };
        let next = self.runs.get(after).map_or(end, |next| next.row);
        let rows = u32::try_from(position.0 - run.position.0).unwrap_or(u32::MAX);
        Row(run.row.0.saturating_add(rows)).min(next)
    }

    /// The positions before `as_of` that have no row, between others or before the first.
    pub(super) fn gaps(&self, as_of: Position) -> Vec<Range<Position>> {
        let between = self.runs.windows(2).filter_map(|pair| {
            let [before, after] = pair else { return None };
            let rows = u64::from(after.row.0 - before.row.0);
            let start = Position(before.position.0.saturating_add(rows));
            Some(start..after.position.min(as_of))
        });
        between.filter(|gap| gap.start < gap.end).collect()
    }
}
