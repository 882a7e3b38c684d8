//! An open file in memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::memory::disk::Disk;
use crate::memory::node::length;
use crate::memory::plan::{Course, Operation, sync_failed};
use crate::{File, FileId, LockKind, Mapped};

/// A handle: one for each call of `open`, with a lock of its own.
pub(super) struct MemoryFile {
    pub(super) disk: Arc<Mutex<Disk>>,
    pub(super) name: String,
    pub(super) inode: u64,
    pub(super) handle: u64,
    pub(super) writable: bool,
    pub(super) maps: bool,
}

impl MemoryFile {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable {
            return Ok(());
        }
        let message = format!("{} is open for reading only", self.name);
        Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
    }

    fn range(&self, offset: u64, bytes: u64) -> io::Result<Range<u64>> {
        let end = offset.checked_add(bytes).ok_or_else(|| {
            let message = format!("{}: {bytes} bytes at {offset} end beyond any file", self.name);
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        })?;
        Ok(offset..end)
    }
}

impl File for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Len { name: self.name() })?;
        Ok(disk.node(self.inode).len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        let course = disk.plan.begin(Operation::Read { name: self.name(), offset, bytes: 0 })?;
        let most = if let Course::Short(count) = course { count } else { usize::MAX };
        let wanted = buffer.len().min(most);
        let count = disk.node(self.inode).read(&mut buffer[..wanted], offset);
        disk.plan.note_read(length(count));
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        let offered = length(bytes.len());
        let course = disk.plan.begin(Operation::Write { name: self.name(), offset, bytes: offered })?;
        self.check_writable()?;
        let taken = match course {
            Course::Short(count) => &bytes[..count.min(bytes.len())],
            Course::Whole | Course::Lose | Course::Ignore | Course::Deny => bytes,
        };
        let range = self.range(offset, length(taken.len()))?;
        disk.check_space(&self.name, self.inode, &range)?;
        disk.node(self.inode).write(taken, range)?;
        course.answer(taken.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::SetLen { name: self.name(), bytes })?;
        self.check_writable()?;
        disk.node(self.inode).set_len(bytes)
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Allocate { name: self.name(), offset, bytes })?;
        self.check_writable()?;
        if bytes == 0 {
            return Ok(());
        }
        let range = self.range(offset, bytes)?;
        disk.check_space(&self.name, self.inode, &range)?;
        disk.node(self.inode).allocate(range)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match disk.plan.begin(Operation::SyncData { name: self.name() })? {
            course @ (Course::Whole | Course::Short(_) | Course::Deny) => {
                disk.node(self.inode).sync();
                course.answer(())
            }
            Course::Ignore => Ok(()),
            Course::Lose => {
                disk.node(self.inode).lose();
                Err(sync_failed(&self.name))
            }
        }
    }

    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::DropCached { name: self.name(), offset, bytes })?;
        disk.node(self.inode).drop_cached(offset, bytes);
        Ok(())
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::TryLock { name: self.name(), kind })?;
        let locks = &mut disk.node(self.inode).locks;
        locks.remove(&self.handle);
        let free = match kind {
            LockKind::Exclusive => locks.is_empty(),
            LockKind::Shared => locks.values().all(|held| *held == LockKind::Shared),
        };
        if free {
            locks.insert(self.handle, kind);
        }
        Ok(free)
    }

    fn unlock(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Unlock { name: self.name() })?;
        disk.node(self.inode).locks.remove(&self.handle);
        Ok(())
    }

    fn id(&self) -> io::Result<FileId> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Id { name: self.name() })?;
        Ok(FileId { device: 0, inode: self.inode })
    }

    fn map(&self, bytes: u64) -> io::Result<Option<Mapped>> {
        if !self.maps {
            return Ok(None);
        }
        let mut disk = self.disk.lock();
        disk.begin(Operation::Len { name: self.name() })?;
        let there = usize::try_from(bytes).ok().and_then(|bytes| disk.node(self.inode).current.get(..bytes));
        let copy = there.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec();
        Ok(Some(Mapped::new(copy)))
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.disk.lock().close(self.inode, self.handle);
    }
}
