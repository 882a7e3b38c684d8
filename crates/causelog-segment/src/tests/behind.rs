//! Groups from behind a place that somebody remembers, if the log confirms it.

use causelog_types::{ByteOffset, Position, Root, SegmentNumber, StoreHead};

use super::support::*;
use crate::open_reader;

#[test]
fn groups_are_read_from_behind_a_place_only_if_the_log_confirms_it() {
    // Spec: RECOVER-8, INDEX-7
    let store = Store::small();
    store.append_and_drop(&["a", "b", "c", "d", "e", "f", "g"]);
    let (log, snapshot, report) = open_reader(&store.environment).unwrap();
    assert!(report.segments >= 3);
    let all: Vec<_> = log.groups(&snapshot, Position(0)).map(Result::unwrap).collect();
    let behind = |place, head| log.groups_behind(&snapshot, place, head).unwrap();
    for (i, group) in all.iter().enumerate() {
        let last = group.events[0].location;
        let place = (last.segment, last.offset.plus(usize::try_from(last.bytes).unwrap()));
        let head = StoreHead { position: group.header.next(), root: group.header.root_after };
        let rest: Vec<_> = behind(place, head).unwrap().map(|group| group.unwrap().header).collect();
        assert_eq!(rest, all[i + 1..].iter().map(|group| group.header).collect::<Vec<_>>());

        assert!(behind(place, StoreHead { root: Root([7; 32]), ..head }).is_none());
        let position = Position(head.position.0 - 1);
        assert!(behind(place, StoreHead { position, ..head }).is_none());
        for (segment, offset) in [(place.0.0, place.1.0 - 1), (place.0.0, place.1.0 + 1), (99, 148)] {
            assert!(behind((SegmentNumber(segment), ByteOffset(offset)), head).is_none());
        }
    }
}

#[test]
fn groups_behind_a_place_are_not_read_beyond_the_end() {
    // Spec: READ-1, LOCK-3
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    let (log, snapshot, _) = open_reader(&store.environment).unwrap();
    append(&mut appender, &["b"]).unwrap();
    let (_, later, _) = open_reader(&store.environment).unwrap();
    let (end, head) = (snapshot.end.offset, snapshot.end.head());
    let place = (SegmentNumber(1), end);
    assert_eq!(log.groups_behind(&snapshot, place, head).unwrap().unwrap().count(), 0);
    assert_eq!(log.groups_behind(&later, place, head).unwrap().unwrap().count(), 1);
    let behind = (SegmentNumber(1), later.end.offset);
    assert!(log.groups_behind(&snapshot, behind, later.end.head()).unwrap().is_none());
}
