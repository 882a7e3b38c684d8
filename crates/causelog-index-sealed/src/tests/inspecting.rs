//! What is wrong with an index file, as verification says it.

use std::sync::Arc;

use causelog_index::Index;
use causelog_io::MemoryStorage;
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::{ByteOffset, Position, Root, StoreId};
use causelog_wire::IndexFileHeader;
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_HEADER_BYTES};

use super::log::{
    SEGMENT_BYTES, TAIL_BYTES, append_payloads, bytes_of, environment, names, store, tell, with_file,
};
use crate::{IndexFileFlaw, IndexFiles, IndexFilesReport, SealedIndex, inspect_index_files};

const EVENTS: u64 = 20;

fn inspect(storage: &MemoryStorage) -> IndexFilesReport {
    inspect_index_files(Arc::new(storage.clone())).unwrap()
}

/// That this file alone is of no use, and what is said of it.
#[track_caller]
fn flaw(storage: &MemoryStorage, name: &str) -> (IndexFileFlaw, Option<ByteOffset>) {
    let report = inspect(storage);
    let [found] = &report.findings[..] else { panic!("{report:?}") };
    assert!(found.file.ends_with(name) && report.more_findings == 0, "{found}");
    assert_eq!(report.sound + 1, u64::try_from(names(storage, ".idx").len()).unwrap());
    (found.flaw, found.offset)
}

/// Spec: VERIFY-8, INDEX-2
#[test]
fn every_byte_of_an_index_file_counts() {
    let storage = store(EVENTS);
    let files = names(&storage, ".idx");
    let sound = inspect(&storage);
    assert!(files.len() > 1 && sound.findings.is_empty(), "{sound:?}");
    assert_eq!(sound.sound, u64::try_from(files.len()).unwrap());
    let (name, bytes) = (&files[0], bytes_of(&storage, &files[0]));
    for at in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let block = u64::try_from(at / INDEX_BLOCK_BYTES * INDEX_BLOCK_BYTES).unwrap();
        let due = (IndexFileFlaw::Damaged, Some(ByteOffset(block)));
        assert_eq!(flaw(&with_file(&storage, name, Some(damaged)), name), due, "byte {at}");
    }
    let cut = with_file(&storage, name, Some(bytes[..bytes.len() - 1].to_vec()));
    assert_eq!(flaw(&cut, name).0, IndexFileFlaw::Damaged);
    let longer = with_file(&storage, name, Some([&bytes[..], b"x"].concat()));
    assert_eq!(flaw(&longer, name).0, IndexFileFlaw::Damaged);
}

/// Spec: VERIFY-8, INDEX-1, INDEX-2
#[test]
fn an_index_file_of_something_else_is_told_from_a_damaged_one() {
    let storage = store(EVENTS);
    let files = names(&storage, ".idx");
    let (first, second) = (bytes_of(&storage, &files[0]), &files[1]);
    assert_eq!(flaw(&with_file(&storage, second, Some(first.clone())), second).0, IndexFileFlaw::Misnamed);
    let header = IndexFileHeader::decode(&first).whole().unwrap();
    let with_header = |header: IndexFileHeader| {
        let forged = [&header.encode()[..], &first[INDEX_HEADER_BYTES..]].concat();
        flaw(&with_file(&storage, &files[0], Some(forged)), &files[0])
    };
    let other = StoreId::from_u128(5);
    let foreign = IndexFileHeader { store: other, ..header };
    assert_eq!(with_header(foreign), (IndexFileFlaw::Foreign(other), None));
    let stale = IndexFileHeader { root_before: Root([7; 32]), ..header };
    assert_eq!(with_header(stale), (IndexFileFlaw::Stale, None));
}

/// A copy of a store, with more events in groups of so many, of which each has another payload.
fn grown(storage: &MemoryStorage, groups: &[u64], payload: &str) -> MemoryStorage {
    let storage = MemoryStorage::from_files(storage.files());
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, mut appender, _) = open_writer(&environment(&storage), settings).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::MaintainedInline, TAIL_BYTES);
    let known = index.watermark().unwrap().map_or(Position(0), |known| known.next);
    tell(&log, &snapshot, &*index, known);
    for count in groups {
        append_payloads(&log, &mut appender, &*index, *count, payload);
    }
    index.close().unwrap();
    appender.close().unwrap();
    storage
}

/// Copies of one store that went on in other ways, with each other's index files.
///
/// Spec: VERIFY-8, INDEX-7
#[test]
fn an_index_file_of_another_history_is_named() {
    let one = store(EVENTS);
    let (mine, theirs) = (grown(&one, &[1, 1, 1], "m"), grown(&one, &[1, 1, 1], "t"));
    assert!(inspect(&mine).findings.is_empty() && inspect(&theirs).findings.is_empty());
    let new = |storage: &MemoryStorage| {
        let new = |name: &String| !names(&one, ".idx").contains(name);
        names(storage, ".idx").into_iter().filter(new).collect::<Vec<_>>()
    };
    assert!(!new(&theirs).is_empty());
    for name in new(&theirs) {
        let mixed = with_file(&mine, &name, Some(bytes_of(&theirs, &name)));
        assert_eq!(flaw(&mixed, &name), (IndexFileFlaw::Stale, None), "{name}");
    }
    // Where the log has one group of three, no index file ends inside it.
    let group = grown(&one, &[3], "m");
    for more in [1, 2] {
        let shorter = grown(&one, &vec![1; more], "m");
        for name in new(&shorter) {
            let mixed = with_file(&group, &name, Some(bytes_of(&shorter, &name)));
            assert_eq!(flaw(&mixed, &name), (IndexFileFlaw::Stale, None), "{name}");
        }
    }
}

/// Spec: VERIFY-8, INDEX-7
#[test]
fn an_index_file_beyond_the_end_of_the_log_is_named() {
    let one = store(EVENTS);
    let longer = grown(&one, &[1; 9], "x");
    let beyond: Vec<_> = names(&longer, ".idx");
    let beyond: Vec<_> = beyond.into_iter().filter(|name| !names(&one, ".idx").contains(name)).collect();
    for name in &beyond {
        let mixed = with_file(&one, name, Some(bytes_of(&longer, name)));
        assert_eq!(flaw(&mixed, name), (IndexFileFlaw::Stale, None), "{name}");
    }
    // A store whose log is gone, without a word that there was one.
    let left = one.files().into_iter().filter(|(name, _)| name == "store" || name.ends_with(".idx"));
    let report = inspect(&MemoryStorage::from_files(left.collect()));
    assert_eq!((report.sound, report.findings.len()), (0, names(&one, ".idx").len()));
    // Where the mark of the close proves an end that is gone, an index file up to there is none too long.
    let last = names(&one, ".seg").pop().unwrap();
    let cut = with_file(&one, &last, None);
    assert!(inspect(&cut).findings.is_empty());
    let unproven = ["closed", "lock"].iter().fold(cut, |cut, name| with_file(&cut, name, None));
    assert!(!inspect(&unproven).findings.is_empty());
    // Beside a writer, which may not have published yet what its index files hold, nothing is too long.
    let writer = with_file(&one, &beyond[0], Some(bytes_of(&longer, &beyond[0])));
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (_, _, appender, _) = open_writer(&environment(&writer), settings).unwrap();
    assert!(inspect(&writer).findings.is_empty());
    drop(appender);
}
