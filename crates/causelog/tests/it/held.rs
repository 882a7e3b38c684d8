//! A directory in memory whose data syncs wait while its gate is shut, so that a test holds a group in flight; or whose
//! index files do, so that it holds the thread that writes them.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use causelog::{Environment, MemoryStorage, Options, Storage, Store};
use causelog_io::{Access, Entry, File, FileId, LockKind};

use crate::helpers::Lab;

/// Lets syncs, or index files that are begun, pass, or holds them.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    shut: bool,
    held: usize,
    /// How many may pass though it is shut.
    let_pass: usize,
    passed: usize,
    /// How often an index file was touched while nobody held the writer's lock.
    unlocked: usize,
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

    /// Waits until something is held.
    pub(crate) fn wait_until_held(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.held == 0).unwrap());
    }

    /// Whether something is held now.
    pub(crate) fn holds_one(&self) -> bool {
        self.0.0.lock().unwrap().held > 0
    }

    /// Lets one pass, if one is held.
    pub(crate) fn let_one_pass(&self) {
        let mut state = self.0.0.lock().unwrap();
        state.let_pass = state.held.min(1);
        self.0.1.notify_all();
    }

    /// How many have passed.
    pub(crate) fn passed(&self) -> usize {
        self.0.0.lock().unwrap().passed
    }

    /// How often an index file was written, renamed or removed while nobody held the writer's lock.
    pub(crate) fn unlocked(&self) -> usize {
        self.0.0.lock().unwrap().unlocked
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
            state = self.0.1.wait_while(state, |state| state.shut && state.let_pass == 0).unwrap();
            state.held -= 1;
            state.let_pass = state.let_pass.saturating_sub(1);
        }
        state.passed += 1;
    }
}

/// What a gate holds.
#[derive(Clone, Copy)]
enum Held {
    Syncs,
    /// Those of these names, when they are begun.
    IndexFiles(fn(&str) -> bool),
}

/// Opens a store whose data syncs a gate can hold.
#[track_caller]
pub(crate) fn open_held(lab: &Lab, disk: &MemoryStorage, options: Options) -> (Store, Gate) {
    let (environment, gate) = held(lab, disk);
    (options.open_in(environment).unwrap(), gate)
}

/// An environment whose data syncs a gate can hold, those of an open too.
pub(crate) fn held(lab: &Lab, disk: &MemoryStorage) -> (Environment, Gate) {
    behind_a_gate(lab, disk, Held::Syncs)
}

/// An environment in which a gate can hold index files of some names when they are begun.
pub(crate) fn held_index_files(
    lab: &Lab,
    disk: &MemoryStorage,
    which: fn(&str) -> bool,
) -> (Environment, Gate) {
    behind_a_gate(lab, disk, Held::IndexFiles(which))
}

fn behind_a_gate(lab: &Lab, disk: &MemoryStorage, held: Held) -> (Environment, Gate) {
    let gate = Gate::default();
    let storage = Arc::new(HeldStorage { disk: disk.clone(), gate: gate.clone(), held });
    (Environment { storage, ..lab.environment(disk) }, gate)
}

/// Whether nobody has a directory open to write.
pub(crate) fn is_unlocked(disk: &MemoryStorage) -> bool {
    disk.open("lock", Access::Read).is_ok_and(|lock| lock.try_lock(LockKind::Shared).unwrap())
}

#[derive(Clone)]
struct HeldStorage {
    disk: MemoryStorage,
    gate: Gate,
    held: Held,
}

struct HeldFile {
    file: Arc<dyn File>,
    name: String,
    storage: HeldStorage,
}

impl HeldStorage {
    /// Before a file is changed in any way.
    fn touch(&self, name: &str) {
        if name.contains(".idx") && is_unlocked(&self.disk) {
            self.gate.0.0.lock().unwrap().unlocked += 1;
        }
    }
}

impl Storage for HeldStorage {
    fn display(&self) -> String {
        self.disk.display()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        self.disk.list()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        if matches!(access, Access::CreateNew | Access::OpenOrCreate) {
            if matches!(self.held, Held::IndexFiles(which) if which(name)) {
                self.gate.pass();
            }
            self.touch(name);
        }
        let file = self.disk.open(name, access)?;
        Ok(Arc::new(HeldFile { file, name: name.to_owned(), storage: self.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.touch(from);
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.touch(name);
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
        self.storage.touch(&self.name);
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn allocate(&self, offset: u64, bytes: u64) -> io::Result<()> {
        self.file.allocate(offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        if matches!(self.storage.held, Held::Syncs) {
            self.storage.gate.pass();
        }
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
