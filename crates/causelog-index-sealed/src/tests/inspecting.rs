//! What is wrong with an index file, as verification says it.

use std::sync::Arc;

use causelog_io::MemoryStorage;
use causelog_types::{ByteOffset, Root, StoreId};
use causelog_wire::IndexFileHeader;
use causelog_wire::layout::{INDEX_BLOCK_BYTES, INDEX_HEADER_BYTES};

use super::log::{bytes_of, names, store, with_file};
use crate::{IndexFileFlaw, IndexFilesReport, inspect_index_files};

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
