//! The directory and its files, as one value behind one lock.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use crate::Access;
use crate::memory::names::Names;
use crate::memory::node::Node;
use crate::memory::plan::{Course, Operation, Plan};

/// A directory, its files, and what is to go wrong with them.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) names: Names,
    nodes: BTreeMap<u64, Node>,
    inodes: u64,
    handles: u64,
    pub(super) own_name: OwnName,
    pub(super) space: u64,
    pub(super) plan: Plan,
}

/// Whether the directory's own name in its parent is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnName {
    Durable,
    Pending,
    /// A failed sync has dropped it: later syncs succeed without it.
    Lost,
}

impl Disk {
    pub(super) fn new(files: Vec<(String, Vec<u8>)>, own_name: OwnName) -> Self {
        let (mut names, mut nodes) = (BTreeMap::new(), BTreeMap::new());
        for (inode, (name, bytes)) in (1..).zip(files) {
            names.insert(name, inode);
            nodes.insert(inode, Node::synced(bytes));
        }
        let inodes = nodes.keys().max().copied().unwrap_or(0);
        Self::of(Names::synced(names), nodes, inodes, own_name, u64::MAX)
    }

    pub(super) fn after_kill(&self) -> Self {
        let nodes = self.nodes.iter().map(|(inode, node)| (*inode, node.after_kill())).collect();
        let mut disk = Self::of(self.names.clone(), nodes, self.inodes, self.own_name, self.space);
        disk.collect();
        disk
    }

    pub(super) fn after_power_cut(&self) -> Self {
        if self.own_name != OwnName::Durable {
            return Self { space: self.space, ..Self::new(Vec::new(), OwnName::Pending) };
        }
        let nodes = self.nodes.iter().map(|(inode, node)| (*inode, node.after_power_cut())).collect();
        let names = Names::synced(self.names.durable.clone());
        let mut disk = Self::of(names, nodes, self.inodes, self.own_name, self.space);
        disk.collect();
        disk
    }

    pub(super) fn after_power_cut_by(&self, draw: &mut dyn FnMut(usize) -> usize) -> Self {
        let named = match self.own_name {
            OwnName::Durable => true,
            OwnName::Pending => draw(2) == 1,
            OwnName::Lost => false,
        };
        if !named {
            return Self { space: self.space, ..Self::new(Vec::new(), OwnName::Pending) };
        }
        let names = Names::synced(self.names.after_power_cut_by(draw));
        let named = names.files();
        let survives = |inode: &u64| named.contains(inode);
        let nodes = self.nodes.iter().filter(|(inode, _)| survives(inode));
        let nodes = nodes.map(|(inode, node)| (*inode, node.after_power_cut_by(draw))).collect();
        Self::of(names, nodes, self.inodes, OwnName::Durable, self.space)
    }

    fn of(names: Names, nodes: BTreeMap<u64, Node>, inodes: u64, own_name: OwnName, space: u64) -> Self {
        Self { names, nodes, inodes, handles: 0, own_name, space, plan: Plan::default() }
    }

    /// Begins an operation whose failing half-way has no meaning.
    pub(super) fn begin(&mut self, operation: Operation) -> io::Result<()> {
        let course = self.plan.begin(operation)?;
        assert_eq!(
            course,
            Course::Whole,
            "only reads and writes are cut short, only syncs lose or ignore changes"
        );
        Ok(())
    }

    pub(super) fn inode(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no file {name} in memory"))
        })
    }

    /// Opens a file; returns the numbers of the file and of the handle.
    pub(super) fn open(&mut self, name: &str, access: Access) -> io::Result<(u64, u64)> {
        let inode = match (access, self.names.get(name)) {
            (Access::CreateNew, Some(_)) => {
                let message = format!("there is a file {name} in memory already");
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
            (_, Some(inode)) => inode,
            (Access::CreateNew | Access::OpenOrCreate, None) => self.create(name),
            (Access::Read | Access::ReadWrite, None) => self.inode(name)?,
        };
        self.handles += 1;
        self.node(inode).handles += 1;
        Ok((inode, self.handles))
    }

    pub(super) fn close(&mut self, inode: u64, handle: u64) {
        let node = self.node(inode);
        node.handles -= 1;
        node.locks.remove(&handle);
        if node.handles == 0 {
            self.collect();
        }
    }

    /// The file of a number: there is one as long as a name leads to it or a handle is open.
    pub(super) fn node(&mut self, inode: u64) -> &mut Node {
        match self.nodes.get_mut(&inode) {
            Some(node) => node,
            None => unreachable!("file {inode} was forgotten while it was open or had a name"),
        }
    }

    /// Refuses what needs more space than there is.
    pub(super) fn check_space(&self, name: &str, inode: u64, range: &Range<u64>) -> io::Result<()> {
        if self.space == u64::MAX {
            return Ok(());
        }
        let missing = self.nodes.get(&inode).map_or(0, |node| node.room.missing(range));
        let free = self.space.saturating_sub(self.used());
        if missing > free {
            let message = format!("{name} needs {missing} more bytes on a disk in memory with {free} free");
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        Ok(())
    }

    /// Forgets files that nothing leads to any more.
    pub(super) fn collect(&mut self) {
        let named = self.names.files();
        self.nodes.retain(|inode, node| node.handles > 0 || named.contains(inode));
    }

    /// Space that files hold which have a name or are open; the system gives back the rest at once.
    fn used(&self) -> u64 {
        let named = |inode: &u64| self.names.current.values().any(|named| named == inode);
        let held = self.nodes.iter().filter(|(inode, node)| node.handles > 0 || named(inode));
        held.map(|(_, node)| node.room.total()).sum()
    }

    fn create(&mut self, name: &str) -> u64 {
        self.inodes += 1;
        self.nodes.insert(self.inodes, Node::default());
        self.names.link(name, self.inodes);
        self.inodes
    }
}
