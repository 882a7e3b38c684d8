//! The default backend.

use std::ops::Range;
use std::sync::Arc;

use causelog_index::{
    AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, MemoryIndex, Selection, Watermark,
};
use causelog_io::IoError;
use causelog_segment::{
    Directory, Log, LogError, Snapshot, index_name, sealed_end, segment_name, temporary_name,
};
use causelog_types::{Coordinate, EventId, Position, SegmentNumber};
use causelog_wire::SegmentHeader;
use parking_lot::Mutex;

use crate::load::{Loaded, Unusable, header_of};
use crate::tail::{Binding, TailFile};

/// Whether index files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexFiles {
    /// They are read and, as segments are sealed, written.
    Maintained,
    /// They are only read.
    ReadOnly,
}

/// The default backend: what sealed segments hold is taken from their index files at an open, and what the last
/// one holds from its frames. Answers come from memory.
///
/// An index file that is missing, damaged or bound to something else is passed over, and written anew once the
/// segment's frames have been read. A failure to write one costs time at the next open and nothing else.
#[derive(Debug)]
pub struct SealedIndex {
    memory: MemoryIndex,
    directory: Directory,
    files: IndexFiles,
    tail: Mutex<Option<TailFile>>,
}

impl SealedIndex {
    /// Reads the index files of a log's sealed segments, as far as they follow each other from the first.
    #[must_use]
    pub fn open(log: &Log, snapshot: &Snapshot, files: IndexFiles) -> Arc<Self> {
        let index = Self {
            memory: MemoryIndex::new(),
            directory: log.directory().clone(),
            files,
            tail: Mutex::new(None),
        };
        for i in 0..snapshot.segments.len() {
            if let Err(reason) = index.load(log, snapshot, i) {
                let segment = snapshot.segments[i].number();
                if !matches!(reason, Unusable::Missing) {
                    tracing::warn!(%segment, %reason, "an index file is of no use; frames are read instead");
                }
                break;
            }
        }
        Arc::new(index)
    }

    fn load(&self, log: &Log, snapshot: &Snapshot, i: usize) -> Result<(), Unusable> {
        let segment = &snapshot.segments[i];
        let end = sealed_end(&snapshot.segments, i).ok_or(Unusable::Missing)?;
        if end.position == segment.header().base {
            // A crash before its first group: it has no event, so it never gets an index file.
            return Ok(());
        }
        let after = Watermark { store: log.store(), next: end.position, root: end.root };
        let loaded = match Loaded::read(&self.directory, segment.header(), end) {
            Err(Unusable::Missing) if holds_a_gap_alone(log, snapshot, i)? => {
                return Ok(self.memory.apply(&AppliedGroup { events: &[], after })?);
            }
            loaded => loaded?,
        };
        loaded.apply(&self.memory, segment.header().base, after)
    }

    /// Follows the segment that is being written. An event of the next one says that it is sealed.
    fn follow(&self, group: &AppliedGroup<'_>, before: Option<Watermark>) {
        if self.files == IndexFiles::ReadOnly {
            return;
        }
        let mut tail = self.tail.lock();
        if group.events.is_empty()
            && let (Some(sealed), Some(end)) = (tail.take(), before)
        {
            // A gap stands in a segment of its own.
            let next = SegmentNumber(sealed.segment.0.saturating_add(1));
            self.seal(sealed, next, end);
        }
        for event in group.events {
            let segment = event.location.segment;
            if let Some(sealed) = tail.take_if(|tail| tail.segment != segment)
                && let Some(end) = before
            {
                self.seal(sealed, segment, end);
            }
            let tail = tail.get_or_insert_with(|| TailFile::new(segment, event.position));
            if event.position == tail.next {
                tail.add(event);
            }
        }
    }

    fn seal(&self, tail: TailFile, next: SegmentNumber, end: Watermark) {
        let segment = tail.segment;
        match self.write(tail, next, end) {
            Ok(()) => tracing::debug!(%segment, "wrote the index file of a sealed segment"),
            Err(error) => {
                tracing::warn!(%segment, %error, "cannot write an index file; the next open reads frames")
            }
        }
    }

    /// Never synced: whatever a crash leaves of it is seen by its checksums.
    fn write(&self, tail: TailFile, next: SegmentNumber, end: Watermark) -> Result<(), IoError> {
        let name = index_name(tail.segment);
        let (Some(header), Some(successor)) = (self.header(tail.segment)?, self.header(next)?) else {
            return Ok(());
        };
        let Some(previous) = successor.previous.filter(|previous| previous.number == tail.segment) else {
            return Ok(());
        };
        if tail.next != end.next || end.root != previous.root {
            return Ok(());
        }
        let binding = Binding { salt: header.salt, segment_length: previous.length, end };
        self.directory.make_temporary(&name, &tail.finish(&binding))?;
        self.directory.rename(&temporary_name(&name), &name)
    }

    fn header(&self, segment: SegmentNumber) -> Result<Option<SegmentHeader>, IoError> {
        header_of(&self.directory, &segment_name(segment))
    }
}

/// Whether a sealed segment holds nothing but a gap, as salvage leaves it: then it never gets an index file.
fn holds_a_gap_alone(log: &Log, snapshot: &Snapshot, i: usize) -> Result<bool, LogError> {
    let (header, end) = (snapshot.segments[i].header(), sealed_end(&snapshot.segments, i));
    let first = log.groups(snapshot, header.base).next().transpose()?;
    Ok(first
        .is_some_and(|group| group.is_gap() && end.is_some_and(|end| end.position == group.header.next())))
}

impl Index for SealedIndex {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        self.memory.watermark()
    }

    fn reset(&self) -> Result<(), IndexError> {
        *self.tail.lock() = None;
        self.memory.reset()
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        let before = self.memory.watermark()?;
        self.memory.apply(group)?;
        self.follow(group, before);
        Ok(())
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.memory.heads(streams, as_of)
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.memory.lookup(ids, as_of)
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        self.memory.select(selection)
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        self.memory.effects(cause, from, limit, as_of)
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.memory.counts(as_of)
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        self.memory.gaps(as_of)
    }
}
