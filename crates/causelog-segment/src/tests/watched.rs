//! A storage that tells of what is done to it, before it is done.

use std::io;
use std::sync::Arc;

use causelog_io::{Access, Entry, Environment, File, FileId, LockKind, MemoryStorage, Storage};

use super::support::Store;

/// What is told of.
pub(super) trait Watch: Send + Sync + 'static {
    /// The directory is listed.
    fn lists(&self) {}
    /// A file was opened.
    fn opened(&self) {}
    /// A file is closed.
    fn closed(&self) {}
    /// A file of this name is read, into a buffer so long.
    fn reads(&self, _name: &str, _buffer_bytes: usize) {}
}

struct Watched<W> {
    storage: MemoryStorage,
    watch: Arc<W>,
}

struct WatchedFile<W: Watch> {
    file: Arc<dyn File>,
    name: String,
    watch: Arc<W>,
}

impl<W: Watch> Drop for WatchedFile<W> {
    fn drop(&mut self) {
        self.watch.closed();
    }
}

/// The same store through a storage that is watched.
pub(super) fn watched<W: Watch>(store: &Store, watch: &Arc<W>) -> Environment {
    let storage = Watched { storage: store.storage.clone(), watch: Arc::clone(watch) };
    Environment { storage: Arc::new(storage), ..store.environment.clone() }
}

impl<W: Watch> Storage for Watched<W> {
    fn display(&self) -> String {
        self.storage.display()
    }
    fn list(&self) -> io::Result<Vec<Entry>> {
        self.watch.lists();
        self.storage.list()
    }
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.storage.open(name, access)?;
        self.watch.opened();
        Ok(Arc::new(WatchedFile { file, name: name.to_owned(), watch: Arc::clone(&self.watch) }))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.storage.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.storage.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.storage.sync_dir()
    }
    fn sync_parent(&self) -> io::Result<()> {
        self.storage.sync_parent()
    }
    fn id_of(&self, name: &str) -> io::Result<FileId> {
        self.storage.id_of(name)
    }
}

impl<W: Watch> File for WatchedFile<W> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.watch.reads(&self.name, buffer.len());
        self.file.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.file.allocate(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.file.drop_cached(offset, bytes)
    }
    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.file.try_lock(kind)
    }
    fn unlock(&self) -> io::Result<()> {
        self.file.unlock()
    }
    fn id(&self) -> io::Result<FileId> {
        self.file.id()
    }
}
