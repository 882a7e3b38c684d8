//! What a writer is asked to do, prepared on the caller's thread.

use causelog_io::{Clock, IoError, Random};
use causelog_types::{EventHash, EventId, Evidence, Location, NewEvent, PayloadHash, Position, Revision};
use causelog_wire::hash;

/// Events to be appended together: all or none.
#[derive(Clone, Debug)]
pub struct Command {
    pub(crate) events: Vec<Prepared>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) origin: Origin,
}

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Application,
    Library,
}

/// An event with its id made and its payload hashed.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) event: NewEvent,
    pub(crate) id: EventId,
    pub(crate) payload_hash: PayloadHash,
}

impl Command {
    /// Prepares an application's events: makes the ids that are not given, and hashes the payloads.
    ///
    /// `evidence` says what allowed them; it is attached as it is.
    ///
    /// # Errors
    /// There is no randomness to make ids of.
    pub fn application(
        events: Vec<NewEvent>,
        evidence: Option<Evidence>,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, IoError> {
        Self::prepare(events, evidence, Origin::Application, clock, random)
    }

    /// Prepares events of which some may be the library's own, with reserved kinds and `$` entities.
    ///
    /// # Errors
    /// There is no randomness to make ids of.
    pub fn library(events: Vec<NewEvent>, clock: &dyn Clock, random: &dyn Random) -> Result<Self, IoError> {
        Self::prepare(events, None, Origin::Library, clock, random)
    }

    /// The ids of the events, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<EventId> {
        self.events.iter().map(|prepared| prepared.id).collect()
    }

    fn prepare(
        events: Vec<NewEvent>,
        evidence: Option<Evidence>,
        origin: Origin,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, IoError> {
        let mut prepared = Vec::with_capacity(events.len());
        for event in events {
            let id = match event.id() {
                Some(id) => id,
                None => new_id(clock, random)?,
            };
            let payload_hash = hash::payload(event.payload().as_bytes());
            prepared.push(Prepared { event, id, payload_hash });
        }
        Ok(Self { events: prepared, evidence, origin })
    }
}

/// Makes an event's id: a UUID of version 7.
///
/// # Errors
/// There is no randomness.
pub fn new_id(clock: &dyn Clock, random: &dyn Random) -> Result<EventId, IoError> {
    let mut bytes = [0; 10];
    random.fill(&mut bytes).map_err(IoError::on("draw", "an event id"))?;
    Ok(EventId::from_time(clock.now_ms(), bytes))
}

/// What an append did for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AppendReceipt {
    /// The event.
    pub id: EventId,
    /// Where it stands in the store.
    pub position: Position,
    /// Where it stands in its stream.
    pub revision: Revision,
    /// The hash of its header.
    pub hash: EventHash,
    /// Where its frame stands.
    pub location: Location,
    /// Whether this append wrote it.
    pub outcome: Outcome,
}

/// Whether an append wrote an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It wrote it.
    Written,
    /// It found it, with the same content: this is the first append's receipt.
    Found,
    /// It found it, with the same content as far as can be told: the payload has been erased since.
    FoundErased,
}
