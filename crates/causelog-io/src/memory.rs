//! A directory in memory that can lose what a disk can lose.

mod disk;
mod extents;
mod file;
mod names;
mod node;
mod plan;

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::memory::disk::{Disk, OwnName};
use crate::memory::file::MemoryFile;
use crate::memory::plan::{Course, sync_failed};
pub use crate::memory::plan::{Fault, Operation};
use crate::names::check_plain;
use crate::{Access, Entry, EntryKind, File, FileId, Storage};

/// A directory in memory, for tests. Clones are the same directory.
///
/// It keeps apart what a process sees and what is durable. A write, a change of length and an allocation are
/// durable after [`File::sync_data`]; creating, renaming and removing after [`Storage::sync_dir`]. So
/// [`power_cut`](Self::power_cut) gives the directory as the hardest loss leaves it, and [`kill`](Self::kill) as
/// the death of a process does. It is stricter than most file systems: nothing becomes durable by chance.
///
/// Every call through the seam is an operation: counted, recorded, and failed if that was asked for. Operations
/// are numbered over all files, in the order in which they begin.
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    disk: Arc<Mutex<Disk>>,
    maps: bool,
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStorage {
    /// An empty directory, itself durable.
    #[must_use]
    pub fn new() -> Self {
        Self::from_files(Vec::new())
    }

    /// An empty directory that has just been made: until [`Storage::sync_parent`], a power cut loses it with all
    /// that it holds.
    #[must_use]
    pub fn created() -> Self {
        Self::of(Disk::new(Vec::new(), OwnName::Pending))
    }

    /// A directory of these files, all durable. Of two with one name, the later stays.
    #[must_use]
    pub fn from_files(files: Vec<(String, Vec<u8>)>) -> Self {
        Self::of(Disk::new(files, OwnName::Durable))
    }

    /// All files as a process sees them, by name.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut disk = self.disk.lock();
        let named: Vec<_> = disk.names.current.iter().map(|(name, inode)| (name.clone(), *inode)).collect();
        named.into_iter().map(|(name, inode)| (name, disk.node(inode).current.clone())).collect()
    }

    /// Another directory, as this one would be found after a power cut now: only what was synced. This one goes on.
    ///
    /// A name that was synced before its file's data leads to an empty or shorter file. Locks, planned faults and
    /// the record are gone; the limit of space stays.
    #[must_use]
    pub fn power_cut(&self) -> Self {
        self.another(self.disk.lock().after_power_cut())
    }

    /// Another directory, as this one may be found after a power cut now: with some of what was not synced.
    ///
    /// Every choice is drawn: `draw(n)` gives a number below `n`. Which changes of the directory are there (2 for
    /// each, in their order); of each file its length, of those it had since it was synced; and for each of its
    /// sectors of 512 bytes how many of the writes to it. Always 0 gives what [`power_cut`](Self::power_cut)
    /// gives, and always the greatest number loses nothing. Drawn from a seed it is one of the many things that a
    /// disk may do; drawn in all ways it is all of them.
    ///
    /// # Panics
    /// If `draw` gives a number that is not below its bound.
    #[must_use]
    pub fn power_cut_by(&self, mut draw: impl FnMut(usize) -> usize) -> Self {
        let mut checked = |bound: usize| {
            let drawn = draw(bound);
            assert!(drawn < bound, "{drawn} was drawn, and not a number below {bound}");
            drawn
        };
        self.another(self.disk.lock().after_power_cut_by(&mut checked))
    }

    /// Another directory, as this one would be found after its process was killed now: everything a process saw,
    /// and what was not synced is not durable there either. This one goes on.
    ///
    /// Locks, planned faults and the record are gone; the limit of space stays.
    #[must_use]
    pub fn kill(&self) -> Self {
        self.another(self.disk.lock().after_kill())
    }

    /// Makes an operation fail: the next one is number 0. Several can be planned, one for each number.
    pub fn fail(&self, nth: u64, fault: Fault) {
        self.disk.lock().plan.fail(nth, fault);
    }

    /// Makes all operations fail from the nth on, the next one being number 0, with nothing done.
    ///
    /// Running a workload with each `nth` below the number of its operations, then [`power_cut`](Self::power_cut)
    /// or [`kill`](Self::kill), and opening again, tries every place where it can be cut.
    pub fn crash_at(&self, nth: u64) {
        self.disk.lock().plan.crash_at(nth);
    }

    /// Forgets planned faults and a crash: operations go on.
    ///
    /// With everything dropped that one process had open this is its death, beside which other processes live on.
    pub fn clear_faults(&self) {
        self.disk.lock().plan.clear();
    }

    /// Whether an operation has failed because of [`crash_at`](Self::crash_at).
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.disk.lock().plan.crashed()
    }

    /// How many operations there were, failed ones too.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk.lock().plan.operations
    }

    /// How many of them were such that [`Operation::mutates`].
    #[must_use]
    pub fn mutations(&self) -> u64 {
        self.disk.lock().plan.mutations
    }

    /// All operations since the beginning or [`clear_trace`](Self::clear_trace), in order, failed ones too.
    #[must_use]
    pub fn trace(&self) -> Vec<Operation> {
        self.disk.lock().plan.trace.clone()
    }

    /// Begins a new record. The counts and the numbers of planned faults stay.
    pub fn clear_trace(&self) {
        self.disk.lock().plan.trace.clear();
    }

    /// Limits the space that all files take together; `u64::MAX` is no limit.
    ///
    /// Writing and allocating take space for the bytes that had none; a length set beyond the end takes none. What
    /// would exceed the limit fails with `StorageFull` and does nothing. The limit may be below what is taken.
    pub fn set_space(&self, bytes: u64) {
        self.disk.lock().space = bytes;
    }

    /// The same directory, with files that can be mapped ([`File::map`]): as copies, which show no later change.
    #[must_use]
    pub fn with_maps(&self) -> Self {
        Self { maps: true, ..self.clone() }
    }

    fn of(disk: Disk) -> Self {
        Self { disk: Arc::new(Mutex::new(disk)), maps: false }
    }

    fn another(&self, disk: Disk) -> Self {
        Self { maps: self.maps, ..Self::of(disk) }
    }
}

