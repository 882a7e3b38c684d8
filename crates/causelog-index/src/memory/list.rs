//! Rising lists of rows, held as the steps from row to row: a byte for a step below 128, two below 16,384.
//!
//! A step is written seven bits a byte, the lowest first, and all its bytes but the last have the highest bit set,
//! so that steps can be read from either end. They stand in blocks; the place of a row is looked for among the
//! blocks, then by reading one.

use std::mem;
use std::ops::Range;

use super::row::{Row, index};
use crate::Direction;

/// A list of rows, which rises.
#[derive(Default)]
pub(super) struct RowList {
    full: Vec<Block>,
    /// What is added to.
    open: Block,
    last: Row,
    len: u32,
}

#[derive(Default)]
struct Block {
    /// The last row before this block; 0 in the first.
    before: Row,
    steps: Vec<u8>,
}

/// How many bytes of steps fill a block. What looks for a row reads half of them.
const BLOCK_BYTES: usize = 248;
/// What a block takes first.
const FIRST_BYTES: usize = 16;
/// What the longest step takes.
const STEP_BYTES_MAX: usize = 5;

/// The rows of a list within a range, rising or falling.
pub(super) struct Walk<'a> {
    list: &'a RowList,
    /// The number of the block that is read.
    block: usize,
    /// What has not been read of it.
    steps: &'a [u8],
    /// Forwards: the row before the next. Backwards: the next.
    row: Row,
    bound: Bound,
}

/// Which way to walk, and how far.
#[derive(Clone, Copy)]
enum Bound {
    /// Forwards, to before this row.
    Before(Row),
    /// Backwards, down to this row.
    DownTo(Row),
}

/// Where a list can be parted: in which block, behind how many bytes of it, and the row before.
struct Part {
    block: usize,
    bytes: usize,
    before: Row,
}

impl RowList {
    /// Adds a row, which comes after all others.
    pub(super) fn push(&mut self, row: Row) {
        if self.open.steps.len() + STEP_BYTES_MAX > BLOCK_BYTES {
            let next = Block { before: self.last, steps: Vec::new() };
            self.full.push(mem::replace(&mut self.open, next));
        }
        self.open.push(row.0 - self.last.0);
        self.last = row;
        self.len += 1;
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        index(self.len)
    }

    pub(super) fn first(&self) -> Option<Row> {
        let first = self.full.first().unwrap_or(&self.open);
        first_step(&first.steps).map(|(row, _)| Row(row))
    }

    pub(super) fn last(&self) -> Option<Row> {
        (self.len > 0).then_some(self.last)
    }

    /// The rows within a range.
    pub(super) fn walk(&self, rows: &Range<Row>, direction: Direction) -> Walk<'_> {
        let (from, bound) = match direction {
            Direction::Forwards => (rows.start, Bound::Before(rows.end)),
            Direction::Backwards => (rows.end, Bound::DownTo(rows.start)),
        };
        let part = self.part(from);
        let (behind, ahead) = self.steps(part.block).unwrap_or_default().split_at(part.bytes);
        let steps = match direction {
            Direction::Forwards => ahead,
            Direction::Backwards => behind,
        };
        Walk { list: self, block: part.block, steps, row: part.before, bound }
    }

    fn steps(&self, block: usize) -> Option<&[u8]> {
        match self.full.get(block) {
            Some(block) => Some(&block.steps),
            None => (block == self.full.len()).then_some(&self.open.steps),
        }
    }

    /// Parts the rows before one from the others.
    fn part(&self, row: Row) -> Part {
        if row > self.last {
            return Part { block: self.full.len(), bytes: self.open.steps.len(), before: self.last };
        }
        let begun = self.full.partition_point(|block| block.before < row);
        let number = match begun == self.full.len() && self.open.before < row {
            true => begun,
            false => begun.saturating_sub(1),
        };
        let block = self.full.get(number).unwrap_or(&self.open);
        let (mut before, mut rest) = (block.before, &block.steps[..]);
        while let Some((step, behind)) = first_step(rest)
            && before.0 + step < row.0
        {
            (before, rest) = (Row(before.0 + step), behind);
        }
        Part { block: number, bytes: block.steps.len() - rest.len(), before }
    }
}

impl Block {
    fn push(&mut self, mut step: u32) {
        if self.steps.capacity() - self.steps.len() < STEP_BYTES_MAX {
            let capacity = (self.steps.len() * 3 / 2).clamp(FIRST_BYTES, BLOCK_BYTES);
            self.steps.reserve_exact(capacity - self.steps.len());
        }
        loop {
            let [low, ..] = step.to_le_bytes();
            step >>= 7;
            if step == 0 {
                return self.steps.push(low);
            }
            self.steps.push(low | 0x80);
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        match self.bound {
            Bound::Before(end) => {
                if self.steps.is_empty() {
                    self.block += 1;
                    self.steps = self.list.steps(self.block)?;
                }
                let (step, rest) = first_step(self.steps)?;
                (self.row, self.steps) = (Row(self.row.0 + step), rest);
                (self.row < end).then_some(self.row)
            }
            Bound::DownTo(start) => {
                if self.steps.is_empty() {
                    self.block = self.block.checked_sub(1)?;
                    self.steps = self.list.steps(self.block)?;
                }
                let (found, (step, rest)) = (self.row, last_step(self.steps)?);
                (self.row, self.steps) = (Row(found.0 - step), rest);
                (found >= start).then_some(found)
            }
        }
    }
}

/// The first of these steps, and the others.
fn first_step(steps: &[u8]) -> Option<(u32, &[u8])> {
    let (byte, mut rest) = steps.split_first()?;
    let (mut step, mut shift) = (u32::from(byte & 0x7f), 7);
    let mut last = *byte;
    while last >= 0x80 {
        let (byte, behind) = rest.split_first()?;
        step |= u32::from(byte & 0x7f) << shift;
        (last, rest, shift) = (*byte, behind, shift + 7);
    }
    Some((step, rest))
}

/// The last of these steps, and the others.
fn last_step(steps: &[u8]) -> Option<(u32, &[u8])> {
    let (byte, mut rest) = steps.split_last()?;
    let mut step = u32::from(*byte);
    while let Some((byte, before)) = rest.split_last()
        && *byte >= 0x80
    {
        step = step << 7 | u32::from(byte & 0x7f);
        rest = before;
    }
    Some((step, rest))
}

#[cfg(test)]
mod tests;
