//! Index files: what is in them is believed only whole and in its place, and made again where it is not.

use std::sync::Arc;

use causelog_index::{Direction, Index, IndexEntry, IndexedHead, MemoryIndex, Selection};
use causelog_io::{Access, Fault, MemoryStorage, Operation, Storage};
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::{Clause, Position, Region, Revision, Root, StoreId};
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_HEADER_BYTES};
use causelog_wire::{IndexFileHeader, index_block_offset, seal_index_block};

use super::log::{
    SEGMENT_BYTES, TAIL_BYTES, append, append_group, append_payloads, apply, bytes_of, environment, id,
    names, open, store, stream, tell, whole, with_file,
};
use super::unreadable::UnreadableIndexes;
use crate::shared::Settings;
use crate::{IndexFiles, SealedIndex, inspect_index_files};

const EVENTS: u64 = 20;

/// The index of a store's files, and how many bytes of the directory it has read.
fn index_of(storage: &MemoryStorage, files: IndexFiles) -> Arc<SealedIndex> {
    let (log, snapshot) = open(storage);
    SealedIndex::open(&log, &snapshot, files, TAIL_BYTES)
}

fn known(index: &SealedIndex) -> Position {
    index.watermark().unwrap().map_or(Position(0), |watermark| watermark.next)
}

pub(super) fn entries(
    index: &dyn Index,
    region: &Region,
    direction: Direction,
    as_of: Position,
) -> Vec<IndexEntry> {
    let from = match direction {
        Direction::Forwards => Position(0),
        Direction::Backwards => as_of,
    };
    index.select(&Selection { region, from, direction, limit: 10_000, as_of }).unwrap()
}

/// All that can be asked of an index is answered as by one of memory alone.
#[track_caller]
pub(super) fn check_same(index: &dyn Index, due: &MemoryIndex, events: u64) {
    assert_eq!(index.watermark().unwrap(), due.watermark().unwrap());
    let clause = Clause::new;
    let regions = [
        Region::all(),
        Region::entity("s1").unwrap(),
        Region::entity("s").unwrap(),
        clause().entity_prefix("s").unwrap().scope("home").unwrap().into(),
        clause().tag("even").unwrap().into(),
        clause().tag("even").unwrap().entity_prefix("s2").unwrap().into(),
        clause().kind(causelog_types::EventKind::of::<0x1001>()).unwrap().into(),
        Region::all().revisions(Revision(1)..Revision(4)).unwrap(),
        Region::all().recorded_ms(1003..1009).unwrap(),
        Region::any_of([clause().tag("odd").unwrap(), clause().entity("s0").unwrap()]).unwrap(),
    ];
    let end = Position(events);
    for region in regions {
        for direction in [Direction::Forwards, Direction::Backwards] {
            for as_of in [Position(events / 2), end] {
                let of = |index: &dyn Index| entries(index, &region, direction, as_of);
                assert_eq!(of(index), of(due), "{region:?} {direction:?} as of {as_of}");
            }
        }
    }
    for number in 0..events {
        for as_of in [number, number + 1, events] {
            let (stream, as_of) = (stream(number), Position(as_of));
            let head = |index: &dyn Index| index.heads(&[&stream], as_of).unwrap().pop().flatten();
            let (mut found, due_head) = (head(index), head(due));
            if let (Some(found), Some(IndexedHead { hash: None, .. })) = (&mut found, &due_head) {
                // An older head may come with its hash or without.
                found.hash = None;
            }
            assert_eq!(found, due_head, "head of {stream} as of {as_of}");
            let effects = |index: &dyn Index| index.effects(id(number), Position(0), 9, as_of).unwrap();
            assert_eq!(effects(index), effects(due));
            let found = |index: &dyn Index| index.lookup(&[id(number)], as_of).unwrap();
            assert_eq!(found(index), found(due), "{} as of {as_of}", id(number));
            assert_eq!(index.counts(as_of).unwrap(), due.counts(as_of).unwrap());
        }
    }
}

/// Spec: INDEX-1, INDEX-6, READ-5
#[test]
fn what_is_read_from_files_is_what_frames_say() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    assert!(names(&storage, ".idx").len() >= 2, "{:?}", names(&storage, ".idx"));
    let index = index_of(&storage, IndexFiles::ReadOnly);
    assert_eq!(known(&index), Position(EVENTS), "everything is in files after a close");
    check_same(&*index, &whole(&log, &snapshot), EVENTS);
}

