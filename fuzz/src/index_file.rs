//! Opening a store one of whose index files is hostile.
//!
//! An index file is derived: whatever stands in it, a store answers as it does without it. Where its checksums
//! and its binding were forged as well, it may answer wrongly, but nothing panics, everything ends, and every event
//! that it serves is one of the log's; so it stays when the file is merged with others.

use std::sync::OnceLock;

use causelog::{Query, ReadError, Store, StreamHead};
use causelog_io::MemoryStorage;
use causelog_types::{Clause, Event, EventId, NewEvent, Position, Region};
use causelog_wire::IndexFileHeader;
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_HEADER_BYTES, INDEX_ROWS_PER_BLOCK};

use crate::fixture::{Files, Fixture, environment, kind, options, stream};
use crate::input::Input;
use crate::mend;

/// How an input is used.
pub(crate) mod mode {
    /// Checksums are set right.
    pub(crate) const FORGED: u8 = 1;
    /// The header is bound to the log, if checksums are set right.
    pub(crate) const BOUND: u8 = 2;
    /// The rest of the input is changes to the file that the writer made, and not a file of its own.
    pub(crate) const CHANGES: u8 = 4;
    /// The store has so many files that the next one has them merged.
    pub(crate) const MERGED: u8 = 8;
}

/// No file is longer.
const BLOCKS_MAX: usize = 12;

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let has = |bit: u8| mode & bit != 0;
    let (forged, fixture) = (has(mode::FORGED), fixture(has(mode::MERGED)));
    let mut bytes = match has(mode::CHANGES) {
        true => changed(fixture.index_file().1.clone(), &mut input),
        false => unpacked(&mut input),
    };
    if forged {
        forge(fixture, &mut bytes, has(mode::BOUND));
    }
    let mut files = without_file(fixture);
    files.push((fixture.index_file().0.clone(), bytes));
    let storage = MemoryStorage::from_files(files.clone());
    let store = options().open_read_only_in(environment(&storage, 2)).expect("an index file forbids no open");
    match forged {
        true => check_served(fixture, &store),
        false => check_answers(fixture, &store),
    }
    drop(store);
    assert_eq!(storage.files(), MemoryStorage::from_files(files).files(), "a reader changed something");

    let store = options().open_in(environment(&storage, 3)).expect("an index file forbids no open");
    append(fixture, &store, forged);
}

fn fixture(merged: bool) -> &'static Fixture {
    if merged { Fixture::seven_index_files() } else { Fixture::two_segments() }
}

/// A file out of what its blocks begin with: how much, in 16 bits, and that; zeros follow. The header is the first.
fn unpacked(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !input.is_empty() && bytes.len() < BLOCKS_MAX * INDEX_BLOCK_BYTES {
        let length = usize::from(input.draw::<u16>()) % (INDEX_BLOCK_BYTES + 1);
        let begins = input.bytes(length);
        bytes.extend_from_slice(begins);
        bytes.resize(bytes.len() - begins.len() + INDEX_BLOCK_BYTES, 0);
    }
    bytes
}

/// A file as it is unpacked.
pub(crate) fn packed(file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in file.chunks(INDEX_BLOCK_BYTES) {
        let used = block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.extend_from_slice(&u16::try_from(used).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&block[..used]);
    }
    bytes
}

/// Other bytes at some places of a file, or its end elsewhere.
fn changed(mut bytes: Vec<u8>, input: &mut Input<'_>) -> Vec<u8> {
    while !input.is_empty() && !bytes.is_empty() {
        let (at, byte) = (usize::from(input.draw::<u16>()), input.byte());
        match at % (bytes.len() + 1) {
            at if at == bytes.len() => bytes.truncate(at - usize::from(byte).min(at)),
            at => bytes[at] = byte,
        }
    }
    bytes
}

/// Sets the checksums right, and the binding too if asked for.
fn forge(fixture: &Fixture, bytes: &mut Vec<u8>, bound: bool) {
    if bound {
        bind(fixture, bytes);
    }
    mend::index_file(bytes);
}

/// Binds a file to the log, and lets its header say as many blocks as there are, in other shares if it must.
fn bind(fixture: &Fixture, bytes: &mut Vec<u8>) {
    let genuine = IndexFileHeader::decode(&fixture.index_file().1).whole().expect("the fixture is in order");
    let rows = genuine.events().div_ceil(u64::from(INDEX_ROWS_PER_BLOCK));
    let rows = u32::try_from(rows).expect("the fixture is small");
    let blocks = bytes.len().div_ceil(INDEX_BLOCK_BYTES).max(1);
    let blocks = u32::try_from(blocks - 1).expect("the file is short").max(rows + 2);
    let whole = INDEX_BLOCK_BYTES * usize::try_from(blocks + 1).expect("the file is short");
    bytes.resize(whole, 0);
    let said = mend::index_header(bytes);
    let others = blocks - rows;
    let mut header = IndexFileHeader {
        streams: said.streams.min(genuine.events()),
        new_streams: said.new_streams.min(said.streams).min(genuine.events()),
        first_id: said.first_id.min(said.last_id),
        last_id: said.first_id.max(said.last_id),
        filter_blocks: 1 + said.filter_blocks.saturating_sub(1) % (others - 1),
        ..genuine
    };
    let above = others - header.filter_blocks;
    // One leaf and nothing above it, or at least two with at least one.
    (header.leaf_blocks, header.node_blocks, header.levels) = match above {
        0..=2 => (1, 0, 0),
        _ => {
            let leaves = 2 + said.leaf_blocks.saturating_sub(2) % (above - 2);
            (leaves, above - leaves, 1 + said.levels.saturating_sub(1) % 8)
        }
    };
    header.filter_blocks = others - header.leaf_blocks - header.node_blocks;
    bytes[..INDEX_HEADER_BYTES].copy_from_slice(&header.encode());
}

