//! Index files: what is in them is believed only whole and in its place.

use causelog_index::{Direction, Index, IndexEntry, MemoryIndex, Selection};
use causelog_io::{Fault, MemoryStorage, Operation};
use causelog_segment::{AppenderSettings, open_writer, sealed_end};
use causelog_types::{Clause, Depth, EventHash, EventId, Hlc, Position, Region, Revision};
use causelog_wire::layout::{INDEX_BLOCK_HEADER_BYTES, INDEX_HEADER_BYTES};
use causelog_wire::{
    BlockKind, CauseRow, EventRow, IndexBlock, IndexFileHeader, StreamRow, TagRow, encode_block,
};

use super::log::{
    SEGMENT_BYTES, append, append_group, bytes_of, environment, id, names, open, store, stream, tell, whole,
    with_file,
};
use crate::{IndexFiles, SealedIndex};

const EVENTS: u64 = 22;

/// Up to which position an index knows the log from its files alone.
fn known_from_files(storage: &MemoryStorage) -> Position {
    let (log, snapshot) = open(storage);
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::ReadOnly);
    index.watermark().unwrap().map_or(Position(0), |watermark| watermark.next)
}

fn entries(index: &dyn Index, region: &Region) -> Vec<IndexEntry> {
    let (from, direction, limit, as_of) = (Position(0), Direction::Forwards, 100, Position(EVENTS));
    index.select(&Selection { region, from, direction, limit, as_of }).unwrap()
}

#[track_caller]
fn check_same(index: &dyn Index, due: &MemoryIndex) {
    assert_eq!(index.watermark().unwrap(), due.watermark().unwrap());
    let odd = Clause::new().tag("even").unwrap().into();
    for region in [Region::all(), Region::entity("s1").unwrap(), odd] {
        assert_eq!(entries(index, &region), entries(due, &region));
    }
    for number in 0..EVENTS {
        for as_of in [number, number + 1, EVENTS] {
            let (stream, as_of) = (stream(number), Position(as_of));
            let (found, due_head) =
                (index.heads(&[&stream], as_of).unwrap(), due.heads(&[&stream], as_of).unwrap());
            assert_eq!(found, due_head, "head of {stream} as of {as_of}");
            let effects = |index: &dyn Index| index.effects(id(number), Position(0), 9, as_of).unwrap();
            assert_eq!(effects(index), effects(due));
            assert_eq!(
                index.lookup(&[id(number)], as_of).unwrap(),
                due.lookup(&[id(number)], as_of).unwrap()
            );
            assert_eq!(index.counts(as_of).unwrap(), due.counts(as_of).unwrap());
        }
    }
}

/// Spec: INDEX-1, INDEX-6, READ-5
#[test]
fn what_is_read_from_files_is_what_frames_say() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    let sealed = snapshot.segments.len() - 1;
    assert!(sealed >= 3, "{sealed} sealed segments");
    assert_eq!(names(&storage, ".idx").len(), sealed);
    let last = snapshot.segments.last().unwrap().header().base;
    assert_eq!(known_from_files(&storage), last);
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::ReadOnly);
    tell(&log, &snapshot, &*index, last);
    check_same(&*index, &whole(&log, &snapshot));
}

/// Every byte of an index file is under a checksum: with any of them changed, or the file cut off anywhere, the
/// file is not used.
///
/// Spec: INDEX-2, INDEX-3, WIRE-6
#[test]
fn a_changed_or_cut_file_is_not_used() {
    let storage = store(EVENTS);
    let name = names(&storage, ".idx").swap_remove(1);
    let (_, snapshot) = open(&storage);
    let before = snapshot.segments[1].header().base;
    let bytes = bytes_of(&storage, &name);
    for at in 0..bytes.len() {
        for value in [0, 0xff, !bytes[at]] {
            if value != bytes[at] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let changed = with_file(&storage, &name, Some(changed));
                assert_eq!(known_from_files(&changed), before, "byte {at} = {value:#x}");
            }
        }
        let cut = with_file(&storage, &name, Some(bytes[..at].to_vec()));
        assert_eq!(known_from_files(&cut), before, "cut to {at}");
    }
    // Nothing that is there is worse than nothing: the files before it are used, and it is made again.
    let gone = with_file(&storage, &name, None);
    assert_eq!(known_from_files(&gone), before);
}