/// Every byte of an index file is under a checksum: with any of them changed, or the file cut off anywhere, no answer
/// changes, and the file is made again.
///
/// Spec: INDEX-2, INDEX-3, INDEX-11, WIRE-6
#[test]
fn a_changed_or_cut_file_changes_no_answer() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    let due = whole(&log, &snapshot);
    for name in names(&storage, ".idx") {
        let bytes = bytes_of(&storage, &name);
        let interesting = (0..bytes.len()).filter(|at| bytes[*at] != 0 || at % 97 == 0);
        for at in interesting.step_by(41) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            check_made_again(&storage, &name, Some(changed), &due);
        }
        for length in
            [0, 1, INDEX_HEADER_BYTES, INDEX_BLOCK_BYTES, bytes.len() - INDEX_BLOCK_BYTES, bytes.len() - 1]
        {
            check_made_again(&storage, &name, Some(bytes[..length].to_vec()), &due);
        }
        check_made_again(&storage, &name, Some([&bytes[..], &[0]].concat()), &due);
        check_made_again(&storage, &name, None, &due);
    }
}

#[track_caller]
fn check_made_again(storage: &MemoryStorage, name: &str, bytes: Option<Vec<u8>>, due: &MemoryIndex) {
    let damaged = with_file(storage, name, bytes);
    let (log, snapshot) = open(&damaged);
    let index = index_of(&damaged, IndexFiles::ReadOnly);
    tell(&log, &snapshot, &*index, known(&index));
    let before = damaged.mutations();
    check_same(&*index, due, EVENTS);
    assert_eq!(damaged.mutations(), before, "a reader has changed something");

    let index = index_of(&damaged, IndexFiles::MaintainedInline);
    tell(&log, &snapshot, &*index, known(&index));
    check_same(&*index, due, EVENTS);
    index.close().unwrap();
    // What was made again is right, and everything is in files again.
    let index = index_of(&damaged, IndexFiles::ReadOnly);
    assert_eq!(known(&index), Position(EVENTS));
    let report = inspect_index_files(Arc::new(damaged.clone())).unwrap();
    assert!(report.findings.is_empty() && report.sound > 0, "{report:?}");
    check_same(&*index, due, EVENTS);
}

/// Another store's file, and one of another history.
///
/// Spec: INDEX-2, INDEX-4
#[test]
fn a_file_that_is_bound_to_something_else_is_not_used() {
    let storage = store(EVENTS);
    let name = names(&storage, ".idx").swap_remove(0);
    let (log, snapshot) = open(&storage);
    let due = whole(&log, &snapshot);
    let bytes = bytes_of(&storage, &name);
    let bound = IndexFileHeader::decode(&bytes).whole().unwrap();
    let others = [
        IndexFileHeader { store: StoreId::from_u128(1), ..bound },
        IndexFileHeader { next: Position(bound.next.0 - 1), ..bound },
        IndexFileHeader { root_before: Root([1; 32]), ..bound },
        IndexFileHeader { root: Root([1; 32]), ..bound },
        IndexFileHeader { filter_blocks: u32::MAX, ..bound },
        IndexFileHeader { leaf_blocks: 2, node_blocks: 1, levels: 1, ..bound },
    ];
    for other in others {
        // All checksums are mended.
        let mut forged = bytes.clone();
        forged[..INDEX_HEADER_BYTES].copy_from_slice(&other.encode());
        for number in 0..u64::try_from(bytes.len() / INDEX_BLOCK_BYTES - 1).unwrap() {
            let at = usize::try_from(index_block_offset(number).0).unwrap();
            let block: &mut [u8; INDEX_BLOCK_BYTES] =
                (&mut forged[at..at + INDEX_BLOCK_BYTES]).try_into().unwrap();
            seal_index_block(block, other.salt(), index_block_offset(number));
        }
        check_made_again(&storage, &name, Some(forged), &due);
    }
}

/// A name that says other positions than the file does is of no use.
///
/// Spec: INDEX-2
#[test]
fn a_renamed_file_is_not_used() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    let name = names(&storage, ".idx").swap_remove(0);
    let bytes = bytes_of(&storage, &name);
    let all = causelog_segment::index_name(Position(0), Position(EVENTS));
    check_made_again(&storage, &all, Some(bytes), &whole(&log, &snapshot));
}

/// No index file is ever synced: a power cut may leave anything of one, and the frames say what it would have.
///
/// Spec: INDEX-9, STORE-5
#[test]
fn index_files_are_never_synced() {
    let storage = store(EVENTS);
    let of_index = |name: &str| name.contains(".idx");
    let trace = storage.trace();
    let written =
        |operation: &&Operation| matches!(operation, Operation::Write { name, .. } if of_index(name));
    let synced = |operation: &&Operation| matches!(operation, Operation::SyncData { name } if of_index(name));
    assert!(trace.iter().filter(written).count() >= 3);
    assert_eq!(trace.iter().filter(synced).count(), 0);
}

