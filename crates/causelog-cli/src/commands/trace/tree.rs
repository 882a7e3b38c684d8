//! A trace as a tree for people: one line an event. What has a single cause (or effect) goes on below at the same
//! level, what has several divides into branches. An event is shown once; later mentions only name it.

use std::collections::HashMap;
use std::io::Write;

use causelog::EventId;

use crate::commands::trace::{Along, Node, Nodes};
use crate::failure::Failure;
use crate::table;

/// How many levels of branches are drawn; beyond them the outermost give way to their number.
const LEVELS_MAX: usize = 16;

pub(super) fn print(out: &mut dyn Write, nodes: Nodes<'_>, along: Along) -> Result<(), Failure> {
    let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
    let next = neighbours(&nodes, along);
    let mut is_shown = vec![false; nodes.len()];
    // A stack of its own: a chain of causes may be longer than a thread's stack is deep.
    let mut waiting = vec![Mention { place: 0, first: Lines::default(), rest: Lines::default() }];
    while let Some(Mention { place, first, rest }) = waiting.pop() {
        let (Some(node), Some(is_shown)) = (nodes.get(place), is_shown.get_mut(place)) else { continue };
        let before = first.text();
        if std::mem::replace(is_shown, true) {
            writeln!(out, "{before}{} (see above)", node.label).map_err(Failure::Output)?;
            continue;
        }
        writeln!(out, "{before}{}  {}", node.label, about(node)).map_err(Failure::Output)?;
        let branches = next.get(place).map_or(&[][..], Vec::as_slice);
        if let [only] = branches {
            waiting.push(Mention { place: *only, first: rest.clone(), rest });
            continue;
        }
        for (nth, branch) in branches.iter().enumerate().rev() {
            let (first, below) =
                if nth + 1 == branches.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            waiting.push(Mention { place: *branch, first: rest.with(first), rest: rest.with(below) });
        }
    }
    Ok(())
}

/// An event to be shown, or only named.
struct Mention {
    place: usize,
    /// What stands before its own line.
    first: Lines,
    /// What stands before the lines below it.
    rest: Lines,
}

/// The vertical lines before an event.
#[derive(Clone, Default)]
struct Lines {
    hidden: usize,
    drawn: Vec<&'static str>,
}

impl Lines {
    fn with(&self, piece: &'static str) -> Self {
        let mut lines = self.clone();
        if lines.drawn.len() == LEVELS_MAX {
            lines.drawn.remove(0);
            lines.hidden += 1;
        }
        lines.drawn.push(piece);
        lines
    }

    fn text(&self) -> String {
        let drawn = self.drawn.concat();
        match self.hidden {
            0 => drawn,
            hidden => format!("({hidden} more) {drawn}"),
        }
    }
}

/// For each event, by its place, the places of its causes or effects within the trace.
fn neighbours(nodes: &[Node], along: Along) -> Vec<Vec<usize>> {
    let places: HashMap<EventId, usize> =
        nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
    let mut next = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for cause in node.causes.iter().filter_map(|cause| places.get(cause)) {
            match along {
                Along::Ancestors => next[place].push(*cause),
                Along::Descendants => next[*cause].push(place),
            }
        }
    }
    next
}

fn about(node: &Node) -> String {
    let (kind, stream, position) = (node.kind, &node.stream, table::count(node.position.0));
    format!("{kind} {stream}, position {position}")
}
