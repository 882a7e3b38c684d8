//! Walks over the rows of a plan in order, each once, without gathering them.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::plan::Plan;
use super::row::Row;
use crate::Direction;

/// The rows of a plan within a range, rising or falling.
pub(super) enum Candidates<'a> {
    /// All rows of the range.
    Scan { rows: Range<u32>, direction: Direction },
    /// Those in any of several lists.
    Merge(Merge<'a>),
}

/// Several lists, each of which rises, as one.
pub(super) struct Merge<'a> {
    direction: Direction,
    /// What has not been taken of each list.
    rest: Vec<&'a [Row]>,
    /// The next row of each list that has one, by its rank: the greatest rank comes first.
    next: BinaryHeap<(Rank, usize)>,
    last: Option<Row>,
}

/// The order in which rows come: the row's number when they fall, its complement when they rise.
type Rank = u32;

impl<'a> Candidates<'a> {
    pub(super) fn new(plan: Plan<'a>, rows: &Range<Row>, direction: Direction) -> Self {
        match plan {
            Plan::Scan => Self::Scan { rows: rows.start.0..rows.end.0, direction },
            Plan::Merge(lists) => Self::Merge(Merge::new(lists, rows, direction)),
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        match self {
            Self::Scan { rows, direction: Direction::Forwards } => rows.next().map(Row),
            Self::Scan { rows, direction: Direction::Backwards } => rows.next_back().map(Row),
            Self::Merge(merge) => merge.next(),
        }
    }
}

impl<'a> Merge<'a> {
    fn new(mut lists: Vec<&'a [Row]>, rows: &Range<Row>, direction: Direction) -> Self {
        for list in &mut lists {
            let start = list.partition_point(|row| *row < rows.start);
            let end = start + list[start..].partition_point(|row| *row < rows.end);
            *list = &list[start..end];
        }
        let mut next = Vec::with_capacity(lists.len());
        for (number, list) in lists.iter_mut().enumerate() {
            next.extend(take(list, direction).map(|rank| (rank, number)));
        }
        Self { direction, rest: lists, next: next.into(), last: None }
    }

    fn next(&mut self) -> Option<Row> {
        loop {
            let mut top = self.next.peek_mut()?;
            let (rank, number) = *top;
            match take(&mut self.rest[number], self.direction) {
                Some(next) => *top = (next, number),
                None => {
                    PeekMut::pop(top);
                }
            }
            let row = match self.direction {
                Direction::Forwards => Row(!rank),
                Direction::Backwards => Row(rank),
            };
            if self.last.replace(row) != Some(row) {
                return Some(row);
            }
        }
    }
}

/// Takes the next row of a list.
fn take(list: &mut &[Row], direction: Direction) -> Option<Rank> {
    let (row, rest) = match direction {
        Direction::Forwards => list.split_first()?,
        Direction::Backwards => list.split_last()?,
    };
    *list = rest;
    Some(match direction {
        Direction::Forwards => !row.0,
        Direction::Backwards => row.0,
    })
}
