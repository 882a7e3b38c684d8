//! The memory model can lose what a disk can lose, and keeps what was synced.

use std::io;

use causelog_io::{Access, LockKind, MemoryStorage, Storage};

use crate::support::{check_files, read, save, write};

fn with_a() -> io::Result<MemoryStorage> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    Ok(storage)
}

#[test]
fn what_was_synced_is_kept() -> io::Result<()> {
    let storage = with_a()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    check_files(&storage.kill(), &[("a", "one")]);
    Ok(())
}

#[test]
fn an_unsynced_write_is_lost_by_a_power_cut_and_kept_by_a_kill() -> io::Result<()> {
    let storage = with_a()?;
    write(&storage, "a", b"TWO more", 0)?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    check_files(&storage.kill(), &[("a", "TWO more")]);
    storage.open("a", Access::Read)?.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "TWO more")]);
    Ok(())
}

#[test]
fn unsynced_lengths_are_lost_in_either_direction() -> io::Result<()> {
    let storage = with_a()?;
    let file = storage.open("a", Access::ReadWrite)?;
    file.set_len(1)?;
    file.allocate(0, 4)?;
    check_files(&storage, &[("a", "o\0\0\0")]);
    check_files(&storage.power_cut(), &[("a", "one")]);
    file.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "o\0\0\0")]);
    Ok(())
}

#[test]
fn the_sync_of_one_file_keeps_no_other() -> io::Result<()> {
    let storage = with_a()?;
    save(&storage, "b", b"two")?;
    write(&storage, "a", b"ONE", 0)?;
    write(&storage, "b", b"TWO", 0)?;
    storage.open("b", Access::Read)?.sync_data()?;
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[("a", "one"), ("b", "TWO")]);
    Ok(())
}

#[test]
fn a_new_name_is_lost_without_a_directory_sync() -> io::Result<()> {
    let storage = with_a()?;
    write(&storage, "b", b"two", 0)?;
    storage.open("b", Access::Read)?.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    check_files(&storage.kill(), &[("a", "one"), ("b", "two")]);
    Ok(())
}

#[test]
fn a_synced_name_of_unsynced_data_is_an_empty_file() -> io::Result<()> {
    let storage = with_a()?;
    write(&storage, "b", b"two", 0)?;
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[("a", "one"), ("b", "")]);
    Ok(())
}

#[test]
fn a_rename_is_lost_whole_or_kept_whole() -> io::Result<()> {
    let storage = with_a()?;
    save(&storage, "a.tmp", b"new")?;
    let file = storage.open("a.tmp", Access::ReadWrite)?;
    storage.rename("a.tmp", "a")?;
    check_files(&storage, &[("a", "new")]);
    check_files(&storage.power_cut(), &[("a", "one"), ("a.tmp", "new")]);
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[("a", "new")]);
    file.write_at(b"N", 0)?;
    file.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "New")]);
    Ok(())
}

/// Of what was made and taken away again without a sync of the directory, a power cut may keep the making alone.
#[test]
fn a_file_that_was_made_and_removed_may_come_back() -> io::Result<()> {
    let mut seen = [false; 2];
    for lot in 0..64 {
        let storage = MemoryStorage::new();
        let file = storage.open("a.tmp", Access::OpenOrCreate)?;
        file.write_at(b"content", 0)?;
        storage.rename("a.tmp", "a")?;
        drop(file);
        storage.remove("a")?;
        let mut lots = lot;
        let left = storage.power_cut_by(&mut |below| {
            let drawn = lots % below;
            lots /= below;
            drawn
        });
        // Whatever names are there can be opened.
        for name in left.files().iter().map(|(name, _)| name) {
            left.open(name, Access::Read)?;
        }
        seen[usize::from(left.files().is_empty())] = true;
    }
    assert_eq!(seen, [true; 2]);
    Ok(())
}

#[test]
fn a_removed_name_comes_back_until_the_directory_is_synced() -> io::Result<()> {
    let storage = with_a()?;
    storage.remove("a")?;
    write(&storage, "a", b"other", 0)?;
    storage.open("a", Access::Read)?.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    storage.remove("a")?;
    check_files(&storage, &[]);
    check_files(&storage.power_cut(), &[("a", "one")]);
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[]);
    Ok(())
}

#[test]
fn a_new_directory_is_lost_without_a_sync_of_its_parent() -> io::Result<()> {
    let storage = MemoryStorage::created();
    save(&storage, "a", b"one")?;
    check_files(&storage.power_cut(), &[]);
    check_files(&storage.kill(), &[("a", "one")]);
    check_files(&storage.kill().power_cut(), &[]);
    storage.sync_parent()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    Ok(())
}

#[test]
fn a_kill_makes_nothing_durable() -> io::Result<()> {
    let storage = with_a()?;
    write(&storage, "a", b"ONE", 0)?;
    write(&storage, "b", b"two", 0)?;
    let killed = storage.kill();
    check_files(&killed, &[("a", "ONE"), ("b", "two")]);
    check_files(&killed.power_cut(), &[("a", "one")]);
    killed.open("a", Access::Read)?.sync_data()?;
    check_files(&killed.power_cut(), &[("a", "ONE")]);
    check_files(&storage.power_cut(), &[("a", "one")]);
    Ok(())
}

#[test]
fn what_follows_a_power_cut_is_durable_and_apart() -> io::Result<()> {
    let storage = with_a()?;
    let after = storage.power_cut();
    write(&after, "a", b"ONE", 0)?;
    check_files(&storage, &[("a", "one")]);
    check_files(&after.power_cut(), &[("a", "one")]);
    save(&after, "b", b"two")?;
    check_files(&after.power_cut(), &[("a", "one"), ("b", "two")]);
    assert_ne!(after.id_of("a")?, after.id_of("b")?);
    Ok(())
}

#[test]
fn locks_do_not_outlive_the_process() -> io::Result<()> {
    let storage = with_a()?;
    let held = storage.open("a", Access::ReadWrite)?;
    assert!(held.try_lock(LockKind::Exclusive)?);
    for after in [storage.kill(), storage.power_cut()] {
        assert!(after.open("a", Access::ReadWrite)?.try_lock(LockKind::Exclusive)?);
    }
    assert!(!storage.open("a", Access::ReadWrite)?.try_lock(LockKind::Shared)?);
    Ok(())
}

#[test]
fn a_removed_file_dies_with_its_process() -> io::Result<()> {
    let storage = with_a()?;
    let held = storage.open("a", Access::ReadWrite)?;
    storage.remove("a")?;
    storage.sync_dir()?;
    check_files(&storage.kill(), &[]);
    held.write_at(b"still here", 0)?;
    held.sync_data()?;
    check_files(&storage.power_cut(), &[]);
    Ok(())
}

#[test]
fn files_can_be_taken_out_damaged_and_put_back() -> io::Result<()> {
    let storage = with_a()?;
    let mut files = storage.files();
    files[0].1[0] ^= 0x20;
    let damaged = MemoryStorage::from_files(files);
    check_files(&damaged.power_cut(), &[("a", "One")]);
    assert_eq!(read(&damaged, "a")?, b"One");
    let clone = damaged.clone();
    save(&clone, "b", b"two")?;
    check_files(&damaged, &[("a", "One"), ("b", "two")]);
    Ok(())
}
