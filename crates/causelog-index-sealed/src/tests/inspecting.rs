//! What is wrong with an index file, as verification says it.

use std::sync::Arc;

use causelog_io::MemoryStorage;
use causelog_segment::index_name;
use causelog_types::{ByteOffset, SegmentNumber};
use causelog_wire::layout::INDEX_HEADER_BYTES;
use causelog_wire::{IndexFileHeader, SegmentHeader};

use super::log::{bytes_of, names, store, with_file};
use crate::{IndexFileFlaw, IndexFilesReport, inspect_index_files};

const EVENTS: u64 = 22;

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
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let (found, offset) = flaw(&with_file(&storage, name, Some(damaged)), name);
        match found {
            // The header's claims of whose it is are not held against its checksum.
            IndexFileFlaw::Foreign(..) => assert!((12..36).contains(&at), "byte {at}"),
            _ => {
                let is_block = at >= INDEX_HEADER_BYTES;
                assert_eq!((found, offset.unwrap().0 > 0), (IndexFileFlaw::Damaged, is_block), "byte {at}");
            }
        }
    }
    let cut = with_file(&storage, name, Some(bytes[..bytes.len() - 1].to_vec()));
    assert_eq!(flaw(&cut, name).0, IndexFileFlaw::Damaged);
    let longer = with_file(&storage, name, Some([&bytes[..], b"x"].concat()));
    let end = ByteOffset(u64::try_from(bytes.len()).unwrap());
    assert_eq!(flaw(&longer, name), (IndexFileFlaw::Damaged, Some(end)));
}

/// Spec: VERIFY-8, INDEX-1, INDEX-2
#[test]
fn an_index_file_of_something_else_is_told_from_a_damaged_one() {
    let storage = store(EVENTS);
    let files = names(&storage, ".idx");
    let (first, second) = (bytes_of(&storage, &files[0]), &files[1]);
    let segment = bytes_of(&storage, &files[0].replace(".idx", ".seg"));
    let segment = SegmentHeader::decode(&segment).whole().unwrap();
    let foreign = IndexFileFlaw::Foreign(segment.store, segment.number);
    assert_eq!(flaw(&with_file(&storage, second, Some(first.clone())), second).0, foreign);
    let header = IndexFileHeader::decode(&first, segment.salt).whole().unwrap();
    let older = IndexFileHeader { segment_length: header.segment_length - 1, ..header }.encode(segment.salt);
    let stale = [&older[..], &first[INDEX_HEADER_BYTES..]].concat();
    assert_eq!(flaw(&with_file(&storage, &files[0], Some(stale)), &files[0]), (IndexFileFlaw::Stale, None));
    let orphan = index_name(SegmentNumber(99));
    assert_eq!(flaw(&with_file(&storage, &orphan, Some(first)), &orphan).0, IndexFileFlaw::NoSegment);
}
