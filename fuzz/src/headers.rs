//! Headers out of raw input: mostly ones that the format allows.

use causelog_types::{
    Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Evidence, Header, Hlc,
    PayloadHash, Position, Revision, Tags,
};

use crate::input::Input;

/// A header, unless one of its values is not of the data model.
pub(crate) fn header(input: &mut Input<'_>) -> Option<Header> {
    let id = EventId::from_u128(input.draw());
    let revision = Revision(number(input));
    let causes = causes(input)?;
    let depth = if causes.is_empty() { 0 } else { input.draw::<u32>().max(1) };
    let evidence = evidence(input);
    // One in sixteen is left as it came, for the writer's own checks.
    let honest = input.below(16) != 15;
    let previous = if honest { revision.0 > 0 } else { input.flag() };
    Some(Header {
        id,
        coordinate: Coordinate::new(text(input), text(input)).ok()?,
        kind: EventKind::from_bits(input.draw()),
        payload_version: input.draw(),
        position: Position(number(input)),
        revision,
        previous_hash: previous.then(|| EventHash(input.draw())),
        payload_hash: PayloadHash(input.draw()),
        dag: DagPosition {
            correlation_id: if input.flag() { id } else { EventId::from_u128(input.draw()) },
            causes,
            depth: Depth(depth),
            hlc: Hlc { wall_ms: number(input), counter: input.draw() },
            occurred_ms: if input.flag() { Some(input.draw()) } else { None },
        },
        tags: tags(input)?,
        evidence,
        batch_remaining: input.draw::<u32>() % if honest { 16_384 } else { u32::MAX },
        salted: input.flag(),
    })
}

/// Of any size, so that every length of a number is written.
fn number(input: &mut Input<'_>) -> u64 {
    let value: u64 = input.draw();
    value >> (input.byte() % 64)
}

fn text(input: &mut Input<'_>) -> String {
    let length = match input.byte() {
        long @ 240.. => 40 * usize::from(long - 239),
        short => usize::from(short % 40),
    };
    String::from_utf8_lossy(input.bytes(length)).into_owned()
}

fn causes(input: &mut Input<'_>) -> Option<Causes> {
    let count = match input.below(8) {
        0 => usize::from(input.draw::<u16>() % 300),
        few => few - 1,
    };
    let first: u128 = input.draw();
    let ids = (0..count).map(|i| EventId::from_u128(first.wrapping_add(u128::try_from(i).unwrap_or(0))));
    Causes::new(ids).ok()
}

fn tags(input: &mut Input<'_>) -> Option<Tags> {
    let count = input.below(8);
    Tags::new((0..count).map(|_| text(input)).collect::<Vec<_>>()).ok()
}

fn evidence(input: &mut Input<'_>) -> Option<Evidence> {
    match input.below(4) {
        0 => Some(Evidence::Admitted { gates: (0..input.below(4)).map(|_| text(input)).collect() }),
        1 => Some(Evidence::Bypassed { reason: text(input), justification: text(input) }),
        _ => None,
    }
}
