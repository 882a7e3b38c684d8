//! Operations are counted, recorded, and fail when they are told to.

use std::io::{self, ErrorKind};

use causelog_io::{
    Access, Fault, LockKind, MemoryStorage, Operation, Storage, read_exact_at, write_all_at, write_once_at,
};

use crate::support::{check_files, kind_of, save, write};

#[test]
fn the_nth_operation_fails_and_does_nothing() -> io::Result<()> {
    let storage = MemoryStorage::new();
    storage.open("a", Access::CreateNew)?;
    storage.fail(1, Fault::Error(ErrorKind::PermissionDenied));
    storage.open("b", Access::CreateNew)?;
    let failed = storage.open("c", Access::CreateNew).err().map(|error| error.to_string());
    let message = r#"a planned fault of operation 2: Open { name: "c", access: CreateNew }"#;
    assert_eq!(failed.as_deref(), Some(message));
    check_files(&storage, &[("a", ""), ("b", "")]);
    storage.open("c", Access::CreateNew)?;
    Ok(())
}

#[test]
fn a_write_can_be_short() -> io::Result<()> {
    let storage = MemoryStorage::new();
    let file = storage.open("a", Access::CreateNew)?;
    storage.fail(0, Fault::ShortWrite(2));
    let error = write_once_at(&*file, b"abcd", 5).err();
    let error = error.map(|error| (error.kind(), error.to_string()));
    assert_eq!(error, Some((ErrorKind::WriteZero, "wrote 2 of 4 bytes at 5".to_owned())));
    check_files(&storage, &[("a", "\0\0\0\0\0ab")]);
    assert_eq!(storage.mutations(), 2, "a short write is not continued");
    Ok(())
}

#[test]
fn a_short_write_is_continued_where_that_is_asked_for() -> io::Result<()> {
    let storage = MemoryStorage::new();
    let file = storage.open("a", Access::CreateNew)?;
    storage.fail(0, Fault::ShortWrite(2));
    write_all_at(&*file, b"abcd", 1)?;
    check_files(&storage, &[("a", "\0abcd")]);
    // What it takes no more for is known then.
    storage.fail(0, Fault::ShortWrite(2));
    storage.fail(1, Fault::Error(ErrorKind::StorageFull));
    let error = write_all_at(&*file, b"efgh", 5).err();
    assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::StorageFull));
    storage.fail(0, Fault::ShortWrite(0));
    let error = write_all_at(&*file, b"efgh", 5).err();
    assert_eq!(error.map(|error| error.to_string()), Some("wrote 0 of 4 bytes at 5".to_owned()));
    Ok(())
}

#[test]
fn a_read_can_be_short_and_never_ends_a_file_early() -> io::Result<()> {
    let storage = MemoryStorage::from_files(vec![("a".into(), b"abcdef".into())]);
    let file = storage.open("a", Access::Read)?;
    let mut buffer = [0; 6];
    storage.fail(0, Fault::ShortRead(2));
    assert_eq!(file.read_at(&mut buffer, 1)?, 2);
    storage.fail(0, Fault::ShortRead(0));
    assert_eq!(file.read_at(&mut buffer, 1)?, 1, "0 would be the end of the file");
    storage.fail(0, Fault::ShortRead(2));
    storage.fail(1, Fault::ShortRead(1));
    read_exact_at(&*file, &mut buffer, 0)?;
    assert_eq!(&buffer, b"abcdef");
    Ok(())
}

#[test]
fn an_operation_that_panics_is_told_like_the_others() {
    let storage = MemoryStorage::new();
    storage.fail(0, Fault::Panic);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| storage.list())).is_err());
    assert_eq!((storage.operations(), storage.trace()), (1, vec![Operation::List]));
}

#[test]
fn an_operation_can_fail_with_a_number_of_the_system() -> io::Result<()> {
    let storage = MemoryStorage::new();
    storage.fail(0, Fault::Os(24));
    let error = storage.open("a", Access::CreateNew).err();
    assert_eq!(error.and_then(|error| error.raw_os_error()), Some(24));
    check_files(&storage, &[]);
    Ok(())
}

#[test]
fn an_ignored_sync_says_that_all_is_well_and_does_nothing() -> io::Result<()> {
    let storage = MemoryStorage::created();
    // Every operation: those that are no syncs are carried out.
    (0..20).for_each(|nth| storage.fail(nth, Fault::SyncIgnored));
    storage.sync_parent()?;
    save(&storage, "a", b"one")?;
    storage.sync_dir()?;
    check_files(&storage, &[("a", "one")]);
    check_files(&storage.power_cut(), &[]);
    storage.clear_faults();
    storage.sync_parent()?;
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[("a", "")]);
    storage.open("a", Access::ReadWrite)?.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    Ok(())
}

