//! What is offered to the writer.

use causelog_types::{
    Clause, Coordinate, EventId, EventKind, ExpectedRevision, NewEvent, Position, Region, Revision,
};
use causelog_writer::AppendCondition;

use crate::draw::Draw;
use crate::ledger::Ledger;

/// Ids of the events that are offered begin here and go up.
const FIRST_ID: u128 = 0x0192_0000_0000_7000_8000_0000_0000_0000;

const ENTITIES: [&str; 4] = ["door:1", "door:10", "lamp", "safe"];
const SCOPES: [&str; 2] = ["home", "work"];
const TAGS: [&str; 3] = ["night", "day", "rain"];

/// Events that are offered together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The events, with their ids.
    pub events: Vec<NewEvent>,
    /// What must hold.
    pub condition: Option<AppendCondition>,
    /// Whether it asks for its own sync.
    pub durable: bool,
}

impl Offer {
    /// The ids of its events.
    #[must_use]
    pub fn ids(&self) -> Vec<EventId> {
        self.events.iter().filter_map(NewEvent::id).collect()
    }
}

/// Makes offers, each event with an id of its own.
#[derive(Debug, Default)]
pub struct Offers {
    made: u128,
}

impl Offers {
    /// The next offer, by somebody who knows of the log what is visible and was acknowledged.
    ///
    /// # Errors
    /// A value that the data model does not allow, which would be a mistake here.
    pub fn next(&mut self, draw: &Draw, end: Position, known: &Ledger) -> anyhow::Result<Offer> {
        let count = if draw.once_in(3) { 1 + draw.below(5) } else { 1 };
        let events = (0..count).map(|_| self.event(draw, known)).collect::<anyhow::Result<Vec<_>>>()?;
        let condition = draw.once_in(5).then(|| self.condition(draw, end)).transpose()?;
        Ok(Offer { events, condition, durable: draw.once_in(8) })
    }

    fn event(&mut self, draw: &Draw, known: &Ledger) -> anyhow::Result<NewEvent> {
        let id = EventId::from_u128(FIRST_ID + self.made);
        let entity = draw.of(&ENTITIES).unwrap_or("lamp");
        let stream = Coordinate::new(entity, draw.of(&SCOPES).unwrap_or("home"))?;
        let bytes = if draw.once_in(12) { draw.below(3000) } else { draw.below(200) };
        let kind = EventKind::from_bits(0x1000 + u16::try_from(draw.below(3))?);
        let payload = format!("{}{}", self.made, "x".repeat(bytes));
        let mut event = NewEvent::new(&stream, kind, &payload)?.with_id(id);
        if self.made > 0 && draw.once_in(3) {
            let back = u128::try_from(1 + draw.below(8))?.min(self.made);
            event = event.caused_by([EventId::from_u128(FIRST_ID + self.made - back)])?;
        }
        if draw.once_in(3) {
            event = event.with_tags([draw.of(&TAGS).unwrap_or("day")])?;
        }
        if draw.once_in(4) {
            event = event.occurred_at_ms(i64::try_from(draw.below(1000))? - 500);
        }
        self.made += 1;
        Ok(match draw.below(12) {
            0 => event.expecting(ExpectedRevision::Empty),
            1 => event.expecting(ExpectedRevision::Exists),
            2 => event.expecting(ExpectedRevision::Exactly(Revision(u64::try_from(draw.below(4))?))),
            // What a caller expects who has looked: others may have come since, and be staged.
            3..=5 => event.expecting(match known.last_revision(&stream) {
                None => ExpectedRevision::Empty,
                Some(revision) => ExpectedRevision::Exactly(revision),
            }),
            _ => event,
        })
    }

    fn condition(&self, draw: &Draw, end: Position) -> anyhow::Result<AppendCondition> {
        let (back, ahead) = (u64::try_from(draw.below(8))?, u64::try_from(draw.below(3))?);
        let from = if draw.once_in(2) { end.0 + ahead } else { end.0.saturating_sub(back) };
        Ok(AppendCondition { region: region(draw)?, from: Position(from) })
    }
}

/// A region that some of the events match.
///
/// # Errors
/// A value that the data model does not allow, which would be a mistake here.
pub fn region(draw: &Draw) -> anyhow::Result<Region> {
    let entity = draw.of(&ENTITIES).unwrap_or("lamp");
    Ok(match draw.below(5) {
        0 => Region::all(),
        1 => Region::entity(entity)?,
        2 => Region::stream(&Coordinate::new(entity, draw.of(&SCOPES).unwrap_or("home"))?),
        3 => Region::any_of([Clause::new().tag(draw.of(&TAGS).unwrap_or("day"))?])?,
        _ => Region::any_of([Clause::new().kind(EventKind::from_bits(0x1001))?])?,
    })
}
