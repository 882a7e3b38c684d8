//! The names of a directory: what a process sees, what a power cut leaves, and the changes between the two.

use std::collections::{BTreeMap, BTreeSet};

/// Names, each leading to the number of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) current: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Link {
        name: String,
        inode: u64,
    },
    Unlink {
        name: String,
    },
    /// One change and not two: after a power cut the file has the old name or the new one.
    Rename {
        from: String,
        to: String,
        inode: u64,
    },
}

impl Names {
    /// Names that are durable as they are.
    pub(super) fn synced(names: BTreeMap<String, u64>) -> Self {
        Self { durable: names.clone(), current: names, pending: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<u64> {
        self.current.get(name).copied()
    }

    /// The files to which a name leads, now or after a power cut: of the changes that are pending it may take any.
    pub(super) fn files(&self) -> BTreeSet<u64> {
        let changed = self.pending.iter().filter_map(|change| match change {
            Change::Link { inode, .. } | Change::Rename { inode, .. } => Some(*inode),
            Change::Unlink { .. } => None,
        });
        self.current.values().chain(self.durable.values()).copied().chain(changed).collect()
    }

    pub(super) fn link(&mut self, name: &str, inode: u64) {
        self.change(Change::Link { name: name.to_owned(), inode });
    }

    pub(super) fn unlink(&mut self, name: &str) {
        self.change(Change::Unlink { name: name.to_owned() });
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, inode: u64) {
        self.change(Change::Rename { from: from.to_owned(), to: to.to_owned(), inode });
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The names after the power was cut, with those of the changes that are drawn.
    pub(super) fn after_power_cut_by(&self, draw: &mut dyn FnMut(usize) -> usize) -> BTreeMap<String, u64> {
        let mut names = self.durable.clone();
        for change in &self.pending {
            if draw(2) == 1 {
                change.apply(&mut names);
            }
        }
        names
    }

    /// A sync that failed: the system counts the changes as written, and they never reach the device.
    pub(super) fn lose(&mut self) {
        self.pending.clear();
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            Self::Unlink { name } => {
                names.remove(name);
            }
            Self::Rename { from, to, inode } => {
                names.remove(from);
                names.insert(to.clone(), *inode);
            }
        }
    }
}
