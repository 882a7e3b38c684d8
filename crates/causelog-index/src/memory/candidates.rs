//! Walks over the rows of a plan in order, each once, without gathering them.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

use super::list::{RowList, Walk};
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

/// Several lists as one.
pub(super) struct Merge<'a> {
    direction: Direction,
    /// What has not been taken of each list.
    rest: Vec<Walk<'a>>,
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
    fn new(lists: Vec<&'a RowList>, rows: &Range<Row>, direction: Direction) -> Self {
        let mut rest: Vec<Walk<'a>> = lists.iter().map(|list| list.walk(rows, direction)).collect();
        let mut next = Vec::with_capacity(lists.len());
        for (number, list) in rest.iter_mut().enumerate() {
            next.extend(list.next().map(|row| (rank(row, direction), number)));
        }
        Self { direction, rest, next: next.into(), last: None }
    }

    fn next(&mut self) -> Option<Row> {
        loop {
            let mut top = self.next.peek_mut()?;
            let (first, number) = *top;
            match self.rest[number].next() {
                Some(next) => *top = (rank(next, self.direction), number),
                None => {
                    PeekMut::pop(top);
                }
            }
            let row = match self.direction {
                Direction::Forwards => Row(!first),
                Direction::Backwards => Row(first),
            };
            if self.last.replace(row) != Some(row) {
                return Some(row);
            }
        }
    }
}

fn rank(row: Row, direction: Direction) -> Rank {
    match direction {
        Direction::Forwards => !row.0,
        Direction::Backwards => row.0,
    }
}
