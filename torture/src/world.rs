//! A store put together from the layers over a simulated disk.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use anyhow::{Context, ensure};
use causelog_index::Index;
use causelog_index_sealed::{IndexFiles, SealedIndex};
use causelog_io::{Environment, ManualClock, MemoryStorage, SeededRandom};
use causelog_segment::{AppenderSettings, Log, LogError, Snapshot, open_reader, open_writer};
use causelog_types::{Event, EventId, Position};
use causelog_writer::{
    Answered, AppendError, AppendReceipt, CatchUpError, Command, Done, Durability, Job, Machine, Offered,
    RestartPolicy, Start, Writer, WriterSettings,
};

use crate::ledger::Asked;
use crate::offers::Offer;
use crate::oracle::Oracle;
use crate::view::View;

/// The least that a segment can be set to, so that a few events fill one.
const SEGMENT_BYTES: u64 = 4096;
/// When a world begins, in milliseconds since 1970-01-01 UTC.
const BEGIN_MS: u64 = 1_700_000_000_000;

/// The world around a store.
#[derive(Debug)]
pub struct World {
    /// The disk.
    pub disk: MemoryStorage,
    /// The time.
    pub clock: ManualClock,
    /// What was promised.
    pub oracle: Oracle,
    /// Whether a clean close has returned, and nothing was appended since.
    pub is_closed: bool,
    durability: Durability,
    index_files: IndexFiles,
}

/// A store that is open for appending, driven step by step.
pub struct OpenStore {
    machine: Machine<Asked>,
    view: View,
    environment: Environment,
}

/// A store that is open for appending behind the writer that callers share.
pub struct ServedStore {
    writer: Writer,
    view: View,
    environment: Environment,
}

/// A store that is open for appending, whatever drives it.
pub trait Driven {
    /// What it shows.
    fn view(&self) -> &View;

    /// Appends with nobody else at work, and waits for the answer.
    ///
    /// # Errors
    /// The command cannot be made, which would be a mistake here.
    fn append(&mut self, offer: &Offer) -> anyhow::Result<Result<Vec<AppendReceipt>, AppendError>>;

    /// Makes durable all that has been accepted.
    ///
    /// # Errors
    /// Nobody answers.
    fn sync(&mut self) -> anyhow::Result<Result<(), AppendError>>;

    /// Ends the log in order; whether that came to its end.
    fn end(self: Box<Self>) -> bool;
}

/// Another process that has opened a store read-only.
pub struct OtherProcess {
    log: Log,
    snapshot: Snapshot,
    seen: Vec<EventId>,
}

impl World {
    /// An empty disk that has just been made.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        let clock = ManualClock::new(BEGIN_MS);
        Self {
            disk: MemoryStorage::created(),
            clock,
            oracle: Oracle::default(),
            is_closed: false,
            durability,
            // By the calls that find it to do, so that what happens follows from the calls.
            index_files: IndexFiles::MaintainedInline,
        }
    }

    /// The same, and no index files are written in it.
    #[must_use]
    pub fn without_index_files(self) -> Self {
        Self { index_files: IndexFiles::ReadOnly, ..self }
    }

    /// The same promises over another disk.
    #[must_use]
    pub fn over(&self, disk: MemoryStorage) -> Self {
        let (clock, oracle) = (ManualClock::new(BEGIN_MS), self.oracle.clone());
        let Self { durability, index_files, .. } = *self;
        Self { disk, clock, oracle, is_closed: false, durability, index_files }
    }

    fn environment(&self, seed: u64) -> Environment {
        Environment {
            storage: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(seed)),
        }
    }

    /// Opens the store to append to it, step by step. A planned fault may keep it from that.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open(&self, seed: u64) -> Result<OpenStore, CatchUpError> {
        let environment = self.environment(seed);
        let (log, snapshot, appender, _) = open_writer(&environment, appender_settings())?;
        let index = self.index(&log, &snapshot);
        let for_reader = Arc::clone(&index);
        let settings = self.writer_settings();
        let machine = Machine::start(&environment, log.clone(), snapshot, appender, index, settings)?;
        let view = View::new(log, machine.published(), for_reader, Arc::clone(&environment.storage));
        Ok(OpenStore { machine, view, environment })
    }

    /// Opens the store to append to it through the writer that callers share, with its restarts.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn serve(&self, seed: u64, restarts: RestartPolicy) -> Result<ServedStore, CatchUpError> {
        let environment = self.environment(seed);
        let (log, snapshot, appender, _) = open_writer(&environment, appender_settings())?;
        let index = self.index(&log, &snapshot);
        let for_reader = Arc::clone(&index);
        let writer = Writer::start(Start {
            environment: environment.clone(),
            log: log.clone(),
            snapshot,
            appender,
            appender_settings: appender_settings(),
            index,
            settings: self.writer_settings(),
            restarts,
        })?;
        let view = View::new(log, writer.published(), for_reader, Arc::clone(&environment.storage));
        Ok(ServedStore { writer, view, environment })
    }

    fn index(&self, log: &Log, snapshot: &Snapshot) -> Arc<dyn Index> {
        SealedIndex::open(log, snapshot, self.index_files, SEGMENT_BYTES)
    }

    fn writer_settings(&self) -> WriterSettings {
        WriterSettings { durability: self.durability, ..WriterSettings::default() }
    }

    /// Another process opens the store read-only now. What it sees can never go away again. `None` if a planned
    /// fault or crash keeps it from that, or the store is only just being made.
    ///
    /// # Errors
    /// It sees what contradicts a promise.
    pub fn look_from_outside(&mut self, seed: u64) -> anyhow::Result<Option<OtherProcess>> {
        let (other, events) = match self.open_outside(seed) {
            Ok(opened) => opened,
            Err(LogError::NotAStore { .. } | LogError::Io(_)) => return Ok(None),
            Err(error) => return Err(error).context("a read-only open"),
        };
        self.oracle.is_durable(&events)?;
        Ok(Some(other))
    }

    /// Whether an open finds a torn tail.
    #[must_use]
    pub fn has_torn_tail(&self) -> bool {
        open_reader(&self.environment(5)).is_ok_and(|(_, _, report)| report.torn_tail.is_some())
    }

    fn open_outside(&self, seed: u64) -> Result<(OtherProcess, Vec<Event>), LogError> {
        let (log, snapshot, _) = open_reader(&self.environment(seed))?;
        let mut other = OtherProcess { log, snapshot, seen: Vec::new() };
        let events = other.read()?;
        other.seen = events.iter().map(|event| event.header.id).collect();
        Ok((other, events))
    }
}

