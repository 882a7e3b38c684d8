//! R6: the layer table, Cargo's resolved graph, the code and ARCHITECTURE.md say the same.
//!
//! An edge that the table does not list, an edge that the graph does not have, and a dependency that no code
//! names are errors alike. Edges that only tests use are free.
//!
//! Not seen: a dependency used only through what a macro of a third crate expands to; it counts as unused.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::layers::{LAYERS, Layer};
use crate::markdown;
use crate::project::{Crate, Project};

pub(crate) const RULE: &str = "R6";
const MEND: &str =
    "do without it, or change xtask/src/layers.rs (and for a layer ARCHITECTURE.md) with the reason";
const MEND_UNUSED: &str = "take the permission out of xtask/src/layers.rs; it comes back with its first use";
const MEND_MANIFEST: &str = "take it out of the manifest; it comes back with its first use";
const MEND_PAGE: &str = "make the table of ARCHITECTURE.md and xtask/src/layers.rs agree";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = check_table(project, LAYERS);
    if let Some(page) = project.text("ARCHITECTURE.md") {
        findings.extend(check_page(&page, LAYERS));
    }
    findings
}

fn check_table(project: &Project, layers: &[Layer]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in layers {
        let Some(krate) = project.find(layer.name) else {
            let what = format!("`{}` is in the layer table and not in the workspace", layer.name);
            findings.push(Finding {
                file: "xtask/src/layers.rs".into(),
                line: 0,
                rule: RULE,
                what,
                mend: MEND_UNUSED,
            });
            continue;
        };
        let listed: BTreeSet<String> = layer
            .uses
            .iter()
            .map(|short| full(short))
            .chain(layer.external.iter().map(|name| (*name).to_owned()))
            .collect();
        let graph: BTreeSet<String> = krate.deps.iter().map(|dep| dep.package.clone()).collect();
        for name in graph.difference(&listed) {
            let what = format!("{} depends on `{name}`, which the layer table does not list", krate.name);
            findings.push(krate.manifest_finding(RULE, name, what, MEND));
        }
        for name in listed.difference(&graph) {
            let what =
                format!("the layer table lists `{name}` for {}, which does not depend on it", krate.name);
            findings.push(krate.manifest_finding(RULE, name, what, MEND_UNUSED));
        }
        findings.extend(unused(krate));
    }
    findings.extend(strangers(project, layers));
    findings
}

/// Crates below `crates/` that look like layers and are not in the table.
fn strangers(project: &Project, layers: &[Layer]) -> Vec<Finding> {
    let known = |krate: &&Crate| layers.iter().any(|layer| layer.name == krate.name);
    let used: BTreeSet<&str> = project
        .crates
        .iter()
        .filter(known)
        .flat_map(|krate| krate.deps.iter().filter(|dep| dep.in_workspace).map(|dep| dep.package.as_str()))
        .collect();
    project
        .crates
        .iter()
        .filter(|krate| !known(krate) && used.contains(krate.name.as_str()))
        .map(|krate| {
            let what = format!("a layer uses `{}`, which is not in the layer table", krate.name);
            krate.manifest_finding(RULE, "name", what, MEND)
        })
        .collect()
}

fn unused(krate: &Crate) -> Vec<Finding> {
    let externs = krate.externs();
    let resolver = krate.resolver(&externs);
    let mut named = BTreeSet::new();
    for module in &krate.modules {
        for mention in &module.mentions {
            let resolved = resolver.resolve(&module.path, &mention.segments);
            // A lone name may as well be a variable.
            let paths = resolved.into_iter().filter(|path| path.len() > 1 || mention.leading_colon);
            named.extend(paths.filter_map(|path| path.into_iter().next()));
        }
    }
    krate
        .deps
        .iter()
        .filter(|dep| !named.contains(&dep.ident))
        .map(|dep| {
            let what = format!("no code of {} outside tests names `{}`", krate.name, dep.ident);
            krate.manifest_finding(RULE, &dep.package, what, MEND_MANIFEST)
        })
        .collect()
}

fn full(short: &str) -> String {
    format!("causelog-{short}")
}

