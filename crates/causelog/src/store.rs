//! An open store.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use causelog_gate::Receipt;
use causelog_index::Counts;
use causelog_io::{Environment, IoError};
use causelog_reader::{
    Ancestors, Descendants, IndexReport, Query, ReadError, Reader, VerifyReport, verify, verify_against,
};
use causelog_segment::{LogError, OpenReport, Rescue};
use causelog_types::{
    Coordinate, Event, EventId, NewEvent, Position, Region, StoreHead, StoreId, StreamHead,
};
use causelog_writer::{
    AppendCondition, AppendError, AppendErrorKind, AppendReceipt, CloseError, Command, Fate, Notifications,
    Ticket, WaitError, Writer, new_id,
};

use crate::{Batch, Events, OpenError, Options, Witness};

/// An open store: append from any thread, read from any thread.
///
/// When an append returns, its events are on disk. Dropping a store closes it without a report, and waits for that
/// at most ten seconds: a disk that is slower holds the lock for longer. Call [`Store::close`] to learn whether it went
/// well.
///
/// A child made by `fork` must open the store again.
///
/// What an operator asks about is told by `tracing`: the opening, recovery and sealing of segments at `debug` and `info`, a
/// torn tail, a restart or a failed publication at `warn`, the failure that ends a writer at `error`, a span for each
/// sync at `trace`.
pub struct Store {
    environment: Environment,
    reader: Reader,
    writer: Option<Writer>,
    report: OpenReport,
    /// Of a store that was opened damaged: its groups, and what keeps writers from opening it.
    rescue: Option<Rescue>,
}

impl Store {
    pub(crate) fn new(
        environment: Environment,
        reader: Reader,
        writer: Option<Writer>,
        report: OpenReport,
    ) -> Self {
        Self { environment, reader, writer, report, rescue: None }
    }

    pub(crate) fn rescued(self, rescue: Rescue) -> Self {
        Self { rescue: Some(rescue), ..self }
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

    /// Opens a damaged store read-only, to serve what is still good: see [`Options::open_damaged`].
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_damaged(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::default().open_damaged(path)
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

    /// Appends one event. When this returns, it is on disk, unless [`Options::durability`] says otherwise. While the
    /// queue is full it waits.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the event.
    pub fn append(&self, event: NewEvent) -> Result<AppendReceipt, AppendError> {
        let receipts = self.append_batch(event)?;
        let [receipt] = receipts.as_slice() else { unreachable!("one event has one receipt") };
        Ok(*receipt)
    }

    /// Appends events, over any streams, all or none. When this returns, they are on disk, unless
    /// [`Options::durability`] says otherwise. While the queue is full it waits.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn append_batch(&self, batch: impl Into<Batch>) -> Result<Vec<AppendReceipt>, AppendError> {
        let (writer, command) = self.prepare(batch.into())?;
        writer.append(&command)
    }

    /// As [`Store::append_batch`], but a full queue is refused at once. There is room for 4,096 events or 4 MiB,
    /// whichever comes first, and for 16,384 callers that wait.
    ///
    /// # Errors
    /// As [`Store::append_batch`], and [`AppendErrorKind::QueueFull`].
    pub fn try_append(&self, batch: impl Into<Batch>) -> Result<Vec<AppendReceipt>, AppendError> {
        let (writer, command) = self.prepare(batch.into())?;
        writer.try_append(&command)
    }

    /// As [`Store::append_batch`], but a queue that stays full for so long is refused. Once accepted, the call
    /// waits for what becomes of the events, however long that takes.
    ///
    /// # Errors
    /// As [`Store::append_batch`], and [`AppendErrorKind::QueueFull`].
    pub fn append_timeout(
        &self,
        batch: impl Into<Batch>,
        timeout: Duration,
    ) -> Result<Vec<AppendReceipt>, AppendError> {
        let (writer, command) = self.prepare(batch.into())?;
        writer.append_timeout(&command, timeout)
    }

    /// Hands events over to be appended and does not wait for it: the ticket tells what became of them, to a
    /// thread or to any async runtime (it is a future that needs none). While the queue is full it waits for room.
    ///
    /// # Errors
    /// The store takes no appends: it is read-only or closed, has failed, or is another process's; a witness is
    /// foreign; there is no randomness for ids. All else, an empty batch included, is told by the ticket.
    pub fn submit(&self, batch: impl Into<Batch>) -> Result<Ticket, AppendError> {
        let (writer, command) = self.prepare(batch.into())?;
        writer.submit(&command)
    }

    /// As [`Store::submit`], but a full queue is refused at once; it never waits.
    ///
    /// # Errors
    /// As [`Store::submit`], and [`AppendErrorKind::QueueFull`].
    pub fn try_submit(&self, batch: impl Into<Batch>) -> Result<Ticket, AppendError> {
        let (writer, command) = self.prepare(batch.into())?;
        writer.try_submit(&command)
    }

    /// Appends what gates have admitted, all or none; what allowed it is recorded in each event's header. While the
    /// queue is full it waits.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn commit(&self, receipt: Receipt) -> Result<Vec<AppendReceipt>, AppendError> {
        self.append_batch(receipt)
    }

