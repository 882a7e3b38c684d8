//! A directory in memory whose data syncs wait while its gate is shut, so that a test holds a group in flight.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use causelog::{Environment, MemoryStorage, Options, Storage, Store};
use causelog_io::{Access, Entry, File, FileId, LockKind};

use crate::helpers::Lab;

/// Lets syncs pass, or holds them.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    shut: bool,
    held: usize,
    /// The names of the threads that have synced.
    threads: Vec<Option<String>>,
}

impl Gate {
    pub(crate) fn shut(&self) {
        self.0.0.lock().unwrap().shut = true;
    }

    pub(crate) fn open(&self) {
        self.0.0.lock().unwrap().shut = false;
        self.0.1.notify_all();
    }

    /// Waits until a sync is held.
    pub(crate) fn wait_until_held(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.held == 0).unwrap());
    }

    pub(crate) fn threads(&self) -> Vec<Option<String>> {
        self.0.0.lock().unwrap().threads.clone()
    }

    fn pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.threads.push(thread::current().name().map(str::to_owned));
        if state.shut {
            state.held += 1;
            self.0.1.notify_all();
            let mut state = self.0.1.wait_while(state, |state| state.shut).unwrap();
            state.held -= 1;
        }
    }
}

/// Opens a store whose data syncs a gate can hold.
#[track_caller]
pub(crate) fn open_held(lab: &Lab, disk: &MemoryStorage, options: Options) -> (Store, Gate) {
    let (environment, gate) = held(lab, disk);
    (options.open_in(environment).unwrap(), gate)
}

/// An environment whose data syncs a gate can hold, those of an open too.
pub(crate) fn held(lab: &Lab, disk: &MemoryStorage) -> (Environment, Gate) {
    let gate = Gate::default();
    let storage = Arc::new(HeldStorage { disk: disk.clone(), gate: gate.clone() });
    (Environment { storage, ..lab.environment(disk) }, gate)
}

struct HeldStorage {
    disk: MemoryStorage,
    gate: Gate,
}

struct HeldFile {
    file: Arc<dyn File>,
    gate: Gate,
}

impl Storage for HeldStorage {
    fn display(&self) -> String {
        self.disk.display()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.disk.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(name, access)?;
        Ok(Arc::new(HeldFile { file, gate: self.gate.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }

    fn sync_parent(&self) -> io::Result<()> {
        self.disk.sync_parent()
    }

    fn id_of(&self, name: &str) -> io::Result<FileId> {
        self.disk.id_of(name)
    }
}

impl File for HeldFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
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
        self.gate.pass();
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
