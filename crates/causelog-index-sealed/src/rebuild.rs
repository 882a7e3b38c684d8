//! Making the parts of a range again from the log's frames.

use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, Index, IndexError, Watermark};
use causelog_segment::{Group, LogEnd, LogError, Snapshot};
use causelog_types::{ByteOffset, Hlc, Position, Root};
use causelog_wire::hash;

use crate::file::Unusable;
use crate::names::RunRange;
use crate::parts::{Broken, Part, Parts};
use crate::run::Run;
use crate::shared::Shared;
use crate::tail::Tail;
use crate::tiers::next_merge;

/// Why a range cannot be made again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    #[error("an index file is of no use and cannot be made again: {0}")]
    Log(#[from] LogError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the log has no group that ends at position {0}, where the next index file begins")]
    NoBoundary(Position),
    #[error("an index file before it is of no use either: {1}")]
    Earlier(RunRange, Unusable),
}

impl From<NotMade> for IndexError {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Log(error) => Self::Backend(Box::new(error)),
            NotMade::Index(error) => error,
            error => Self::Backend(Box::new(error)),
        }
    }
}

/// What was made of frames.
pub(crate) struct Made {
    pub(crate) parts: Vec<Part>,
    /// The root before the first, as the log has it.
    pub(crate) root_before: Root,
    /// The root behind the last.
    pub(crate) root: Root,
}

/// Makes the parts from one position to before another; both are between two groups. `before` are those before it.
pub(crate) fn rebuild(shared: &Shared, range: RunRange, before: Vec<Part>) -> Result<Made, NotMade> {
    let segments = shared.log.segments()?;
    let last = segments.last().map(|last| last.number());
    // Nothing at or behind the range's end is read, so it does not matter what the end of the log is said to be.
    let end = LogEnd {
        segment: last,
        offset: ByteOffset(u64::MAX),
        position: Position(u64::MAX),
        group: ByteOffset(u64::MAX),
        root: Root([0; 32]),
        hlc: Hlc { wall_ms: 0, counter: 0 },
    };
    let snapshot = Snapshot { end, segments };
    let mut made = Making { shared, before, parts: Vec::new(), tail: None, root: None };
    let (mut at, mut root_before) = (range.base, None);
    for group in shared.log.groups(&snapshot, range.base) {
        let group = group?;
        if group.header.base != at {
            return Err(NotMade::NoBoundary(at));
        }
        root_before.get_or_insert(group.header.root_before);
        made.take(&group)?;
        at = group.header.next();
        if at >= range.next {
            break;
        }
    }
    if at != range.next {
        return Err(NotMade::NoBoundary(range.next));
    }
    made.end()?;
    let (Some(root_before), Some(root)) = (root_before, made.root) else {
        return Err(NotMade::NoBoundary(range.next));
    };
    Ok(Made { parts: made.parts, root_before, root })
}

struct Making<'a> {
    shared: &'a Shared,
    before: Vec<Part>,
    parts: Vec<Part>,
    tail: Option<Arc<Tail>>,
    root: Option<Root>,
}

impl Making<'_> {
    fn take(&mut self, group: &Group) -> Result<(), NotMade> {
        let header = &group.header;
        let store = self.shared.log.store();
        if group.is_gap() {
            self.end()?;
            self.parts.push(Part::Gap(RunRange { base: header.base, next: header.next() }));
            self.root = Some(header.root_after);
            return Ok(());
        }
        let tail = self.tail.get_or_insert_with(|| Arc::new(Tail::new(header.base, header.root_before)));
        let tail = &Arc::clone(tail);
        let events: Vec<AppliedEvent<'_>> = group
            .events
            .iter()
            .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
            .collect();
        let after = Watermark { store, next: header.next(), root: header.root_after };
        tail.memory.apply(&AppliedGroup { events: &events, after })?;
        let earlier: Vec<Part> = self.before.iter().chain(&self.parts).cloned().collect();
        let parts = Parts { earlier, active: Some(Arc::clone(tail)) };
        let firsts = parts.firsts(&events, tail).map_err(|broken| match broken {
            Broken::Memory(error) => error.into(),
            Broken::Run(range, reason) => NotMade::Earlier(range, reason),
        })?;
        tail.push(events.iter().zip(firsts));
        let known = tail.events.read();
        let settings = self.shared.settings;
        let full = known.frame_bytes >= settings.tail_bytes || known.len() >= settings.tail_events;
        drop(known);
        self.root = Some(header.root_after);
        if full && self.shared.writes() { self.end() } else { Ok(()) }
    }

    /// Ends the tail: writes its file if files are written, or keeps it in memory.
    fn end(&mut self) -> Result<(), NotMade> {
        let (Some(tail), Some(root)) = (self.tail.take(), self.root) else { return Ok(()) };
        let after = Watermark { store: self.shared.log.store(), next: tail.range().next, root };
        let part = match self.written(&tail, &after) {
            Ok(Some(run)) => Part::Run(Arc::new(run)),
            Ok(None) => Part::Frozen(tail, after),
            Err(error) => {
                tracing::warn!(%error, "cannot write an index file; its events stay in memory");
                Part::Frozen(tail, after)
            }
        };
        self.parts.push(part);
        self.merge();
        // No append waits for this.
        if self.shared.writes() {
            self.shared.write_frozen();
        }
        Ok(())
    }

    /// Merges what has been made as it would have been, so that few files are open at a time.
    fn merge(&mut self) {
        while self.shared.writes()
            && let Some(runs) = next_merge(&self.parts)
        {
            let between = || {
                self.shared.write_frozen();
                Ok(())
            };
            let Ok(run) = self.shared.merged(&runs, &between) else { return };
            let ranges: Vec<RunRange> = runs.iter().map(|run| run.range()).collect();
            let first = self.parts.iter().position(|part| Some(&part.range()) == ranges.first());
            if let Some(first) = first {
                self.parts.splice(first..first + ranges.len(), [Part::Run(Arc::new(run))]);
            }
            self.shared.remove(&ranges);
        }
    }

    fn written(&self, tail: &Tail, after: &Watermark) -> Result<Option<Run>, Unusable> {
        if !self.shared.writes() {
            return Ok(None);
        }
        tail.events.read().write(self.shared.directory(), after)?;
        Run::open(self.shared.directory(), tail.range(), &self.shared.cache).map(Some)
    }
}

/// The root at the beginning of a store.
pub(crate) fn first_root(shared: &Shared) -> Root {
    hash::first_root(shared.log.store())
}
