//! A slice of the simulated crashes, with fixed seeds.

#[cfg(test)]
mod real;

#[cfg(test)]
mod slice {
    use causelog_torture::exhaustive::{self, SCRIPT};
    use causelog_torture::simulation;

    /// Spec: COMMIT-1, COMMIT-2, COMMIT-3, COMMIT-8, RECOVER-6, IDEM-5
    #[test]
    fn histories_of_fixed_seeds_lose_nothing() {
        let mut cuts = 0;
        for seed in 1..=80 {
            cuts += simulation::run(seed, 12).unwrap().power_cuts;
        }
        assert!(cuts > 300, "there were {cuts} power cuts");
    }

    /// Spec: COMMIT-2, COMMIT-8, RECOVER-3
    #[test]
    fn a_script_cut_at_every_operation_loses_nothing() {
        let counted = exhaustive::run(SCRIPT, 12).unwrap();
        assert!(counted.cuts > 100 && counted.states > counted.cuts, "{counted:?}");
    }
}
