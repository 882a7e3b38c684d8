//! The forms that are written event by event, with no memory but the ids seen.

use std::collections::HashSet;
use std::io::Write;

use serde_json::{Value, json};

use crate::commands::trace::{Along, Node, Nodes};
use crate::failure::Failure;
use crate::json::Values;

pub(super) fn ids(out: &mut dyn Write, nodes: Nodes<'_>) -> Result<(), Failure> {
    for node in nodes {
        writeln!(out, "{}", node?.label).map_err(Failure::Output)?;
    }
    Ok(())
}

pub(super) fn json(out: &mut dyn Write, nodes: Nodes<'_>) -> Result<(), Failure> {
    let mut values = Values::array(out);
    for node in nodes {
        values.push(&self::node(&node?))?;
    }
    values.finish()
}

/// An event of a trace, for programs.
pub(super) fn node(node: &Node) -> Value {
    let causes: Vec<String> = node.causes.iter().map(|id| id.to_string()).collect();
    json!({
        "position": node.position.0,
        "depth": node.depth.0,
        "id": node.id.to_string(),
        "causes": causes,
        "label": node.label,
        "kind": node.kind.to_string(),
        "entity": node.entity,
        "scope": node.scope,
    })
}

/// Edges stand between events of the trace: an event's effects may have other causes that are not in it.
pub(super) fn dot(out: &mut dyn Write, nodes: Nodes<'_>, along: Along) -> Result<(), Failure> {
    let mut shown = HashSet::new();
    writeln!(out, "digraph causes {{\n  node [shape=box];").map_err(Failure::Output)?;
    for node in nodes {
        let Node { id, label, causes, .. } = node?;
        shown.insert(id);
        writeln!(out, "  \"{id}\" [label=\"{}\"];", escaped(&label)).map_err(Failure::Output)?;
        // Going up, every cause is in the trace; going down, those are that have been shown by now.
        for cause in causes.iter().filter(|cause| along == Along::Ancestors || shown.contains(cause)) {
            writeln!(out, "  \"{cause}\" -> \"{id}\";").map_err(Failure::Output)?;
        }
    }
    writeln!(out, "}}").map_err(Failure::Output)
}

/// In DOT, a backslash begins an escape of its own.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"")
}