fn without_file(fixture: &Fixture) -> Files {
    let (name, _) = fixture.index_file();
    fixture.files.iter().filter(|(other, _)| other != name).cloned().collect()
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

fn check_answers(fixture: &Fixture, store: &Store) {
    static EXPECTED: [OnceLock<Answers>; 2] = [OnceLock::new(), OnceLock::new()];
    let is_first = std::ptr::eq(fixture, self::fixture(false));
    let expected = EXPECTED[usize::from(is_first)].get_or_init(|| {
        let frames = fixture.files.iter().filter(|(name, _)| !name.ends_with(".idx")).cloned();
        let storage = MemoryStorage::from_files(frames.collect::<Files>());
        let store = options().open_in(environment(&storage, 2)).expect("the fixture is in order");
        answers(fixture, &store).expect("the fixture is in order")
    });
    let given = answers(fixture, store).expect("an index file hides nothing");
    assert!(given == *expected, "an index file changes an answer");
}

fn answers(fixture: &Fixture, store: &Store) -> Result<Answers, ReadError> {
    let ids = || ids(fixture);
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
fn ids(fixture: &Fixture) -> impl Iterator<Item = EventId> {
    let events = fixture.events.iter();
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

/// What a forged index leads to is an event of the log, or an error, and no more of them than the log has.
fn check_served(fixture: &Fixture, store: &Store) {
    let original = &fixture.events;
    let genuine = |event: &Event| {
        let known = original.iter().find(|known| known.header.position == event.header.position);
        assert_eq!(Some(event), known, "an event that is not the log's");
    };
    let _ = store.counts();
    for id in ids(fixture) {
        if let Ok(Some(event)) = store.get(id) {
            assert_eq!(event.header.id, id);
            genuine(&event);
        }
        for event in store.ancestors(id).into_iter().flatten().take(100).map_while(Result::ok) {
            genuine(&event);
        }
        for event in store.descendants(id).into_iter().flatten().take(100).map_while(Result::ok) {
            genuine(&event);
        }
    }
    for i in 0..3 {
        let _ = store.head(&stream(i));
    }
    for query in queries() {
        let events: Vec<Event> = store.read(query).take(original.len() + 1).map_while(Result::ok).collect();
        let positions: Vec<Position> = events.iter().map(|event| event.header.position).collect();
        let rises = positions.is_sorted_by(|a, b| a < b);
        assert!(rises || positions.is_sorted_by(|a, b| a > b), "out of order: {positions:?}");
        events.iter().for_each(genuine);
    }
}

/// Appends until another index file has been written, and merged with the others.
fn append(fixture: &Fixture, store: &Store, forged: bool) {
    if !forged {
        check_answers(fixture, store);
    }
    let mut last = fixture.last_revision(&stream(0));
    let long = "more".repeat(300);
    for (n, at) in (0..4_u128).zip(fixture.events.len()..) {
        let event = NewEvent::new(&stream(0), kind(0), &long).expect("the payload can be encoded");
        let receipt = store.append(event.with_id(EventId::from_u128(u128::MAX - n)));
        if forged {
            continue;
        }
        let receipt = receipt.expect("the disk is in order");
        last += 1;
        assert_eq!((receipt.revision.0, usize::try_from(receipt.position.0)), (last, Ok(at)));
    }
    if forged {
        let most = fixture.events.len() + 4;
        let all: Vec<Event> = store.read(Region::all()).take(most + 1).map_while(Result::ok).collect();
        assert!(all.len() <= most, "a walk over the events does not end");
        let early = |event: &&Event| usize::try_from(event.header.position.0).is_ok_and(|at| at < most - 4);
        let genuine = |event: &Event| fixture.events.contains(event);
        return assert!(all.iter().filter(early).all(genuine), "an event that is not the log's");
    }
    let all = store.read(Region::all()).collect::<Result<Vec<_>, _>>().expect("the disk is in order");
    assert!(all.starts_with(&fixture.events) && all.len() == fixture.events.len() + 4);
    assert_eq!(
        ids(fixture).filter(|id| store.get(*id).is_ok_and(|event| event.is_some())).count(),
        all.len() - 4
    );
    assert!(store.verify().expect("the disk is in order").is_sound());
}
