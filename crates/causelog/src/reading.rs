//! Reads that can be appended upon.

use causelog_reader::ReadError;
use causelog_types::{Event, Position, Region, StoreId};

/// The events of a query, read as they are asked for, as of the moment of the question: what is appended later
/// does not show. After an error there are no more.
#[derive(Debug)]
pub struct Events {
    events: causelog_reader::Events,
    witness: Witness,
}

impl Events {
    pub(crate) fn new(events: causelog_reader::Events, region: Region, store: StoreId) -> Self {
        let witness = Witness { store, region, end: events.as_of() };
        Self { events, witness }
    }

    /// What was asked and when, to append only if nothing of it has changed since: see
    /// [`Batch::if_unchanged`](crate::Batch::if_unchanged). It stands for the whole region of the query, however
    /// much of it is read.
    #[must_use]
    pub fn witness(&self) -> Witness {
        self.witness.clone()
    }
}

impl Iterator for Events {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.events.next()
    }
}

/// Tells which region was read, and up to where the store went then. Only a read makes one, and only the store
/// that was read takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    pub(crate) store: StoreId,
    pub(crate) region: Region,
    pub(crate) end: Position,
}

impl Witness {
    /// What was read.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Up to where the store went when the read began.
    #[must_use]
    pub fn end(&self) -> Position {
        self.end
    }
}
