//! The baseline of many callers.

use std::io;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::bare::BareFile;

/// A bare group commit: records of many callers go to disk by one write and one data sync, and each caller goes on
/// when its record is durable.
///
/// A caller puts its record into the group that is being filled. The caller that finds the file free takes it and
/// leads: it writes and syncs the group, while the next one fills. All others wait. Nobody is set aside to lead, so
/// there is no hand-over between a caller and a thread that writes.
///
/// With [`Leader::Gathers`] the leader gives up the processor before it takes the group, for as long as that lets
/// further records come. Those whom the sync before has just released are on their way with their next ones; without
/// this, they miss the group and wait for two syncs, and groups hold half of the callers.
#[derive(Debug)]
pub struct BareGroupCommit<F = BareFile> {
    state: Mutex<State<F>>,
    /// Callers wait for their group at the one of its parity, so that nobody is woken for another group.
    synced: [Condvar; 2],
    write_and_sync: fn(&mut F, &[u8]) -> io::Result<()>,
    leader: Leader,
    /// What each group begins with.
    header: Vec<u8>,
}

/// What a leader does before it takes the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leader {
    /// Nothing: the loop as it is commonly written, a mutex, a buffer and one leader syncing.
    Takes,
    /// It lets others come first: the harder one to be compared with.
    Gathers,
}

#[derive(Debug)]
struct State<F> {
    /// Who takes it out leads.
    file: Option<F>,
    /// The group that is being filled.
    group: Vec<u8>,
    /// The memory of the group before.
    spare: Vec<u8>,
    /// The number of the group that is being filled.
    filling: u64,
    /// The groups before this one are durable.
    durable: u64,
    /// After a failed write or sync nobody knows what is on disk.
    failure: Option<Failure>,
}

#[derive(Clone, Debug)]
struct Failure {
    kind: io::ErrorKind,
    message: String,
}

impl BareGroupCommit {
    /// Groups that begin with these bytes, as the store's begin with their header, into a file.
    #[must_use]
    pub fn new(file: BareFile, header: &[u8], leader: Leader) -> Self {
        Self { leader, ..Self::over(file, BareFile::write_and_sync, header) }
    }

    /// As [`BareFile::reserve`]; call it while nobody appends.
    ///
    /// # Errors
    /// The system refuses.
    pub fn reserve(&self, bytes: u64) -> io::Result<()> {
        self.lock().file.as_mut().map_or(Ok(()), |file| file.reserve(bytes))
    }

    /// How many data syncs there have been; call it while nobody appends.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().file.as_ref().map_or(0, BareFile::syncs)
    }
}

impl<F> BareGroupCommit<F> {
    fn over(file: F, write_and_sync: fn(&mut F, &[u8]) -> io::Result<()>, header: &[u8]) -> Self {
        let state = State {
            file: Some(file),
            group: header.to_vec(),
            spare: Vec::new(),
            filling: 0,
            durable: 0,
            failure: None,
        };
        let (synced, leader) = (Default::default(), Leader::Gathers);
        Self { state: Mutex::new(state), synced, write_and_sync, leader, header: header.to_vec() }
    }

    /// Adds a record. When this returns, it is on disk.
    ///
    /// # Errors
    /// A write or a sync has failed.
    pub fn append(&self, record: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.group.extend_from_slice(record);
        let group = state.filling;
        loop {
            if state.durable > group {
                return Ok(());
            }
            if let Some(Failure { kind, message }) = state.failure.clone() {
                return Err(io::Error::new(kind, message));
            }
            state = match state.file.take() {
                Some(file) => return self.lead(state, file),
                None => self.synced(group).wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Writes and syncs the group that is being filled, the caller's own.
    fn lead(&self, state: MutexGuard<'_, State<F>>, mut file: F) -> io::Result<()> {
        let mut state = match self.leader {
            Leader::Takes => state,
            Leader::Gathers => self.gather(state),
        };
        let next = mem::take(&mut state.spare);
        let mut bytes = mem::replace(&mut state.group, next);
        state.group.extend_from_slice(&self.header);
        let group = state.filling;
        state.filling += 1;
        drop(state);

        let written = (self.write_and_sync)(&mut file, &bytes);
        bytes.clear();

        let mut state = self.lock();
        match &written {
            Ok(()) => state.durable = state.filling,
            Err(error) => state.failure = Some(Failure { kind: error.kind(), message: error.to_string() }),
        }
        state.file = Some(file);
        state.spare = bytes;
        let next_waits = state.group.len() > self.header.len();
        // Whoever wakes can have the lock at once.
        drop(state);
        if next_waits {
            match &written {
                // One of them leads, unless a caller on its way comes first.
                Ok(()) => self.synced(group + 1).notify_one(),
                Err(_) => self.synced(group + 1).notify_all(),
            }
        }
        self.synced(group).notify_all();
        written
    }

    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State<F>>) -> MutexGuard<'a, State<F>> {
        loop {
            let bytes = state.group.len();
            drop(state);
            thread::yield_now();
            state = self.lock();
            if state.group.len() == bytes {
                return state;
            }
        }
    }

    fn synced(&self, group: u64) -> &Condvar {
        let [even, odd] = &self.synced;
        if group.is_multiple_of(2) { even } else { odd }
    }

    /// No caller panics with the lock held.
    fn lock(&self) -> MutexGuard<'_, State<F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
