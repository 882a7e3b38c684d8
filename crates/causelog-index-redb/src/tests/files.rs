//! Which files are used, which are made anew, and which are left alone.

use std::sync::Arc;

use causelog_index::{Direction, Index, IndexError, Selection};
use causelog_io::MemoryStorage;
use causelog_types::{Clause, Position, Region};
use redb::TableDefinition;

use super::log::{apply, id, stream, watermark};
use crate::{Check, RedbError, RedbIndex, tables};

const NAME: &str = "index.redb";
const END: Position = Position(u64::MAX);

fn open(disk: &MemoryStorage, check: Check) -> Result<RedbIndex, RedbError> {
    RedbIndex::open_in(Arc::new(disk.clone()), NAME, check)
}

fn bytes(disk: &MemoryStorage) -> Vec<u8> {
    disk.files().into_iter().find(|(name, _)| name == NAME).unwrap().1
}

fn disk_of(bytes: Vec<u8>) -> MemoryStorage {
    MemoryStorage::from_files(vec![(NAME.to_owned(), bytes)])
}

/// A file of 200 events, closed in order.
fn filled() -> MemoryStorage {
    let disk = MemoryStorage::new();
    let index = open(&disk, Check::Nothing).unwrap();
    (0..4).for_each(|group| apply(&index, group * 50, 50).unwrap());
    drop(index);
    disk
}

/// What an index answers to a question of each kind, by its watermark: it is all there or not at all.
#[track_caller]
fn check_answers(index: &RedbIndex, context: &str) -> u64 {
    let next = index.watermark().unwrap().map_or(0, |known| known.next.0);
    assert_eq!(index.watermark().unwrap(), (next > 0).then(|| watermark(next)), "{context}");
    assert_eq!(index.counts(END).unwrap().events, next, "{context}");
    let tagged: Region = Clause::new().tag("night").unwrap().into();
    for (region, step, rest) in [(Region::all(), 1, 0), (Region::stream(&stream(3)), 10, 3), (tagged, 5, 0)] {
        let (direction, from, limit) = (Direction::Backwards, END, usize::MAX);
        let found = index.select(&Selection { region: &region, from, direction, limit, as_of: END }).unwrap();
        let due = (0..next).rev().filter(|position| position % step == rest);
        let due = due.map(|position| (id(position), Position(position)));
        assert!(found.iter().map(|entry| (entry.id, entry.position)).eq(due), "{context}");
    }
    let head = index.heads(&[&stream(3)], END).unwrap()[0];
    assert_eq!(head.is_some(), next > 3, "{context}");
    for position in 0..next {
        assert_eq!(
            index.lookup(&[id(position)], END).unwrap()[0].map(|entry| entry.position.0),
            Some(position)
        );
    }
    next
}

#[test]
fn what_was_closed_is_there_again() {
    let disk = filled();
    for check in [Check::WholeFile, Check::Nothing] {
        let index = open(&disk, check).unwrap();
        assert_eq!(check_answers(&index, "opened again"), 200);
    }
    assert_eq!(disk.files().len(), 1);
}

/// After a power cut at any operation, with any of the writes since the last sync lost, the file is usable: it
/// holds whole groups, and takes the next.
#[test]
fn a_power_cut_anywhere_leaves_a_file_that_can_be_used() {
    // Two lives: the first makes the file, the second finds it.
    let run = |disk: &MemoryStorage| -> Result<(), Box<dyn std::error::Error>> {
        for life in 0..2 {
            let mut index = open(disk, Check::Nothing)?;
            index.unsynced_max = 12;
            for group in 0..5 {
                apply(&index, life * 25 + group * 5, 5)?;
            }
        }
        Ok(())
    };
    let first = MemoryStorage::new();
    let index = open(&first, Check::Nothing).unwrap();
    apply(&index, 0, 5).unwrap();
    // The first group is synced.
    let synced = first.operations();
    drop(index);

    let whole = MemoryStorage::new();
    run(&whole).unwrap();
    let operations = whole.operations();
    assert!(operations > 100, "{operations}");
    for at in 0..operations {
        let disk = MemoryStorage::new();
        disk.crash_at(at);
        let _ = run(&disk);
        let mut seed = at;
        let draw = |count: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).unwrap() % count.max(1)
        };
        for (cut, check) in [(disk.power_cut(), Check::Nothing), (disk.power_cut_by(draw), Check::WholeFile)]
        {
            let context = format!("cut at {at} of {operations}, {check:?}");
            let index = open(&cut, check).unwrap_or_else(|error| panic!("{context}: {error}"));
            let next = check_answers(&index, &context);
            apply(&index, next, 10).unwrap();
            assert_eq!(check_answers(&index, &context), next + 10);
            assert!(at < synced || (next >= 5 && cut.files().len() == 1), "{context}: lost what was synced");
        }
    }
}

