//! The backend held to the contract, and its files to what they are bound to.

mod files;
mod histories;
mod inspecting;
mod log;
mod unreadable;

/// Spec: REGION-5, READ-1, READ-5
mod conformance {
    use std::sync::Arc;

    use causelog_index::conformance::Answers;
    use causelog_io::{Environment, MemoryStorage};
    use causelog_segment::{AppenderSettings, open_writer};

    use crate::shared::Settings;
    use crate::{IndexFiles, SealedIndex};

    /// Over an empty log. The suite's events stand in segments that are not there: no answer may depend on frames.
    fn index(files: IndexFiles, tail_events: usize) -> SealedIndex {
        let environment = Environment::real(Arc::new(MemoryStorage::new()));
        let (log, snapshot, _, _) = open_writer(&environment, AppenderSettings::default()).unwrap();
        let settings = Settings { tail_events, ..Settings::new(files, u64::MAX) };
        Arc::into_inner(SealedIndex::open_with(&log, &snapshot, settings)).unwrap()
    }

    causelog_index::conformance!(index(IndexFiles::MaintainedInline, 3), Answers::Exact);

    /// A thread writes and merges files while the suite asks.
    mod by_a_thread {
        use super::{Answers, IndexFiles, index};

        causelog_index::conformance!(@tests index(IndexFiles::Maintained, 2), Answers::Exact,
            follows_scripts, shows_readers_whole_groups
        );
    }
}
