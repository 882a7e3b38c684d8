//! What a writer is asked to do, prepared on the caller's thread.

use causelog_io::{Clock, IoError, Random};
use causelog_types::{
    EventHash, EventId, Evidence, Location, NewEvent, PayloadHash, Position, Region, Revision,
};
use causelog_wire::hash;

use crate::durability::Durability;

/// Events to be appended together: all or none.
#[derive(Clone, Debug)]
pub struct Command {
    events: Vec<NewEvent>,
    /// What was prepared for each event. Apart, so that the events stay where the caller has put them.
    keys: Vec<Key>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) origin: Origin,
    pub(crate) conditions: Vec<AppendCondition>,
    pub(crate) durable: bool,
    pub(crate) over_gaps: bool,
}

/// Holds if no event at a position or later matches a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppendCondition {
    /// Which events must not have come.
    pub region: Region,
    /// From which position on.
    pub from: Position,
}

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Application,
    Library,
}

#[derive(Clone, Copy, Debug)]
struct Key {
    id: EventId,
    payload_hash: PayloadHash,
}

/// An event with its id made and its payload hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) event: &'a NewEvent,
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

    /// Appends only if this holds as well; all conditions of a command are judged together, before its own events.
    #[must_use]
    pub fn on_condition(mut self, condition: AppendCondition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Is judged by the events that are there, where its conditions ask about positions whose events were lost.
    #[must_use]
    pub fn over_gaps(self) -> Self {
        Self { over_gaps: true, ..self }
    }

    /// Is answered after a sync, whatever the writer's durability.
    #[must_use]
    pub fn durable(self) -> Self {
        Self { durable: true, ..self }
    }

    /// How many events it has.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The ids of the events, in order.
    #[must_use]
    pub fn ids(&self) -> Vec<EventId> {
        self.keys.iter().map(|key| key.id).collect()
    }

    /// The events, prepared.
    pub(crate) fn prepared(&self) -> impl ExactSizeIterator<Item = Prepared<'_>> {
        let both = self.events.iter().zip(&self.keys);
        both.map(|(event, key)| Prepared { event, id: key.id, payload_hash: key.payload_hash })
    }

    fn prepare(
        events: Vec<NewEvent>,
        evidence: Option<Evidence>,
        origin: Origin,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, IoError> {
        let mut new_ids = new_ids(events.iter().filter(|event| event.id().is_none()).count(), clock, random)?;
        let prepare = |event: &NewEvent| {
            let id = event.id().or_else(|| new_ids.next());
            let Some(id) = id else { unreachable!("an id was made for every event without one") };
            Key { id, payload_hash: hash::payload(event.payload().as_bytes()) }
        };
        let keys = events.iter().map(prepare).collect();
        Ok(Self { events, keys, evidence, origin, conditions: Vec::new(), durable: false, over_gaps: false })
    }
}

/// Makes an event's id: a UUID of version 7.
///
/// # Errors
/// There is no randomness.
pub fn new_id(clock: &dyn Clock, random: &dyn Random) -> Result<EventId, IoError> {
    let id = new_ids(1, clock, random)?.next();
    let Some(id) = id else { unreachable!("one id was asked for") };
    Ok(id)
}

/// Makes ids, with one draw for all: each draw is a system call.
fn new_ids(
    count: usize,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<impl Iterator<Item = EventId> + use<>, IoError> {
    let mut bytes = vec![[0; 10]; count];
    if count > 0 {
        random.fill(bytes.as_flattened_mut()).map_err(IoError::on("draw", "event ids"))?;
    }
    let now_ms = if count > 0 { clock.now_ms() } else { 0 };
    Ok(bytes.into_iter().map(move |bytes| EventId::from_time(now_ms, bytes)))
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
    /// What can be relied on now: [`Durability::Sync`] once it is synced, else the writer's mode.
    pub durability: Durability,
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
