//! Time and randomness, apart from files, and the three together.

use std::fmt;
use std::sync::Arc;

use crate::Storage;

/// A clock.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC; 0 before.
    fn now_ms(&self) -> u64;

    /// Milliseconds since some moment, never fewer than before, whatever is done to the wall clock.
    fn monotonic_ms(&self) -> u64;

    /// Waits.
    fn sleep_ms(&self, ms: u64);
}

/// A source of random bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `buffer`.
    ///
    /// # Errors
    /// The source has none to give.
    fn fill(&self, buffer: &mut [u8]) -> std::io::Result<()>;
}

/// All that a store asks of the world.
#[derive(Clone)]
pub struct Environment {
    /// The directory of the store.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("storage", &self.storage).finish_non_exhaustive()
    }
}
