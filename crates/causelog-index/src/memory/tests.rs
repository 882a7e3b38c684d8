//! Tests of the in-memory backend: the conformance suite, and what it promises beyond the contract.

use causelog_types::{
    ByteOffset, Causes, Clause, DagPosition, Depth, EventHash, EventKind, Header, Hlc, Location, PayloadHash,
    Region, Revision, Root, SegmentNumber, StoreId, Tags,
};

use super::candidates::Candidates;
use super::list::RowList;
use super::plan::{Plan, plan};
use super::*;
use crate::conformance::Answers;
use crate::{AppliedEvent, Direction};

/// It gives no false matches.
mod exact {
    use super::*;
    crate::conformance!(MemoryIndex::new(), Answers::Exact);
}

/// What is exact passes where false matches are allowed.
mod tolerant {
    use super::*;
    crate::conformance!(MemoryIndex::new());
}

const END: Position = Position(u64::MAX);

fn header(position: u64, entity: &str, tags: &[&str], causes: &[u64]) -> Header {
    Header {
        id: id(position),
        coordinate: Coordinate::new(entity, "home").unwrap(),
        kind: EventKind::of::<0x1001>(),
        payload_version: 0,
        position: Position(position),
        revision: Revision(position),
        previous_hash: None,
        payload_hash: PayloadHash([0; 32]),
        dag: DagPosition {
            correlation_id: id(position),
            causes: Causes::new(causes.iter().map(|cause| id(*cause))).unwrap(),
            depth: Depth(0),
            hlc: Hlc { wall_ms: position, counter: 0 },
            occurred_ms: None,
        },
        tags: Tags::new(tags).unwrap(),
        evidence: None,
        batch_remaining: 0,
        salted: false,
    }
}

fn id(position: u64) -> EventId {
    EventId::from_u128(u128::from(position) + 1)
}

fn watermark(next: u64) -> Watermark {
    Watermark { store: StoreId::from_u128(1), next: Position(next), root: Root([0; 32]) }
}

fn apply(index: &MemoryIndex, headers: &[Header], next: u64) -> Result<(), IndexError> {
    let event = |header| {
        let location = Location { segment: SegmentNumber(1), offset: ByteOffset(0), bytes: 1 };
        AppliedEvent::new(header, EventHash([1; 32]), location)
    };
    let events: Vec<AppliedEvent<'_>> = headers.iter().map(event).collect();
    index.apply(&AppliedGroup { events: &events, after: watermark(next) })
}

/// An index with one event at each of these positions, of one of the entities in turn.
fn filled(positions: std::ops::Range<u64>, entities: &[&str]) -> MemoryIndex {
    let index = MemoryIndex::new();
    let headers: Vec<Header> = positions
        .clone()
        .zip(entities.iter().cycle())
        .map(|(position, entity)| header(position, entity, &[], &[]))
        .collect();
    apply(&index, &headers, positions.end).unwrap();
    index
}

fn select(
    index: &MemoryIndex,
    region: &Region,
    from: Position,
    direction: Direction,
    limit: usize,
) -> Vec<u64> {
    let found = index.select(&Selection { region, from, direction, limit, as_of: END }).unwrap();
    found.into_iter().map(|entry| entry.position.0).collect()
}

#[test]
fn the_first_group_may_begin_anywhere() {
    let index = filled(1_000..1_004, &["a", "b"]);
    assert_eq!(index.watermark().unwrap(), Some(watermark(1_004)));
    let all = Region::all();
    assert_eq!(select(&index, &all, Position(0), Direction::Forwards, 9), [1_000, 1_001, 1_002, 1_003]);
    assert_eq!(select(&index, &all, Position(1_002), Direction::Backwards, 9), [1_001, 1_000]);
    assert_eq!(index.counts(Position(1_001)).unwrap(), Counts { events: 1, streams: 1 });
    assert_eq!(index.counts(Position(999)).unwrap(), Counts::default());
    assert_eq!(index.counts(END).unwrap(), Counts { events: 4, streams: 2 });
}

#[test]
fn events_before_the_first_are_passed_over() {
    let index = filled(10..12, &["a"]);
    let headers = [9, 10, 11, 12].map(|position| header(position, "a", &[], &[]));
    apply(&index, &headers, 13).unwrap();
    assert_eq!(select(&index, &Region::all(), Position(0), Direction::Forwards, 9), [10, 11, 12]);
}

