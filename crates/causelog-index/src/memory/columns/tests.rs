//! What is kept comes back as it was given, however far its values lie apart.

use causelog_types::{Causes, Coordinate, EventHash, Position, Tags};
use proptest::prelude::*;

use super::*;

/// What of an event is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Values {
    id: u128,
    stream: u32,
    kind: u16,
    revision: u64,
    hlc: Hlc,
    depth: u32,
    location: Location,
    tags: usize,
}

/// Values that fit, and those about where they no longer do.
fn number() -> impl Strategy<Value = u64> {
    let edge = prop_oneof![Just(0xffff), Just(u64::from(u32::MAX)), Just(u64::MAX), any::<u64>()];
    let about = (edge, 0..3_u64).prop_map(|(edge, off)| edge.wrapping_add(off).wrapping_sub(1));
    prop_oneof![3 => 0..1_000_u64, 1 => about]
}

fn short() -> impl Strategy<Value = u32> {
    prop_oneof![3 => 0..1_000_u32, 1 => 0xfffe..0x1_0001_u32, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

/// In no order at all, so that times and places also fall.
fn values() -> impl Strategy<Value = Values> {
    let segment = prop_oneof![8 => 1..3_u64, 1 => number()];
    let place = (segment, number(), short());
    let rest = (any::<u128>(), short(), any::<u16>(), 0..=limits::TAGS_MAX);
    (place, (number(), short()), number(), short(), rest).prop_map(
        |((segment, offset, bytes), (wall_ms, counter), revision, depth, (id, stream, kind, tags))| Values {
            id,
            stream,
            kind,
            revision,
            hlc: Hlc { wall_ms, counter },
            depth,
            location: Location { segment: SegmentNumber(segment), offset: ByteOffset(offset), bytes },
            tags,
        },
    )
}

fn push(columns: &mut Columns, values: &Values) {
    let (coordinate, none, causes) = (Coordinate::new("a", "home").unwrap(), Tags::none(), Causes::none());
    let event = AppliedEvent {
        id: EventId::from_u128(values.id),
        coordinate: &coordinate,
        kind: EventKind::from_bits(values.kind),
        tags: &none,
        causes: &causes,
        position: Position(0),
        revision: Revision(values.revision),
        hlc: values.hlc,
        depth: Depth(values.depth),
        hash: EventHash([0; 32]),
        location: values.location,
    };
    columns.push(&event, StreamNumber(values.stream), &tags(values));
}

/// Tags that tell one event's from another's.
fn tags(values: &Values) -> Vec<NameNumber> {
    (0..values.tags).map(|tag| NameNumber(values.stream.wrapping_add(u32::try_from(tag).unwrap()))).collect()
}

fn check(columns: &Columns, row: u32, given: &Values) {
    let (row, record) = (Row(row), columns.record(Row(row)));
    let found = Values {
        id: columns.id(row).as_u128(),
        stream: given.stream,
        kind: record.kind().bits(),
        revision: record.revision().0,
        hlc: record.hlc(),
        depth: record.depth().0,
        location: record.location(),
        tags: given.tags,
    };
    assert_eq!(found, *given, "row {}", row.0);
    assert_eq!(record.stream(), StreamNumber(given.stream));
    assert_eq!(record.tags(), tags(given));
}

fn check_all(all: &[Values]) {
    let mut columns = Columns::default();
    all.iter().for_each(|values| push(&mut columns, values));
    assert_eq!(columns.end().index(), all.len());
    (0..).zip(all).for_each(|(row, values)| check(&columns, row, values));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_values_come_back(all in proptest::collection::vec(values(), 1..60)) {
        check_all(&all);
    }
}

/// Chunks end where they end, and the greatest number of tags fits into one.
#[test]
fn values_come_back_from_every_chunk() {
    let high = u64::from(u32::MAX);
    let values = |number: u32| Values {
        id: u128::from(number),
        stream: number,
        kind: 0x1000,
        revision: high - 3_000 + u64::from(number),
        hlc: Hlc { wall_ms: u64::from(number) * 3_000_000, counter: number },
        depth: number,
        location: Location {
            segment: SegmentNumber(u64::from(number / 1_500)),
            offset: ByteOffset(u64::from(number) * 10_000_000),
            bytes: 450,
        },
        tags: limits::TAGS_MAX,
    };
    check_all(&(0..5_000).map(values).collect::<Vec<Values>>());
}

/// Half the bytes hold what they can: a base a chunk, unless a segment ends or the clock jumps.
#[test]
fn what_follows_needs_no_base() {
    let values = |number: u32| Values {
        id: u128::from(number),
        stream: 0,
        kind: 0x1000,
        revision: u64::from(u32::MAX) - 1,
        hlc: Hlc { wall_ms: 1_700_000_000_000 + u64::from(number), counter: 0 },
        depth: 0,
        location: Location {
            segment: SegmentNumber(9),
            offset: ByteOffset(u64::from(number) * 450),
            bytes: 450,
        },
        tags: 0,
    };
    let mut columns = Columns::default();
    (0..5_000).for_each(|number| push(&mut columns, &values(number)));
    assert!(
        columns.chunks.iter().all(|chunk| chunk.next_bases.is_empty() && chunk.high_revisions.is_empty())
    );
}
