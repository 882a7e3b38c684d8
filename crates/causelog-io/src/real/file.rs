//! An open file of the file system.

use std::fs::{self, TryLockError};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::real::{map, platform};
use crate::{File, FileId, LockKind, Mapped};

/// An open file; its lock is the system's, on the open file and not on the process.
pub(super) struct RealFile {
    file: fs::File,
    locked: AtomicBool,
    maps: bool,
}

impl RealFile {
    pub(super) fn new(file: fs::File, maps: bool) -> Self {
        Self { file, locked: AtomicBool::new(false), maps }
    }

    fn extend(&self, end: u64) -> io::Result<()> {
        if self.len()? < end { self.file.set_len(end) } else { Ok(()) }
    }
}

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        until_not_interrupted(|| platform::read_at(&self.file, buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        until_not_interrupted(|| platform::write_at(&self.file, bytes, offset))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    /// Where the file system cannot allocate, the file is only extended: no space is promised then, and another
    /// handle that extends it at the same time may lose its extension.
    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let Some(end) = offset.checked_add(bytes) else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        // Allocating again what is allocated changes nothing, so an interrupted call can be repeated.
        if bytes == 0 || until_not_interrupted(|| platform::allocate(&self.file, offset, bytes))? {
            return Ok(());
        }
        self.extend(end)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// On Linux it drops what is cached of the whole file, and only what was synced.
    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        platform::drop_cached(&self.file, offset, bytes)
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.unlock()?;
        let answer = match kind {
            LockKind::Shared => self.file.try_lock_shared(),
            LockKind::Exclusive => self.file.try_lock(),
        };
        match answer {
            Ok(()) => {
                self.locked.store(true, Ordering::SeqCst);
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        if self.locked.load(Ordering::SeqCst) {
            self.file.unlock()?;
            self.locked.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    fn id(&self) -> io::Result<FileId> {
        platform::id(&self.file.metadata()?)
    }

    fn map(&self, bytes: u64) -> io::Result<Option<Mapped>> {
        match self.maps {
            true => map::beginning(&self.file, bytes).map(Some),
            false => Ok(None),
        }
    }
}

impl Drop for RealFile {
    /// Closing alone would not do: a child process that another thread has just forked shares the lock until it
    /// starts its program. If this fails, closing has to do.
    fn drop(&mut self) {
        let _ = self.unlock();
    }
}

/// Repeats a call that a signal stopped before it did anything.
fn until_not_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests;
