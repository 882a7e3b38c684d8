//! The number of an event.

/// The number of an event in this index: 0 for the first applied, without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row(pub(super) u32);

impl Row {
    pub(super) fn index(self) -> usize {
        index(self.0)
    }
}

/// A number as an index of a vector. Numbers are given out by the length of a vector, so they fit.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
