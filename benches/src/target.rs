//! What is measured: a store, and the bare loops beside it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use causelog::{Durability, Environment, IoError, OpenError, RealStorage, Store};

use crate::BenchError;
use crate::bare::{BareFile, BareGroupCommit, Leader, Room};
use crate::events::Events;
use crate::place;
use crate::syncs::SyncCount;

/// What is appended to, by many callers.
#[derive(Debug)]
pub(crate) enum Target {
    Store {
        store: Box<Store>,
        batch: usize,
        syncs: SyncCount,
        durability: Durability,
    },
    /// One caller: a write and a sync for each append.
    WriteAndSync {
        file: Mutex<BareFile>,
        group: Vec<u8>,
    },
    /// Many callers, who share writes and syncs.
    GroupCommit {
        groups: BareGroupCommit,
        frames: Vec<u8>,
    },
    /// A write for each append and no sync. There is no sync to be shared, so callers take turns.
    Write {
        file: Mutex<BareFile>,
        group: Vec<u8>,
    },
}

/// The bytes of a commit group that a store has written for one append.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) header: Vec<u8>,
    pub(crate) frames: Vec<u8>,
}

impl Written {
    fn whole(&self) -> Vec<u8> {
        [self.header.as_slice(), &self.frames].concat()
    }
}

impl Target {
    /// Makes a store in an empty directory and appends once; also returns what that wrote.
    pub(crate) fn store(
        directory: &Path,
        durability: Durability,
        batch: usize,
        events: &mut Events,
    ) -> Result<(Self, Written), BenchError> {
        let syncs = SyncCount::default();
        let storage = RealStorage::create(directory).map_err(|error| unopened(directory, error))?;
        let environment = Environment::real(syncs.count(Arc::new(storage)));
        let store = Store::options().durability(durability).open_in(environment)?;
        let receipts = store.append_batch(events.batch(batch)?)?;
        let group = place::written_by(directory, &receipts);
        let mut header = group.map_err(IoError::on("read a segment of", directory.display().to_string()))?;
        let frames = header.split_off(place::GROUP_HEADER_BYTES.min(header.len()));
        Ok((Self::Store { store: Box::new(store), batch, syncs, durability }, Written { header, frames }))
    }

    /// The bare loop of one caller.
    pub(crate) fn bare_loop(
        directory: &Path,
        durability: Durability,
        written: &Written,
    ) -> Result<Self, BenchError> {
        let file = Mutex::new(bare_file(directory)?);
        let group = written.whole();
        Ok(match durability {
            Durability::Sync => Self::WriteAndSync { file, group },
            Durability::Interval { .. } | Durability::Os => Self::Write { file, group },
        })
    }

    /// The bare loop of many callers.
    pub(crate) fn bare_group_commit(
        directory: &Path,
        durability: Durability,
        leader: Leader,
        written: &Written,
    ) -> Result<Self, BenchError> {
        Ok(match durability {
            Durability::Sync => {
                let groups = BareGroupCommit::new(bare_file(directory)?, &written.header, leader);
                Self::GroupCommit { groups, frames: written.frames.clone() }
            }
            weaker @ (Durability::Interval { .. } | Durability::Os) => {
                Self::bare_loop(directory, weaker, written)?
            }
        })
    }

    /// Makes room for this many bytes, where nothing is measured.
    pub(crate) fn reserve(&self, bytes: u64) -> Result<(), BenchError> {
        let reserved = match self {
            Self::Store { .. } => Ok(()),
            Self::WriteAndSync { file, .. } | Self::Write { file, .. } => lock(file).reserve(bytes),
            Self::GroupCommit { groups, .. } => groups.reserve(bytes),
        };
        reserved.map_err(BenchError::Bare)
    }

