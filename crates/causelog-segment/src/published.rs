//! The published end: what readers of this process see.

use std::sync::Arc;

use causelog_types::{ByteOffset, Hlc, Position, Root, SegmentNumber, StoreHead};
use parking_lot::RwLock;

use crate::segment::SegmentList;

/// The end of a log: where the next group will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The last segment; `None` while there is none.
    pub segment: Option<SegmentNumber>,
    /// The offset in it at which the next group will stand.
    pub offset: ByteOffset,
    /// The position of the next event.
    pub position: Position,
    /// The root there.
    pub root: Root,
    /// The recorded time of the last event.
    pub hlc: Hlc,
}

/// What readers of this process see: the writer stores it once a group, after the index has the group; readers
/// load it. Neither holds its lock for more than a copy.
#[derive(Debug)]
pub struct Published(RwLock<Snapshot>);

/// The published end with the segments up to it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The end.
    pub end: LogEnd,
    /// The segments, in order.
    pub segments: SegmentList,
}

impl LogEnd {
    /// The next position, and the root there.
    #[must_use]
    pub fn head(&self) -> StoreHead {
        StoreHead { position: self.position, root: self.root }
    }
}

impl Published {
    /// Begins with a recovered end.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Arc<Self> {
        Arc::new(Self(RwLock::new(snapshot)))
    }

    /// What is published now.
    #[must_use]
    pub fn load(&self) -> Snapshot {
        self.0.read().clone()
    }

    /// Publishes a later end.
    pub fn store(&self, snapshot: Snapshot) {
        let mut published = self.0.write();
        assert!(snapshot.end.position >= published.end.position, "the published end never shrinks");
        *published = snapshot;
    }
}
