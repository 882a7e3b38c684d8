//! The read side of a store.

use std::ops::Range;
use std::sync::Arc;

use causelog_index::{Counts, Index};
use causelog_segment::{Group, Log, LogError, Published, Snapshot};
use causelog_types::{Coordinate, Event, EventId, Position, StoreHead, StreamHead};

use crate::ReadError;
use crate::compare::{IndexReport, compare};
use crate::graph::{Ancestors, Descendants};
use crate::query::{Events, Payloads, Query, read_entry};

/// The read side of a store. Every answer is as of the end that was published when the question was asked.
///
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Reader {
    log: Log,
    published: Arc<Published>,
    index: Arc<dyn Index>,
}

impl Reader {
    /// Reads a log by its published end and an index that has been brought up to it.
    #[must_use]
    pub fn new(log: Log, published: Arc<Published>, index: Arc<dyn Index>) -> Self {
        Self { log, published, index }
    }

    /// The log that is read.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The end of the store.
    #[must_use]
    pub fn end(&self) -> StoreHead {
        self.published.load().end.head()
    }

    /// What is published now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.published.load()
    }

    /// How many events and streams there are.
    ///
    /// # Errors
    /// The index fails.
    pub fn counts(&self) -> Result<Counts, ReadError> {
        Ok(self.index.counts(self.published.load().end.position)?)
    }

    /// The positions whose events were lost: ranges that rise. Whoever asks for one of them by an id is told that
    /// there is no such event, since nothing says any more which ids they had.
    ///
    /// # Errors
    /// The index fails.
    pub fn gaps(&self) -> Result<Vec<Range<Position>>, ReadError> {
        Ok(self.index.gaps(self.published.load().end.position)?)
    }

    /// Asks the index everything that can be asked of single ids, streams, causes, entities, scopes, kinds and tags,
    /// and compares each answer with a scan of the log. It holds about 300 bytes an event in memory.
    ///
    /// # Errors
    /// The log is damaged, or the index does not answer. A wrong answer is no error here, but a finding.
    pub fn compare_index(&self) -> Result<IndexReport, ReadError> {
        let snapshot = self.published.load();
        self.compare_index_with(self.log.groups(&snapshot, Position(0)), snapshot.end.position)
    }

    /// As [`Reader::compare_index`], with the groups that the index was made of where the log is damaged and cannot
    /// be read from group to group. What is missing between them, and from the last to `end`, is a gap.
    ///
    /// # Errors
    /// As [`Reader::compare_index`].
    pub fn compare_index_with(
        &self,
        groups: impl Iterator<Item = Result<Group, LogError>>,
        end: Position,
    ) -> Result<IndexReport, ReadError> {
        compare(&*self.index, groups, end, self.log.directory().path())
    }

    /// The event with this id.
    ///
    /// # Errors
    /// The log is damaged there, or the index fails.
    pub fn get(&self, id: EventId) -> Result<Option<Event>, ReadError> {
        let snapshot = self.published.load();
        match self.index.lookup(&[id], snapshot.end.position)?.first() {
            Some(Some(entry)) => {
                read_entry(&mut self.log.frames(&snapshot), entry, Payloads::Hashed).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The events of a query, read as they are asked for.
    #[must_use]
    pub fn read(&self, query: Query) -> Events {
        let snapshot = self.published.load();
        Events::new(Arc::clone(&self.index), self.log.frames(&snapshot), &snapshot, query)
    }

    /// The last event of a stream.
    ///
    /// # Errors
    /// The log is damaged there, or the index fails.
    pub fn head(&self, stream: &Coordinate) -> Result<Option<StreamHead>, ReadError> {
        let snapshot = self.published.load();
        let heads = self.index.heads(&[stream], snapshot.end.position)?;
        let Some(Some(head)) = heads.first() else { return Ok(None) };
        let hash = match head.hash {
            Some(hash) => hash,
            None => self.log.frames(&snapshot).read(head.location)?.hash(),
        };
        Ok(Some(StreamHead { position: head.position, revision: head.revision, hash, hlc: head.hlc }))
    }

    /// The events that led to one, itself included, each once, the latest first.
    ///
    /// # Errors
    /// There is no such event, or the index fails.
    pub fn ancestors(&self, id: EventId) -> Result<Ancestors, ReadError> {
        let snapshot = self.published.load();
        Ancestors::new(Arc::clone(&self.index), self.log.frames(&snapshot), snapshot.end.position, id)
    }

    /// The events that one led to, itself included, each once, the earliest first.
    ///
    /// # Errors
    /// There is no such event, or the index fails.
    pub fn descendants(&self, id: EventId) -> Result<Descendants, ReadError> {
        let snapshot = self.published.load();
        Descendants::new(Arc::clone(&self.index), self.log.frames(&snapshot), snapshot.end.position, id)
    }
}
