//! The root at each position of a group: what a kept head is compared with.

use causelog_types::{ByteOffset, Location, Position, Root, SegmentNumber};
use causelog_wire::{GapReason, GroupHeader, GroupKind, hash};

use super::support::*;
use crate::{Group, open_reader};

#[test]
fn a_group_knows_the_root_before_each_of_its_events_and_after_the_last() {
    // Spec: GROUP-5
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["before"]).unwrap();
    append(&mut appender, &["a", "b", "c"]).unwrap();
    drop(appender);
    let (log, snapshot, report) = open_reader(&store.environment).unwrap();
    let group = log.groups(&snapshot, Position(1)).next().unwrap().unwrap();
    let mut root = group.header.root_before;
    for (position, event) in (1..).map(Position).zip(&group.events) {
        assert_eq!(group.root_at(position), Some(root), "{position}");
        root = hash::next_root(root, event.hash);
    }
    assert_eq!((group.root_at(Position(4)), root), (Some(root), report.head.root));
    assert_eq!((group.root_at(Position(0)), group.root_at(Position(5))), (None, None));
}

#[test]
fn a_gap_knows_the_roots_at_its_ends_alone() {
    // Spec: GROUP-5
    let header = GroupHeader {
        kind: GroupKind::Gap(GapReason::Lost),
        length: 0,
        count: 3,
        base: Position(7),
        epoch: 1,
        synced_to: Position(0),
        root_before: Root([1; 32]),
        root_after: Root([2; 32]),
    };
    let location = Location { segment: SegmentNumber(1), offset: ByteOffset(0), bytes: 0 };
    let gap = Group { header, location, events: Vec::new() };
    let roots = (6..=11).map(|position| gap.root_at(Position(position)).map(|root| root.0[0]));
    assert_eq!(roots.collect::<Vec<_>>(), [None, Some(1), None, None, Some(2), None]);
}
