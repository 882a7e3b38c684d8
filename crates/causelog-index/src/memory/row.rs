//! What is kept of an event, beside its id.

use std::ops::Range;

use causelog_types::EventKind;

use super::streams::StreamNumber;

/// The number of an event in this index: 0 for the first applied, without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row(pub(super) u32);

/// What is kept of an event. Its id stands in a column of its own, which lookups compare.
pub(super) struct Record {
    pub(super) wall_ms: u64,
    pub(super) revision: u64,
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) counter: u32,
    pub(super) depth: u32,
    pub(super) stream: StreamNumber,
    /// Where its tags begin in the column of tags.
    pub(super) tags_start: u32,
    pub(super) tags_count: u8,
    pub(super) kind: EventKind,
}

// The estimate in the documentation of `MemoryIndex` rests on this.
const _: () = assert!(size_of::<Record>() == 56);

impl Row {
    pub(super) fn index(self) -> usize {
        index(self.0)
    }
}

impl Record {
    pub(super) fn tags(&self) -> Range<usize> {
        let start = index(self.tags_start);
        start..start + usize::from(self.tags_count)
    }
}

/// A number as an index of a vector. Numbers are given out by the length of a vector, so they fit.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
