//! What was called, and which call is to fail.

use std::collections::BTreeMap;
use std::io;

use crate::{Access, LockKind};

/// One call through the seam, as [`MemoryStorage::trace`](crate::MemoryStorage::trace) tells it.
///
/// Calls that fail are told too. A file has the name under which it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the arguments of the methods of the same names")]
pub enum Operation {
    /// `Storage::list`.
    List,
    /// `Storage::open`.
    Open { name: String, access: Access },
    /// `Storage::rename`.
    Rename { from: String, to: String },
    /// `Storage::remove`.
    Remove { name: String },
    /// `Storage::sync_dir`.
    SyncDir,
    /// `Storage::sync_parent`.
    SyncParent,
    /// `Storage::id_of`.
    IdOf { name: String },
    /// `File::len`.
    Len { name: String },
    /// `File::read_at`, with the number of bytes that came.
    Read { name: String, offset: u64, bytes: u64 },
    /// `File::write_at`, with the number of bytes offered.
    Write { name: String, offset: u64, bytes: u64 },
    /// `File::set_len`.
    SetLen { name: String, bytes: u64 },
    /// `File::allocate`.
    Allocate { name: String, offset: u64, bytes: u64 },
    /// `File::sync_data`.
    SyncData { name: String },
    /// `File::drop_cached`.
    DropCached { name: String, offset: u64, bytes: u64 },
    /// `File::try_lock`.
    TryLock { name: String, kind: LockKind },
    /// `File::unlock`.
    Unlock { name: String },
    /// `File::id`.
    Id { name: String },
}

impl Operation {
    /// Whether it can change what is on the disk, or what of it is durable.
    #[must_use]
    pub fn mutates(&self) -> bool {
        match self {
            Self::Open { access, .. } => matches!(access, Access::CreateNew | Access::OpenOrCreate),
            Self::Rename { .. } | Self::Remove { .. } | Self::SyncDir | Self::SyncParent => true,
            Self::Write { .. } | Self::SetLen { .. } | Self::Allocate { .. } | Self::SyncData { .. } => true,
            Self::List | Self::IdOf { .. } | Self::Len { .. } | Self::Read { .. } | Self::Id { .. } => false,
            Self::DropCached { .. } | Self::TryLock { .. } | Self::Unlock { .. } => false,
        }
    }

    /// Whether it makes something durable: of a file, of the directory, or of its parent.
    #[must_use]
    pub fn is_sync(&self) -> bool {
        matches!(self, Self::SyncData { .. } | Self::SyncDir | Self::SyncParent)
    }
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With this error; nothing is done. What a sync was to make durable is left to the next one.
    Error(io::ErrorKind),
    /// With this error number of the operating system; nothing is done.
    Os(i32),
    /// A read gives at most this many bytes and never none for it, as the system may at any time. Any other
    /// operation fails with nothing done.
    ShortRead(usize),
    /// A write takes only this many bytes, and says so. Any other operation fails with nothing done.
    ShortWrite(usize),
    /// A sync fails, and what it was to make durable counts as clean from then on: reads still see it, a later
    /// sync succeeds without it, a power cut loses it. Any other operation fails with nothing done.
    SyncFailsAndDrops,
    /// A write, a rename or a sync is carried out as a whole, and then reported as failed: what is on the disk is not
    /// what the answer says. Any other operation fails with nothing done.
    DoneAndFails,
    /// A sync answers that all is well and does nothing, as if the call were not in the program: it shows whether
    /// a test would notice. Any other operation is carried out.
    SyncIgnored,
    /// The call panics, as a defect behind it would make it; nothing is done.
    Panic,
}

/// How an operation goes on that is allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Whole,
    Short(usize),
    Lose,
    Ignore,
    Deny,
}

impl Course {
    /// The answer to an operation that is done.
    pub(super) fn answer<T>(self, done: T) -> io::Result<T> {
        match self {
            Self::Deny => Err(io::Error::other("a planned fault: it is done, and reported as failed")),
            _ => Ok(done),
        }
    }
}

/// Counts and records operations, and fails those that are planned to.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) operations: u64,
    pub(super) mutations: u64,
    pub(super) trace: Vec<Operation>,
    faults: BTreeMap<u64, Fault>,
    crash: Option<u64>,
}

impl Plan {
    pub(super) fn fail(&mut self, nth: u64, fault: Fault) {
        self.faults.insert(self.operations.saturating_add(nth), fault);
    }

    pub(super) fn crash_at(&mut self, nth: u64) {
        self.crash = Some(self.operations.saturating_add(nth));
    }

    pub(super) fn clear(&mut self) {
        (self.faults, self.crash) = (BTreeMap::new(), None);
    }

    pub(super) fn crashed(&self) -> bool {
        self.crash.is_some_and(|crash| self.operations > crash)
    }

    /// Notes how many bytes the read that has just begun gave.
    pub(super) fn note_read(&mut self, count: u64) {
        if let Some(Operation::Read { bytes, .. }) = self.trace.last_mut() {
            *bytes = count;
        }
    }

    /// Begins an operation.
    pub(super) fn begin(&mut self, operation: Operation) -> io::Result<Course> {
        let number = self.operations;
        let (writes, syncs) = (matches!(operation, Operation::Write { .. }), operation.is_sync());
        let reads = matches!(operation, Operation::Read { .. });
        let renames = matches!(operation, Operation::Rename { .. });
        self.operations += 1;
        self.mutations += u64::from(operation.mutates());
        let failed = |kind, reason| Err(io::Error::new(kind, format!("{reason} {number}: {operation:?}")));
        let course = if self.crash.is_some_and(|crash| number >= crash) {
            failed(io::ErrorKind::Other, "the disk is gone, at operation")
        } else {
            match self.faults.remove(&number) {
                None => Ok(Course::Whole),
                Some(Fault::ShortWrite(bytes)) if writes => Ok(Course::Short(bytes)),
                Some(Fault::ShortRead(bytes)) if reads => Ok(Course::Short(bytes.max(1))),
                Some(Fault::SyncFailsAndDrops) if syncs => Ok(Course::Lose),
                Some(Fault::DoneAndFails) if writes || syncs || renames => Ok(Course::Deny),
                Some(Fault::SyncIgnored) => Ok(if syncs { Course::Ignore } else { Course::Whole }),
                Some(Fault::Panic) => {
                    self.trace.push(operation);
                    // Without the hook: it is expected, and its message would only be noise.
                    std::panic::resume_unwind(Box::new("a planned panic"))
                }
                Some(Fault::Os(number)) => Err(io::Error::from_raw_os_error(number)),
                Some(Fault::Error(kind)) => failed(kind, "a planned fault of operation"),
                Some(_) => failed(io::ErrorKind::Other, "a planned fault of operation"),
            }
        };
        self.trace.push(operation);
        course
    }
}

/// What a sync answers for which [`Course::Lose`] was planned.
pub(super) fn sync_failed(name: &str) -> io::Error {
    io::Error::other(format!("a planned fault: the sync of {name} failed, and its changes are lost"))
}
