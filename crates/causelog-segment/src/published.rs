//! The published end: what readers of this process see.

use std::sync::Arc;

use causelog_io::{Condvar, Mutex, Wake};
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
    /// The offset at which the last group before that begins; the same where none stands in the segment yet.
    pub group: ByteOffset,
    /// The position of the next event.
    pub position: Position,
    /// The root there.
    pub root: Root,
    /// The recorded time of the last event.
    pub hlc: Hlc,
}

/// What readers of this process see: the writer stores it once a group, after the index has the group; readers
/// load it, and may wait for it. Nobody holds its lock for more than a copy.
#[derive(Debug)]
pub struct Published {
    state: RwLock<State>,
    /// How many wait. Held from a look at the state to the beginning of the wait, so that no change is missed.
    waiting: Mutex<usize>,
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    snapshot: Snapshot,
    durable: Position,
    ended: bool,
}

/// How a wait for a durable position has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// Everything before the position is durable.
    Durable,
    /// The time is over.
    TimedOut,
    /// No more will become durable: the writer has closed or failed.
    Ended,
}

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
    /// Begins with a recovered end, all of which is durable.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Arc<Self> {
        let durable = snapshot.end.position;
        let state = RwLock::new(State { snapshot, durable, ended: false });
        Arc::new(Self { state, waiting: Mutex::new(0), moved: Condvar::default() })
    }

    /// What is published now.
    #[must_use]
    pub fn load(&self) -> Snapshot {
        self.state.read().snapshot.clone()
    }

    /// The position up to which events are durable.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.state.read().durable
    }

    /// Publishes a later end, of which the events before `durable` are durable.
    pub fn store(&self, snapshot: Snapshot, durable: Position) {
        {
            let mut state = self.state.write();
            assert!(snapshot.end.position >= state.snapshot.end.position, "the published end never shrinks");
            assert!(durable >= state.durable, "what is durable stays so");
            assert!(durable <= snapshot.end.position, "nothing is durable that is not there");
            (state.snapshot, state.durable) = (snapshot, durable);
        }
        self.wake();
    }

    /// Says that no more will become durable.
    pub fn end(&self) {
        self.state.write().ended = true;
        self.wake();
    }

    /// Waits until everything before `position` is durable, for at most so many milliseconds.
    pub fn wait_durable(&self, position: Position, timeout_ms: u64) -> Waited {
        let mut waiting = self.waiting.lock();
        *waiting += 1;
        let pending = |_: &mut usize| {
            let state = self.state.read();
            state.durable < position && !state.ended
        };
        let (mut waiting, wake) = self.moved.wait_while_ms(waiting, timeout_ms, pending);
        *waiting -= 1;
        match (self.durable() >= position, wake) {
            (true, _) => Waited::Durable,
            (false, Wake::TimedOut) => Waited::TimedOut,
            (false, Wake::Notified) => Waited::Ended,
        }
    }

    fn wake(&self) {
        if *self.waiting.lock() > 0 {
            self.moved.notify_all();
        }
    }
}