impl OtherProcess {
    /// Whether it has seen the first of these events, and nothing else.
    #[must_use]
    pub fn is_beginning_of(&self, events: &[Event]) -> bool {
        let ids = events.iter().map(|event| event.header.id);
        self.seen.len() <= events.len() && self.seen.iter().copied().eq(ids.take(self.seen.len()))
    }

    fn read(&self) -> Result<Vec<Event>, LogError> {
        let mut events = Vec::new();
        let mut frames = self.log.frames(&self.snapshot);
        for group in self.log.groups(&self.snapshot, Position(0)) {
            for event in group?.events {
                events.push(frames.read_event(event.location)?);
            }
        }
        Ok(events)
    }

    /// Reads everything again that it has seen. A planned fault may keep it from that.
    ///
    /// # Errors
    /// Something else is there now.
    pub fn look_again(&self) -> anyhow::Result<()> {
        match self.read() {
            Ok(events) => {
                let same = events.iter().map(|event| event.header.id).eq(self.seen.iter().copied());
                ensure!(same, "another process saw {} events, and now {}", self.seen.len(), events.len());
                Ok(())
            }
            Err(LogError::Io(_)) => Ok(()),
            Err(error) => Err(error).context("another process reads again what it has seen"),
        }
    }
}

fn appender_settings() -> AppenderSettings {
    AppenderSettings { segment_bytes: SEGMENT_BYTES }
}

fn command(offer: &Offer, environment: &Environment) -> anyhow::Result<Command> {
    let Environment { clock, random, .. } = environment;
    let command = Command::application(offer.events.clone(), None, &**clock, &**random)?;
    let command = match &offer.condition {
        Some(condition) => command.on_condition(condition.clone()),
        None => command,
    };
    Ok(if offer.durable { command.durable() } else { command })
}

impl Driven for OpenStore {
    fn view(&self) -> &View {
        &self.view
    }

    fn append(&mut self, offer: &Offer) -> anyhow::Result<Result<Vec<AppendReceipt>, AppendError>> {
        Ok(self.machine.append(&command(offer, &self.environment)?))
    }

    fn sync(&mut self) -> anyhow::Result<Result<(), AppendError>> {
        let answered = match self.machine.offer_sync(Asked::default()) {
            Offered::Answered(answered) => Some(answered),
            Offered::Waits => {
                let job = self.machine.next_job().context("a sync that waits is no work")?;
                self.machine.finish(job.run()).pop()
            }
        };
        Ok(answered.context("a sync is not answered")?.answer.map(drop))
    }

    fn end(self: Box<Self>) -> bool {
        self.machine.close().is_ok()
    }
}

impl Driven for ServedStore {
    fn view(&self) -> &View {
        &self.view
    }

    fn append(&mut self, offer: &Offer) -> anyhow::Result<Result<Vec<AppendReceipt>, AppendError>> {
        Ok(self.writer.append(&command(offer, &self.environment)?))
    }

    fn sync(&mut self) -> anyhow::Result<Result<(), AppendError>> {
        Ok(self.writer.sync())
    }

    fn end(self: Box<Self>) -> bool {
        self.writer.close().is_ok()
    }
}

impl OpenStore {
    /// Offers events; the answer if it is known at once.
    ///
    /// # Errors
    /// The command cannot be made, which would be a mistake here.
    pub fn offer(&mut self, offer: &Offer) -> anyhow::Result<Option<Answered<Asked>>> {
        let command = command(offer, &self.environment)?;
        Ok(match self.machine.offer(&command, Asked { offer: offer.clone(), end: self.view.end() }) {
            Offered::Answered(answered) => Some(answered),
            Offered::Waits => None,
        })
    }

    /// Takes out the next job.
    pub fn next_job(&mut self) -> Option<Job> {
        self.machine.next_job()
    }

    /// Asks for a sync of all that is written.
    pub fn request_sync(&mut self) {
        self.machine.request_sync();
    }

    /// Takes back a job.
    pub fn finish(&mut self, done: Done) -> Vec<Answered<Asked>> {
        self.machine.finish(done)
    }

    /// Whether nothing has failed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.machine.check().is_ok()
    }
}

impl ServedStore {
    /// The process dies here, and nothing more of it reaches the disk.
    pub fn die(self, disk: &MemoryStorage) {
        disk.crash_at(0);
        drop(self);
    }
}

/// What it gives, unless a planned panic hits it.
pub(crate) fn unless_planned<T>(look: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(look)) {
        Ok(seen) => Some(seen),
        Err(panic) if panic.downcast_ref::<&str>() == Some(&"a planned panic") => None,
        Err(panic) => resume_unwind(panic),
    }
}