/// Another state of the segment, another segment's file, another store's.
///
/// Spec: INDEX-2, INDEX-4
#[test]
fn a_file_that_is_bound_to_something_else_is_not_used() {
    let storage = store(EVENTS);
    let name = names(&storage, ".idx").swap_remove(0);
    let (log, snapshot) = open(&storage);
    let (header, end) = (*snapshot.segments[0].header(), sealed_end(&snapshot.segments, 0).unwrap());
    let bound = IndexFileHeader {
        store: log.store(),
        segment: header.number,
        segment_length: end.length,
        base: header.base,
        next: end.position,
        root: end.root,
        blocks: 4,
    };
    let bytes = bytes_of(&storage, &name);
    assert_eq!(IndexFileHeader::decode(&bytes, header.salt).whole(), Some(bound));
    let rebound = |header: IndexFileHeader, salt| {
        let bytes = [&header.encode(salt)[..], &bytes[INDEX_HEADER_BYTES..]].concat();
        known_from_files(&with_file(&storage, &name, Some(bytes)))
    };
    let salt = header.salt;
    assert_eq!(rebound(bound, salt), snapshot.segments.last().unwrap().header().base);
    let store = causelog_types::StoreId::from_u128(1);
    let segment = causelog_types::SegmentNumber(2);
    let root = causelog_types::Root([1; 32]);
    let next = Position(end.position.0 - 1);
    let others = [
        IndexFileHeader { store, ..bound },
        IndexFileHeader { segment, ..bound },
        IndexFileHeader { segment_length: end.length - 1, ..bound },
        IndexFileHeader { next, ..bound },
        IndexFileHeader { root, ..bound },
        IndexFileHeader { blocks: 3, ..bound },
        IndexFileHeader { blocks: 5, ..bound },
        IndexFileHeader { blocks: u32::MAX, ..bound },
    ];
    for other in others {
        assert_eq!(rebound(other, salt), Position(0), "{other:?}");
    }
    assert_eq!(rebound(bound, causelog_wire::Salt(salt.0 ^ 1)), Position(0));
}

/// Blocks with right checksums and items that contradict each other: the file is not used, and nothing panics.
///
/// Spec: WIRE-6, INDEX-6, INDEX-8
#[test]
fn items_that_contradict_each_other_are_not_used() {
    let storage = store(EVENTS);
    let name = names(&storage, ".idx").swap_remove(0);
    let (log, snapshot) = open(&storage);
    let (header, end) = (*snapshot.segments[0].header(), sealed_end(&snapshot.segments, 0).unwrap());
    let count = u32::try_from(end.position.0).unwrap();
    let known = |blocks: &[(BlockKind, u32, Vec<u8>)]| {
        let bound = IndexFileHeader {
            store: log.store(),
            segment: header.number,
            segment_length: end.length,
            base: header.base,
            next: end.position,
            root: end.root,
            blocks: u32::try_from(blocks.len()).unwrap(),
        };
        let mut file = bound.encode(header.salt).to_vec();
        for (kind, items, content) in blocks {
            encode_block(&IndexBlock { kind: *kind, items: *items, content }, header.salt, &mut file);
        }
        known_from_files(&with_file(&storage, &name, Some(file)))
    };
    let hash = EventHash([1; 32]);
    let streams = |entity: &str| {
        let mut out = Vec::new();
        StreamRow { entity, scope: "home", last_hash: hash }.encode(&mut out);
        (BlockKind::Streams, 1, out)
    };
    let events = |count: u32, stream| {
        let mut out = Vec::new();
        for number in 0..count {
            let hlc = Hlc { wall_ms: 1, counter: number };
            let (id, kind) = (EventId::from_u128(number.into()), causelog_types::EventKind::from_bits(1));
            let (revision, depth) = (Revision(number.into()), Depth(0));
            EventRow { id, offset: 260, bytes: 100, stream, kind, revision, depth, hlc }.encode(&mut out);
        }
        (BlockKind::Events, count, out)
    };
    let causes = |rows: &[(u32, u128)]| {
        let mut out = Vec::new();
        for (event, cause) in rows {
            CauseRow { event: *event, cause: EventId::from_u128(*cause) }.encode(&mut out);
        }
        (BlockKind::Causes, u32::try_from(rows.len()).unwrap(), out)
    };
    let tags = |rows: &[(u32, &str)]| {
        let mut out = Vec::new();
        for (event, tag) in rows {
            TagRow { event: *event, tag }.encode(&mut out);
        }
        (BlockKind::Tags, u32::try_from(rows.len()).unwrap(), out)
    };
    let right = [events(count, 0), streams("s"), causes(&[(1, 0)]), tags(&[(0, "a")])];
    assert!(known(&right) >= end.position, "the forged file is not believed at all");
    let bad = [
        vec![events(count - 1, 0), streams("s")],
        vec![events(count + 1, 0), streams("s")],
        vec![events(count, 1), streams("s")],
        vec![events(count, 0)],
        vec![events(count, 0), streams("")],
        vec![events(count, 0), streams("a\nb")],
        vec![events(count, 0), streams("s"), causes(&[(count, 0)])],
        vec![events(count, 0), streams("s"), causes(&[(u32::MAX, 0)])],
        vec![events(count, 0), streams("s"), causes(&[(1, 7), (1, 7)])],
        vec![events(count, 0), streams("s"), tags(&[(count, "a")])],
        vec![events(count, 0), streams("s"), tags(&[(0, "a"), (0, "a")])],
        vec![events(count, 0), streams("s"), tags(&[(0, "")])],
        vec![(BlockKind::Events, u32::MAX, events(count, 0).2), streams("s")],
        vec![events(count, 0), (BlockKind::Streams, 2, streams("s").2)],
        vec![],
    ];
    for blocks in bad {
        assert_eq!(known(&blocks), Position(0), "{blocks:?}");
    }
}

