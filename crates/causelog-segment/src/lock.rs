//! The directory's lock, and the slots of the published end that its file holds.

use causelog_io::{Access, Clock, IoError, LockKind, SystemClock};
use causelog_types::{ByteOffset, StoreId, planted};
use causelog_wire::layout::{SLOT_BYTES, SLOT_OFFSETS};
use causelog_wire::{Decoded, Slot};

use crate::directory::{Directory, NamedFile};
use crate::error::{Damage, DamageKind, LogError};
use crate::names::{LOCK_FILE, STORE_FILE};

/// How long a writer waits for readers that are looking at the end of the log, and a reader for a writer that opens.
const WAIT_MS: u64 = 2_000;
const RETRY_MS: u64 = 5;

/// The lock file, open; its lock is given up when this is dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: NamedFile,
    directory: Directory,
    /// Which slot is written next.
    turn: usize,
}

/// The writer's lock, held on while an appender is given up and another is made in its place.
#[derive(Clone, Debug)]
pub struct HeldLock(NamedFile);

/// What a reader gets that asks for the lock.
#[derive(Debug)]
pub(crate) enum SharedLock {
    /// There is no lock file, or none that a writer could take: nobody writes.
    Absent,
    /// Nobody writes while this is held.
    Granted(LockFile),
    /// A writer lives. The slots can be read.
    WriterLives(LockFile),
}

impl SharedLock {
    pub(crate) fn writer_lives(&self) -> bool {
        matches!(self, Self::WriterLives(_))
    }

    pub(crate) fn newest_slot(&mut self, store: StoreId) -> Result<Option<Slot>, IoError> {
        match self {
            Self::Absent => Ok(None),
            Self::Granted(lock) | Self::WriterLives(lock) => lock.newest_slot(store),
        }
    }