    /// Appends once; returns when that began and ended. The store's events are made before it begins.
    pub(crate) fn append(&self, events: &mut Events) -> Result<Range<Instant>, BenchError> {
        match self {
            Self::Store { store, batch: 1, .. } => {
                let event = events.next_event()?;
                let begun = Instant::now();
                store.append(event)?;
                Ok(begun..Instant::now())
            }
            Self::Store { store, batch, .. } => {
                let batch = events.batch(*batch)?;
                let begun = Instant::now();
                store.append_batch(batch)?;
                Ok(begun..Instant::now())
            }
            Self::WriteAndSync { file, group } => timed(|| lock(file).write_and_sync(group)),
            Self::GroupCommit { groups, frames } => timed(|| groups.append(frames)),
            Self::Write { file, group } => timed(|| lock(file).write(group)),
        }
    }

    /// Ends a turn: brings forward the sync that would fall due behind it. Returns how long that took.
    pub(crate) fn settle(&self) -> Result<Duration, BenchError> {
        let begun = Instant::now();
        if let Self::Store { store, durability: Durability::Interval { .. }, .. } = self {
            store.sync()?;
        }
        Ok(begun.elapsed())
    }

    /// How many data syncs there have been.
    pub(crate) fn syncs(&self) -> u64 {
        match self {
            Self::Store { syncs, .. } => syncs.get(),
            Self::WriteAndSync { file, .. } | Self::Write { file, .. } => lock(file).syncs(),
            Self::GroupCommit { groups, .. } => groups.syncs(),
        }
    }

    /// Closes it, and says whether that went well.
    pub(crate) fn close(self) -> Result<(), BenchError> {
        match self {
            Self::Store { store, .. } => Ok(store.close()?),
            Self::WriteAndSync { .. } | Self::GroupCommit { .. } | Self::Write { .. } => Ok(()),
        }
    }
}

fn bare_file(directory: &Path) -> Result<BareFile, BenchError> {
    std::fs::create_dir(directory).map_err(IoError::on("create", directory.display().to_string()))?;
    BareFile::create(directory, Room::Allocated).map_err(BenchError::Bare)
}

fn timed(append: impl FnOnce() -> io::Result<()>) -> Result<Range<Instant>, BenchError> {
    let begun = Instant::now();
    append().map_err(BenchError::Bare)?;
    Ok(begun..Instant::now())
}

/// No caller panics with the lock held.
fn lock(file: &Mutex<BareFile>) -> MutexGuard<'_, BareFile> {
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The storage has named the directory already, where it could.
fn unopened(directory: &Path, error: io::Error) -> OpenError {
    let error: IoError =
        error.downcast().unwrap_or_else(IoError::on("open", directory.display().to_string()));
    error.into()
}

#[cfg(test)]
mod tests {
    use super::{Leader, Target, Written};
    use crate::events::Events;
    use causelog::Durability;

    #[test]
    fn the_bare_loops_sync_as_the_durability_says() {
        let directory = tempfile::tempdir().unwrap();
        let written = Written { header: b"header".to_vec(), frames: b"frames".to_vec() };
        let interval = Durability::Interval { max_ms: 100, max_events: 1_000 };
        let mut events = Events::exact(1).unwrap();
        let path = directory.path().join("bare");
        for (durability, syncs) in [(Durability::Sync, 2), (interval, 0), (Durability::Os, 0)] {
            let group_commit = |leader| Target::bare_group_commit(&path, durability, leader, &written);
            let makes: [&dyn Fn() -> _; 3] = [
                &|| Target::bare_loop(&path, durability, &written),
                &|| group_commit(Leader::Takes),
                &|| group_commit(Leader::Gathers),
            ];
            for make in makes {
                let target = make().unwrap();
                (0..2).for_each(|_| assert!(target.append(&mut events).is_ok()));
                let found = std::fs::read(path.join("bare-0")).unwrap();
                assert!(found.starts_with(b"headerframesheaderframes\0"), "{target:?}");
                assert_eq!(target.syncs(), syncs, "{target:?}");
                std::fs::remove_dir_all(&path).unwrap();
            }
        }
    }
}