/// Any byte that is wrong either shows or does not matter; the file is then set aside, and one made anew.
#[test]
fn a_damaged_file_is_found_and_made_anew() {
    let whole = bytes(&filled());
    let mut anew = 0;
    for at in (0..whole.len()).step_by(1_499).chain(0..9) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let disk = disk_of(damaged.clone());
        match open(&disk, Check::WholeFile) {
            Ok(index) => {
                let next = check_answers(&index, &format!("byte {at}"));
                assert!(next == 200 || next == 0, "byte {at}: {next}");
                if next == 0 {
                    anew += 1;
                    assert!(disk.files().iter().any(|(name, _)| name == "index.redb.damaged"));
                }
            }
            Err(error) => {
                assert!(at < 9 && matches!(error, RedbError::NotAnIndex { .. }), "byte {at}: {error}");
                assert_eq!(bytes(&disk), damaged);
            }
        }
    }
    assert!(anew > 5, "{anew}");
}

#[test]
fn a_file_that_was_cut_is_made_anew() {
    let whole = bytes(&filled());
    for length in (0..whole.len()).step_by(whole.len() / 40) {
        let disk = disk_of(whole[..length].to_vec());
        let index = open(&disk, Check::Nothing).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        let next = check_answers(&index, &format!("{length} bytes"));
        apply(&index, next, 10).unwrap();
    }
}

#[test]
fn another_layout_is_made_anew() {
    let disk = filled();
    let database = open(&disk, Check::Nothing).unwrap().database;
    let transaction = database.begin_write().unwrap();
    tables::set_layout(&transaction, tables::LAYOUT_VERSION + 1);
    transaction.commit().unwrap();
    drop(database);
    for _ in 0..2 {
        let index = open(&disk, Check::WholeFile).unwrap();
        assert_eq!(check_answers(&index, "made anew"), 0);
    }
    assert_eq!(disk.files().len(), 1, "a database that is known to be an index need not be set aside");
}

#[test]
fn what_is_no_index_is_refused_and_left_alone() {
    // What begins as a database that was never finished may be something else: it is kept under another name.
    let image = vec![0; 10_000];
    let disk = disk_of(image.clone());
    assert_eq!(check_answers(&open(&disk, Check::WholeFile).unwrap(), "made anew"), 0);
    assert!(disk.files().contains(&("index.redb.damaged".to_owned(), image)));

    let text = b"a letter, not a database\n".repeat(1_000);
    let disk = disk_of(text.clone());
    assert!(matches!(open(&disk, Check::WholeFile), Err(RedbError::NotAnIndex { .. })));
    assert_eq!(bytes(&disk), text);

    let foreign = MemoryStorage::new();
    let database = crate::open::bare(&foreign, NAME);
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<u64, u64>::new("accounts")).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = bytes(&foreign);
    assert!(matches!(open(&foreign, Check::Nothing), Err(RedbError::NotAnIndex { .. })));
    assert_eq!(bytes(&foreign).len(), before.len());
    assert_eq!(foreign.files().len(), 1);
}

#[test]
fn a_file_has_one_index_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(NAME);
    let index = RedbIndex::open(&path).unwrap();
    apply(&index, 0, 10).unwrap();
    let second = RedbIndex::open(&path).unwrap_err();
    assert!(matches!(second, RedbError::InUse { .. }), "{second}");
    drop(index);
    assert_eq!(check_answers(&RedbIndex::open(&path).unwrap(), "opened again"), 10);
}

#[test]
fn a_path_names_a_file_in_a_directory_that_is_there() {
    assert!(matches!(RedbIndex::open("/"), Err(RedbError::NoName { .. })));
    assert!(matches!(RedbIndex::open("/nowhere/at/all.redb"), Err(RedbError::Io(_))));
}

#[test]
fn groups_come_in_order_and_from_position_0() {
    let index = open(&MemoryStorage::new(), Check::Nothing).unwrap();
    assert!(matches!(apply(&index, 5, 2), Err(IndexError::OutOfOrder { .. })));
    apply(&index, 0, 3).unwrap();
    apply(&index, 1, 4).unwrap();
    assert_eq!(check_answers(&index, "overlapping groups"), 5);
}
