//! What every storage must do, whatever it stands on.

use std::io::{self, ErrorKind};

use causelog_io::{Access, EntryKind, LockKind, MemoryStorage, RealStorage, Storage};

use crate::support::{kind_of, read, save, write};

fn on_both(check: fn(&dyn Storage) -> io::Result<()>) -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    check(&RealStorage::open(directory.path())?)?;
    check(&MemoryStorage::new())
}

#[test]
fn files_are_opened_as_asked() -> io::Result<()> {
    on_both(|storage| {
        assert_eq!(kind_of(storage.open("a", Access::Read)), Some(ErrorKind::NotFound));
        assert_eq!(kind_of(storage.open("a", Access::ReadWrite)), Some(ErrorKind::NotFound));
        assert!(storage.list()?.is_empty());
        storage.open("a", Access::CreateNew)?.write_at(b"one", 0)?;
        assert_eq!(kind_of(storage.open("a", Access::CreateNew)), Some(ErrorKind::AlreadyExists));
        assert_eq!(storage.open("a", Access::OpenOrCreate)?.len()?, 3);
        storage.open("a", Access::ReadWrite)?.write_at(b"!", 3)?;
        storage.open("b", Access::OpenOrCreate)?;
        assert_eq!(read(storage, "a")?, b"one!");
        assert_eq!(read(storage, "b")?, b"");
        let mut names: Vec<_> = storage.list()?.into_iter().map(|entry| (entry.name, entry.kind)).collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(names, [("a".to_owned(), EntryKind::File), ("b".to_owned(), EntryKind::File)]);
        Ok(())
    })
}

#[test]
fn a_file_open_for_reading_is_not_changed() -> io::Result<()> {
    on_both(|storage| {
        write(storage, "a", b"one", 0)?;
        let file = storage.open("a", Access::Read)?;
        assert!(file.write_at(b"two", 0).is_err());
        assert!(file.set_len(1).is_err());
        assert!(file.allocate(0, 10).is_err());
        file.sync_data()?;
        assert_eq!(read(storage, "a")?, b"one");
        Ok(())
    })
}

#[test]
fn names_that_lead_elsewhere_are_refused() -> io::Result<()> {
    on_both(|storage| {
        storage.open("a", Access::CreateNew)?;
        for name in ["", ".", "..", "../a", "/a", "b/a", "b\\a", "a\0"] {
            assert_eq!(kind_of(storage.open(name, Access::OpenOrCreate)), Some(ErrorKind::InvalidInput));
            assert_eq!(kind_of(storage.rename("a", name)), Some(ErrorKind::InvalidInput));
            assert_eq!(kind_of(storage.rename(name, "a")), Some(ErrorKind::InvalidInput));
            assert_eq!(kind_of(storage.remove(name)), Some(ErrorKind::InvalidInput));
            assert_eq!(kind_of(storage.id_of(name)), Some(ErrorKind::InvalidInput));
        }
        assert_eq!(storage.list()?.len(), 1);
        Ok(())
    })
}

#[test]
fn reads_and_writes_go_to_their_offset() -> io::Result<()> {
    on_both(|storage| {
        let file = storage.open("a", Access::CreateNew)?;
        assert_eq!(file.write_at(b"cd", 2)?, 2);
        assert_eq!(file.write_at(b"ab", 0)?, 2);
        assert_eq!(file.write_at(b"", 90)?, 0);
        assert_eq!(read(storage, "a")?, b"abcd");
        assert_eq!(file.write_at(b"z", 6)?, 1);
        assert_eq!(read(storage, "a")?, b"abcd\0\0z");
        let mut buffer = [0; 4];
        assert_eq!(file.read_at(&mut buffer, 5)?, 2);
        assert_eq!(&buffer, b"\0z\0\0");
        assert_eq!(file.read_at(&mut buffer, 7)?, 0);
        assert_eq!(file.read_at(&mut buffer, 1 << 40)?, 0);
        Ok(())
    })
}

#[test]
fn set_len_cuts_and_extends_with_zeros() -> io::Result<()> {
    on_both(|storage| {
        let file = storage.open("a", Access::CreateNew)?;
        file.write_at(b"abcdef", 0)?;
        file.set_len(2)?;
        file.set_len(4)?;
        assert_eq!(file.len()?, 4);
        assert_eq!(read(storage, "a")?, b"ab\0\0");
        Ok(())
    })
}

#[test]
fn allocate_extends_and_changes_no_byte() -> io::Result<()> {
    on_both(|storage| {
        let file = storage.open("a", Access::CreateNew)?;
        file.write_at(b"abc", 0)?;
        file.allocate(1, 7)?;
        assert_eq!(read(storage, "a")?, b"abc\0\0\0\0\0");
        file.allocate(0, 2)?;
        file.allocate(50, 0)?;
        assert_eq!(file.len()?, 8);
        assert_eq!(kind_of(file.allocate(u64::MAX, 2)), Some(ErrorKind::FileTooLarge));
        file.drop_cached(0, 8)?;
        file.drop_cached(3, u64::MAX)?;
        assert_eq!(read(storage, "a")?, b"abc\0\0\0\0\0");
        Ok(())
    })
}

