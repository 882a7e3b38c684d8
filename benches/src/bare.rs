//! The baseline: what the disk does when nothing else is done.
//!
//! [`BareFile`] writes bytes that are ready, at the end of what has been written, into a file that has its room,
//! and syncs its data. Nothing is encoded, hashed, checked or indexed. Used for one record a call it is the
//! baseline of a durable append; used for a batch a call, that of bulk appends.
//!
//! Room is made as the store makes it: with `fallocate`, up to a length of 64 MiB, then in a new file. It is made
//! before anything is measured, and made durable. The first sync of such room costs the file system a note that it
//! is now written, so a file of zeros that were really written would be faster; [`Room::Written`] is that file.
//! It is no baseline, but shows how much could be had there.
//!
//! Every ratio rests on this file: a change to it reports old and new figures.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};

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

/// A file with room, written from its beginning to its end.
#[derive(Debug)]
pub struct BareFile {
    directory: PathBuf,
    room: Room,
    file: File,
    /// How many files there have been.
    files: u32,
    offset: u64,
}

impl BareFile {
    /// Makes a file with room in a directory.
    ///
    /// # Errors
    /// The system refuses.
    pub fn create(directory: &Path, room: Room) -> io::Result<Self> {
        let file = make(directory, 0, room)?;
        Ok(Self { directory: directory.to_owned(), room, file, files: 1, offset: 0 })
    }

    /// Makes sure that this many bytes can be written in one file. Call it where nothing is measured.
    ///
    /// # Errors
    /// The system refuses.
    pub fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if self.offset.saturating_add(bytes) > FILE_BYTES {
            self.file = make(&self.directory, self.files, self.room)?;
            self.files += 1;
            self.offset = 0;
        }
        Ok(())
    }

    /// One write and one data sync.
    ///
    /// # Errors
    /// The system refuses, or takes fewer bytes.
    pub fn write_and_sync(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.offset)?;
        self.file.sync_data()?;
        self.offset = self.offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

fn make(directory: &Path, number: u32, room: Room) -> io::Result<File> {
    let path = directory.join(format!("bare-{number}"));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    match room {
        Room::Allocated => fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES)?,
        Room::Written => {
            let zeros = vec![0; 1024 * 1024];
            for _ in 0..FILE_BYTES / 1024 / 1024 {
                file.write_all(&zeros)?;
            }
        }
    }
    file.sync_all()?;
    File::open(directory)?.sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::{BareFile, FILE_BYTES, Room};

    #[test]
    fn bytes_follow_each_other_into_the_next_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut bare = BareFile::create(directory.path(), Room::Allocated).unwrap();
        bare.write_and_sync(b"one").unwrap();
        bare.write_and_sync(b"two").unwrap();
        bare.reserve(FILE_BYTES).unwrap();
        bare.write_and_sync(b"three").unwrap();
        let files = ["bare-0", "bare-1"].map(|name| std::fs::read(directory.path().join(name)).unwrap());
        assert!(files[0].starts_with(b"onetwo\0") && files[1].starts_with(b"three\0"));
    }
}