#[test]
fn a_crash_can_be_survived_by_another_process() -> io::Result<()> {
    let storage = MemoryStorage::from_files(vec![("a".into(), b"one".into())]);
    let reader = storage.open("a", Access::Read)?;
    storage.crash_at(0);
    assert!(reader.len().is_err() && storage.crashed());
    storage.clear_faults();
    assert_eq!((reader.len()?, storage.crashed()), (3, false));
    Ok(())
}

#[test]
fn a_fault_that_does_not_fit_is_not_passed_over() -> io::Result<()> {
    let storage = MemoryStorage::new();
    let file = storage.open("a", Access::CreateNew)?;
    storage.fail(0, Fault::ShortWrite(2));
    assert!(file.sync_data().is_err());
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(file.write_at(b"abc", 0).is_err());
    storage.fail(0, Fault::ShortRead(2));
    assert!(file.set_len(5).is_err());
    check_files(&storage, &[("a", "")]);
    Ok(())
}

#[test]
fn an_ordinary_sync_failure_leaves_the_changes_to_the_next_sync() -> io::Result<()> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    write(&storage, "a", b"ONE", 0)?;
    let file = storage.open("a", Access::ReadWrite)?;
    storage.fail(0, Fault::Error(ErrorKind::Other));
    assert!(file.sync_data().is_err());
    check_files(&storage.power_cut(), &[("a", "one")]);
    file.sync_data()?;
    check_files(&storage.power_cut(), &[("a", "ONE")]);
    Ok(())
}

#[test]
fn a_sync_can_fail_and_drop_what_it_was_to_keep() -> io::Result<()> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    let file = storage.open("a", Access::ReadWrite)?;
    file.write_at(b"ONE", 0)?;
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(file.sync_data().is_err());
    file.write_at(b"!", 4)?;
    file.sync_data()?;
    check_files(&storage, &[("a", "ONE\0!")]);
    check_files(&storage.power_cut(), &[("a", "one\0!")]);
    let killed = storage.kill();
    check_files(&killed, &[("a", "ONE\0!")]);
    killed.open("a", Access::Read)?.drop_cached(1, 2)?;
    check_files(&killed, &[("a", "One\0!")]);
    Ok(())
}

#[test]
fn dropping_the_cache_keeps_changes_that_a_sync_still_owes() -> io::Result<()> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    let file = storage.open("a", Access::ReadWrite)?;
    file.write_at(b"ONE", 0)?;
    file.drop_cached(0, 3)?;
    check_files(&storage, &[("a", "ONE")]);
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(file.sync_data().is_err());
    file.write_at(b"two", 1)?;
    file.drop_cached(0, u64::MAX)?;
    check_files(&storage, &[("a", "otwo")]);
    Ok(())
}

/// What was done and reported as failed is there: a write, a rename, and what a sync made durable.
#[test]
fn what_is_reported_as_failed_can_be_done() -> io::Result<()> {
    let storage = MemoryStorage::created();
    storage.fail(0, Fault::DoneAndFails);
    assert!(storage.sync_parent().is_err());
    let file = storage.open("a", Access::CreateNew)?;
    for step in 0..4 {
        storage.fail(0, Fault::DoneAndFails);
        let failed = match step {
            0 => file.write_at(b"one", 0).map(drop),
            1 => file.sync_data(),
            2 => storage.rename("a", "b"),
            _ => storage.sync_dir(),
        };
        assert!(failed.is_err(), "step {step}");
    }
    check_files(&storage.power_cut(), &[("b", "one")]);
    storage.fail(0, Fault::DoneAndFails);
    assert!(file.set_len(1).is_err());
    check_files(&storage, &[("b", "one")]);
    Ok(())
}

#[test]
fn a_lost_extension_is_read_as_zeros() -> io::Result<()> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    let file = storage.open("a", Access::ReadWrite)?;
    file.write_at(b"s more", 3)?;
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(file.sync_data().is_err());
    file.drop_cached(4, 2)?;
    check_files(&storage, &[("a", "ones\0\0ore")]);
    check_files(&storage.power_cut(), &[("a", "one")]);
    Ok(())
}