#[test]
fn syncs_of_all_kinds_succeed() -> io::Result<()> {
    on_both(|storage| {
        save(storage, "a", b"one")?;
        storage.sync_parent()?;
        assert_eq!(read(storage, "a")?, b"one");
        assert!(!storage.display().is_empty());
        Ok(())
    })
}

#[test]
fn a_rename_replaces_and_the_file_stays_the_same() -> io::Result<()> {
    on_both(|storage| {
        write(storage, "a", b"one", 0)?;
        write(storage, "b", b"two", 0)?;
        let (a, b) = (storage.open("a", Access::ReadWrite)?, storage.open("b", Access::Read)?);
        assert_ne!(a.id()?, b.id()?);
        assert_eq!(storage.id_of("a")?, a.id()?);
        storage.rename("a", "b")?;
        assert_eq!(storage.id_of("b")?, a.id()?, "the path leads to the renamed file");
        assert_eq!(kind_of(storage.id_of("a")), Some(ErrorKind::NotFound));
        a.write_at(b"O", 0)?;
        assert_eq!(read(storage, "b")?, b"One");
        assert_eq!(b.len()?, 3, "a replaced file stays readable by its handle");
        assert_eq!(kind_of(storage.rename("a", "c")), Some(ErrorKind::NotFound));
        storage.rename("b", "b")?;
        assert_eq!(storage.list()?.len(), 1);
        Ok(())
    })
}

#[test]
fn a_removed_file_is_gone_by_name_only() -> io::Result<()> {
    on_both(|storage| {
        let file = storage.open("a", Access::CreateNew)?;
        storage.remove("a")?;
        assert_eq!(kind_of(storage.remove("a")), Some(ErrorKind::NotFound));
        file.write_at(b"still", 0)?;
        assert_eq!(file.len()?, 5);
        let again = storage.open("a", Access::CreateNew)?;
        assert_eq!(again.len()?, 0);
        assert_ne!(again.id()?, file.id()?);
        Ok(())
    })
}

#[test]
fn locks_are_held_by_handles() -> io::Result<()> {
    on_both(|storage| {
        let first = storage.open("lock", Access::OpenOrCreate)?;
        let second = storage.open("lock", Access::Read)?;
        assert!(first.try_lock(LockKind::Exclusive)?);
        assert!(!second.try_lock(LockKind::Exclusive)?);
        assert!(!second.try_lock(LockKind::Shared)?);
        first.unlock()?;
        assert!(second.try_lock(LockKind::Shared)?);
        assert!(first.try_lock(LockKind::Shared)?);
        assert!(!first.try_lock(LockKind::Exclusive)?, "a shared holder is left");
        assert!(second.try_lock(LockKind::Exclusive)?, "a refused lock gives up what was held");
        assert!(second.try_lock(LockKind::Shared)?);
        assert!(first.try_lock(LockKind::Shared)?);
        first.unlock()?;
        first.unlock()?;
        Ok(())
    })
}

#[test]
fn a_lock_ends_with_its_last_handle_and_stays_through_a_rename() -> io::Result<()> {
    on_both(|storage| {
        let first = storage.open("lock", Access::OpenOrCreate)?;
        let clone = std::sync::Arc::clone(&first);
        let second = storage.open("lock", Access::ReadWrite)?;
        assert!(first.try_lock(LockKind::Exclusive)?);
        storage.rename("lock", "renamed")?;
        drop(first);
        assert!(!second.try_lock(LockKind::Exclusive)?);
        drop(clone);
        assert!(second.try_lock(LockKind::Exclusive)?);
        let other = storage.open("lock", Access::OpenOrCreate)?;
        assert!(other.try_lock(LockKind::Exclusive)?, "another file of the old name has a lock of its own");
        Ok(())
    })
}

/// Files are mapped where that was asked for, as far as they go; what is mapped stays when its name is gone.
#[test]
fn files_are_mapped_where_that_was_asked_for() -> io::Result<()> {
    on_both(|storage| {
        save(storage, "a", b"abcdef")?;
        assert!(storage.open("a", Access::Read)?.map(6)?.is_none());
        Ok(())
    })?;
    let directory = tempfile::tempdir()?;
    let storages: [&dyn Storage; 2] =
        [&RealStorage::open(directory.path())?.with_maps(), &MemoryStorage::new().with_maps()];
    for storage in storages {
        save(storage, "a", b"abcdef")?;
        let file = storage.open("a", Access::Read)?;
        let map = file.map(4)?.unwrap();
        storage.remove("a")?;
        assert_eq!(&*map.clone(), b"abcd");
        assert_eq!(&*file.map(6)?.unwrap(), b"abcdef");
        assert_eq!(kind_of(file.map(7)), Some(ErrorKind::UnexpectedEof));
    }
    Ok(())
}
