//! Logs in which events were lost: what is told, what is accepted behind a gap, and what is not.

use std::sync::Arc;

use causelog_types::{Causes, Depth, EventHash, Position, Region, Revision, Root, StoreHead};

use causelog_wire::GapReason;

use super::forge::{Forge, Forged, id, stream};
use crate::{FindingKind, Gaps, Query, ReadError, Reader, VerifyReport, verify, verify_against};

/// Three events of a stream at 0 to 2, a gap from 3 to 7, and what is written behind it.
fn behind_a_gap(spoil: impl FnOnce(&mut Forged)) -> (Forge, VerifyReport) {
    let mut forge = Forge::new();
    let (last, hash) = forge.chain("door", 3);
    let mut forge = forge.gap(5, Root([7; 32]));
    let mut event = forge.event(0, "door", Some((last, hash)));
    spoil(&mut event);
    forge.write(&[event]);
    forge.chain("lamp", 2);
    let report = verify(Arc::new(forge.storage.kill())).unwrap();
    (forge, report)
}

fn jump(event: &mut Forged) {
    event.header.revision = Revision(6);
    event.header.previous_hash = Some(EventHash([9; 32]));
}

/// What a read gives: an event's position, or the gap.
fn told(reader: &Reader, query: Query) -> Vec<Result<u64, (u64, u64)>> {
    let read = reader.read(query).map(|item| match item {
        Ok(event) => Ok(event.header.position.0),
        Err(ReadError::Lost { from, to }) => Err((from.0, to.0)),
        Err(other) => panic!("{other}"),
    });
    read.collect()
}

/// Spec: GROUP-7, READ-6
#[test]
fn a_gap_is_told_and_hides_nothing() {
    let (forge, _) = behind_a_gap(jump);
    let reader = forge.reader(|index| Arc::new(index));
    let all = || Query::new(Region::all());
    assert_eq!(told(&reader, all()), [Ok(0), Ok(1), Ok(2), Err((3, 8)), Ok(8), Ok(9), Ok(10)]);
    assert_eq!(told(&reader, all().backwards().limit(4)), [Ok(10), Ok(9), Ok(8), Err((3, 8)), Ok(2)]);
    // What was lost may have been of any region; outside of the positions asked for it does not matter.
    let lamp = Query::new(Region::stream(&stream("lamp")));
    assert_eq!(told(&reader, lamp.clone()), [Err((3, 8)), Ok(9), Ok(10)]);
    assert_eq!(told(&reader, lamp.clone().from(Position(5))), [Err((5, 8)), Ok(9), Ok(10)]);
    assert_eq!(told(&reader, lamp.from(Position(8))), [Ok(9), Ok(10)]);
    let within = Region::all().positions(Position(4)..Position(6)).unwrap();
    assert_eq!(told(&reader, Query::new(within)), [Err((4, 6))]);
    assert_eq!(told(&reader, all().backwards().from(Position(6))), [Err((3, 6)), Ok(2), Ok(1), Ok(0)]);
    assert_eq!(told(&reader, all().over_gaps()), [Ok(0), Ok(1), Ok(2), Ok(8), Ok(9), Ok(10)]);
    assert_eq!(all().over_gaps().gaps, Gaps::PassOver);
    assert_eq!(reader.gaps().unwrap(), [Position(3)..Position(8)]);
    assert_eq!(reader.counts().unwrap().events, 6);
    assert_eq!(reader.head(&stream("door")).unwrap().unwrap().revision, Revision(6));
}

/// Spec: READ-6
#[test]
fn what_is_lost_is_told_by_its_positions() {
    let lost = |from, to| ReadError::Lost { from: Position(from), to: Position(to) }.to_string();
    assert_eq!(lost(105, 106), "the event at position 105 is lost; what stands behind follows");
    assert_eq!(lost(3, 8), "the events at positions 3 to 7 are lost; what stands behind follows");
}

