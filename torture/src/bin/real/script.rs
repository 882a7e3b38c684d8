//! What is offered in a history of processes: every offer follows from the seed and its number, so that a child
//! process and its parent make the same events without telling each other.

use causelog::{Coordinate, EventId, EventKind, NewEvent};
use causelog_torture::draw::Draw;
use causelog_torture::offers::Offer;

/// Ids of a history's events begin here and go up.
const FIRST_ID: u128 = 0x0192_0000_0000_7000_8000_0000_0000_0000;
/// Ids kept free for each offer, so that its number says which they are.
const IDS_PER_OFFER: u64 = 16;

const ENTITIES: [&str; 4] = ["door:1", "door:10", "lamp", "safe"];
const SCOPES: [&str; 2] = ["home", "work"];

/// The offer of this number in the history of this seed.
///
/// # Errors
/// A value that the data model does not allow, which would be a mistake here.
pub(crate) fn offer(seed: u64, number: u64) -> anyhow::Result<Offer> {
    let draw = Draw::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let count = if draw.once_in(3) { 1 + draw.below(6) } else { 1 };
    let mut events = Vec::new();
    for n in 0..u64::try_from(count)? {
        let id = |n: u64| EventId::from_u128(FIRST_ID + u128::from(number * IDS_PER_OFFER + n));
        let stream =
            Coordinate::new(draw.of(&ENTITIES).unwrap_or("lamp"), draw.of(&SCOPES).unwrap_or("home"))?;
        let kind = EventKind::from_bits(0x1000 + u16::try_from(draw.below(3))?);
        let bytes = if draw.once_in(12) { draw.below(3000) } else { draw.below(200) };
        let payload = format!("{seed}/{number}/{n} {}", "x".repeat(bytes));
        let mut event = NewEvent::new(&stream, kind, &payload)?.with_id(id(n));
        if n > 0 && draw.once_in(2) {
            event = event.caused_by([id(n - 1)])?;
        }
        if draw.once_in(3) {
            event = event.with_tags([if draw.once_in(2) { "night" } else { "day" }])?;
        }
        events.push(event);
    }
    Ok(Offer { events, condition: None, durable: draw.once_in(8) })
}
