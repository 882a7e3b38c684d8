//! What the tests share: a machine over a directory in memory, and an index that fails on demand.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use causelog_index::{
    AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, MemoryIndex, Selection, Watermark,
};
use causelog_io::{Environment, ManualClock, MemoryStorage};
use causelog_segment::{AppenderSettings, LogError, open_writer};
use causelog_types::{Coordinate, EventId, EventKind, NewEvent, Position};

use crate::{
    AppendError, AppendReceipt, CatchUpError, Command, Durability, Machine, RestartPolicy, Start, Writer,
    WriterSettings,
};

pub(super) fn environment(storage: &MemoryStorage) -> Environment {
    Environment::memory(storage.clone(), ManualClock::new(1_000), 1)
}

const SMALL: AppenderSettings = AppenderSettings { segment_bytes: 4096 };

pub(super) fn start(storage: &MemoryStorage, index: Arc<dyn Index>) -> Machine {
    start_machine(storage, index, Durability::Sync)
}

/// A machine that says who is answered by numbers, or by nothing.
pub(super) fn start_machine<T>(
    storage: &MemoryStorage,
    index: Arc<dyn Index>,
    durability: Durability,
) -> Machine<T> {
    let environment = environment(storage);
    let (log, snapshot, appender, _) = open_writer(&environment, SMALL).unwrap();
    let settings = WriterSettings { durability, ..WriterSettings::default() };
    Machine::start(&environment, log, snapshot, appender, index, settings).unwrap()
}

pub(super) fn start_writer(storage: &MemoryStorage, index: Arc<dyn Index>) -> Writer {
    start_writer_with(storage, index, Durability::Sync, RestartPolicy::Once)
}

pub(super) fn start_writer_with(
    storage: &MemoryStorage,
    index: Arc<dyn Index>,
    durability: Durability,
    restarts: RestartPolicy,
) -> Writer {
    try_start_writer(storage, index, durability, restarts).unwrap()
}

pub(super) fn try_start_writer(
    storage: &MemoryStorage,
    index: Arc<dyn Index>,
    durability: Durability,
    restarts: RestartPolicy,
) -> Result<Writer, CatchUpError> {
    let environment = environment(storage);
    let (log, snapshot, appender, _) = open_writer(&environment, SMALL).unwrap();
    let settings = WriterSettings { durability, ..WriterSettings::default() };
    let appender_settings = SMALL;
    let start = Start { environment, log, snapshot, appender, appender_settings, index, settings, restarts };
    Writer::start(start)
}

pub(super) fn id(number: u128) -> EventId {
    EventId::from_u128(number)
}

pub(super) fn door() -> Coordinate {
    Coordinate::new("door", "home").unwrap()
}

pub(super) fn event(number: u128, payload: &str) -> NewEvent {
    NewEvent::new(&door(), EventKind::of::<0x1001>(), payload).unwrap().with_id(id(number))
}

pub(super) fn command(events: Vec<NewEvent>) -> Command {
    let environment = environment(&MemoryStorage::new());
    Command::application(events, None, &*environment.clock, &*environment.random).unwrap()
}

pub(super) fn append(machine: &mut Machine, number: u128) -> Result<Vec<AppendReceipt>, AppendError> {
    machine.append(&command(vec![event(number, "x")]))
}

/// How an index goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    ApplyFails,
    ApplyPanics,
    QuestionsFail,
    /// Every id is said to stand where the first event stands.
    WrongPlaces,
}

/// An index in memory that goes wrong when it is told to.
#[derive(Default)]
pub(super) struct Fragile {
    pub(super) index: MemoryIndex,
    trouble: AtomicU8,
    /// What it says of itself, whatever it holds.
    claim: Option<Watermark>,
    /// The directory that it may still write when it is told of the end, since the lock is held.
    writes: Option<MemoryStorage>,
    /// How often it was told of the end.
    pub(super) ends: AtomicU8,
}

impl Fragile {
    pub(super) fn claiming(claim: Watermark) -> Self {
        Self { claim: Some(claim), ..Self::default() }
    }

    pub(super) fn writing(storage: &MemoryStorage) -> Self {
        Self { writes: Some(storage.clone()), ..Self::default() }
    }

    pub(super) fn set(&self, trouble: Trouble) {
        let number = match trouble {
            Trouble::None => 0,
            Trouble::ApplyFails => 1,
            Trouble::ApplyPanics => 2,
            Trouble::QuestionsFail => 3,
            Trouble::WrongPlaces => 4,
        };
        self.trouble.store(number, Ordering::SeqCst);
    }

    fn ask(&self) -> Result<(), IndexError> {
        match self.trouble.load(Ordering::SeqCst) {
            3 => Err(IndexError::Backend("it does not answer".into())),
            _ => Ok(()),
        }
    }
}

impl Fragile {
    /// Gives entries the place of the first event, if it is to give wrong ones.
    fn misplace<'a>(
        &self,
        entries: impl Iterator<Item = &'a mut IndexEntry>,
        as_of: Position,
    ) -> Result<(), IndexError> {
        if self.trouble.load(Ordering::SeqCst) == 4
            && let Some(first) = self.index.lookup(&[id(1)], as_of)?[0]
        {
            entries.for_each(|entry| entry.location = first.location);
        }
        Ok(())
    }
}

impl Index for Fragile {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        match self.claim {
            Some(claim) => Ok(Some(claim)),
            None => self.index.watermark(),
        }
    }

    fn reset(&self) -> Result<(), IndexError> {
        self.index.reset()
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        match self.trouble.load(Ordering::SeqCst) {
            1 => Err(IndexError::Backend("it takes nothing".into())),
            2 => panic!("the index panics, as it was told to"),
            _ => self.index.apply(group),
        }
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.ask()?;
        self.index.heads(streams, as_of)
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.ask()?;
        let mut found = self.index.lookup(ids, as_of)?;
        self.misplace(found.iter_mut().flatten(), as_of)?;
        Ok(found)
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        self.ask()?;
        let mut found = self.index.select(selection)?;
        self.misplace(found.iter_mut(), selection.as_of)?;
        Ok(found)
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        self.index.effects(cause, from, limit, as_of)
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.index.counts(as_of)
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        self.index.gaps(as_of)
    }
    fn close(&self) -> Result<(), IndexError> {
        self.ends.fetch_add(1, Ordering::SeqCst);
        if let Some(storage) = &self.writes {
            let other = open_writer(&environment(storage), SMALL).map(drop);
            assert!(matches!(other, Err(LogError::Locked { .. })), "the lock is not held: {other:?}");
        }
        Ok(())
    }
}
