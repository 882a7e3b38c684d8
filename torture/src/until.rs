//! When an instrument has done enough: after so many, or after so long.

use std::time::{Duration, Instant};

/// How much is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    count: u64,
    end: Option<Instant>,
}

impl Until {
    /// So many; or, if a time is given, as many as fit into it, and at least one.
    #[must_use]
    pub fn new(count: u64, seconds: Option<u64>) -> Self {
        match seconds {
            None => Self { count, end: None },
            Some(seconds) => {
                Self { count: u64::MAX, end: Instant::now().checked_add(Duration::from_secs(seconds)) }
            }
        }
    }

    /// Whether that is enough.
    #[must_use]
    pub fn is_over(&self, done: u64) -> bool {
        done >= self.count || done > 0 && self.end.is_some_and(|end| Instant::now() >= end)
    }
}