#[test]
fn an_older_group_does_not_move_the_watermark_back() {
    let index = filled(0..4, &["a"]);
    apply(&index, &[header(0, "a", &[], &[])], 1).unwrap();
    assert_eq!(index.watermark().unwrap(), Some(watermark(4)));
}

/// Spec: GROUP-7
#[test]
fn a_group_without_events_is_a_gap() {
    let gaps = |index: &MemoryIndex, as_of| -> Vec<(u64, u64)> {
        let gaps = index.gaps(Position(as_of)).unwrap();
        gaps.into_iter().map(|gap| (gap.start.0, gap.end.0)).collect()
    };
    let index = MemoryIndex::new();
    apply(&index, &[], 5).unwrap();
    assert_eq!(index.watermark().unwrap(), Some(watermark(5)));
    assert_eq!((index.counts(END).unwrap(), gaps(&index, 9)), (Counts::default(), vec![(0, 5)]));
    apply(&index, &[], 5).unwrap();
    apply(&index, &[header(5, "a", &[], &[])], 6).unwrap();
    apply(&index, &[], 8).unwrap();
    apply(&index, &[], 10).unwrap();
    assert_eq!(index.watermark().unwrap(), Some(watermark(10)));
    apply(&index, &[header(10, "a", &[], &[])], 11).unwrap();
    // What was applied before is known, gaps too.
    apply(&index, &[], 8).unwrap();
    apply(&index, &[header(5, "a", &[], &[])], 6).unwrap();
    assert_eq!(index.watermark().unwrap(), Some(watermark(11)));
    assert_eq!(gaps(&index, 11), [(0, 5), (6, 10)]);
    assert_eq!(gaps(&index, 6), [(0, 5)]);
    assert_eq!((index.counts(Position(10)).unwrap().events, index.counts(END).unwrap().events), (1, 2));
}

#[test]
fn a_group_with_a_gap_is_refused_as_a_whole() {
    let index = filled(0..2, &["a"]);
    let gap = [header(2, "a", &[], &[]), header(4, "a", &[], &[])];
    let wrong_end = [header(2, "a", &[], &[])];
    for (headers, next) in [(&gap[..], 5), (&wrong_end[..], 9)] {
        assert!(matches!(apply(&index, headers, next), Err(IndexError::OutOfOrder { .. })));
        assert_eq!(index.watermark().unwrap(), Some(watermark(2)));
        assert_eq!(index.counts(END).unwrap().events, 2);
    }
}

#[test]
fn an_older_head_comes_without_its_hash() {
    let index = filled(0..4, &["a", "b"]);
    let a = Coordinate::new("a", "home").unwrap();
    let head = |as_of| index.heads(&[&a], Position(as_of)).unwrap()[0];
    assert_eq!(head(4).map(|head| (head.position, head.hash)), Some((Position(2), Some(EventHash([1; 32])))));
    assert_eq!(head(2).map(|head| (head.position, head.hash)), Some((Position(0), None)));
    assert_eq!(head(0), None);
}

#[test]
fn a_limit_of_zero_asks_for_nothing() {
    let index = MemoryIndex::new();
    apply(&index, &[header(0, "a", &[], &[]), header(1, "a", &[], &[0])], 2).unwrap();
    assert!(select(&index, &Region::all(), Position(0), Direction::Forwards, 0).is_empty());
    assert!(index.effects(id(0), Position(0), 0, END).unwrap().is_empty());
    assert_eq!(index.effects(id(0), Position(0), 1, END).unwrap().len(), 1);
}

#[test]
fn an_id_given_twice_stays_the_first() {
    let index = filled(0..1, &["a"]);
    let forged = Header { id: id(0), ..header(1, "a", &[], &[]) };
    apply(&index, &[forged], 2).unwrap();
    let found = index.lookup(&[id(0)], END).unwrap()[0];
    assert_eq!(found.map(|entry| entry.position), Some(Position(0)));
}