    /// Waits until everything accepted so far is synced.
    ///
    /// # Errors
    /// The writer has failed or is closed, or the store is read-only.
    pub fn sync(&self) -> Result<(), AppendError> {
        self.writer(&[])?.sync()
    }

    /// The position up to which events are durable. In the default durability that is the end.
    #[must_use]
    pub fn durable_position(&self) -> Position {
        self.writer.as_ref().map_or_else(|| self.end().position, Writer::durable_position)
    }

    /// Waits until every event before `position` is durable. For one event that is the position after its own,
    /// `receipt.position.next()`. It asks for no sync.
    ///
    /// # Errors
    /// The time is over, the writer has failed or is closed, or the store is read-only and ends before.
    pub fn wait_durable(&self, position: Position, timeout: Duration) -> Result<(), WaitError> {
        match &self.writer {
            Some(writer) => writer.wait_durable(position, timeout),
            None if position <= self.end().position => Ok(()),
            None => Err(WaitError::ReadOnly { durable: self.end().position }),
        }
    }

    /// Tells of a region's events as they become visible, from now on. An append never waits for a subscriber; to
    /// tell each one costs the caller that leads a little. When more than
    /// `capacity` notifications wait (at least 1), further ones are dropped, and the next receive says how many. What was
    /// missed is in the log. In a store that is open read-only there is nothing to tell.
    #[must_use]
    pub fn notifications(&self, region: Region, capacity: usize) -> Option<Notifications> {
        self.writer.as_ref().map(|writer| writer.notifications(region, capacity))
    }

    /// The end of the store: where the next event will stand, and the root there. Kept elsewhere, it lets
    /// [`Store::verify_against`] prove that nothing before it was cut off or changed.
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

    /// The positions whose events were lost before the store was salvaged: ranges that rise; none in a store that
    /// never was.
    ///
    /// # Errors
    /// The index fails.
    pub fn gaps(&self) -> Result<Vec<Range<Position>>, ReadError> {
        self.reader.gaps()
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
        let query = query.into();
        let region = query.region.clone();
        Events::new(self.reader.read(query), region, self.id())
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

    /// As [`Store::verify`], and compares with a head that was kept elsewhere, out of reach of whoever could change
    /// the store: the text of [`Store::end`], say, written to another machine from time to time. Then nothing
    /// before that head can have been cut off or changed without a finding.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub fn verify_against(&self, kept: StoreHead) -> Result<VerifyReport, LogError> {
        verify_against(Arc::clone(&self.environment.storage), kept)
    }

    /// Compares every answer of the index with a scan of the log: ids, heads, regions by entity, scope, kind and tag,
    /// effects. It holds about 300 bytes an event in memory. In a store that was opened damaged the scan is of all that
    /// is good, with what is missing as gaps.
    ///
    /// # Errors
    /// The log is damaged, or the index does not answer. A wrong answer is no error here, but a finding.
    pub fn compare_index(&self) -> Result<IndexReport, ReadError> {
        match &self.rescue {
            Some(rescue) => self.reader.compare_index_with(rescue.readable_groups(), self.end().position),
            None => self.reader.compare_index(),
        }
    }

    /// Ends the log in order and gives up the lock.
    ///
    /// # Errors
    /// See [`CloseError`]. Nothing acknowledged is lost by it; the next open recovers.
    pub fn close(self) -> Result<(), CloseError> {
        self.writer.as_ref().map_or(Ok(()), Writer::close)
    }

    fn writer(&self, ids: &[EventId]) -> Result<&Writer, AppendError> {
        let read_only = || AppendError::new(ids.to_vec(), Fate::NotWritten, AppendErrorKind::ReadOnly);
        self.writer.as_ref().ok_or_else(read_only)
    }

    /// Makes the ids and hashes the payloads, on the caller's thread.
    fn prepare(&self, batch: Batch) -> Result<(&Writer, Command), AppendError> {
        let Environment { clock, random, .. } = &self.environment;
        let Batch { events, evidence, conditions, witnesses, durable, over_gaps } = batch;
        let given: Vec<EventId> = events.iter().filter_map(NewEvent::id).collect();
        let writer = self.writer(&given)?;
        let refused = |kind| AppendError::new(given, Fate::NotWritten, kind);
        let command = match Command::application(events, evidence, &**clock, &**random) {
            Ok(command) => command,
            Err(error) => return Err(refused(AppendErrorKind::Refused(Arc::new(error.into())))),
        };
        if witnesses.iter().any(|witness| witness.store != self.id() || witness.end > self.end().position) {
            let kind = AppendErrorKind::ForeignWitness;
            return Err(AppendError::new(command.ids(), Fate::NotWritten, kind));
        }
        let unchanged = |witness: Witness| AppendCondition { region: witness.region, from: witness.end };
        let conditions = conditions.into_iter().chain(witnesses.into_iter().map(unchanged));
        let command = conditions.fold(command, Command::on_condition);
        let command = if over_gaps { command.over_gaps() } else { command };
        Ok((writer, if durable { command.durable() } else { command }))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("id", &self.id()).field("end", &self.end()).finish_non_exhaustive()
    }
}