/// A file of several blocks of a kind is read as one.
///
/// Spec: INDEX-3
#[test]
fn many_blocks_are_read() {
    let storage = MemoryStorage::new();
    let settings = AppenderSettings { segment_bytes: 4 * 1024 * 1024 };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
    append_group(&log, &mut appender, &*index, 1500);
    appender.close().unwrap();
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
    tell(&log, &snapshot, &*index, Position(0));
    append(&log, &mut appender, &*index, 1);
    let file = bytes_of(&storage, &names(&storage, ".idx")[0]);
    assert!(file.len() > 2 * 64 * 1024 + INDEX_BLOCK_HEADER_BYTES, "{} bytes", file.len());
    drop(appender);
    assert_eq!(known_from_files(&storage), Position(1500));
}

/// No index file is ever synced: a power cut may leave anything of one, and the frames say what it would have.
///
/// Spec: INDEX-9, STORE-5
#[test]
fn what_a_crash_leaves_of_a_file_is_as_good_as_none() {
    let storage = store(EVENTS);
    let of_index = |name: &str| name.contains(".idx");
    let trace = storage.trace();
    let written =
        |operation: &&Operation| matches!(operation, Operation::Write { name, .. } if of_index(name));
    let synced = |operation: &&Operation| matches!(operation, Operation::SyncData { name } if of_index(name));
    assert!(trace.iter().filter(written).count() >= 3);
    assert_eq!(trace.iter().filter(synced).count(), 0);

    let name = names(&storage, ".idx").swap_remove(1);
    let length = bytes_of(&storage, &name).len();
    for left in [vec![], vec![0; length], bytes_of(&storage, &name)[..length / 2].to_vec()] {
        let crashed = with_file(&storage, &name, Some(left));
        let (log, snapshot) = open(&crashed);
        let index = SealedIndex::open(&log, &snapshot, IndexFiles::ReadOnly);
        let from = index.watermark().unwrap().map_or(Position(0), |watermark| watermark.next);
        assert_eq!(from, snapshot.segments[1].header().base, "the file is not believed");
        tell(&log, &snapshot, &*index, from);
        check_same(&*index, &whole(&log, &snapshot));
    }
}

/// A file that cannot be written costs the next open time, and nothing else.
///
/// Spec: STORE-5
#[test]
fn a_file_that_cannot_be_written_fails_nothing() {
    for nth in 0..12 {
        let storage = MemoryStorage::new();
        let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
        let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
        let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
        // The appends without the index, so that every fault hits a call of the index's own.
        let due = MemoryIndex::new();
        append(&log, &mut appender, &due, EVENTS);
        let groups: Vec<_> = log.groups(&appender.synced(), Position(0)).map(Result::unwrap).collect();
        storage.fail(nth, Fault::Error(std::io::ErrorKind::StorageFull));
        for group in groups {
            let events: Vec<_> = group
                .events
                .iter()
                .map(|event| causelog_index::AppliedEvent::new(&event.header, event.hash, event.location))
                .collect();
            let (next, root) = (group.header.next(), group.header.root_after);
            let after = causelog_index::Watermark { store: log.store(), next, root };
            index.apply(&causelog_index::AppliedGroup { events: &events, after }).unwrap();
        }
        check_same(&*index, &due);
        appender.close().unwrap();
        let (log, snapshot) = open(&storage);
        let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained);
        let from = index.watermark().unwrap().map_or(Position(0), |watermark| watermark.next);
        tell(&log, &snapshot, &*index, from);
        check_same(&*index, &due);
    }
}

/// Read-only, nothing is written, and what is there is used.
///
/// Spec: STORE-5, RECOVER-5
#[test]
fn a_reader_writes_no_file() {
    let storage = store(EVENTS);
    let gone = with_file(&storage, &names(&storage, ".idx")[0], None);
    let (log, snapshot) = open(&gone);
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::ReadOnly);
    let before = gone.mutations();
    tell(&log, &snapshot, &*index, Position(0));
    check_same(&*index, &whole(&log, &snapshot));
    assert_eq!(gone.mutations(), before);
}
