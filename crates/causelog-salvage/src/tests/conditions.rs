//! What an append may ask about events that were lost.

use causelog::{AppendErrorKind, Batch, Clause, Coordinate, EventKind, Fate, NewEvent, Position, Region};

use super::lab::{Whole, open, salvage};

/// Spec: COND-6
#[test]
fn a_condition_on_lost_positions_is_refused_unless_it_asks_to_be_judged_by_what_is_there() {
    let whole = Whole::new(&[1; 10], 400, true);
    let group = &whole.groups[4];
    let (new, report) = salvage(&whole.flipped(&group.file, group.bytes.start + 50)).unwrap();
    assert_eq!(report.lost, [Position(4)..Position(5)]);
    let store = open(&new);

    let nobody = || Region::entity("nobody").unwrap();
    let append = |region: Region, from| {
        let event = NewEvent::new(&Coordinate::new("new", "home").unwrap(), EventKind::of::<0x1001>(), "on");
        Batch::from(event.unwrap()).if_none(region, Position(from))
    };
    for from in 0..5 {
        let refused = store.append_batch(append(nobody(), from)).unwrap_err();
        let AppendErrorKind::ConditionUnknown { index: 0, lost } = refused.kind() else {
            panic!("{refused}")
        };
        assert_eq!((lost, refused.fate()), (&(Position(4)..Position(5)), Fate::NotWritten));
        assert!(refused.to_string().contains("positions 4 up to before 5 were lost"), "{refused}");
    }
    // A witness of a read asks about what comes after it alone, and so may anybody.
    let witness = store.read(nobody()).witness();
    assert!(store.append_batch(append(nobody(), 5)).is_ok());
    let before = Region::any_of([Clause::new()]).unwrap().positions(..Position(4)).unwrap();
    assert!(store.append_batch(append(before.clone(), 4)).is_ok());
    assert!(store.append_batch(append(nobody(), 10).if_unchanged(&witness)).is_ok());
    // What contradicts a condition for certain says so.
    let refused = store.append_batch(append(Region::all(), 0)).unwrap_err();
    assert!(matches!(refused.kind(), AppendErrorKind::ConditionFailed { position: Position(0), .. }));
    let refused = store.append_batch(append(before, 0).over_gaps()).unwrap_err();
    assert!(matches!(refused.kind(), AppendErrorKind::ConditionFailed { position: Position(0), .. }));
    assert!(store.append_batch(append(nobody(), 0).over_gaps()).is_ok());
}