/// Spec: VERIFY-4, TYPE-9
#[test]
fn revisions_jump_over_a_gap_and_nowhere_else() {
    let (_, report) = behind_a_gap(jump);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.events, report.groups, report.gaps, report.lost), (6, 7, 1, 5));
    let found = |spoil: fn(&mut Forged)| {
        let (_, report) = behind_a_gap(spoil);
        report.findings.into_iter().map(|finding| finding.kind.name()).collect::<Vec<_>>()
    };
    assert_eq!(found(|_| ()), Vec::<&str>::new(), "a stream of which nothing was lost goes on");
    assert_eq!(found(|event| event.header.previous_hash = Some(EventHash([9; 32]))), ["chain_broken"]);
    assert_eq!(found(|event| event.header.revision = Revision(2)), ["revision_broken"]);
    // A second jump has no gap to be excused by.
    let (mut forge, _) = behind_a_gap(jump);
    let again = forge.event(0, "door", Some((8, EventHash([1; 32]))));
    forge.write(&[again]);
    let report = verify(Arc::new(forge.storage.kill())).unwrap();
    assert_eq!(report.findings[0].kind.name(), "revision_broken");
}

/// Spec: VERIFY-4, TYPE-10
#[test]
fn causes_may_be_lost_and_the_others_still_count() {
    let caused = |depth| {
        move |event: &mut Forged| {
            event.header.dag.causes = Causes::new([id(1), id(77)]).unwrap();
            event.header.dag.depth = Depth(depth);
        }
    };
    for depth in [1, 9] {
        let (_, report) = behind_a_gap(caused(depth));
        assert!(report.is_sound(), "{:?}", report.findings);
    }
    // A cause that is there still says how deep its effect stands at least.
    let (mut forge, _) = behind_a_gap(caused(4));
    let mut shallow = forge.event(0, "shallow", None);
    shallow.header.dag.causes = Causes::new([id(77), id(8)]).unwrap();
    shallow.header.dag.depth = Depth(4);
    forge.write(&[shallow]);
    let report = verify(Arc::new(forge.storage.kill())).unwrap();
    assert_eq!(report.findings[0].kind, FindingKind::DepthBroken { expected: Depth(5), found: Depth(4) });

    let (forge, _) = behind_a_gap(caused(4));
    let reader = forge.reader(|index| Arc::new(index));
    let walk: Vec<Result<Position, String>> = reader
        .ancestors(id(8))
        .unwrap()
        .map(|item| item.map(|event| event.header.position).map_err(|error| error.to_string()))
        .collect();
    assert_eq!((walk[0].clone(), walk[2].clone(), walk.len()), (Ok(Position(8)), Ok(Position(1)), 3));
    assert!(walk[1].as_ref().unwrap_err().contains(&id(77).to_string()), "{walk:?}");
}

/// A head kept elsewhere proves what stands between it and the last gap before it.
///
/// Spec: VERIFY-3, GROUP-7
#[test]
fn a_kept_head_proves_as_far_back_as_the_last_gap() {
    let (forge, _) = behind_a_gap(jump);
    let end = forge.snapshot().end.head();
    let storage = Arc::new(forge.storage.kill());
    let against = |kept| verify_against(storage.clone(), kept).unwrap();
    assert_eq!(against(end).proven_from, Some(Position(8)));
    let after = StoreHead { position: Position(8), root: Root([7; 32]) };
    assert_eq!(against(after).proven_from, Some(Position(8)));
    let inside = StoreHead { position: Position(5), ..after };
    assert_eq!(against(inside).findings[0].kind, FindingKind::HeadUnreadable(Position(5)));
}

/// What a later release may drop is no damage, and not for this one to read.
///
/// Spec: GROUP-7, RECOVER-4
#[test]
fn a_gap_of_dropped_events_is_unsupported() {
    let mut forge = Forge::new();
    forge.chain("door", 3);
    let storage = forge.with_gap(GapReason::Dropped, 2, Root([7; 32]));
    let report = verify(Arc::new(storage.clone())).unwrap();
    assert_eq!(report.findings.iter().map(|found| found.kind.name()).collect::<Vec<_>>(), ["unsupported"]);
    let error =
        causelog_segment::open_reader(&causelog_io::Environment::real(Arc::new(storage))).unwrap_err();
    assert!(error.to_string().contains("newer release"), "{error}");
}