#[test]
fn a_directory_sync_can_fail_and_drop_names() -> io::Result<()> {
    let storage = MemoryStorage::created();
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(storage.sync_parent().is_err());
    storage.sync_parent()?;
    save(&storage, "a", b"one")?;
    check_files(&storage.power_cut(), &[]);

    let storage = MemoryStorage::new();
    save(&storage, "a", b"one")?;
    storage.rename("a", "b")?;
    storage.fail(0, Fault::SyncFailsAndDrops);
    assert!(storage.sync_dir().is_err());
    storage.sync_dir()?;
    check_files(&storage, &[("b", "one")]);
    check_files(&storage.power_cut(), &[("a", "one")]);
    storage.remove("b")?;
    storage.sync_dir()?;
    check_files(&storage.power_cut(), &[("a", "one")]);
    Ok(())
}

#[test]
fn after_a_crash_everything_fails() -> io::Result<()> {
    let storage = MemoryStorage::new();
    let file = storage.open("a", Access::CreateNew)?;
    assert!(file.try_lock(LockKind::Exclusive)?);
    storage.crash_at(1);
    file.write_at(b"one", 0)?;
    assert!(!storage.crashed());
    assert!(file.sync_data().is_err());
    assert!(storage.crashed());
    assert!(file.len().is_err());
    assert!(storage.list().is_err());
    assert!(storage.sync_dir().is_err());
    check_files(&storage.power_cut(), &[]);
    let killed = storage.kill();
    check_files(&killed, &[("a", "one")]);
    assert!(!killed.crashed());
    killed.sync_dir()?;
    check_files(&killed.power_cut(), &[("a", "")]);
    Ok(())
}

#[test]
fn operations_are_told_in_order_with_the_bytes_read() -> io::Result<()> {
    let storage = MemoryStorage::from_files(vec![("a".into(), b"one".into())]);
    let name = || "a".to_owned();
    let file = storage.open("a", Access::ReadWrite)?;
    storage.clear_trace();
    assert_eq!(storage.operations(), 1);
    assert_eq!(file.read_at(&mut [0; 10], 1)?, 2);
    file.write_at(b"four", 3)?;
    file.sync_data()?;
    storage.rename("a", "b")?;
    storage.sync_dir()?;
    assert!(storage.remove("a").is_err());
    let expected = [
        Operation::Read { name: name(), offset: 1, bytes: 2 },
        Operation::Write { name: name(), offset: 3, bytes: 4 },
        Operation::SyncData { name: name() },
        Operation::Rename { from: name(), to: "b".to_owned() },
        Operation::SyncDir,
        Operation::Remove { name: name() },
    ];
    assert_eq!(storage.trace(), expected);
    assert_eq!((storage.operations(), storage.mutations()), (7, 5));
    Ok(())
}

#[test]
fn a_full_disk_refuses_and_allocated_space_is_kept() -> io::Result<()> {
    let storage = MemoryStorage::new();
    save(&storage, "a", b"12345")?;
    storage.set_space(20);
    let file = storage.open("b", Access::CreateNew)?;
    file.allocate(0, 10)?;
    assert_eq!(kind_of(file.allocate(5, 11)), Some(ErrorKind::StorageFull));
    assert_eq!(kind_of(file.write_at(&[1; 16], 0)), Some(ErrorKind::StorageFull));
    assert_eq!(file.len()?, 10);
    file.set_len(1000)?;
    assert_eq!(kind_of(file.write_at(&[1; 6], 500)), Some(ErrorKind::StorageFull));
    file.write_at(&[1; 5], 500)?;
    file.write_at(&[2; 10], 0)?;
    assert_eq!(kind_of(file.write_at(&[1], 10)), Some(ErrorKind::StorageFull));
    file.set_len(9)?;
    file.write_at(&[1; 6], 9)?;
    storage.remove("a")?;
    file.write_at(&[1; 5], 15)?;
    assert_eq!(
        kind_of(storage.kill().open("b", Access::ReadWrite)?.allocate(0, 21)),
        Some(ErrorKind::StorageFull)
    );
    storage.set_space(u64::MAX);
    file.allocate(0, 5000)?;
    Ok(())
}

#[test]
fn a_wild_offset_takes_no_memory() -> io::Result<()> {
    let storage = MemoryStorage::new();
    let file = storage.open("a", Access::CreateNew)?;
    assert_eq!(kind_of(file.write_at(b"x", 1 << 40)), Some(ErrorKind::FileTooLarge));
    assert_eq!(kind_of(file.write_at(b"x", u64::MAX)), Some(ErrorKind::FileTooLarge));
    assert_eq!(kind_of(file.set_len(1 << 40)), Some(ErrorKind::FileTooLarge));
    assert_eq!(kind_of(file.allocate(0, 1 << 40)), Some(ErrorKind::FileTooLarge));
    check_files(&storage, &[("a", "")]);
    Ok(())
}
