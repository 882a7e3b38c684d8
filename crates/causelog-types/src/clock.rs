//! The hybrid logical clock.

use std::fmt;

use crate::{InvalidValue, planted};

/// The recorded time of an event: a hybrid logical clock (Kulkarni et al., 2014).
///
/// It strictly increases from event to event over the whole store, whatever the system's clock does, over
/// restarts too. Compared by wall time, then by counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc {
    /// Milliseconds since 1970-01-01 UTC, never less than those of the event before.
    pub wall_ms: u64,
    /// Tells apart events of one millisecond; 0 when the wall time has moved on.
    pub counter: u32,
}

impl Hlc {
    /// The time of the next event, when the system's clock says `now_ms`.
    ///
    /// # Errors
    /// [`InvalidValue::Exhausted`] when no later time exists.
    pub fn next(self, now_ms: u64) -> Result<Self, InvalidValue> {
        planted!("clock-goes-back" => return Ok(Self { wall_ms: now_ms, counter: 0 }));
        let next = match self.counter.checked_add(1) {
            _ if now_ms > self.wall_ms => Self { wall_ms: now_ms, counter: 0 },
            Some(counter) => Self { counter, ..self },
            None => Self { wall_ms: self.wall_ms.saturating_add(1), counter: 0 },
        };
        // The greatest number stands for "no end" in ranges of time.
        match next.wall_ms < u64::MAX {
            true => Ok(next),
            false => Err(InvalidValue::Exhausted { what: "the clock, which must be set right," }),
        }
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.wall_ms, self.counter)
    }
}