#[test]
fn recorded_times_may_jump() {
    let index = MemoryIndex::new();
    let times = [5, 1 << 33, (1 << 33) + 1, 1 << 50, u64::MAX - 1];
    let headers = [0, 1, 2, 3, 4].map(|position| {
        let plain = header(position, "a", &[], &[]);
        let hlc = Hlc { wall_ms: times[usize::try_from(position).unwrap()], counter: u32::MAX };
        Header { dag: DagPosition { hlc, ..plain.dag }, ..plain }
    });
    apply(&index, &headers, 5).unwrap();
    let recorded = |range: std::ops::Range<u64>| {
        let region = Region::all().recorded_ms(range).unwrap();
        select(&index, &region, Position(0), Direction::Forwards, 9)
    };
    assert_eq!(recorded(0..u64::MAX), [0, 1, 2, 3, 4]);
    assert_eq!(recorded(6..(1 << 33) + 1), [1]);
    assert_eq!(recorded((1 << 33) + 1..u64::MAX - 1), [2, 3]);
    let a = Coordinate::new("a", "home").unwrap();
    let head = |as_of| index.heads(&[&a], Position(as_of)).unwrap()[0].map(|head| head.hlc.wall_ms);
    assert_eq!([1, 2, 3, 4, 5].map(head), times.map(Some));
}

/// What is found lies several steps of work apart.
#[test]
fn a_long_search_goes_on_step_by_step() {
    let index = filled(0..50_000, &["a"]);
    let found = [50_000, 50_001].map(|position| header(position, "b", &["rare"], &[]));
    apply(&index, &found, 50_002).unwrap();
    let (first, late) =
        (Region::all().revisions(..=Revision(0)), Region::all().revisions(Revision(50_000)..));
    assert_eq!(select(&index, &late.unwrap(), Position(0), Direction::Forwards, 9), [50_000, 50_001]);
    assert_eq!(select(&index, &first.unwrap(), END, Direction::Backwards, 9), [0]);
    let everything = select(&index, &Region::all(), Position(0), Direction::Forwards, usize::MAX);
    assert!(everything.into_iter().eq(0..50_002));
    let back = select(&index, &Region::all(), END, Direction::Backwards, usize::MAX);
    assert!(back.into_iter().eq((0..50_002).rev()));
}

#[test]
fn the_shortest_lists_are_looked_at() {
    let index = filled(0..1_000, &["user:1", "user:2", "user:10", "lamp"]);
    let tagged = header(1_000, "user:1", &["rare"], &[]);
    apply(&index, &[tagged], 1_001).unwrap();
    let state = index.state.read();
    let lengths = |clause: Clause, limit| match plan(&state, &clause.into(), &(Row(0)..state.end()), limit) {
        Plan::Scan => None,
        Plan::Merge(lists) => Some(lists.iter().map(|list| list.len()).collect::<Vec<usize>>()),
    };
    let user = || Clause::new().entity("user:1").unwrap();
    assert_eq!(lengths(user(), 100), Some(vec![251]));
    assert_eq!(lengths(user().tag("rare").unwrap(), 100), Some(vec![1]));
    assert_eq!(lengths(user().tag("unknown").unwrap(), 100), Some(vec![]));
    assert_eq!(lengths(Clause::new().entity_prefix("user:1").unwrap(), 100), Some(vec![251, 250]));
    let nowhere = Clause::new().entity_prefix("user:1").unwrap().scope("nowhere").unwrap();
    assert_eq!(lengths(nowhere, 100), Some(vec![]));
    assert_eq!(lengths(Clause::new(), 100), None);
    // A few of many are found sooner by looking at all.
    assert_eq!(lengths(Clause::new().entity_prefix("user:").unwrap(), 3), None);
}

#[test]
fn lists_are_merged_in_order_and_without_doubles() {
    let lists = [vec![1, 4, 9], vec![0, 4, 5, 9], vec![], vec![9]].map(|rows| {
        let mut list = RowList::default();
        rows.into_iter().for_each(|row| list.push(Row(row)));
        list
    });
    let check = |rows: std::ops::Range<u32>, expected: &[u32]| {
        let merged = |direction| {
            let plan = Plan::Merge(lists.iter().collect());
            let rows = Row(rows.start)..Row(rows.end);
            Candidates::new(plan, &rows, direction).map(|row| row.0).collect::<Vec<u32>>()
        };
        assert_eq!(merged(Direction::Forwards), expected);
        let falling: Vec<u32> = expected.iter().rev().copied().collect();
        assert_eq!(merged(Direction::Backwards), falling);
    };
    check(0..10, &[0, 1, 4, 5, 9]);
    check(1..9, &[1, 4, 5]);
    check(4..5, &[4]);
    check(6..9, &[]);
}
