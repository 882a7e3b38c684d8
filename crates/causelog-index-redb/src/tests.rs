//! The backend held to the contract, and its file to what is promised of it.

mod files;
mod log;

/// Spec: REGION-5, READ-1, READ-5
mod conformance {
    use std::sync::Arc;

    use causelog_index::conformance::{Answers, Start};
    use causelog_io::MemoryStorage;

    use crate::{Check, RedbIndex};

    fn open(disk: &MemoryStorage) -> RedbIndex {
        RedbIndex::open_in(Arc::new(disk.clone()), "index.redb", Check::Nothing).unwrap()
    }

    causelog_index::conformance!(open(&MemoryStorage::new()), Answers::Exact);

    /// A crash takes all that was not synced; every few groups are.
    fn reopen(disk: &mut MemoryStorage, start: Start<RedbIndex>) -> RedbIndex {
        match start {
            Start::First => {}
            Start::AfterClose(index) => drop(index),
            Start::AfterCrash(index) => {
                *disk = disk.power_cut();
                // It must not go on writing.
                std::mem::forget(index);
            }
        }
        let mut index = open(disk);
        index.unsynced_max = 20;
        index
    }

    causelog_index::conformance_restarts!(MemoryStorage::new(), reopen, Answers::Exact);
}
