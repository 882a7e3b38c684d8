//! Counts the data syncs of a store.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog_io::{Access, Entry, File, FileId, LockKind, Storage};

/// How many data syncs there have been. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncCount(Arc<AtomicU64>);

impl SyncCount {
    /// So far.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// A directory whose files' data syncs are counted; all else goes through as it is.
    pub(crate) fn count(&self, storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
        Arc::new(Counted { inner: storage, count: self.clone() })
    }
}

struct Counted<T: ?Sized> {
    count: SyncCount,
    inner: Arc<T>,
}

impl Storage for Counted<dyn Storage> {
    fn display(&self) -> String {
        self.inner.display()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.inner.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(Counted { inner: self.inner.open(name, access)?, count: self.count.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.inner.sync_dir()
    }

    fn sync_parent(&self) -> io::Result<()> {
        self.inner.sync_parent()
    }

    fn id_of(&self, name: &str) -> io::Result<FileId> {
        self.inner.id_of(name)
    }
}

impl File for Counted<dyn File> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.inner.set_len(bytes)
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.inner.allocate(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.count.0.fetch_add(1, Ordering::SeqCst);
        self.inner.sync_data()
    }

    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.inner.drop_cached(offset, bytes)
    }

    fn try_lock(&self, kind: LockKind) -> io::Result<bool> {
        self.inner.try_lock(kind)
    }

    fn unlock(&self) -> io::Result<()> {
        self.inner.unlock()
    }

    fn id(&self) -> io::Result<FileId> {
        self.inner.id()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causelog_io::{Access, MemoryStorage, Storage};

    use super::SyncCount;

    #[test]
    fn the_syncs_of_all_files_are_counted_and_done() {
        let count = SyncCount::default();
        let memory = MemoryStorage::new();
        let storage = count.count(Arc::new(memory.clone()));
        let files = ["a", "b"].map(|name| storage.open(name, Access::CreateNew).unwrap());
        storage.sync_dir().unwrap();
        assert_eq!(count.get(), 0);
        for file in &files {
            file.write_at(b"kept", 0).unwrap();
            file.sync_data().unwrap();
        }
        assert_eq!(count.get(), 2);
        let kept = memory.power_cut().open("b", Access::Read).unwrap();
        assert_eq!(kept.len().unwrap(), 4);
    }
}
