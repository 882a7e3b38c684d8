//! Opening a store whose index file is hostile.
//!
//! An index file is derived: whatever stands in it, a store answers as it does without it. Where its checksums
//! and its binding were forged as well, it may answer wrongly, but nothing panics, and every event that it serves
//! is one of the log's.

use std::sync::OnceLock;

use causelog::{Query, ReadError, Store, StreamHead};
use causelog_io::MemoryStorage;
use causelog_types::{Clause, Event, EventId, NewEvent, Position, Region, SegmentNumber};
use causelog_wire::IndexFileHeader;
use causelog_wire::layout::INDEX_HEADER_BYTES;

use crate::fixture::{Files, Fixture, environment, kind, options, segment_header, stream};
use crate::input::Input;
use crate::mend;

/// The index file of the first segment.
pub(crate) const NAME: &str = "00000000000000000001.idx";

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let forged = mode & 1 != 0;
    let mut bytes = input.rest().to_vec();
    if forged {
        forge(&mut bytes, mode & 2 != 0);
    }
    let mut files = without_file();
    files.push((NAME.to_owned(), bytes));
    let storage = MemoryStorage::from_files(files.clone());
    let store = options().open_read_only_in(environment(&storage, 2)).expect("an index file forbids no open");
    match forged {
        true => check_served(&store),
        false => check_answers(&store),
    }
    drop(store);
    assert_eq!(storage.files(), MemoryStorage::from_files(files).files(), "a reader changed something");

    let store = options().open_in(environment(&storage, 3)).expect("an index file forbids no open");
    append(&store, forged);
}

/// Sets the checksums right, and the binding too if asked for.
fn forge(bytes: &mut [u8], bound: bool) {
    let fixture = Fixture::two_segments();
    let segments = fixture.segments();
    let [first, second] = [0, 1].map(|i| segment_header(&fixture.files[segments[i]].1));
    if bound && bytes.len() >= INDEX_HEADER_BYTES {
        let blocks = u32::from_le_bytes([bytes[92], bytes[93], bytes[94], bytes[95]]);
        let header = IndexFileHeader {
            store: first.store,
            segment: SegmentNumber(1),
            segment_length: second.previous.expect("it follows the first").length,
            base: first.base,
            next: second.base,
            root: second.base_root,
            blocks,
        };
        bytes[..INDEX_HEADER_BYTES].copy_from_slice(&header.encode(first.salt));
    }
    mend::index_file(bytes, first.salt);
}

fn without_file() -> Files {
    let files = &Fixture::two_segments().files;
    files.iter().filter(|(name, _)| name != NAME).cloned().collect()
}

/// All answers of a store whose index is right.
#[derive(Debug, PartialEq)]
struct Answers {
    counts: (u64, u64),
    by_id: Vec<Option<Event>>,
    heads: Vec<Option<StreamHead>>,
    reads: Vec<Vec<Event>>,
    graphs: Vec<Vec<EventId>>,
}

fn check_answers(store: &Store) {
    static EXPECTED: OnceLock<Answers> = OnceLock::new();
    let expected = EXPECTED.get_or_init(|| {
        let storage = MemoryStorage::from_files(without_file());
        let store = options().open_in(environment(&storage, 2)).expect("the fixture is in order");
        answers(&store).expect("the fixture is in order")
    });
    let given = answers(store).expect("an index file hides nothing");
    assert!(given == *expected, "an index file changes an answer");
}

fn answers(store: &Store) -> Result<Answers, ReadError> {
    let counts = store.counts()?;
    let mut graphs = Vec::new();
    for id in ids().take(12) {
        if store.get(id)?.is_some() {
            graphs.push(identities(store.ancestors(id)?)?);
            graphs.push(identities(store.descendants(id)?)?);
        }
    }
    Ok(Answers {
        counts: (counts.events, counts.streams),
        by_id: ids().map(|id| store.get(id)).collect::<Result<_, _>>()?,
        heads: (0..3).map(|i| store.head(&stream(i))).collect::<Result<_, _>>()?,
        reads: queries().map(|query| store.read(query).collect()).collect::<Result<_, _>>()?,
        graphs,
    })
}

/// Every event's id, and one that is not there.
fn ids() -> impl Iterator<Item = EventId> {
    let events = Fixture::two_segments().events.iter();
    events.map(|event| event.header.id).chain([EventId::from_u128(5)])
}

fn queries() -> impl Iterator<Item = Query> {
    let clause = Clause::new;
    let regions = [
        Ok(Region::all().with_library_events()),
        Ok(Region::stream(&stream(1))),
        Region::entity("user:1"),
        clause().entity_prefix("user:").and_then(|c| c.scope("hall")).map(Region::from),
        clause().tag("night").and_then(|c| c.tag("loud")).map(Region::from),
        clause().kind(kind(0)).and_then(|c| c.category(kind(2).category())).map(Region::from),
        Region::all().positions(Position(3)..Position(9)),
        Region::all().recorded_ms(1..),
    ];
    regions.into_iter().flat_map(|region| {
        let region = region.expect("the regions are allowed");
        [Query::new(region.clone()), Query::new(region).backwards()]
    })
}

fn identities(events: impl Iterator<Item = Result<Event, ReadError>>) -> Result<Vec<EventId>, ReadError> {
    events.map(|event| event.map(|event| event.header.id)).collect()
}

/// What a forged index leads to is an event of the log, or an error.
fn check_served(store: &Store) {
    let original = &Fixture::two_segments().events;
    let genuine = |event: Event| {
        let known = original.iter().find(|known| known.header.position == event.header.position);
        assert_eq!(Some(&event), known, "an event that is not the log's");
    };
    let _ = store.counts();
    for id in ids() {
        if let Ok(Some(event)) = store.get(id) {
            assert_eq!(event.header.id, id);
            genuine(event);
        }
        for event in store.ancestors(id).into_iter().flatten().take(100).map_while(Result::ok) {
            genuine(event);
        }
        for event in store.descendants(id).into_iter().flatten().take(100).map_while(Result::ok) {
            genuine(event);
        }
    }
    for i in 0..3 {
        let _ = store.head(&stream(i));
    }
    for query in queries() {
        let mut events: Vec<Event> = store.read(query).map_while(Result::ok).collect();
        let positions: Vec<Position> = events.iter().map(|event| event.header.position).collect();
        assert!(positions.is_sorted() || positions.is_sorted_by(|a, b| a > b), "out of order: {positions:?}");
        events.drain(..).for_each(genuine);
    }
}

fn append(store: &Store, forged: bool) {
    let event = NewEvent::new(&stream(0), kind(0), "one more").expect("the payload can be encoded");
    let receipt = store.append(event.with_id(EventId::from_u128(u128::MAX)));
    if forged {
        return;
    }
    let receipt = receipt.expect("the disk is in order");
    let events = &Fixture::two_segments().events;
    let last = events.iter().rfind(|event| event.header.coordinate == stream(0)).expect("it has events");
    assert_eq!(receipt.revision.0, last.header.revision.0 + 1);
    assert_eq!(usize::try_from(receipt.position.0), Ok(events.len()));
    assert!(store.verify().expect("the disk is in order").is_sound());
}
