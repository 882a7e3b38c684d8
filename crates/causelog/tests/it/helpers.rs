//! What the tests share: a store in memory with small segments, short names for what is appended, and whole reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, Coordinate, Environment, Event, EventId, EventKind, Fate,
    MemoryStorage, NewEvent, OpenError, Options, Query, Region, Store,
};
use causelog_io::{ManualClock, SeededRandom};

pub(crate) const OPENED: EventKind = EventKind::of::<0x1001>();
pub(crate) const CLOSED: EventKind = EventKind::of::<0x1002>();
pub(crate) const RANG: EventKind = EventKind::of::<0x2001>();

/// The least that a segment can be set to, so that a few events fill one.
pub(crate) const SEGMENT_BYTES: u64 = 4096;

/// When the tests' clock begins: 2023-11-14, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// A clock that the test moves, and other random bytes at every open.
pub(crate) struct Lab {
    pub(crate) clock: ManualClock,
    opens: AtomicU64,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { clock: ManualClock::new(START_MS), opens: AtomicU64::new(1) }
    }

    pub(crate) fn environment(&self, storage: &MemoryStorage) -> Environment {
        Environment {
            storage: Arc::new(storage.clone()),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(self.opens.fetch_add(1, Ordering::SeqCst))),
        }
    }

    pub(crate) fn try_open(&self, storage: &MemoryStorage) -> Result<Store, OpenError> {
        options().open_in(self.environment(storage))
    }

    #[track_caller]
    pub(crate) fn open(&self, storage: &MemoryStorage) -> Store {
        self.try_open(storage).unwrap()
    }

    pub(crate) fn try_open_read_only(&self, storage: &MemoryStorage) -> Result<Store, OpenError> {
        options().open_read_only_in(self.environment(storage))
    }
}

pub(crate) fn options() -> Options {
    Store::options().segment_bytes(SEGMENT_BYTES)
}

pub(crate) fn id(number: u128) -> EventId {
    EventId::from_u128(number)
}

pub(crate) fn stream(entity: &str, scope: &str) -> Coordinate {
    Coordinate::new(entity, scope).unwrap()
}

pub(crate) fn door() -> Coordinate {
    stream("door:1", "home")
}

/// An event of a stream that anything can follow.
pub(crate) fn event(coordinate: &Coordinate, payload: &str) -> NewEvent {
    NewEvent::new(coordinate, OPENED, payload).unwrap()
}

/// An event with a payload of about so many bytes.
pub(crate) fn long_event(coordinate: &Coordinate, bytes: usize) -> NewEvent {
    event(coordinate, &"x".repeat(bytes))
}

/// All events, the library's too.
#[track_caller]
pub(crate) fn all(store: &Store) -> Vec<Event> {
    read(store, Region::all().with_library_events())
}

#[track_caller]
pub(crate) fn read(store: &Store, query: impl Into<Query>) -> Vec<Event> {
    store.read(query).collect::<Result<_, _>>().unwrap()
}

/// Fills the first segment and goes a little beyond it; how many events that took.
#[track_caller]
pub(crate) fn fill_segment(store: &Store) -> u64 {
    let before = store.end().position.0;
    let first = store.append(long_event(&door(), 900)).unwrap().location.segment;
    while store.append(long_event(&door(), 900)).unwrap().location.segment == first {}
    store.end().position.0 - before
}

/// The names of the files in a directory that end so.
pub(crate) fn names(storage: &MemoryStorage, suffix: &str) -> Vec<String> {
    storage.files().into_iter().map(|(name, _)| name).filter(|name| name.ends_with(suffix)).collect()
}

/// A directory with one file changed, or taken away.
pub(crate) fn with_file(storage: &MemoryStorage, name: &str, bytes: Option<Vec<u8>>) -> MemoryStorage {
    let others = storage.files().into_iter().filter(|(other, _)| other != name);
    MemoryStorage::from_files(others.chain(bytes.map(|bytes| (name.to_owned(), bytes))).collect())
}

pub(crate) fn bytes_of(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    storage.files().into_iter().find(|(found, _)| found == name).unwrap().1
}

/// An append that was refused with nothing written; why.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, AppendError>) -> AppendErrorKind {
    let error = result.unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten, "{error}");
    error.kind().clone()
}

/// Where a receipt says its event stands.
pub(crate) fn place(receipt: &AppendReceipt) -> (u64, u64) {
    (receipt.position.0, receipt.revision.0)
}