/// A file that cannot be written costs memory and the next open time, and nothing else.
///
/// Spec: STORE-5
#[test]
fn a_file_that_cannot_be_written_fails_nothing() {
    for nth in 0..60 {
        let storage = MemoryStorage::new();
        let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
        let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
        let index = SealedIndex::open(&log, &snapshot, IndexFiles::MaintainedInline, TAIL_BYTES);
        // The appends without the index, so that every fault hits a call of the index's own.
        let due = MemoryIndex::new();
        append(&log, &mut appender, &due, EVENTS);
        let groups: Vec<_> = log.groups(&appender.synced(), Position(0)).map(Result::unwrap).collect();
        storage.fail(nth, Fault::Error(std::io::ErrorKind::StorageFull));
        groups.iter().for_each(|group| apply(&log, group, &*index));
        check_same(&*index, &due, EVENTS);
        index.close().unwrap();
        check_same(&*index, &due, EVENTS);
        appender.close().unwrap();
        let (log, snapshot) = open(&storage);
        let index = index_of(&storage, IndexFiles::MaintainedInline);
        tell(&log, &snapshot, &*index, known(&index));
        check_same(&*index, &due, EVENTS);
    }
}

/// Files whose events the log has no more, as after a power cut in a weak durability, are passed over and removed.
///
/// Spec: INDEX-7
#[test]
fn files_ahead_of_the_log_are_not_used() {
    let (short, long) = (store(10), store(EVENTS));
    let (log, snapshot) = open(&short);
    let due = whole(&log, &snapshot);
    let mut files = short.files();
    files.retain(|(name, _)| !name.ends_with(".idx"));
    files.extend(long.files().into_iter().filter(|(name, _)| name.ends_with(".idx")));
    let mixed = MemoryStorage::from_files(files);
    let index = index_of(&mixed, IndexFiles::MaintainedInline);
    assert!(known(&index) <= Position(10));
    tell(&log, &snapshot, &*index, known(&index));
    check_same(&*index, &due, 10);
    index.close().unwrap();
    assert!(names(&mixed, ".idx").iter().all(|name| !name.contains(&format!("{EVENTS:020}"))));
}

/// However long the history, few files tell of it, and what they replace is removed.
///
/// Spec: INDEX-12
#[test]
fn files_are_merged_so_that_there_are_few() {
    let storage = MemoryStorage::new();
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let one_each = Settings { tail_events: 1, ..Settings::new(IndexFiles::MaintainedInline, TAIL_BYTES) };
    let index = SealedIndex::open_with(&log, &snapshot, one_each);
    for _ in 0..600 {
        append(&log, &mut appender, &*index, 1);
        // At most seven of each size: of 1, 8, 64 and 512 events.
        assert!(
            names(&storage, ".idx").len() <= 4 * (crate::tiers::fanout() - 1),
            "{:?}",
            names(&storage, ".idx")
        );
    }
    check_same(&*index, &whole(&log, &appender.synced()), 600);
}

/// Rows, filter, leaves and inner nodes over many blocks are read as one.
///
/// Spec: INDEX-3
#[test]
fn many_blocks_are_read() {
    let storage = MemoryStorage::new();
    let settings = AppenderSettings { segment_bytes: 64 * 1024 * 1024 };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::MaintainedInline, u64::MAX);
    append_group(&log, &mut appender, &*index, 7000);
    index.close().unwrap();
    let bytes = bytes_of(&storage, &names(&storage, ".idx")[0]);
    let header = IndexFileHeader::decode(&bytes).whole().unwrap();
    assert!(header.levels >= 1 && header.filter_blocks >= 2 && header.leaf_blocks > 50, "{header:?}");
    let due = whole(&log, &appender.synced());
    let end = Position(7000);
    for region in [Region::entity("s1").unwrap(), Clause::new().tag("even").unwrap().into()] {
        for direction in [Direction::Forwards, Direction::Backwards] {
            let of = |index: &dyn Index| entries(index, &region, direction, end);
            assert_eq!(of(&*index), of(&due));
        }
    }
    let ids: Vec<_> = (0..7100).map(id).collect();
    assert_eq!(index.lookup(&ids, end).unwrap(), due.lookup(&ids, end).unwrap());
}

