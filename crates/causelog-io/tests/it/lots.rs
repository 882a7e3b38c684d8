//! Power cuts that keep some of what was not synced.

use std::collections::BTreeSet;
use std::io;

use causelog_io::{Access, MemoryStorage, SeededRandom, Storage, write_once_at};

/// All ways in which a power cut can leave a directory, by drawing in all ways.
fn all(storage: &MemoryStorage) -> BTreeSet<Vec<(String, Vec<u8>)>> {
    let mut found = BTreeSet::new();
    let mut path: Vec<(usize, usize)> = Vec::new();
    loop {
        let mut depth = 0;
        let cut = storage.power_cut_by(|bound| {
            if depth == path.len() {
                path.push((0, bound));
            }
            depth += 1;
            path[depth - 1].0
        });
        found.insert(cut.files());
        while let Some((drawn, bound)) = path.pop() {
            if drawn + 1 < bound {
                path.push((drawn + 1, bound));
                break;
            }
        }
        if path.is_empty() {
            return found;
        }
    }
}

fn two_sectors() -> io::Result<MemoryStorage> {
    let storage = MemoryStorage::from_files(vec![("a".to_owned(), vec![b'.'; 1024])]);
    let file = storage.open("a", Access::ReadWrite)?;
    write_once_at(&*file, b"12", 511)?;
    Ok(storage)
}

#[test]
fn the_least_is_what_was_synced_and_the_most_is_everything() {
    let storage = two_sectors().unwrap();
    storage.open("b", Access::CreateNew).unwrap();
    storage.rename("a", "c").unwrap();
    assert_eq!(storage.power_cut_by(|_| 0).files(), storage.power_cut().files());
    assert_eq!(storage.power_cut_by(|bound| bound - 1).files(), storage.kill().files());
}

#[test]
fn a_write_is_torn_at_the_edge_of_a_sector() {
    let found = all(&two_sectors().unwrap());
    let texts: BTreeSet<&[u8]> = found.iter().map(|files| &files[0].1[511..513]).collect();
    assert_eq!(texts, BTreeSet::from([&b".."[..], b"1.", b".2", b"12"]));
}

#[test]
fn a_sector_is_as_it_was_after_any_of_the_writes_to_it() {
    let storage = MemoryStorage::from_files(vec![("a".to_owned(), vec![b'.'; 4])]);
    let file = storage.open("a", Access::ReadWrite).unwrap();
    write_once_at(&*file, b"1", 0).unwrap();
    write_once_at(&*file, b"2", 1).unwrap();
    write_once_at(&*file, b"3", 0).unwrap();
    let texts: BTreeSet<Vec<u8>> = all(&storage).into_iter().map(|files| files[0].1.clone()).collect();
    assert_eq!(texts, [&b"...."[..], b"1...", b"12..", b"32.."].map(<[u8]>::to_vec).into());
}

#[test]
fn a_longer_file_shows_zeros_where_its_bytes_were_lost() {
    let storage = MemoryStorage::from_files(vec![("a".to_owned(), b"x".to_vec())]);
    let file = storage.open("a", Access::ReadWrite).unwrap();
    write_once_at(&*file, b"yz", 1).unwrap();
    let texts: BTreeSet<Vec<u8>> = all(&storage).into_iter().map(|files| files[0].1.clone()).collect();
    assert_eq!(texts, [&b"x"[..], b"x\0\0", b"xyz"].map(<[u8]>::to_vec).into());
}

#[test]
fn names_survive_one_by_one_and_a_rename_is_never_half() {
    let storage = MemoryStorage::from_files(vec![("a".to_owned(), b"1".to_vec()), ("b".to_owned(), vec![])]);
    storage.rename("a", "c").unwrap();
    storage.remove("b").unwrap();
    let names: BTreeSet<Vec<String>> =
        all(&storage).into_iter().map(|files| files.into_iter().map(|(name, _)| name).collect()).collect();
    let due = [vec!["a", "b"], vec!["b", "c"], vec!["a"], vec!["c"]];
    assert_eq!(names, due.map(|names| names.into_iter().map(str::to_owned).collect()).into());
}

#[test]
fn what_is_synced_survives_whatever_is_drawn() {
    let storage = two_sectors().unwrap();
    storage.open("a", Access::ReadWrite).unwrap().sync_data().unwrap();
    storage.sync_dir().unwrap();
    let random = SeededRandom::new(7);
    for _ in 0..100 {
        let cut = storage.power_cut_by(|bound| usize::try_from(random.next_u64() % 1000).unwrap() % bound);
        assert_eq!(cut.files(), storage.files());
    }
    assert_eq!(all(&storage).len(), 1);
}

#[test]
fn a_new_directory_may_be_gone() {
    let storage = MemoryStorage::created();
    storage.open("a", Access::CreateNew).unwrap();
    storage.sync_dir().unwrap();
    assert_eq!(all(&storage).into_iter().map(|files| files.len()).collect::<Vec<_>>(), [0, 1]);
}