impl Storage for MemoryStorage {
    fn display(&self) -> String {
        "memory".to_owned()
    }

    fn list(&self) -> io::Result<Vec<Entry>> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::List)?;
        let names = disk.names.current.keys();
        Ok(names.map(|name| Entry { name: name.clone(), kind: EntryKind::File }).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Open { name: name.to_owned(), access })?;
        check_plain(name)?;
        let (inode, handle) = disk.open(name, access)?;
        let writable = access != Access::Read;
        Ok(Arc::new(MemoryFile {
            disk: Arc::clone(&self.disk),
            name: name.to_owned(),
            inode,
            handle,
            writable,
            maps: self.maps,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        let course = disk.plan.begin(Operation::Rename { from: from.to_owned(), to: to.to_owned() })?;
        check_plain(from)?;
        check_plain(to)?;
        let inode = disk.inode(from)?;
        disk.names.rename(from, to, inode);
        disk.collect();
        course.answer(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::Remove { name: name.to_owned() })?;
        check_plain(name)?;
        disk.inode(name)?;
        disk.names.unlink(name);
        disk.collect();
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match disk.plan.begin(Operation::SyncDir)? {
            course @ (Course::Whole | Course::Short(_) | Course::Deny) => {
                disk.names.sync();
                disk.collect();
                course.answer(())
            }
            Course::Ignore => Ok(()),
            Course::Lose => {
                disk.names.lose();
                Err(sync_failed("the directory"))
            }
        }
    }

    fn sync_parent(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match (disk.plan.begin(Operation::SyncParent)?, disk.own_name) {
            (Course::Lose, own_name) => {
                if own_name == OwnName::Pending {
                    disk.own_name = OwnName::Lost;
                }
                Err(sync_failed("the parent directory"))
            }
            (Course::Ignore, _) => Ok(()),
            (course, own_name) => {
                if own_name == OwnName::Pending {
                    disk.own_name = OwnName::Durable;
                }
                course.answer(())
            }
        }
    }

    fn id_of(&self, name: &str) -> io::Result<FileId> {
        let mut disk = self.disk.lock();
        disk.begin(Operation::IdOf { name: name.to_owned() })?;
        check_plain(name)?;
        Ok(FileId { device: 0, inode: disk.inode(name)? })
    }
}
