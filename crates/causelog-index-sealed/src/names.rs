//! Names of index files: the position of the first event, and the one after the last.

use causelog_types::Position;

/// The events from one position to before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunRange {
    pub(crate) base: Position,
    pub(crate) next: Position,
}

impl RunRange {
    pub(crate) fn events(self) -> u64 {
        self.next.0.saturating_sub(self.base.0)
    }
}

pub(crate) fn run_name(range: RunRange) -> String {
    causelog_segment::index_name(range.base, range.next)
}
