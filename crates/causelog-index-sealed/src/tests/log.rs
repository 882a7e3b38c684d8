//! A log of several segments, and what an index made of it alone would say.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, Index, MemoryIndex, Watermark};
use causelog_io::{Environment, ManualClock, MemoryStorage};
use causelog_segment::{Appender, AppenderSettings, Group, Log, Snapshot, open_reader, open_writer};
use causelog_types::{
    Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Header, Hlc, Payload, Position,
    Revision, Tags,
};
use causelog_wire::{GroupBuffer, hash};

use crate::{IndexFiles, SealedIndex};

pub(super) const SEGMENT_BYTES: u64 = 4096;
pub(super) const TAIL_BYTES: u64 = 1600;

pub(super) fn environment(storage: &MemoryStorage) -> Environment {
    Environment::memory(storage.clone(), ManualClock::new(1), 1)
}

pub(super) fn id(number: u64) -> EventId {
    EventId::from_u128(u128::from(number) + 100)
}

pub(super) fn stream(number: u64) -> Coordinate {
    Coordinate::new(format!("s{}", number % 3), "home").unwrap()
}

/// The event at a position: one of three streams, with tags, and the two events before it as causes.
fn header(position: u64, payload: &Payload, previous: Option<EventHash>) -> Header {
    let causes = Causes::new((position.saturating_sub(2)..position).map(id)).unwrap();
    let hlc = Hlc { wall_ms: 1000 + position, counter: 0 };
    Header {
        id: id(position),
        coordinate: stream(position),
        kind: EventKind::of::<0x1001>(),
        payload_version: 0,
        position: Position(position),
        revision: Revision(position / 3),
        previous_hash: previous,
        payload_hash: hash::payload(payload.as_bytes()),
        dag: DagPosition {
            correlation_id: id(position),
            causes,
            depth: Depth(u32::try_from(position).unwrap()),
            hlc,
            occurred_ms: None,
        },
        tags: Tags::new(["even", "odd"].into_iter().skip(usize::from(position % 2 == 1))).unwrap(),
        evidence: None,
        batch_remaining: 0,
        salted: false,
    }
}

/// Appends so many events, each a group of its own, telling an index of each group as the writer does.
pub(super) fn append(log: &Log, appender: &mut Appender, index: &dyn Index, count: u64) {
    for _ in 0..count {
        append_group(log, appender, index, 1);
    }
}

/// Appends so many events as one group.
pub(super) fn append_group(log: &Log, appender: &mut Appender, index: &dyn Index, count: u64) {
    append_payloads(log, appender, index, count, "x");
}

/// The same with another payload.
pub(super) fn append_payloads(
    log: &Log,
    appender: &mut Appender,
    index: &dyn Index,
    count: u64,
    payload: &str,
) {
    let payload = Payload::encode(&payload.repeat(500)).unwrap();
    let first = appender.end().position;
    let mut hashes: HashMap<Coordinate, EventHash> = HashMap::new();
    let mut group = GroupBuffer::new();
    for position in first.0..first.0 + count {
        let stream = stream(position);
        let stored = || index.heads(&[&stream], first).unwrap()[0].and_then(|head| head.hash);
        let previous = hashes.get(&stream).copied().or_else(stored);
        let pushed = group.push(&header(position, &payload, previous), payload.as_bytes()).unwrap();
        hashes.insert(stream, pushed.hash);
    }
    let hlc = header(first.0 + count - 1, &payload, None).dag.hlc;
    appender.place(group.len()).unwrap();
    appender.write(&mut group, hlc).unwrap();
    appender.sync().unwrap();
    tell(log, &appender.synced(), index, first);
}

/// Applies what a log has from a position on.
pub(super) fn tell(log: &Log, snapshot: &Snapshot, index: &dyn Index, from: Position) {
    log.groups(snapshot, from).for_each(|group| apply(log, &group.unwrap(), index));
}

/// Applies a group.
pub(super) fn apply(log: &Log, group: &Group, index: &dyn Index) {
    let events: Vec<_> = group
        .events
        .iter()
        .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
        .collect();
    let after = Watermark { store: log.store(), next: group.header.next(), root: group.header.root_after };
    index.apply(&AppliedGroup { events: &events, after }).unwrap();
}

/// A closed store with so many events, in segments of five or so and index files of three, or of what they were merged
/// to.
pub(super) fn store(count: u64) -> MemoryStorage {
    let storage = MemoryStorage::new();
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::MaintainedInline, TAIL_BYTES);
    append(&log, &mut appender, &*index, count);
    index.close().unwrap();
    appender.close().unwrap();
    storage
}

/// The log of a directory, read-only.
pub(super) fn open(storage: &MemoryStorage) -> (Log, Snapshot) {
    let environment = Environment { storage: Arc::new(storage.clone()), ..environment(storage) };
    let (log, snapshot, _) = open_reader(&environment).unwrap();
    (log, snapshot)
}

/// An index of memory alone, made from the log.
pub(super) fn whole(log: &Log, snapshot: &Snapshot) -> MemoryIndex {
    let index = MemoryIndex::new();
    tell(log, snapshot, &index, Position(0));
    index
}

pub(super) fn names(storage: &MemoryStorage, suffix: &str) -> Vec<String> {
    storage.files().into_iter().map(|(name, _)| name).filter(|name| name.ends_with(suffix)).collect()
}

pub(super) fn bytes_of(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    storage.files().into_iter().find(|(found, _)| found == name).unwrap().1
}

pub(super) fn with_file(storage: &MemoryStorage, name: &str, bytes: Option<Vec<u8>>) -> MemoryStorage {
    let others = storage.files().into_iter().filter(|(other, _)| other != name);
    MemoryStorage::from_files(others.chain(bytes.map(|bytes| (name.to_owned(), bytes))).collect())
}
