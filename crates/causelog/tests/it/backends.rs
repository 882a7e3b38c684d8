//! The index backends that a test can run on.

use std::sync::Arc;

use causelog::{Index, MemoryIndex, MemoryStorage, Store};
use causelog_index_redb::{Check, RedbIndex};

use crate::helpers::{Lab, options};

/// Which index answers.
pub(crate) enum Backend {
    Default,
    /// The same, with sealed segments mapped.
    Mapped,
    Memory,
    /// A database on a disk of its own, which ends as the store's does.
    Redb(MemoryStorage),
}

impl Backend {
    pub(crate) fn open(&self, lab: &Lab, disk: &MemoryStorage) -> Store {
        let index: Arc<dyn Index> = match self {
            Self::Default => return lab.open(disk),
            Self::Mapped => return lab.open(&disk.with_maps()),
            Self::Memory => Arc::new(MemoryIndex::new()),
            Self::Redb(disk) => {
                let disk = Arc::new(disk.clone());
                Arc::new(RedbIndex::open_in(disk, "index.redb", Check::Nothing).unwrap())
            }
        };
        options().index(index).open_in(lab.environment(disk)).unwrap()
    }
}
