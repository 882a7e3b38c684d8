//! When an append is answered.

use causelog::Options;

use crate::BenchError;

/// What has happened to an event when its append returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It is on disk.
    #[default]
    Sync,
    /// It has been given to the operating system; a sync begins at the latest so many milliseconds or events after
    /// the first one that is not synced.
    Interval {
        /// How long an event may wait for its sync to begin, in milliseconds; at least 1.
        max_ms: u64,
        /// How many events may wait for their sync; at least 1.
        max_events: u64,
    },
    /// It has been given to the operating system.
    Os,
}

/// Opens a store with this durability.
///
/// # Errors
/// The store does not have it.
pub(crate) fn apply_durability(options: Options, durability: Durability) -> Result<Options, BenchError> {
    match durability {
        Durability::Sync => Ok(options),
        Durability::Interval { .. } | Durability::Os => Err(BenchError::Durability),
    }
}
