//! Comparing a log with a head that was kept elsewhere.

use causelog_segment::{Group, Segment, Visit};
use causelog_types::{ByteOffset, Position, Root, StoreHead};

use super::{Finding, FindingKind};

/// A head that was kept elsewhere, while the log is walked over.
pub(super) struct KeptHead {
    head: StoreHead,
    /// Where what has been read since without a gap or a break begins.
    from: Option<Position>,
    /// What the log has at the head's position.
    found: Option<Found>,
    /// The last group read, or the directory.
    last: (String, ByteOffset),
}

struct Found {
    root: Root,
    from: Position,
    place: (String, ByteOffset),
}

impl KeptHead {
    pub(super) fn new(head: StoreHead, directory: String) -> Self {
        Self { head, from: None, found: None, last: (directory, ByteOffset(0)) }
    }

    pub(super) fn visit(&mut self, visit: &Visit<'_>) {
        match visit {
            Visit::Group(group, segment) => self.group(group, segment),
            Visit::Break => self.from = None,
        }
    }

    fn group(&mut self, group: &Group, segment: &Segment) {
        let from = match group.is_gap() {
            true => group.header.next(),
            false => self.from.unwrap_or(group.header.base),
        };
        self.from = Some(from);
        let place = || (segment.path(), group.location.offset);
        if self.found.is_none()
            && let Some(root) = group.root_at(self.head.position)
        {
            self.found = Some(Found { root, from, place: place() });
        }
        self.last = place();
    }

    /// From where on the head proves what stands before it, or what is wrong.
    pub(super) fn judge(self, end: StoreHead) -> Result<Position, Finding> {
        let Self { head, last, .. } = self;
        let at_end = || {
            let found = Found { root: end.root, from: end.position, place: last.clone() };
            (head.position == end.position).then_some(found)
        };
        let ((file, offset), kind) = match self.found.or_else(at_end) {
            Some(found) if found.root == head.root => return Ok(found.from),
            Some(found) => (found.place, FindingKind::HeadChanged(head.position)),
            None if head.position > end.position => {
                (last, FindingKind::HeadCutOff { kept: head.position, found: end.position })
            }
            None => (last, FindingKind::HeadUnreadable(head.position)),
        };
        Err(Finding { file, offset, kind })
    }
}
