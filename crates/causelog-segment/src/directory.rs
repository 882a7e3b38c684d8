//! The directory and its files, with every failure naming the file.

use std::sync::Arc;

use causelog_io::{
    Access, Entry, EntryKind, File, FileId, IoError, LockKind, Mapped, Storage, read_up_to_at, write_all_at,
    write_once_at,
};

use causelog_types::planted;

use crate::handles::Handles;
use crate::names::temporary_name;

/// A store's directory.
#[derive(Clone, Debug)]
pub struct Directory {
    storage: Arc<dyn Storage>,
    handles: Arc<Handles>,
}

impl Directory {
    /// Takes a storage.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, handles: Arc::default() }
    }

    /// Which of its segments are kept open.
    pub(crate) fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> String {
        self.storage.display()
    }

    /// Where one of its files is.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.storage.display())
    }

    /// Opens or creates a file.
    ///
    /// # Errors
    /// The system refuses.
    pub fn open(&self, name: &str, access: Access) -> Result<NamedFile, IoError> {
        let path = self.path_of(name);
        let file = self.storage.open(name, access).map_err(IoError::on("open", &*path))?;
        Ok(NamedFile { file, path })
    }

    /// Opens a file to read it; `None` when there is none of that name.
    ///
    /// # Errors
    /// The system refuses for another reason.
    pub fn open_if_there(&self, name: &str) -> Result<Option<NamedFile>, IoError> {
        match self.open(name, Access::Read) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a small file so that its name, once there, stands for whole and durable content: a temporary file,
    /// synced, renamed, the directory synced.
    ///
    /// # Errors
    /// The system refuses. Up to and without the rename, nothing is there under the name.
    pub fn publish(&self, name: &str, content: &[u8]) -> Result<(), IoError> {
        self.make_temporary(name, content)?.sync()?;
        self.reveal(name)
    }

    /// Writes a file under its temporary name, without syncing it.
    ///
    /// # Errors
    /// The system refuses; nothing is there under the name itself.
    pub fn make_temporary(&self, name: &str, content: &[u8]) -> Result<NamedFile, IoError> {
        let file = self.open(&temporary_name(name), Access::OpenOrCreate)?;
        file.set_len(0)?;
        file.write_once(content, 0)?;
        Ok(file)
    }

    /// Gives a file that was made and synced under its temporary name its own, durably.
    pub(crate) fn reveal(&self, name: &str) -> Result<(), IoError> {
        self.rename(&temporary_name(name), name)?;
        if planted!("skip-the-directory-sync") { Ok(()) } else { self.sync() }
    }

    /// What stands in it, in no order.
    ///
    /// # Errors
    /// The system refuses.
    pub fn list(&self) -> Result<Vec<Entry>, IoError> {
        self.storage.list().map_err(IoError::on("list", self.path()))
    }

    /// Whether something that is no regular file stands under a name: it is never opened.
    pub(crate) fn is_irregular(&self, name: &str) -> Result<bool, IoError> {
        Ok(self.list()?.iter().any(|entry| entry.name == name && entry.kind == EntryKind::Other))
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// The system refuses.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), IoError> {
        self.storage.rename(from, to).map_err(IoError::on("rename", self.path_of(from)))
    }

    /// Takes a name away.
    ///
    /// # Errors
    /// The system refuses, or there is no file of that name.
    pub fn remove(&self, name: &str) -> Result<(), IoError> {
        self.storage.remove(name).map_err(IoError::on("remove", self.path_of(name)))
    }

    pub(crate) fn sync(&self) -> Result<(), IoError> {
        self.storage.sync_dir().map_err(IoError::on("sync", self.path()))
    }

    pub(crate) fn sync_parent(&self) -> Result<(), IoError> {
        self.storage.sync_parent().map_err(IoError::on("sync the parent of", self.path()))
    }

    pub(crate) fn id_of(&self, name: &str) -> Result<FileId, IoError> {
        self.storage.id_of(name).map_err(IoError::on("look up", self.path_of(name)))
    }
}

/// An open file that knows its name.
#[derive(Clone, Debug)]
pub struct NamedFile {
    file: Arc<dyn File>,
    path: String,
}

impl NamedFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same file, under the name that it has been given meanwhile.
    pub(crate) fn renamed(self, path: String) -> Self {
        Self { path, ..self }
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// The system refuses.
    pub fn length(&self) -> Result<u64, IoError> {
        self.file.len().map_err(self.failed("read the length of"))
    }

    /// Reads until `buffer` is full or the file ends; returns how many bytes came.
    ///
    /// # Errors
    /// The system refuses.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, IoError> {
        read_up_to_at(&*self.file, buffer, offset).map_err(self.failed("read"))
    }

    /// Writes all of `bytes` in one call; a short write is a failure.
    ///
    /// # Errors
    /// The system refuses, or takes fewer bytes.
    pub fn write_once(&self, bytes: &[u8], offset: u64) -> Result<(), IoError> {
        planted!("ignore-a-short-write" =>
            return self.file.write_at(bytes, offset).map(drop).map_err(self.failed("write")));
        write_once_at(&*self.file, bytes, offset).map_err(self.failed("write"))
    }

    /// Writes all of `bytes`, in as many calls as it takes: for files that are no part of a store before they are whole.
    ///
    /// # Errors
    /// The system refuses, or takes no more bytes.
    pub fn write_all(&self, bytes: &[u8], offset: u64) -> Result<(), IoError> {
        write_all_at(&*self.file, bytes, offset).map_err(self.failed("write"))
    }

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_len(&self, bytes: u64) -> Result<(), IoError> {
        self.file.set_len(bytes).map_err(self.failed("set the length of"))
    }

    /// Makes its data durable.
    ///
    /// # Errors
    /// The system refuses; what had been written since the last sync may or may not be durable.
    pub fn sync(&self) -> Result<(), IoError> {
        self.file.sync_data().map_err(self.failed("sync"))
    }

    /// Its first `bytes` as they stand in memory, where the storage maps files and can map this one. Asked only of what
    /// is not changed any more.
    pub(crate) fn map(&self, bytes: u64) -> Option<Mapped> {
        self.file.map(bytes).unwrap_or_else(|error| {
            tracing::debug!(file = self.path, %error, "it is not mapped, but read");
            None
        })
    }

    pub(crate) fn allocate(&self, offset: u64, bytes: u64) -> Result<(), IoError> {
        self.file.allocate(offset, bytes).map_err(self.failed("make room in"))
    }

    pub(crate) fn drop_cached(&self, offset: u64, bytes: u64) -> Result<(), IoError> {
        self.file.drop_cached(offset, bytes).map_err(self.failed("drop the cached pages of"))
    }

    pub(crate) fn try_lock(&self, kind: LockKind) -> Result<bool, IoError> {
        self.file.try_lock(kind).map_err(self.failed("lock"))
    }

    pub(crate) fn unlock(&self) -> Result<(), IoError> {
        self.file.unlock().map_err(self.failed("unlock"))
    }

    pub(crate) fn id(&self) -> Result<FileId, IoError> {
        self.file.id().map_err(self.failed("look up"))
    }

    fn failed(&self, operation: &'static str) -> impl FnOnce(std::io::Error) -> IoError {
        IoError::on(operation, self.path.as_str())
    }
}
