//! The baseline: what the disk does when nothing else is done.
//!
//! [`BareFile`] writes bytes that are ready, at the end of what has been written, into a file that has its room,
//! and syncs its data. Nothing is encoded, hashed, checked or indexed. Used for one record a call it is the
//! baseline of a durable append; used for a batch a call, that of bulk appends. [`BareGroupCommit`] is the baseline
//! of many callers: they share its writes and syncs.
//!
//! Room is made as the store makes it: with `fallocate`, up to a length of 64 MiB, then in a new file. It is made
//! before anything is measured, and made durable. The first sync of such room costs the file system a note that it
//! is now written, so a file of zeros that were really written would be faster; [`Room::Written`] is that file.
//! It is no baseline, but shows how much could be had there.
//!
//! Every ratio rests on these files: a change to them reports old and new figures.

mod group_commit;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use group_commit::{BareGroupCommit, Leader};

use crate::platform;

/// How long a file is before the next one begins: as long as a segment by default.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// How room is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Allocated: the baseline.
    Allocated,
    /// Zeros were written.
    Written,
}

/// A file with room, written from its beginning to its end, and those that will follow it.
#[derive(Debug)]
pub struct BareFile {
    directory: PathBuf,
    room: Room,
    file: File,
    file_bytes: u64,
    offset: u64,
    /// Files with room that wait for their turn.
    ready: VecDeque<File>,
    /// How many files there have been.
    files: u32,
    syncs: u64,
}

impl BareFile {
    /// Makes a file with room in a directory.
    ///
    /// # Errors
    /// The system refuses.
    pub fn create(directory: &Path, room: Room) -> io::Result<Self> {
        let file = make(directory, 0, room, FILE_BYTES)?;
        Ok(Self {
            directory: directory.to_owned(),
            room,
            file,
            file_bytes: FILE_BYTES,
            offset: 0,
            ready: VecDeque::new(),
            files: 1,
            syncs: 0,
        })
    }

    /// Makes sure that there is room for this many bytes, in this file and those that follow. Call it where nothing
    /// is measured: room that is missing is made when it is needed.
    ///
    /// # Errors
    /// The system refuses.
    pub fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let missing = bytes.saturating_sub(self.file_bytes.saturating_sub(self.offset));
        while length(self.ready.len()).saturating_mul(FILE_BYTES) < missing {
            let file = self.make(FILE_BYTES)?;
            self.ready.push_back(file);
        }
        Ok(())
    }

    /// One write and no sync.
    ///
    /// # Errors
    /// The system refuses, or takes fewer bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.offset.saturating_add(length(bytes.len()));
        if end > self.file_bytes {
            self.next_file(length(bytes.len()))?;
        }
        platform::write_all_at(&self.file, bytes, self.offset)?;
        self.offset = self.offset.saturating_add(length(bytes.len()));
        Ok(())
    }

    /// One write and one data sync.
    ///
    /// # Errors
    /// The system refuses, or takes fewer bytes.
    pub fn write_and_sync(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        self.file.sync_data()?;
        self.syncs += 1;
        Ok(())
    }

    /// How many data syncs there have been.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.syncs
    }

    fn next_file(&mut self, bytes: u64) -> io::Result<()> {
        let ready = if bytes <= FILE_BYTES { self.ready.pop_front() } else { None };
        self.file_bytes = bytes.max(FILE_BYTES);
        self.file = match ready {
            Some(file) => file,
            None => self.make(self.file_bytes)?,
        };
        self.offset = 0;
        Ok(())
    }

    fn make(&mut self, bytes: u64) -> io::Result<File> {
        let file = make(&self.directory, self.files, self.room, bytes)?;
        self.files += 1;
        Ok(file)
    }
}

fn make(directory: &Path, number: u32, room: Room, bytes: u64) -> io::Result<File> {
    let path = directory.join(format!("bare-{number}"));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    match room {
        Room::Allocated => platform::allocate(&file, bytes)?,
        Room::Written => {
            let zeros = vec![0; 1024 * 1024];
            for _ in 0..bytes.div_ceil(1024 * 1024) {
                file.write_all(&zeros)?;
            }
        }
    }
    file.sync_all()?;
    platform::sync_directory(directory)?;
    Ok(file)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{BareFile, FILE_BYTES, Room};

    #[test]
    fn bytes_follow_each_other_into_the_next_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut bare = BareFile::create(directory.path(), Room::Allocated).unwrap();
        bare.write_and_sync(b"one").unwrap();
        bare.write(b"two").unwrap();
        bare.offset = FILE_BYTES - 2;
        bare.reserve(3).unwrap();
        bare.write_and_sync(b"three").unwrap();
        let files = ["bare-0", "bare-1"].map(|name| std::fs::read(directory.path().join(name)).unwrap());
        assert!(files[0].starts_with(b"onetwo\0") && files[1].starts_with(b"three\0"));
        assert_eq!(bare.syncs(), 2);
    }

    #[test]
    fn room_is_made_ahead_and_used_before_more_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let names = || std::fs::read_dir(directory.path()).unwrap().count();
        let mut bare = BareFile::create(directory.path(), Room::Allocated).unwrap();
        bare.reserve(FILE_BYTES).unwrap();
        assert_eq!(names(), 1);
        bare.reserve(FILE_BYTES + 1).unwrap();
        assert_eq!(names(), 2);
        bare.offset = FILE_BYTES;
        bare.write(b"in the second").unwrap();
        assert_eq!((names(), bare.ready.len()), (2, 0));
        bare.offset = FILE_BYTES;
        bare.write(b"in the third").unwrap();
        assert_eq!(names(), 3);
    }
}
