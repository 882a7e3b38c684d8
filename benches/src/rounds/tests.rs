use std::path::Path;
use std::time::Duration;

use super::{Rounds, Workload};
use causelog::Durability;

use crate::bare::Leader;
use crate::{BenchError, place};

const TURN: Duration = Duration::from_millis(5);
const WEAKER: Durability = Durability::Interval { max_ms: 100, max_events: 1_000 };

fn on_disk() -> tempfile::TempDir {
    place::directory(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap()
}

fn workload(callers: u16, batch: usize) -> Workload {
    let (durability, leader) = (Durability::Sync, Leader::Gathers);
    Workload { callers, payload_bytes: 100, batch, durability, leader }
}

#[test]
fn all_sides_take_turns_and_leave_nothing() {
    let directory = on_disk();
    for (callers, batch, turns) in [(1, 1, 2), (4, 3, 3)] {
        let mut rounds = Rounds::prepare(directory.path(), workload(callers, batch)).unwrap();
        (0..2).for_each(|_| rounds.round(TURN).unwrap());
        assert_eq!(rounds.turns(), turns);
        for side in [rounds.store(), rounds.bare_loop(), rounds.bare()] {
            assert!(side.events > 0 && side.syncs > 0);
            assert_eq!(side.events, side.latencies.count() * u64::try_from(batch).unwrap());
            assert!(side.events_per_s.quantile(0) > 0.0);
        }
        assert_eq!(rounds.bare_loop().events_per_sync(), Some(f64::from(u32::try_from(batch).unwrap())));
        assert!(rounds.ratios().quantile(0) > 0.0);
        drop(rounds);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_side_that_has_written_much_begins_anew() {
    let directory = on_disk();
    let mut rounds = Rounds::prepare(directory.path(), workload(2, 1)).unwrap();
    rounds.round(TURN).unwrap();
    for side in [&mut rounds.store, &mut rounds.bare_loop] {
        side.bytes = super::SIDE_BYTES_MAX + 1;
    }
    let marks = ["store", "bare-loop", "bare-group-commit"].map(|name| {
        let mark = rounds._directory.path().join(name).join("mark");
        std::fs::write(&mark, "of the files before").unwrap();
        mark
    });
    rounds.round(TURN).unwrap();
    assert_eq!(marks.map(|mark| mark.exists()), [false, false, true]);
    assert!(rounds.store.bytes > 0 && rounds.store.bytes < super::SIDE_BYTES_MAX);
}

#[test]
fn what_the_store_refuses_is_told_and_leaves_nothing() {
    let directory = on_disk();
    let too_much = Rounds::prepare(directory.path(), workload(1, 20_000));
    assert!(matches!(too_much, Err(BenchError::Append(_))));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn weaker_modes_run() {
    for durability in [WEAKER, Durability::Os] {
        let directory = on_disk();
        let mut rounds =
            Rounds::prepare(directory.path(), Workload { durability, ..workload(2, 1) }).unwrap();
        (0..2).for_each(|_| rounds.round(TURN).unwrap());
        let events = |side: &super::Measured| side.events_per_sync();
        assert!(rounds.store().events > 0 && rounds.bare().syncs == 0);
        assert_eq!(events(rounds.bare_loop()), Some(1.0));
        let shared = events(rounds.store());
        assert!(shared.is_none_or(|events| durability == WEAKER && events <= 1_000.0), "{shared:?}");
        assert_eq!(shared.is_none(), durability == Durability::Os);
    }
}
