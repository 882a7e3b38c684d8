//! What only the file system has: links, pipes, directories, paths.

#![cfg(unix)]

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use causelog_io::{Access, EntryKind, LockKind, RealStorage, Storage};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::{kind_of, read, save};

const ALL: [Access; 4] = [Access::Read, Access::ReadWrite, Access::CreateNew, Access::OpenOrCreate];

#[test]
fn links_pipes_and_directories_are_not_opened() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let storage = RealStorage::open(directory.path())?;
    save(&storage, "file", b"one")?;
    symlink("file", directory.path().join("link"))?;
    symlink("missing", directory.path().join("dangling"))?;
    fs::create_dir(directory.path().join("directory"))?;
    mknodat(CWD, directory.path().join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    for name in ["link", "dangling", "directory", "pipe"] {
        for access in ALL {
            assert!(storage.open(name, access).is_err(), "{name} {access:?}");
        }
        let error = storage.open(name, Access::Read).err().map(|error| (error.kind(), error.to_string()));
        let message = format!("{name} is not a regular file: links and special files are not opened");
        assert_eq!(error, Some((ErrorKind::InvalidInput, message)));
    }
    assert!(!directory.path().join("missing").exists(), "nothing was created through a link");
    let others = storage.list()?.into_iter().filter(|entry| entry.kind == EntryKind::Other).count();
    assert_eq!(others, 4);
    assert_ne!(storage.id_of("link")?, storage.id_of("file")?, "a link is not followed");
    Ok(())
}

#[test]
fn names_that_are_not_utf8_are_listed() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join(std::ffi::OsStr::from_bytes(b"odd\xFF\n")), b"")?;
    let storage = RealStorage::open(directory.path())?;
    let names: Vec<_> = storage.list()?.into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["odd\u{FFFD}\n"]);
    Ok(())
}

#[test]
fn a_directory_is_created_once() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("store");
    assert_eq!(kind_of(RealStorage::open(&path)), Some(ErrorKind::NotFound));
    let storage = RealStorage::create(&path)?;
    assert!(storage.was_created());
    storage.sync_parent()?;
    save(&storage, "a", b"one")?;
    let again = RealStorage::create(&path)?;
    assert!(!again.was_created());
    assert!(!RealStorage::open(&path)?.was_created());
    assert_eq!(read(&again, "a")?, b"one");
    RealStorage::open("/")?.sync_parent()
}

#[test]
fn errors_of_the_directory_name_it() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("file");
    fs::write(&file, b"")?;
    for result in [RealStorage::open(&file), RealStorage::create(&file)] {
        let message = format!("cannot open the directory {}: not a directory", file.display());
        assert_eq!(result.map_err(|error| error.to_string()).err(), Some(message));
    }
    let deep = directory.path().join("missing/store");
    let error = RealStorage::create(&deep).err().map(|error| (error.kind(), error.to_string()));
    let reason = "its parent directory does not exist: create that first";
    let message = format!("cannot create the directory {}: {reason}", deep.display());
    assert_eq!(error, Some((ErrorKind::NotFound, message)));
    assert_eq!(kind_of(RealStorage::open(&deep)), Some(ErrorKind::NotFound));
    Ok(())
}

#[test]
fn the_path_is_absolute_and_without_links() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let canonical = fs::canonicalize(directory.path())?;
    let up: PathBuf = std::env::current_dir()?.components().skip(1).map(|_| "..").collect();
    let relative = up.join(canonical.strip_prefix("/").map_err(io::Error::other)?);
    assert!(relative.is_relative());
    assert_eq!(RealStorage::open(&relative)?.path(), canonical);
    symlink(&canonical, canonical.join("link"))?;
    let storage = RealStorage::open(canonical.join("link"))?;
    assert_eq!(storage.path(), canonical);
    assert_eq!(storage.display(), canonical.display().to_string());
    Ok(())
}

#[test]
fn the_lock_is_the_systems() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let storage = RealStorage::open(directory.path())?;
    let ours = storage.open("lock", Access::OpenOrCreate)?;
    let theirs = fs::File::open(directory.path().join("lock"))?;
    assert!(ours.try_lock(LockKind::Shared)?);
    assert!(theirs.try_lock().is_err());
    assert!(theirs.try_lock_shared().is_ok());
    assert!(!ours.try_lock(LockKind::Exclusive)?);
    theirs.unlock()?;
    assert!(ours.try_lock(LockKind::Exclusive)?);
    assert!(theirs.try_lock_shared().is_err());
    drop(ours);
    assert!(theirs.try_lock().is_ok());
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn allocated_space_is_taken_from_the_disk() -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let directory = tempfile::tempdir()?;
    let storage = RealStorage::open(directory.path())?;
    let file = storage.open("a", Access::CreateNew)?;
    file.write_at(b"abc", 0)?;
    file.allocate(0, 1 << 20)?;
    let metadata = fs::metadata(directory.path().join("a"))?;
    assert_eq!(metadata.len(), 1 << 20);
    assert!(metadata.blocks() * 512 >= 1 << 20, "the temporary directory's file system can allocate");
    let mut start = [0xEE; 4];
    assert_eq!(file.read_at(&mut start, 0)?, 4);
    assert_eq!(&start, b"abc\0");
    Ok(())
}

/// How many bytes this thread has made the system read from a device; `None` if it does not tell.
#[cfg(target_os = "linux")]
fn read_from_device() -> Option<u64> {
    let counts = fs::read_to_string("/proc/thread-self/io").ok()?;
    counts.lines().find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_ranges_are_read_from_the_device_again() -> io::Result<()> {
    /// Of a file system that is nothing but cache.
    const TMPFS: rustix::fs::FsWord = 0x0102_1994;

    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let on_device = rustix::fs::statfs(directory.path())?.f_type != TMPFS;
    let storage = RealStorage::open(directory.path())?;
    let file = storage.open("a", Access::CreateNew)?;
    let mut bytes = vec![7; 3 << 20];
    file.write_at(&bytes, 0)?;
    file.sync_data()?;
    let before = read_from_device();
    file.drop_cached(1_000_001, 10)?;
    assert_eq!(file.read_at(&mut bytes[..10], 1_000_001)?, 10);
    assert_eq!(bytes[..10], [7; 10]);
    if on_device && before.is_some() {
        assert!(read_from_device() > before, "it was read from the cache");
    }
    Ok(())
}
