//! The backend held to the contract, and its files to what they are bound to.

mod files;
mod inspecting;
mod log;

/// Spec: REGION-5, READ-1, READ-5
mod conformance {
    use std::sync::Arc;

    use causelog_index::conformance::Answers;
    use causelog_io::{Environment, MemoryStorage};
    use causelog_segment::{AppenderSettings, open_writer};

    use crate::{IndexFiles, SealedIndex};

    /// Over an empty log. The suite's events stand in segments that are not there, so that no index file can be
    /// written either: no answer may depend on that.
    fn index() -> SealedIndex {
        let environment = Environment::real(Arc::new(MemoryStorage::new()));
        let (log, snapshot, _, _) = open_writer(&environment, AppenderSettings::default()).unwrap();
        Arc::into_inner(SealedIndex::open(&log, &snapshot, IndexFiles::Maintained)).unwrap()
    }

    causelog_index::conformance!(index(), Answers::Exact);
}
