//! Rounds of many callers: the store and the bare loops take turns on one disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use causelog::{Durability, IoError};
use tempfile::TempDir;

use crate::BenchError;
use crate::bare::Leader;
use crate::callers::Callers;
use crate::events::Events;
use crate::figures::{Figures, float};
use crate::latencies::Latencies;
use crate::target::{Target, Written};

/// How much a side may have written before it begins anew, between two turns: no more than this and a turn's bytes
/// are on the disk for each side, however long the measurement.
const SIDE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What is appended, and how.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// How many threads append at a time; at least 1.
    pub callers: u16,
    /// The length of each event's payload; at least 1.
    pub payload_bytes: usize,
    /// How many events an append has; at least 1.
    pub batch: usize,
    /// When an append is answered.
    pub durability: Durability,
    /// How the bare group commit leads.
    pub leader: Leader,
}

/// A store, the bare loop of one caller and, where the store shares syncs or leaves them out, a bare loop that does so
/// too, with the threads that append to them. All files are in one directory, and go when it is dropped.
#[derive(Debug)]
pub struct Rounds {
    store: Side,
    bare_loop: Side,
    /// As many callers as the store has, in its durability, if that is another loop than the first.
    like: Option<Side>,
    /// The only caller of the bare loop, where there are others.
    alone: Option<Callers>,
    callers: Callers,
    // Behind all that writes to it, since fields go in order.
    _directory: TempDir,
}

/// What was measured of one side.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Round by round.
    pub events_per_s: Figures,
    /// Of all appends of all rounds.
    pub latencies: Latencies,
    /// In all rounds.
    pub events: u64,
    /// Data syncs in all rounds.
    pub syncs: u64,
}

impl Measured {
    /// How many events shared a data sync; `None` if there was none.
    #[must_use]
    pub fn events_per_sync(&self) -> Option<f64> {
        (self.syncs > 0).then(|| float(self.events) / float(self.syncs))
    }
}

impl Rounds {
    /// Makes everything, in a directory of its own inside `parent`.
    ///
    /// # Errors
    /// See [`BenchError`].
    pub fn prepare(parent: &Path, workload: Workload) -> Result<Self, BenchError> {
        let shown = parent.display().to_string();
        let directory = TempDir::new_in(parent).map_err(IoError::on("make a directory in", shown))?;
        let path = |name| directory.path().join(name);
        let (store, written) = Side::store(path("store"), workload)?;
        let bare_loop = Side::bare(path("bare-loop"), workload, Kind::BareLoop, written.clone())?;
        let several = workload.callers > 1;
        let like = (several || workload.durability != Durability::Sync)
            .then(|| Side::bare(path("bare-group-commit"), workload, Kind::BareGroupCommit, written));
        Ok(Self {
            store,
            bare_loop,
            like: like.transpose()?,
            alone: several.then(|| Callers::start(1, workload.payload_bytes)).transpose()?,
            callers: Callers::start(workload.callers, workload.payload_bytes)?,
            _directory: directory,
        })
    }

    /// One turn of each, each for this long or for one append of each caller.
    ///
    /// # Errors
    /// See [`BenchError`]. There is no other round then.
    pub fn round(&mut self, turn: Duration) -> Result<(), BenchError> {
        let Self { store, bare_loop, like, alone, callers, .. } = self;
        store.turn(callers, turn)?;
        bare_loop.turn(alone.as_mut().unwrap_or(callers), turn)?;
        match like {
            Some(side) => side.turn(callers, turn),
            None => Ok(()),
        }
    }

