//! What gates judge: one event, or several that belong together.

use causelog_types::{NewEvent, limits};

use crate::GateError;

/// One or more events offered together: all of them are admitted, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a proposal does nothing until gates are asked about it"]
pub struct Proposal {
    events: Vec<NewEvent>,
}

impl Proposal {
    /// Proposes one event.
    pub fn new(event: NewEvent) -> Self {
        Self { events: vec![event] }
    }

    /// Proposes several events, in the order in which they are to stand in the log.
    ///
    /// # Errors
    /// [`GateError::EmptyBatch`] for none, [`GateError::BatchTooLarge`] for more than
    /// [`BATCH_EVENTS_MAX`](limits::BATCH_EVENTS_MAX).
    pub fn batch(events: Vec<NewEvent>) -> Result<Self, GateError> {
        let (count, limit) = (events.len(), limits::BATCH_EVENTS_MAX);
        match count {
            0 => Err(GateError::EmptyBatch),
            _ if count > limit => Err(GateError::BatchTooLarge { count, limit }),
            _ => Ok(Self { events }),
        }
    }

    /// The events, in order; at least one.
    #[must_use]
    pub fn events(&self) -> &[NewEvent] {
        &self.events
    }

    /// Takes the events out again.
    #[must_use]
    pub fn into_events(self) -> Vec<NewEvent> {
        self.events
    }
}
