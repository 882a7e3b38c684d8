//! A store put together from the layers over a simulated disk, driven step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, ensure};
use causelog_index::{Direction, Index, Selection};
use causelog_index_sealed::{IndexFiles, SealedIndex};
use causelog_io::{Environment, ManualClock, MemoryStorage, SeededRandom};
use causelog_reader::{Query, Reader, verify};
use causelog_segment::{AppenderSettings, LogError, open_reader, open_writer};
use causelog_types::{Coordinate, Event, EventId, Position, Region};
use causelog_writer::{
    Answered, CatchUpError, Command, Done, Durability, Job, Machine, Offered, WriterSettings,
};

use crate::draw::Draw;
use crate::offers::{Offer, region};
use crate::oracle::Oracle;

/// The least that a segment can be set to, so that a few events fill one.
const SEGMENT_BYTES: u64 = 4096;

/// The world around a store.
#[derive(Debug)]
pub struct World {
    /// The disk.
    pub disk: MemoryStorage,
    /// The time.
    pub clock: ManualClock,
    /// What was promised.
    pub oracle: Oracle,
    durability: Durability,
}

/// A store that is open for appending.
pub struct OpenStore {
    machine: Machine<Vec<EventId>>,
    reader: Reader,
    environment: Environment,
}

impl World {
    /// An empty disk that has just been made.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        let clock = ManualClock::new(1_700_000_000_000);
        Self { disk: MemoryStorage::created(), clock, oracle: Oracle::default(), durability }
    }

    /// The same promises over another disk.
    #[must_use]
    pub fn over(&self, disk: MemoryStorage) -> Self {
        Self {
            disk,
            clock: ManualClock::new(1_700_000_000_000),
            oracle: self.oracle.clone(),
            durability: self.durability,
        }
    }

    fn environment(&self, seed: u64) -> Environment {
        Environment {
            storage: Arc::new(self.disk.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(seed)),
        }
    }

    /// Opens the store to append to it. A planned fault may keep it from that.
    ///
    /// # Errors
    /// Why it does not open.
    pub fn open(&self, seed: u64) -> Result<OpenStore, CatchUpError> {
        let environment = self.environment(seed);
        let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
        let (log, snapshot, appender, _) = open_writer(&environment, settings)?;
        let index: Arc<dyn Index> = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
        let settings = WriterSettings { durability: self.durability, ..WriterSettings::default() };
        let for_reader = Arc::clone(&index);
        let machine = Machine::start(&environment, log.clone(), snapshot, appender, index, settings)?;
        let reader = Reader::new(log, machine.published(), for_reader);
        Ok(OpenStore { machine, reader, environment })
    }

    /// What another process sees that opens the store read-only now. It can never go away again.
    ///
    /// # Errors
    /// It sees what contradicts a promise.
    pub fn look_from_outside(&mut self, seed: u64) -> anyhow::Result<()> {
        let events = match self.read_outside(seed) {
            Ok(events) => events,
            // A planned fault or crash, or a store that is only just being made.
            Err(LogError::NotAStore { .. } | LogError::Io(_)) => return Ok(()),
            Err(error) => return Err(error).context("a read-only open"),
        };
        self.oracle.is_durable(&events)
    }

    fn read_outside(&self, seed: u64) -> Result<Vec<Event>, LogError> {
        let environment = self.environment(seed);
        let (log, snapshot, _) = open_reader(&environment)?;
        let mut events = Vec::new();
        let mut frames = log.frames(&snapshot);
        for group in log.groups(&snapshot, Position(0)) {
            for event in group?.events {
                events.push(frames.read_event(event.location)?);
            }
        }
        Ok(events)
    }
}

