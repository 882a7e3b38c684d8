//! The rules, one file each. SPEC.md says what they are for; each file says what it cannot see.

mod r01_unsafe;
mod r02_async;
mod r03_restart_policy;
mod r04_outside_world;
mod r05_hashes;
mod r06_layers;
mod r07_product_nouns;
mod r08_lone_traits;
mod r09_receipts;
mod r10_denials;
mod r11_persisted_types;
mod r12_blocking_sends;
mod r13_foreign_types;
mod r14_exceptions;
mod r15_empty_tests;
mod r16_citations;
mod tree;

use crate::finding::Finding;
use crate::project::Project;

/// One rule.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    check: fn(&Project) -> Vec<Finding>,
}

const fn rule(id: &'static str, check: fn(&Project) -> Vec<Finding>) -> Rule {
    Rule { id, check }
}

/// All of them, in the order they are reported.
pub(crate) const RULES: &[Rule] = &[
    rule(tree::RULE, tree::check),
    rule(r01_unsafe::RULE, r01_unsafe::check),
    rule(r02_async::RULE, r02_async::check),
    rule(r03_restart_policy::RULE, r03_restart_policy::check),
    rule(r04_outside_world::RULE, r04_outside_world::check),
    rule(r05_hashes::RULE, r05_hashes::check),
    rule(r06_layers::RULE, r06_layers::check),
    rule(r07_product_nouns::RULE, r07_product_nouns::check),
    rule(r08_lone_traits::RULE, r08_lone_traits::check),
    rule(r09_receipts::RULE, r09_receipts::check),
    rule(r10_denials::RULE, r10_denials::check),
    rule(r11_persisted_types::RULE, r11_persisted_types::check),
    rule(r12_blocking_sends::RULE, r12_blocking_sends::check),
    rule(r13_foreign_types::RULE, r13_foreign_types::check),
    rule(r14_exceptions::RULE, r14_exceptions::check),
    rule(r15_empty_tests::RULE, r15_empty_tests::check),
    rule(r16_citations::RULE, r16_citations::check),
];

/// Runs every rule.
pub(crate) fn check_all(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        let mut found = (rule.check)(project);
        debug_assert!(found.iter().all(|finding| finding.rule == rule.id), "a rule reports under its own id");
        found.sort();
        found.dedup();
        findings.extend(found);
    }
    findings
}
