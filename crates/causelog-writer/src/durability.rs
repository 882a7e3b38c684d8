//! When an append is answered: after its sync, or earlier.

/// What has happened to an event when its append returns.
///
/// In every mode the segments before the last one are synced, a clean close syncs everything, and an append may
/// ask for its own sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It is on disk. A power cut loses nothing that was acknowledged.
    #[default]
    Sync,
    /// It has been given to the operating system; a sync begins at the latest `max_ms` milliseconds or
    /// `max_events` events after the first one that is not synced. A power cut loses at most those, a kill of the
    /// process nothing.
    Interval {
        /// How long an event may wait for its sync to begin, in milliseconds: 1 to 86,400,000, a day.
        max_ms: u64,
        /// How many events may wait for their sync; at least 1.
        max_events: u64,
    },
    /// It has been given to the operating system, which writes it when it likes. A power cut loses what that has
    /// not written, a kill of the process nothing. Readers in other processes see only what is synced: nothing new
    /// until a segment is full, a sync is asked for, or the store is closed.
    Os,
}

/// What becomes of a writer after a panic in it. How to wait between restarts is up to the application.
///
/// The callers that were waiting are told "unknown". A restart recovers from the files, as an open does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// It is started again once, and after a second panic no more.
    #[default]
    Once,
    /// It is started again, but not more often than `max_restarts` times within `within_ms` milliseconds.
    Bounded {
        /// How many restarts; 0 for none.
        max_restarts: u32,
        /// Within how many milliseconds; at least 1.
        within_ms: u64,
    },
}

/// Counts restarts against a policy.
#[derive(Debug)]
pub(crate) struct RestartBudget {
    policy: RestartPolicy,
    /// When there was a restart, by the monotonic clock.
    at_ms: Vec<u64>,
}

impl RestartBudget {
    pub(crate) fn new(policy: RestartPolicy) -> Self {
        Self { policy, at_ms: Vec::new() }
    }

    /// Takes one restart from what is left; whether there was one.
    pub(crate) fn take(&mut self, now_ms: u64) -> bool {
        let most = match self.policy {
            RestartPolicy::Once => 1,
            RestartPolicy::Bounded { max_restarts, within_ms } => {
                self.at_ms.retain(|at| now_ms.saturating_sub(*at) < within_ms);
                usize::try_from(max_restarts).unwrap_or(usize::MAX)
            }
        };
        let left = self.at_ms.len() < most;
        if left {
            self.at_ms.push(now_ms);
        }
        left
    }
}
