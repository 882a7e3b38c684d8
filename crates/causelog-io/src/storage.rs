//! The seam: one directory and its files, by a few positional methods.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

/// One directory that holds a store.
///
/// Names are plain file names; links are not followed. Every method may fail, and none retries.
pub trait Storage: Send + Sync + 'static {
    /// Where it is, for messages.
    fn display(&self) -> String;

    /// All that is in it, in any order.
    fn list(&self) -> io::Result<Vec<Entry>>;

    /// Opens or creates a file.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>>;

    /// Gives a file a new name, in place of any file of that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file's name.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which names the directory holds.
    fn sync_dir(&self) -> io::Result<()>;

    /// Makes durable the directory's own name in its parent.
    fn sync_parent(&self) -> io::Result<()>;

    /// Which file a name leads to now, to be compared with [`File::id`].
    fn id_of(&self, name: &str) -> io::Result<FileId>;
}

/// An open file. Closed when the last handle is dropped, which also gives up its lock.
#[expect(clippy::len_without_is_empty, reason = "the length is asked of the system and can fail")]
pub trait File: Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Reads into `buffer` from `offset`; returns how many bytes came, fewer at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes `bytes` at `offset`; returns how many were taken.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Makes room for `bytes` from `offset`, read as zeros, so that a later write there needs no new space. It
    /// changes no byte that is there, and extends the file if it ends before.
    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// Makes durable the data, and as much of the file's length as reading it needs.
    fn sync_data(&self) -> io::Result<()>;

    /// Asks that the next read of this range comes from the device, not from memory. Without such a means it
    /// does nothing.
    fn drop_cached(&self, offset: u64, bytes: u64) -> io::Result<()>;

    /// Takes the file's lock without waiting, giving up any that this handle holds; `false` if others hold it.
    /// The operating system gives it up when the process ends.
    fn try_lock(&self, kind: LockKind) -> io::Result<bool>;

    /// Gives up the lock.
    fn unlock(&self) -> io::Result<()>;

    /// Which file it is.
    fn id(&self) -> io::Result<FileId>;

    /// Its first `bytes`, as they stand in memory; `None` where the storage does not map files. Asked only of what
    /// nobody changes or cuts any more.
    fn map(&self, bytes: u64) -> io::Result<Option<Mapped>> {
        let _ = bytes;
        Ok(None)
    }
}

/// The beginning of a file, mapped into memory. Cloning is cheap.
#[derive(Clone)]
pub struct Mapped(Arc<dyn Deref<Target = [u8]> + Send + Sync>);

impl Mapped {
    /// Takes what a storage has mapped.
    pub fn new(bytes: impl Deref<Target = [u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(bytes))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({} bytes)", self.len())
    }
}

/// What stands in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; a name that is not UTF-8 is given with replacement characters.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry of a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory, a link, or anything else that is never opened.
    Other,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An existing file, to be read only.
    Read,
    /// An existing file, to be read and written.
    ReadWrite,
    /// A new file, to be read and written; one that exists is an error.
    CreateNew,
    /// An existing or a new file, to be read and written; what it holds stays.
    OpenOrCreate,
}

/// How a file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Together with other shared holders.
    Shared,
    /// Alone.
    Exclusive,
}

/// Tells files apart, whatever their names, while one of them is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The file on it.
    pub inode: u64,
}

impl fmt::Debug for dyn Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.display())
    }
}

impl fmt::Debug for dyn File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("File")
    }
}
