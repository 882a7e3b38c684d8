//! What is appended together, and on which conditions.

use causelog_gate::Receipt;
use causelog_types::{Evidence, NewEvent, Position, Region};
use causelog_writer::AppendCondition;

use crate::Witness;

/// Events that are appended together, all or none, with what must hold for that. Made of one event, of several,
/// or of a gate's receipt; only a receipt brings evidence of what allowed its events.
///
/// ```
/// use causelog::{Batch, Clause, Coordinate, EventKind, NewEvent, Region, Store};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let store = Store::open(directory.path().join("events"))?;
/// const SEAT_TAKEN: EventKind = EventKind::of::<0x1001>();
/// let seat = Region::any_of([Clause::new().kind(SEAT_TAKEN)?.tag("seat:12A")?])?;
///
/// // Read, decide, and append only if nothing of what was read has changed since.
/// let mut events = store.read(&seat);
/// let witness = events.witness();
/// if events.next().is_none() {
///     let taken = NewEvent::new(&Coordinate::new("flight:7", "air")?, SEAT_TAKEN, "Ada")?.with_tags(["seat:12A"])?;
///     store.append_batch(Batch::from(taken).if_unchanged(&witness))?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is appended until a store is given the batch"]
pub struct Batch {
    pub(crate) events: Vec<NewEvent>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) conditions: Vec<AppendCondition>,
    pub(crate) witnesses: Vec<Witness>,
    pub(crate) durable: bool,
    pub(crate) over_gaps: bool,
}

impl Batch {
    /// Events without conditions but those that they bring themselves.
    pub fn new(events: Vec<NewEvent>) -> Self {
        Self {
            events,
            evidence: None,
            conditions: Vec::new(),
            witnesses: Vec::new(),
            durable: false,
            over_gaps: false,
        }
    }

    /// Appends only if no event of a region stands at `from` or later.
    pub fn if_none(mut self, region: Region, from: Position) -> Self {
        self.conditions.push(AppendCondition { region, from });
        self
    }

    /// Appends only if no event of what was read has come since the read began.
    pub fn if_unchanged(mut self, witness: &Witness) -> Self {
        self.witnesses.push(witness.clone());
        self
    }

    /// Lets its conditions be judged by the events that are there. In a store where events were lost, a condition that
    /// asks about their positions is refused otherwise, since one of them may have been what must not have come.
    pub fn over_gaps(self) -> Self {
        Self { over_gaps: true, ..self }
    }

    /// Is answered after a sync, whatever the store's durability.
    pub fn durable(self) -> Self {
        Self { durable: true, ..self }
    }
}

impl From<Vec<NewEvent>> for Batch {
    fn from(events: Vec<NewEvent>) -> Self {
        Self::new(events)
    }
}

impl From<NewEvent> for Batch {
    fn from(event: NewEvent) -> Self {
        Self::new(vec![event])
    }
}

impl From<Receipt> for Batch {
    fn from(receipt: Receipt) -> Self {
        let (events, evidence) = receipt.into_parts();
        Self { evidence: Some(evidence), ..Self::new(events) }
    }
}
