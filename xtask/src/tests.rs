//! The whole check, on a small workspace on disk.

use std::collections::BTreeSet;
use std::path::Path;

use crate::project::Project;
use crate::rules;

fn fixture() -> Project {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/broken");
    Project::load(&root).expect("the fixture")
}

#[test]
fn the_rules_work_on_a_workspace_on_disk() {
    let findings = rules::check_all(&fixture());
    let shown: BTreeSet<String> = findings
        .iter()
        .map(|finding| format!("{} {}:{}", finding.rule, finding.file.display(), finding.line))
        .collect();
    let expected = [
        "R1 crates/causelog-wire/Cargo.toml:0",
        "R4 crates/causelog-wire/src/frame.rs:3",
        "R6 crates/causelog-types/Cargo.toml:7",
        "R7 crates/causelog-types/src/lib.rs:3",
        "R14 crates/causelog-types/src/lib.rs:7",
        "R14 fuzz/src/lib.rs:3",
        "R15 crates/causelog-types/tests/it/main.rs:2",
        "R16 SPEC.md:0",
    ];
    for place in expected {
        assert!(shown.contains(place), "no {place} in {shown:#?}");
    }
}

#[test]
fn the_graph_is_read_from_cargo() {
    let project = fixture();
    let types = project.find("causelog-types").expect("a crate");
    assert_eq!(types.deps.iter().map(|dep| dep.ident.as_str()).collect::<Vec<_>>(), ["causelog_wire"]);
    assert!(types.reaches.contains_key("causelog-wire"));
    let wire = project.find("causelog-wire").expect("a crate");
    assert!(wire.deps.is_empty(), "what only tests use is no edge");
}

#[test]
fn every_rule_has_its_own_name() {
    let ids: BTreeSet<&str> = rules::RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), rules::RULES.len());
    assert!((1..=16).all(|number| ids.contains(format!("R{number}").as_str())));
}
