//! An open store.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use causelog_gate::Receipt;
use causelog_index::Counts;
use causelog_io::{Environment, IoError};
use causelog_reader::{Ancestors, Descendants, Events, Query, ReadError, Reader, VerifyReport, verify};
use causelog_segment::{LogError, OpenReport};
use causelog_types::{Coordinate, Event, EventId, Evidence, NewEvent, StoreHead, StoreId, StreamHead};
use causelog_writer::{
    AppendError, AppendErrorKind, AppendReceipt, CloseError, Command, Fate, Writer, new_id,
};

use crate::{OpenError, Options};

/// An open store: append from any thread, read from any thread.
///
/// When an append returns, its events are on disk. Dropping a store closes it without a report; call
/// [`Store::close`] to learn whether that went well.
pub struct Store {
    environment: Environment,
    reader: Reader,
    writer: Option<Writer>,
    report: OpenReport,
}

impl Store {
    pub(crate) fn new(
        environment: Environment,
        reader: Reader,
        writer: Option<Writer>,
        report: OpenReport,
    ) -> Self {
        Self { environment, reader, writer, report }
    }

    /// Opens the store in a directory to read and append, making both if they are not there; the directory's
    /// parent must be. One process at a time can have it open so.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::default().open(path)
    }

    /// Opens the store in a directory read-only, beside any writer: it holds what had been published by then.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::default().open_read_only(path)
    }

    /// How a store is opened, where the defaults are not right.
    pub fn options() -> Options {
        Options::default()
    }

    /// Which store this is.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.reader.log().store()
    }

    /// What the open found.
    #[must_use]
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Makes an event's id, for events that name each other in one batch.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn new_id(&self) -> Result<EventId, IoError> {
        new_id(&*self.environment.clock, &*self.environment.random)
    }

    /// Appends one event. When this returns, it is on disk.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the event.
    pub fn append(&self, event: NewEvent) -> Result<AppendReceipt, AppendError> {
        let receipts = self.run(vec![event], None)?;
        let [receipt] = receipts.as_slice() else { unreachable!("one event has one receipt") };
        Ok(*receipt)
    }

    /// Appends events, over any streams, all or none. When this returns, they are on disk.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn append_batch(&self, events: Vec<NewEvent>) -> Result<Vec<AppendReceipt>, AppendError> {
        self.run(events, None)
    }

    /// Appends what gates have admitted, all or none; what allowed it is recorded in each event's header.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn commit(&self, receipt: Receipt) -> Result<Vec<AppendReceipt>, AppendError> {
        let (events, evidence) = receipt.into_parts();
        self.run(events, Some(evidence))
    }

    /// The end of the store: where the next event will stand, and the root there.
    #[must_use]
    pub fn end(&self) -> StoreHead {
        self.reader.end()
    }

    /// How many events and streams there are, library events included.
    ///
    /// # Errors
    /// The index fails.
    pub fn counts(&self) -> Result<Counts, ReadError> {
        self.reader.counts()
    }

    /// The event with this id.
    ///
    /// # Errors
    /// The log is damaged there, or the index fails.
    pub fn get(&self, id: EventId) -> Result<Option<Event>, ReadError> {
        self.reader.get(id)
    }

    /// The events of a region, or of a [`Query`] with a direction, a position and a limit; read as they are asked
    /// for, as of now.
    #[must_use]
    pub fn read(&self, query: impl Into<Query>) -> Events {
        self.reader.read(query.into())
    }

    /// The last event of a stream.
    ///
    /// # Errors
    /// The log is damaged there, or the index fails.
    pub fn head(&self, stream: &Coordinate) -> Result<Option<StreamHead>, ReadError> {
        self.reader.head(stream)
    }

    /// The events that led to one, itself included, each once, the latest first.
    ///
    /// # Errors
    /// There is no such event, or the index fails.
    pub fn ancestors(&self, id: EventId) -> Result<Ancestors, ReadError> {
        self.reader.ancestors(id)
    }

    /// The events that one led to, itself included, each once, the earliest first.
    ///
    /// # Errors
    /// There is no such event, or the index fails.
    pub fn descendants(&self, id: EventId) -> Result<Descendants, ReadError> {
        self.reader.descendants(id)
    }

    /// Walks over every group, frame, chain and root on disk, and reports what it covered and found.
    ///
    /// # Errors
    /// The system refuses. Damage is no error here, but a finding.
    pub fn verify(&self) -> Result<VerifyReport, LogError> {
        verify(Arc::clone(&self.environment.storage))
    }

    /// Ends the log in order and gives up the lock.
    ///
    /// # Errors
    /// See [`CloseError`]. Nothing acknowledged is lost by it; the next open recovers.
    pub fn close(self) -> Result<(), CloseError> {
        self.writer.as_ref().map_or(Ok(()), Writer::close)
    }

    fn run(
        &self,
        events: Vec<NewEvent>,
        evidence: Option<Evidence>,
    ) -> Result<Vec<AppendReceipt>, AppendError> {
        let Environment { clock, random, .. } = &self.environment;
        let given: Vec<EventId> = events.iter().filter_map(NewEvent::id).collect();
        let refused = |kind| AppendError::new(given, Fate::NotWritten, kind);
        let Some(writer) = &self.writer else { return Err(refused(AppendErrorKind::ReadOnly)) };
        let command = Command::application(events, evidence, &**clock, &**random);
        match command {
            Ok(command) => writer.append(&command),
            Err(error) => Err(refused(AppendErrorKind::Refused(Arc::new(error.into())))),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("id", &self.id()).field("end", &self.end()).finish_non_exhaustive()
    }
}