/// Index files whose reads keep failing: every question is answered from memory in the end.
///
/// Spec: INDEX-11
#[test]
fn files_that_cannot_be_read_back_are_done_without() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    let due = whole(&log, &snapshot);
    let unreadable = Arc::new(UnreadableIndexes(storage));
    let environment = causelog_io::Environment { storage: unreadable, ..environment(&MemoryStorage::new()) };
    let (log, snapshot, _) = causelog_segment::open_reader(&environment).unwrap();
    for files in [IndexFiles::ReadOnly, IndexFiles::MaintainedInline] {
        let index = SealedIndex::open(&log, &snapshot, files, TAIL_BYTES);
        tell(&log, &snapshot, &*index, known(&index));
        check_same(&*index, &due, EVENTS);
    }
}

/// A file that a merge finds damaged is made again, and the merge is done.
///
/// Spec: INDEX-11, INDEX-12
#[test]
fn a_merge_makes_a_damaged_file_again() {
    let storage = MemoryStorage::new();
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let one_each = Settings { tail_events: 1, ..Settings::new(IndexFiles::MaintainedInline, TAIL_BYTES) };
    let index = SealedIndex::open_with(&log, &snapshot, one_each);
    append(&log, &mut appender, &*index, 6);
    let files = names(&storage, ".idx");
    assert_eq!(files.len(), 6);
    // The last of its blocks, which no question has read.
    let at = bytes_of(&storage, &files[2]).len() - 10;
    let file = Storage::open(&storage, &files[2], Access::OpenOrCreate).unwrap();
    file.write_at(&[0x55], u64::try_from(at).unwrap()).unwrap();
    append(&log, &mut appender, &*index, 2);
    assert_eq!(names(&storage, ".idx").len(), 1, "all eight are merged");
    check_same(&*index, &whole(&log, &appender.synced()), 8);
}

/// Files of events that a power cut has taken back, in whose place others were written since: alone, or with files of
/// what stands there now behind them.
///
/// Spec: INDEX-2, INDEX-7
#[test]
fn a_file_of_events_that_were_replaced_is_not_used() {
    let begun = store(10);
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let goes_on = |payload: &str, groups: &[u64]| {
        let storage = MemoryStorage::from_files(begun.files());
        let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
        let index = SealedIndex::open(&log, &snapshot, IndexFiles::MaintainedInline, TAIL_BYTES);
        tell(&log, &snapshot, &*index, known(&index));
        for count in groups {
            append_payloads(&log, &mut appender, &*index, *count, payload);
        }
        index.close().unwrap();
        appender.close().unwrap();
        storage
    };
    let (lost, real) = (goes_on("zz", &[3]), goes_on("y", &[4, 3, 3]));
    let (log, snapshot) = open(&real);
    let due = whole(&log, &snapshot);
    let lost_indexes = || lost.files().into_iter().filter(|(name, _)| name.ends_with(".idx"));
    let later = |name: &str| name.ends_with(".idx") && name > "00000000000000000014";
    assert!(real.files().iter().any(|(name, _)| later(name)), "{:?}", names(&real, ".idx"));
    for with_later in [false, true] {
        let kept = |name: &str| !name.ends_with(".idx") || with_later && later(name);
        let files = real.files().into_iter().filter(|(name, _)| kept(name)).chain(lost_indexes());
        let mixed = MemoryStorage::from_files(files.collect());
        for files in [IndexFiles::ReadOnly, IndexFiles::MaintainedInline] {
            let index = index_of(&mixed, files);
            tell(&log, &snapshot, &*index, known(&index));
            check_same(&*index, &due, 20);
        }
    }
}

/// After the close nothing is written, whatever questions find: somebody else may have the directory.
///
/// Spec: INDEX-11, LOCK-1
#[test]
fn nothing_is_written_after_the_close() {
    let storage = store(EVENTS);
    let (log, snapshot) = open(&storage);
    let due = whole(&log, &snapshot);
    for files in [IndexFiles::Maintained, IndexFiles::MaintainedInline] {
        let left = MemoryStorage::from_files(storage.files());
        let (log, snapshot) = open(&left);
        let index = SealedIndex::open(&log, &snapshot, files, TAIL_BYTES);
        index.close().unwrap();
        for name in names(&left, ".idx") {
            // Every block of rows and of the table, none of which has been read.
            let file = Storage::open(&left, &name, Access::OpenOrCreate).unwrap();
            let bytes = bytes_of(&left, &name);
            for at in (INDEX_BLOCK_BYTES + 8..bytes.len()).step_by(INDEX_BLOCK_BYTES) {
                file.write_at(&[!bytes[at]], u64::try_from(at).unwrap()).unwrap();
            }
        }
        let before = left.mutations();
        check_same(&*index, &due, EVENTS);
        assert_eq!(left.mutations(), before, "{files:?}");
        assert_eq!(log.store(), index.watermark().unwrap().unwrap().store);
    }
}