    /// How many turns a round has.
    #[must_use]
    pub fn turns(&self) -> u32 {
        if self.like.is_some() { 3 } else { 2 }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Measured {
        &self.store.measured
    }

    /// The bare loop of one caller, which syncs each append, whatever the store does.
    #[must_use]
    pub fn bare_loop(&self) -> &Measured {
        &self.bare_loop.measured
    }

    /// What the store is compared with: as many callers in its durability, or the bare loop of one caller if that is
    /// the same.
    #[must_use]
    pub fn bare(&self) -> &Measured {
        self.like.as_ref().map_or(self.bare_loop(), |side| &side.measured)
    }

    /// The store's speed as a part of the bare one's, round by round.
    #[must_use]
    pub fn ratios(&self) -> Figures {
        self.store().events_per_s.ratios(&self.bare().events_per_s)
    }
}

/// One of those that take turns.
#[derive(Debug)]
struct Side {
    kind: Kind,
    workload: Workload,
    written: Written,
    directory: PathBuf,
    /// `None` only while it is made anew, and after that has failed.
    target: Option<Arc<Target>>,
    /// Bytes since it was made.
    bytes: u64,
    /// Bytes of the last turn.
    turn_bytes: u64,
    measured: Measured,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Store,
    BareLoop,
    BareGroupCommit,
}

impl Side {
    fn store(directory: PathBuf, workload: Workload) -> Result<(Self, Written), BenchError> {
        let (target, written) = open_store(&directory, workload)?;
        Ok((Self::new(directory, workload, Kind::Store, written.clone(), target), written))
    }

    fn bare(
        directory: PathBuf,
        workload: Workload,
        kind: Kind,
        written: Written,
    ) -> Result<Self, BenchError> {
        let target = make(kind, &directory, workload, &written)?;
        Ok(Self::new(directory, workload, kind, written, target))
    }

    fn new(directory: PathBuf, workload: Workload, kind: Kind, written: Written, target: Target) -> Self {
        Self {
            kind,
            workload,
            written,
            directory,
            target: Some(Arc::new(target)),
            bytes: 0,
            turn_bytes: 0,
            measured: Measured::default(),
        }
    }

    fn turn(&mut self, callers: &mut Callers, time: Duration) -> Result<(), BenchError> {
        let target = self.ready()?;
        let syncs = target.syncs();
        let took = callers.turn(&target, time, &mut self.measured.latencies)?;
        // A sync that is still due belongs to this turn, not to the next one's.
        let time = took.time + target.settle()?;
        let events = took.appends.saturating_mul(length(self.workload.batch));
        self.measured.events_per_s.push(float(events) / time.as_secs_f64().max(f64::MIN_POSITIVE));
        self.measured.events += events;
        self.measured.syncs += target.syncs() - syncs;
        self.turn_bytes = took.appends.saturating_mul(length(self.written.frames.len()));
        self.bytes = self.bytes.saturating_add(self.turn_bytes);
        Ok(())
    }

    /// The target, with room for a turn that writes twice as much as the last one.
    fn ready(&mut self) -> Result<Arc<Target>, BenchError> {
        let target = match self.target.take() {
            Some(target) if self.bytes <= SIDE_BYTES_MAX => target,
            old => {
                if let Some(old) = old.and_then(Arc::into_inner) {
                    old.close()?;
                }
                let shown = self.directory.display().to_string();
                fs::remove_dir_all(&self.directory).map_err(IoError::on("remove", shown))?;
                self.bytes = 0;
                Arc::new(make(self.kind, &self.directory, self.workload, &self.written)?)
            }
        };
        target.reserve(self.turn_bytes.saturating_mul(2))?;
        self.target = Some(Arc::clone(&target));
        Ok(target)
    }
}

fn make(kind: Kind, directory: &Path, workload: Workload, written: &Written) -> Result<Target, BenchError> {
    match kind {
        Kind::Store => Ok(open_store(directory, workload)?.0),
        Kind::BareLoop => Target::bare_loop(directory, Durability::Sync, written),
        Kind::BareGroupCommit => {
            Target::bare_group_commit(directory, workload.durability, workload.leader, written)
        }
    }
}

fn open_store(directory: &Path, workload: Workload) -> Result<(Target, Written), BenchError> {
    let mut events = Events::exact(workload.payload_bytes)?;
    Target::store(directory, workload.durability, workload.batch, &mut events)
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