/// Compares the page's table, columns `crate` and `may use`, with ours.
fn check_page(page: &str, layers: &[Layer]) -> Vec<Finding> {
    let finding =
        |what: String| Finding { file: "ARCHITECTURE.md".into(), line: 0, rule: RULE, what, mend: MEND_PAGE };
    let Some(rows) = markdown::table(page, "crate") else {
        return vec![finding("has no table whose first column is `crate`".to_owned())];
    };
    let mut findings = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let Some(row) = rows.iter().find(|row| row.first().is_some_and(|name| name == layer.name)) else {
            findings.push(finding(format!("the table has no row for `{}`", layer.name)));
            continue;
        };
        let cell = row.get(2).map(String::as_str).unwrap_or_default();
        let above: BTreeSet<String> = layers.iter().take(index).map(|layer| short(layer.name)).collect();
        let page_uses = match cell {
            "none" => BTreeSet::new(),
            "all above" => above,
            list => list.split(',').map(|name| short(name.trim())).collect(),
        };
        let table_uses: BTreeSet<String> = layer.uses.iter().map(|name| (*name).to_owned()).collect();
        if page_uses != table_uses {
            let what =
                format!("`{}` may use {table_uses:?} in layers.rs and {page_uses:?} on the page", layer.name);
            findings.push(finding(what));
        }
    }
    let names = rows.iter().filter_map(|row| row.first());
    let unknown = names.filter(|name| !layers.iter().any(|layer| layer.name == name.as_str()));
    findings
        .extend(unknown.map(|name| finding(format!("the table has a row for `{name}`, which is no layer"))));
    findings
}

fn short(name: &str) -> String {
    name.strip_prefix("causelog-").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::{check_page, check_table};
    use crate::fixture::{Fixture, assert_findings};
    use crate::layers::Layer;

    const TWO: &[Layer] = &[
        Layer { name: "causelog-types", uses: &[], external: &["serde"] },
        Layer { name: "causelog-wire", uses: &["types"], external: &[] },
    ];

    fn clean() -> Fixture {
        Fixture::with("causelog-types", "use serde::Serialize;")
            .dep("causelog-types", "serde")
            .file("causelog-wire", "src/lib.rs", "fn a() { assert!(causelog_types::b()) }")
            .dep("causelog-wire", "causelog-types")
    }

    #[test]
    fn a_graph_as_listed_passes() {
        assert_findings(&check_table(&clean().build(), TWO), &[]);
    }

    #[test]
    fn an_edge_that_is_not_listed_is_found() {
        let project = clean()
            .dep("causelog-types", "causelog-wire")
            .file("causelog-types", "src/lib.rs", "use serde::Serialize; use causelog_wire::Frame;")
            .build();
        assert_findings(
            &check_table(&project, TWO),
            &["`causelog-wire`, which the layer table does not list"],
        );
    }

    #[test]
    fn a_listed_edge_that_is_not_there_is_found() {
        let project = Fixture::with("causelog-types", "").file("causelog-wire", "src/lib.rs", "").build();
        let expected = ["lists `serde` for causelog-types", "lists `causelog-types` for causelog-wire"];
        assert_findings(&check_table(&project, TWO), &expected);
    }

    #[test]
    fn a_dependency_that_only_tests_name_is_found() {
        let project =
            clean().file("causelog-types", "src/lib.rs", "#[cfg(test)] mod tests { use serde::Serialize; }");
        assert_findings(&check_table(&project.build(), TWO), &["outside tests names `serde`"]);
    }

    #[test]
    fn the_page_agrees_with_the_table() {
        let page = "| crate | what | may use | must not |\n|--|--|--|--|\n| `causelog-types` | a | none | b |\n\
                    | `causelog-wire` | a | types | b |\n";
        assert_findings(&check_page(page, TWO), &[]);
        assert_findings(&check_page(&page.replace("| types |", "| all above |"), TWO), &[]);
        assert_findings(
            &check_page(&page.replace("| types |", "| types, io |"), TWO),
            &["`causelog-wire` may use"],
        );
        let stranger = page.replace("`causelog-wire`", "`causelog-wires`");
        assert_findings(
            &check_page(&stranger, TWO),
            &["no row for `causelog-wire`", "row for `causelog-wires`"],
        );
    }
}
