//! Small whole stores: what hostile bytes are put into.

use std::sync::OnceLock;

use causelog::{Options, Store};
use causelog_io::{Environment, ManualClock, MemoryStorage};
use causelog_types::{Coordinate, Event, EventId, EventKind, NewEvent, Region};
use causelog_wire::SegmentHeader;

/// The least there is, so that few events fill several.
const SEGMENT_BYTES: u64 = 4 * 1024;
const STARTED_MS: u64 = 1_700_000_000_000;

/// Files by their names.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// A store: its files, and what it holds.
pub(crate) struct Fixture {
    pub(crate) files: Files,
    pub(crate) events: Vec<Event>,
}

/// How a fixture's writer ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    Killed,
}

impl Fixture {
    /// Three segments, two of them sealed.
    pub(crate) fn three_segments(ended: Ended) -> &'static Self {
        static CLOSED: OnceLock<Fixture> = OnceLock::new();
        static KILLED: OnceLock<Fixture> = OnceLock::new();
        let place = if ended == Ended::Closed { &CLOSED } else { &KILLED };
        place.get_or_init(|| make(ended, |segments, _| segments == 3))
    }

    /// At least two segments, and one index file.
    pub(crate) fn two_segments() -> &'static Self {
        static PLACE: OnceLock<Fixture> = OnceLock::new();
        PLACE.get_or_init(|| make(Ended::Killed, |segments, indexes| segments >= 2 && indexes == 1))
    }

    /// As many index files as there can be before they are merged.
    pub(crate) fn seven_index_files() -> &'static Self {
        static PLACE: OnceLock<Fixture> = OnceLock::new();
        PLACE.get_or_init(|| make(Ended::Killed, |_, indexes| indexes == 7))
    }

    /// The first index file.
    pub(crate) fn index_file(&self) -> &(String, Vec<u8>) {
        self.files.iter().find(|(name, _)| name.ends_with(".idx")).expect("it was written")
    }

    /// The revision of a stream's last event.
    pub(crate) fn last_revision(&self, stream: &Coordinate) -> u64 {
        let last = self.events.iter().rfind(|event| event.header.coordinate == *stream);
        last.expect("it has events").header.revision.0
    }

    /// The indexes of the files that are segments, in order.
    pub(crate) fn segments(&self) -> Vec<usize> {
        let is_segment = |i: &usize| self.files[*i].0.ends_with(".seg");
        (0..self.files.len()).filter(is_segment).collect()
    }
}

/// What a segment's file begins with.
pub(crate) fn segment_header(bytes: &[u8]) -> SegmentHeader {
    SegmentHeader::decode(bytes).whole().expect("a fixture's segment has a header")
}

/// An environment in which the same happens every time.
pub(crate) fn environment(storage: &MemoryStorage, seed: u64) -> Environment {
    Environment::memory(storage.clone(), ManualClock::new(STARTED_MS), seed)
}

pub(crate) fn options() -> Options {
    Store::options().segment_bytes(SEGMENT_BYTES)
}

/// One of three streams.
pub(crate) fn stream(i: usize) -> Coordinate {
    let (entity, scope) = [("user:1", "room"), ("user:10", "room"), ("user:1", "hall")][i % 3];
    Coordinate::new(entity, scope).expect("the texts are allowed")
}

/// One of four kinds, of three categories.
pub(crate) fn kind(i: usize) -> EventKind {
    EventKind::from_bits([0x1001, 0x1002, 0x2001, 0xF0FF][i % 4])
}

fn event(i: usize) -> NewEvent {
    let id = |i: usize| EventId::from_u128(u128::try_from(1000 + i).expect("128 bits are enough"));
    let payload = (i, "x".repeat(20 + i * 37 % 150));
    let event = NewEvent::new(&stream(i), kind(i), &payload).expect("the payload can be encoded");
    let causes = [1, 3].into_iter().filter_map(|back| i.checked_sub(back)).filter(|_| i % 4 == 3);
    let event = event.with_id(id(i)).caused_by(causes.map(id)).expect("the causes are distinct");
    let tags = ["night", "loud"].into_iter().take(i % 3);
    event.with_tags(tags).expect("the tags are distinct")
}

/// A store with so many segments and index files, and a few more groups.
fn make(ended: Ended, is_enough: impl Fn(u64, usize) -> bool) -> Fixture {
    let storage = MemoryStorage::new();
    let store = options().open_in(environment(&storage, 1)).expect("an empty directory becomes a store");
    let (mut i, mut after) = (0, 0);
    while after < 4 {
        let batch = if i % 5 == 2 { 3 } else { 1 };
        let receipts =
            store.append_batch((i..i + batch).map(event).collect::<Vec<_>>()).expect("the disk is in order");
        i += batch;
        let indexes = storage.files().iter().filter(|(name, _)| name.ends_with(".idx")).count();
        after += usize::from(is_enough(receipts[0].location.segment.0, indexes));
    }
    let events = store.read(Region::all()).collect::<Result<_, _>>().expect("the store is in order");
    let files = match ended {
        Ended::Killed => storage.files(),
        Ended::Closed => {
            store.close().expect("the disk is in order");
            storage.files()
        }
    };
    Fixture { files, events }
}
