//! A made-up log for the tests: events of a few streams, one group after the other.

use causelog_index::{AppliedEvent, AppliedGroup, Index, IndexError, Watermark};
use causelog_types::{
    ByteOffset, Causes, Coordinate, Depth, EventHash, EventId, EventKind, Hlc, Location, Position, Revision,
    Root, SegmentNumber, StoreId, Tags,
};

/// How many streams take turns.
pub(super) const STREAMS: u64 = 10;

pub(super) fn stream(number: u64) -> Coordinate {
    Coordinate::new(format!("door:{}", number % STREAMS), "home").unwrap()
}

pub(super) fn id(position: u64) -> EventId {
    EventId::from_u128(u128::from(position) + 1)
}

pub(super) fn watermark(next: u64) -> Watermark {
    Watermark { store: StoreId::from_u128(7), next: Position(next), root: Root([1; 32]) }
}

/// Applies so many events from a position as one group. Every fifth has a tag, and each but the first a cause.
pub(super) fn apply(index: &impl Index, first: u64, count: u64) -> Result<(), IndexError> {
    let (tags, none) = (Tags::new(["night"]).unwrap(), Tags::none());
    let positions = first..first + count;
    let streams: Vec<Coordinate> = positions.clone().map(stream).collect();
    let causes: Vec<Causes> =
        positions.clone().map(|position| Causes::new(position.checked_sub(1).map(id)).unwrap()).collect();
    let events: Vec<AppliedEvent<'_>> = positions
        .zip(streams.iter().zip(&causes))
        .map(|(position, (coordinate, causes))| AppliedEvent {
            id: id(position),
            coordinate,
            kind: EventKind::of::<0x1001>(),
            tags: if position.is_multiple_of(5) { &tags } else { &none },
            causes,
            position: Position(position),
            revision: Revision(position / STREAMS),
            hlc: Hlc { wall_ms: 1_000 + position, counter: 0 },
            depth: Depth(0),
            hash: EventHash([2; 32]),
            location: Location {
                segment: SegmentNumber(1),
                offset: ByteOffset(64 + 300 * position),
                bytes: 300,
            },
        })
        .collect();
    index.apply(&AppliedGroup { events: &events, after: watermark(first + count) })
}
