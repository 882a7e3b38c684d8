//! A slice of the damage to a small store; all of it is what `matrix` goes through by hand.

use causelog_torture::matrix::judge::{Tally, run};
use causelog_torture::matrix::samples::{Left, Sample};
use causelog_torture::rescue::Salvaged;

/// Of the cases by bit and byte, each so many-th; whole files are damaged in every way.
const STEP: usize = 241;

fn slice(left: Left) -> Tally {
    let sample = Sample::make(left).unwrap();
    assert!(sample.groups.len() > 10 && sample.events.len() == 20, "{} groups", sample.groups.len());
    let tally = run(&sample, STEP, 0, 1).unwrap();
    assert!(tally.cases > 700, "{} cases", tally.cases);
    assert_eq!(tally.cases, tally.detected + tally.derived + tally.unchanged + tally.untold);
    let Salvaged { stores, refused, kept, lost } = tally.salvaged;
    assert_eq!((stores + refused, kept + lost), (tally.cases, tally.cases * 20));
    assert!(refused == 0 && lost * 10 < kept && lost > 1000, "{:?}", tally.salvaged);
    tally
}

/// Spec: CLOSE-5, VERIFY-1, VERIFY-2, VERIFY-8, SALVAGE-1, SALVAGE-2, SALVAGE-5, RECOVER-7, READ-6
#[test]
fn damage_to_a_store_that_was_closed_is_told() {
    let tally = slice(Left::Closed);
    assert_eq!(tally.untold, 9, "only a directory that is rolled back as a whole cannot be told");
    assert!(tally.derived > 500, "{} index files were named", tally.derived);
}

/// Spec: SLOT-6, RECOVER-2
#[test]
fn damage_to_a_store_whose_process_was_killed_is_told() {
    assert_eq!(
        slice(Left::Killed).untold,
        9,
        "only a directory that is rolled back as a whole cannot be told"
    );
}

/// Spec: RECOVER-2, RECOVER-9
#[test]
fn damage_after_a_power_cut_is_told_but_for_what_nothing_proves() {
    let tally = slice(Left::Cut);
    let untold = |class| -> u64 {
        let counts =
            tally.table.iter().filter(|((of, _, verdict), _)| *of == class && *verdict == "cannot be told");
        counts.map(|(_, count)| count).sum()
    };
    assert_eq!((untold("directory rolled back"), untold("deleted"), untold("an older copy")), (9, 1, 1));
    assert!(tally.untold >= 11);
}

/// Spec: VERIFY-3
#[test]
fn a_head_that_was_kept_elsewhere_tells_of_every_loss() {
    assert_eq!(slice(Left::CutKept).untold, 0);
}
