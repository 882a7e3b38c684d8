//! A disk on which index files can be written and listed, but of which no block can be read.

use std::io;
use std::sync::Arc;

use causelog_io::{Access, Entry, File, FileId, LockKind, MemoryStorage, Storage};

pub(super) struct UnreadableIndexes(pub(super) MemoryStorage);

struct Unreadable(Arc<dyn File>);

impl Storage for UnreadableIndexes {
    fn display(&self) -> String {
        self.0.display()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.0.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file = Storage::open(&self.0, name, access)?;
        Ok(if name.contains(".idx") { Arc::new(Unreadable(file)) } else { file })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Storage::remove(&self.0, name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.0.sync_dir()
    }

    fn sync_parent(&self) -> io::Result<()> {
        self.0.sync_parent()
    }

    fn id_of(&self, name: &str) -> io::Result<FileId> {
        self.0.id_of(name)
    }
}

impl File for Unreadable {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset > 0 {
            return Err(io::Error::other("a bad sector"));
        }
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.0.allocate(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.0.drop_cached(offset, bytes)
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.0.try_lock(kind)
    }

    fn unlock(&self) -> io::Result<()> {
        self.0.unlock()
    }

    fn id(&self) -> io::Result<FileId> {
        self.0.id()
    }
}