impl OpenStore {
    /// Offers events; the answer if it is known at once.
    ///
    /// # Errors
    /// The command cannot be made, which would be a mistake here.
    pub fn offer(&mut self, offer: &Offer) -> anyhow::Result<Option<Answered<Vec<EventId>>>> {
        let Environment { clock, random, .. } = &self.environment;
        let command = Command::application(offer.events.clone(), None, &**clock, &**random)?;
        let command = match &offer.condition {
            Some(condition) => command.on_condition(condition.clone()),
            None => command,
        };
        let command = if offer.durable { command.durable() } else { command };
        Ok(match self.machine.offer(&command, offer.ids()) {
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
    pub fn finish(&mut self, done: Done) -> Vec<Answered<Vec<EventId>>> {
        self.machine.finish(done)
    }

    /// Ends the log in order.
    pub fn close(self) {
        // What fails here fails as it would have without a close: the next open says what there is.
        drop(self.machine.close());
    }

    /// Whether nothing has failed.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.machine.check().is_ok()
    }

    /// The end that readers see.
    #[must_use]
    pub fn end(&self) -> Position {
        self.reader.end().position
    }

    /// How many of the visible events are durable.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.machine.published().durable()
    }

    /// Everything that is visible.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn events(&self) -> anyhow::Result<Vec<Event>> {
        let all = Query::new(Region::all().with_library_events());
        self.reader.read(all).collect::<Result<_, _>>().context("reading everything")
    }

    /// Holds the log's verification and every kind of answer of the index against a scan.
    ///
    /// # Errors
    /// They disagree.
    pub fn check(&self, events: &[Event], draw: &Draw) -> anyhow::Result<()> {
        let report = verify(Arc::clone(&self.environment.storage))?;
        ensure!(report.is_sound(), "verification: {:?}", report.findings);
        let index = self.machine.index();
        check_index(&*index, events, draw).context("the index")?;
        for (position, event) in events.iter().enumerate() {
            ensure!(event.header.position == Position(u64::try_from(position)?), "positions have a gap");
        }
        Ok(())
    }
}

fn check_index(index: &dyn Index, events: &[Event], draw: &Draw) -> anyhow::Result<()> {
    let as_of = Position(u64::try_from(events.len())?);
    let counts = index.counts(as_of)?;
    let mut heads: BTreeMap<&Coordinate, &Event> = BTreeMap::new();
    for event in events {
        let head = heads.insert(&event.header.coordinate, event);
        let due = head.map_or(0, |head| head.header.revision.0 + 1);
        ensure!(event.header.revision.0 == due, "a stream's revisions have a gap");
        ensure!(event.header.previous_hash == head.map(|head| head.hash), "a stream's chain is broken");
    }
    ensure!(counts.events == as_of.0, "it counts {} events of {as_of}", counts.events);
    ensure!(counts.streams == u64::try_from(heads.len())?, "it counts {} streams", counts.streams);
    let streams: Vec<&Coordinate> = heads.keys().copied().collect();
    for (stream, told) in streams.iter().zip(index.heads(&streams, as_of)?) {
        let (told, due) = (told.context("a stream has no head")?, heads[stream]);
        ensure!(
            told.position == due.header.position && told.hash.is_none_or(|hash| hash == due.hash),
            "a head is wrong"
        );
    }
    let ids: Vec<EventId> = events.iter().map(|event| event.header.id).collect();
    for (event, told) in events.iter().zip(index.lookup(&ids, as_of)?) {
        let told = told.context("an id is not found")?;
        ensure!(
            told.position == event.header.position && told.depth == event.header.dag.depth,
            "an id is wrong"
        );
    }
    for direction in [Direction::Forwards, Direction::Backwards] {
        let region = region(draw)?;
        let from = match direction {
            Direction::Forwards => Position(0),
            Direction::Backwards => as_of,
        };
        let told = index.select(&Selection { region: &region, from, direction, limit: usize::MAX, as_of })?;
        let matching = events.iter().filter(|event| region.matches(&event.header.facts()));
        let mut due: Vec<Position> = matching.map(|event| event.header.position).collect();
        if direction == Direction::Backwards {
            due.reverse();
        }
        let told: Vec<Position> = told.iter().map(|entry| entry.position).collect();
        ensure!(told == due, "{region:?} gives {told:?}, and {due:?} match");
    }
    Ok(())
}
