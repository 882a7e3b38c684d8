//! The default backend.

use std::ops::Range;
use std::sync::Arc;

use causelog_index::{
    AppliedEvent, AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, Selection, Watermark,
};
use causelog_segment::{Log, Snapshot};
use causelog_types::{Coordinate, EventId, Position};
use causelog_wire::hash;

use crate::names::RunRange;
use crate::open::find_parts;
use crate::parts::{Broken, Parts};
use crate::shared::{IndexFiles, Settings, Shared};

/// The default backend: index files for what the log has held for a while, and memory for the events since.
///
/// An index file is about the events from one position to before another. When enough events have come since the
/// last one, another is written; when there are eight of a size, they are merged into one. So what is kept in memory
/// does not grow with the history, and a question touches a number of files that grows with its logarithm. Files are
/// written by a thread of their own, off the way of an append, or at once if the [`Environment`] has no threads.
///
/// A file that is missing or damaged is made again from the frames; the question that has found it waits for that. A
/// failure to write one costs memory, and time at the next open, and nothing else.
///
/// [`Environment`]: causelog_io::Environment
#[derive(Debug)]
pub struct SealedIndex {
    shared: Arc<Shared>,
}

/// How often a question has files made again before it has their events kept in memory.
const TRIES_MAX: u32 = 32;

impl SealedIndex {
    /// Takes the index files of a log, as far as it confirms them. `tail_bytes` is how long the frames are, in bytes,
    /// that are kept in memory before another file is written: at most 2 MiB.
    #[must_use]
    pub fn open(log: &Log, snapshot: &Snapshot, files: IndexFiles, tail_bytes: u64) -> Arc<Self> {
        Self::open_with(log, snapshot, Settings::new(files, tail_bytes))
    }

    pub(crate) fn open_with(log: &Log, snapshot: &Snapshot, settings: Settings) -> Arc<Self> {
        let shared = Shared::new(log.clone(), settings);
        find_parts(&shared, snapshot);
        // What openings for a few events each have left is merged.
        shared.have_written();
        Arc::new(Self { shared })
    }

    fn answer<T>(&self, ask: impl Fn(&Parts) -> Result<T, Broken>) -> Result<T, IndexError> {
        for tries in 0_u32.. {
            match ask(&self.shared.parts()) {
                Ok(answer) => return Ok(answer),
                Err(Broken::Memory(error)) => return Err(error),
                Err(Broken::Run(range, reason)) => {
                    if tries >= TRIES_MAX {
                        self.shared.stay_in_memory();
                    }
                    self.shared.make_again(range, reason)?;
                }
            }
        }
        unreachable!("in memory there is a part less in files after every try")
    }

    /// Adds events to those in memory.
    fn take(
        &self,
        events: &[AppliedEvent<'_>],
        before: Option<Watermark>,
        after: Watermark,
    ) -> Result<(), IndexError> {
        let Some(first) = events.first() else { return Ok(()) };
        let root = before.map_or_else(|| hash::first_root(after.store), |before| before.root);
        let tail = self.shared.active(first.position, root);
        // All that can fail comes first.
        let firsts = self.answer(|parts| parts.firsts(events, &tail))?;
        tail.memory.apply(&AppliedGroup { events, after })?;
        tail.push(events.iter().zip(firsts));
        Ok(())
    }
}

impl Index for SealedIndex {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        Ok(*self.shared.watermark.lock())
    }

    fn reset(&self) -> Result<(), IndexError> {
        self.shared.forget();
        Ok(())
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        let (before, after) = (*self.shared.watermark.lock(), group.after);
        if before.is_some_and(|before| before.store != after.store) {
            return Err(IndexError::OtherStore);
        }
        let Some(first) = group.events.first().map(|event| event.position) else {
            let end = before.map_or(Position(0), |before| before.next);
            if end < after.next {
                self.shared.freeze(before);
                self.shared.add_gap(RunRange { base: end, next: after.next });
                *self.shared.watermark.lock() = Some(after);
            }
            return Ok(());
        };
        let expected = before.map_or(first, |before| before.next);
        if first > expected {
            return Err(IndexError::OutOfOrder { expected, found: first });
        }
        let known = usize::try_from(expected.0 - first.0).unwrap_or(usize::MAX);
        let events = group.events.get(known..).unwrap_or_default();
        if !events.is_empty() {
            self.take(events, before, after)?;
            *self.shared.watermark.lock() = Some(after);
            if self.shared.tail_is_full() {
                self.shared.freeze(Some(after));
            }
        }
        Ok(())
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.answer(|parts| streams.iter().map(|stream| parts.head(stream, as_of)).collect())
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.answer(|parts| ids.iter().map(|id| parts.lookup(*id, as_of)).collect())
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        self.answer(|parts| parts.select(selection))
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        self.answer(|parts| parts.effects(cause, from, limit, as_of))
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.answer(|parts| parts.counts(as_of))
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        Ok(self.shared.parts().gaps(as_of))
    }

    fn close(&self) -> Result<(), IndexError> {
        self.shared.close();
        Ok(())
    }
}

impl Drop for SealedIndex {
    /// Whoever has opened an index and not used it leaves no thread that writes.
    fn drop(&mut self) {
        self.shared.stop();
    }
}
