//! How many segments are kept open: enough for reads that go to and fro, and not as many as a long history has.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::segment::Segment;

/// How many segments of a directory are kept open for reads.
const OPEN_SEGMENTS_MAX: usize = 64;

/// The segments of a directory that are kept open, the longest kept first.
#[derive(Debug, Default)]
pub(crate) struct Handles(Mutex<VecDeque<Weak<Segment>>>);

impl Handles {
    /// Takes note of a segment that is kept open now, and lets another one go if there are too many. Whoever reads from
    /// that has a handle of its own.
    pub(crate) fn keep(&self, segment: &Arc<Segment>) {
        let longest = {
            let mut kept = self.0.lock();
            kept.push_back(Arc::downgrade(segment));
            if kept.len() > OPEN_SEGMENTS_MAX { kept.pop_front() } else { None }
        };
        if let Some(segment) = longest.and_then(|segment| segment.upgrade()) {
            segment.let_go();
        }
    }
}
