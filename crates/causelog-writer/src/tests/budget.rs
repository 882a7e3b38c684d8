//! How often a writer that has panicked is started again.

use crate::RestartPolicy;
use crate::durability::RestartBudget;

/// Spec: COMMIT-10
#[test]
fn a_restart_counts_for_exactly_as_long_as_the_policy_says() {
    let taken = |policy| {
        let mut budget = RestartBudget::new(policy);
        [0, 9, 10, 19, 20].map(|now_ms| budget.take(now_ms))
    };
    let bounded = |max_restarts| taken(RestartPolicy::Bounded { max_restarts, within_ms: 10 });
    assert_eq!(bounded(0), [false; 5]);
    assert_eq!(bounded(1), [true, false, true, false, true]);
    assert_eq!(bounded(2), [true, true, true, true, true]);
    assert_eq!(taken(RestartPolicy::Once), [true, false, false, false, false]);
}