    /// Whether anything but zeros stands where slots do.
    pub(crate) fn has_bytes(&self) -> Result<bool, IoError> {
        let (Self::Granted(lock) | Self::WriterLives(lock)) = self else { return Ok(false) };
        for offset in SLOT_OFFSETS {
            let mut bytes = [0; SLOT_BYTES];
            lock.file.read(&mut bytes, offset)?;
            if bytes != [0; SLOT_BYTES] {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl LockFile {
    /// Takes the writer's lock.
    pub(crate) fn exclusive(directory: &Directory, clock: &dyn Clock) -> Result<Self, LogError> {
        let file = take_alone(directory, clock, || open_to_lock(directory))?;
        let lock = Self { file, directory: directory.clone(), turn: 0 };
        lock.check_place()?;
        Ok(lock)
    }

    /// The same lock, kept for as long as any of its holders is.
    pub(crate) fn held(&self) -> HeldLock {
        HeldLock(self.file.clone())
    }

    /// Goes on with a lock that has been held all the time.
    pub(crate) fn again(directory: &Directory, held: &HeldLock) -> Result<Self, LogError> {
        let lock = Self { file: held.0.clone(), directory: directory.clone(), turn: 0 };
        lock.check_place()?;
        Ok(lock)
    }

    /// Takes the lock together with other readers, without waiting.
    pub(crate) fn shared(directory: &Directory) -> Result<SharedLock, IoError> {
        let file = match directory.open_if_there(LOCK_FILE) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(SharedLock::Absent),
            // Whoever looks at the directory finds it, and names it.
            Err(_) if directory.is_irregular(LOCK_FILE)? => return Ok(SharedLock::Absent),
            Err(error) => return Err(error),
        };
        let granted = file.try_lock(LockKind::Shared)?;
        let lock = Self { file, directory: directory.clone(), turn: 0 };
        Ok(if granted { SharedLock::Granted(lock) } else { SharedLock::WriterLives(lock) })
    }

    /// Whether the lock file is still the one at its path.
    pub(crate) fn check_place(&self) -> Result<(), LogError> {
        let there = self.directory.id_of(LOCK_FILE);
        match there.is_ok_and(|there| self.file.id().is_ok_and(|held| held == there)) {
            true => Ok(()),
            false => Err(LogError::Moved { directory: self.directory.path() }),
        }
    }

    /// The newest valid slot; the next one is written over the other.
    pub(crate) fn newest_slot(&mut self, store: StoreId) -> Result<Option<Slot>, IoError> {
        let mut newest: Option<Slot> = None;
        for (i, offset) in SLOT_OFFSETS.into_iter().enumerate() {
            let mut bytes = [0; SLOT_BYTES];
            let read = self.file.read(&mut bytes, offset)?;
            if let Decoded::Whole(slot) = Slot::decode(&bytes[..read], store, ByteOffset(offset)) {
                let age = |slot: &Slot| (slot.position, slot.epoch);
                if newest.as_ref().is_none_or(|newest| age(&slot) >= age(newest)) {
                    newest = Some(slot);
                    self.turn = i + 1;
                }
            }
        }
        Ok(newest)
    }

    /// Writes the published end, in turn into one slot and the other. Not synced: it says what is durable.
    pub(crate) fn write_slot(&mut self, store: StoreId, slot: &Slot) -> Result<(), IoError> {
        let offset = SLOT_OFFSETS[self.turn % SLOT_OFFSETS.len()];
        self.file.write_once(&slot.encode(store, ByteOffset(offset)), offset)?;
        self.turn += 1;
        Ok(())
    }
}

/// Keeps readers waiting while a writer opens: taken before the log's lock, and given up once the recovered end is
/// published. So what was published by the writer that lives is told from what one before it had published. A store
/// that is being made has no such file, and nothing that anybody was shown.
pub(crate) fn hold_readers_off(
    directory: &Directory,
    clock: &dyn Clock,
) -> Result<Option<NamedFile>, LogError> {
    open_store(directory).map(|file| take_alone(directory, clock, || Ok(file.clone()))).transpose()
}

/// Waits for a writer that opens, but not for ever, and then keeps others from it: held by a reader from before it
/// asks for the log's lock until it has read the published end.
pub(crate) fn hold_writers_off(
    directory: &Directory,
    clock: &dyn Clock,
) -> Result<Option<NamedFile>, IoError> {
    let Some(file) = open_store(directory) else { return Ok(None) };
    let mut waited_ms = 0;
    while !file.try_lock(LockKind::Shared)? {
        if waited_ms >= WAIT_MS {
            return Ok(None);
        }
        clock.sleep_ms(RETRY_MS);
        waited_ms += RETRY_MS;
    }
    Ok(Some(file))
}

/// Keeps writers from opening a store that is to be looked through for long, without changing it.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) lock: SharedLock,
    /// What a writer that opens locks first: it stands in for a `lock` file that is missing.
    store: Option<NamedFile>,
}

impl Guard {
    pub(crate) fn take(directory: &Directory) -> Result<Self, LogError> {
        let store = hold_writers_off(directory, &SystemClock)?;
        let lock = LockFile::shared(directory)?;
        let guard = Self { lock, store };
        let writer_opens = !guard.holds_writers_off() && open_store(directory).is_some();
        match guard.lock.writer_lives() || writer_opens {
            true => Err(LogError::Locked { directory: directory.path() }),
            false => Ok(guard),
        }
    }

    pub(crate) fn holds_writers_off(&self) -> bool {
        matches!(self.lock, SharedLock::Granted(_)) || self.store.is_some()
    }
}

/// The `store` file, if it is there and can be opened; what is wrong with it is found and named by the survey.
fn open_store(directory: &Directory) -> Option<NamedFile> {
    directory.open_if_there(STORE_FILE).ok().flatten()
}

/// Takes a lock that only writers hold alone.
fn take_alone(
    directory: &Directory,
    clock: &dyn Clock,
    open: impl Fn() -> Result<NamedFile, LogError>,
) -> Result<NamedFile, LogError> {
    let mut waited_ms = 0;
    loop {
        let file = open()?;
        if file.try_lock(LockKind::Exclusive)? || planted!("two-writers") {
            return Ok(file);
        }
        // Whoever holds it alone is a writer; whoever shares it is a reader, and soon done.
        if !file.try_lock(LockKind::Shared)? || waited_ms >= WAIT_MS {
            return Err(LogError::Locked { directory: directory.path() });
        }
        file.unlock()?;
        clock.sleep_ms(RETRY_MS);
        waited_ms += RETRY_MS;
    }
}

fn open_to_lock(directory: &Directory) -> Result<NamedFile, LogError> {
    match directory.open(LOCK_FILE, Access::OpenOrCreate) {
        Ok(file) => Ok(file),
        Err(_) if directory.is_irregular(LOCK_FILE)? => {
            let file = directory.path_of(LOCK_FILE);
            Err(Damage { file, offset: ByteOffset(0), kind: DamageKind::NotAFile }.into())
        }
        Err(error) => Err(error.into()),
    }
}
