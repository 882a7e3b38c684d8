//! A slice of the simulated crashes, with fixed seeds.

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod real;

#[cfg(test)]
mod slice {
    use std::collections::BTreeSet;

    use causelog_torture::damage;
    use causelog_torture::exhaustive::{self, Bounds};
    use causelog_torture::faults::{self, Failed};
    use causelog_torture::history::{History, Part};
    use causelog_torture::rescue::Salvaged;
    use causelog_torture::scripts::SCRIPTS;
    use causelog_torture::shrink::{attempt, shrink};
    use causelog_torture::syncs::{self, REASONS, Verdict};
    use causelog_torture::tally::Tally;

    /// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-8, COMMIT-10, RECOVER-6, IDEM-5, LOCK-4, TYPE-4, COND-2, COND-3
    #[test]
    fn histories_of_fixed_seeds_lose_nothing() {
        let mut tally = Tally::default();
        for seed in 1..=80 {
            tally += attempt(&History::new(seed)).unwrap();
        }
        assert!(tally.power_cuts > 300 && tally.kills_beside_readers > 60, "{tally}");
        assert!(tally.allowed > 1000 && tally.refused > 1000 && tally.not_judged < 20, "{tally}");
        assert!(tally.done_and_failed > 20, "{tally}");
        assert!(tally.panics > 10 && tally.full_disks > 200 && tally.clock_jumps > 400, "{tally}");
    }

    /// A disk that keeps nothing is noticed, and the history that shows it becomes a short one that still does.
    #[test]
    fn a_failing_history_is_shrunk_and_runs_again() {
        let lies = |seed| History { syncs_ignored: true, ..History::new(seed) };
        let failing = (1..10).map(lies).find(|history| attempt(history).is_err()).unwrap();
        let (short, error) = shrink(&failing);
        assert!(error.is_some() && attempt(&short).is_err(), "{short}");
        let lives = (0..short.lives).filter(|life| short.has(Part::Life(*life)));
        let steps: usize =
            lives.clone().map(|life| (0..24).filter(|step| short.has(Part::Step(life, *step))).count()).sum();
        assert!(lives.count() <= 2 && steps <= 6, "{short}");

        let sound = History::new(failing.seed);
        assert_eq!(shrink(&sound).0, sound, "a history that does not fail stays as it is");
    }

    /// Spec: COMMIT-2, COMMIT-8, RECOVER-3, CLOSE-1
    #[test]
    fn scripts_cut_at_every_operation_lose_nothing() {
        let bounds = Bounds { states: 4, deep: 1 };
        for script in SCRIPTS {
            let counted = exhaustive::run(script, bounds, None).unwrap();
            assert!(
                counted.states > counted.cuts && counted.deep >= counted.cuts,
                "{}: {counted:?}",
                script.name
            );
        }
    }

    /// Each sync is needed, and a disk that does not have it loses what was promised; but for those with a reason.
    ///
    /// Spec: STORE-3, STORE-6, SEG-3, CLOSE-1, CLOSE-4, COMMIT-1, RECOVER-6
    #[test]
    fn each_sync_is_missed_or_needless_for_a_reason() {
        let (mut noticed, mut reasons) = (0, BTreeSet::new());
        for script in SCRIPTS {
            for ignored in syncs::run(script, 60).unwrap() {
                match ignored.verdict {
                    Verdict::Noticed => noticed += 1,
                    Verdict::NothingPending => {}
                    Verdict::Unnoticed => {
                        let reason = ignored.reason();
                        assert!(reason.is_some(), "{}: nothing misses {ignored:?}", script.name);
                        reasons.extend(reason);
                    }
                }
            }
        }
        assert!(noticed >= 80, "only {noticed} were missed");
        assert_eq!(reasons, BTreeSet::from(REASONS), "a reason is not needed any more");
    }

    /// Spec: COMMIT-3, COMMIT-4, COMMIT-5, COMMIT-10, IDEM-2
    #[test]
    fn every_call_fails_in_every_way_and_the_truth_is_told() {
        let mut all = Failed::default();
        for script in SCRIPTS.iter().skip(1).step_by(3) {
            let failed = faults::run(script).unwrap();
            assert!(failed.syncs > 0, "no sync of {} was made to fail", script.name);
            all += failed;
        }
        assert!(all.cases > 600 && all.panics > 150, "{all:?}");
        assert_eq!(all.acknowledged_after, 0);
    }

    /// Spec: RECOVER-2, RECOVER-7, RECOVER-9, READ-4, READ-6, VERIFY-2, CLOSE-5, SLOT-6, INDEX-8, SALVAGE-1, SALVAGE-3
    #[test]
    fn damage_is_told_or_changes_nothing() {
        let mut all = damage::Verdicts::default();
        for seed in 1..=30 {
            all += damage::run(seed).unwrap();
        }
        assert!(all.refused > 300 && all.found > 50 && all.unchanged > 100, "{all:?}");
        let Salvaged { stores, refused, kept, lost } = all.salvaged;
        assert_eq!(stores + refused, all.cases);
        assert!(stores > 900 && kept > 10 * lost && lost > 100, "{all:?}");
    }
}
