//! `causelog get`: one event, whole.

use std::io::Write;

use causelog::{Event, Evidence};

use crate::args::{Format, Output, Source};
use crate::commands::open_source;
use crate::failure::{Failure, Status};
use crate::id::NamedEvent;
use crate::{json, table, time};

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    source: Source,
    /// The event.
    id: NamedEvent,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &GetArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let store = open_source(&args.source)?;
    let Some(event) = store.get(args.id.id)? else {
        return Err(Failure::NoEvent { given: args.id.given.clone(), id: args.id.id });
    };
    match args.output.format {
        Format::Json => json::print(out, &json::event(&event))?,
        Format::Table => table::print(out, &mut table::pairs(rows(&event)))?,
    }
    Ok(Status::Fine)
}

fn rows(event: &Event) -> Vec<(&'static str, String)> {
    let header = &event.header;
    let dag = &header.dag;
    let mut rows = vec![
        ("id", header.id.to_string()),
        ("position", table::count(header.position.0)),
        ("stream", table::clean(&header.coordinate.to_string())),
        ("revision", table::count(header.revision.0)),
        ("kind", header.kind.to_string()),
        ("depth", table::count(u64::from(dag.depth.0))),
        ("recorded", time::recorded_rfc3339(dag.hlc.wall_ms).unwrap_or_else(|| dag.hlc.to_string())),
    ];
    if let Some(ms) = dag.occurred_ms {
        rows.push(("occurred", time::rfc3339(ms).unwrap_or_else(|| format!("{ms} ms"))));
    }
    if dag.correlation_id != header.id {
        rows.push(("correlation", dag.correlation_id.to_string()));
    }
    if !dag.causes.is_empty() {
        let causes: Vec<String> = dag.causes.iter().map(|id| id.to_string()).collect();
        rows.push(("causes", causes.join("\n")));
    }
    if !header.tags.is_empty() {
        let tags: Vec<&str> = header.tags.iter().collect();
        rows.push(("tags", table::clean(&tags.join(", "))));
    }
    match &header.evidence {
        Some(Evidence::Admitted { gates }) => rows.push(("admitted by", table::clean(&gates.join(", ")))),
        Some(Evidence::Bypassed { reason, justification }) => {
            rows.push(("bypassed", table::clean(&format!("{reason}: {justification}"))));
        }
        None => {}
    }
    rows.push(("hash", event.hash().to_string()));
    rows.push(("payload", payload(event)));
    rows
}

fn payload(event: &Event) -> String {
    match &event.payload {
        None => "(erased)".to_owned(),
        Some(payload) => {
            let pretty = format!("{:#}", json::payload(payload));
            let lines: Vec<String> = pretty.lines().map(table::clean).collect();
            lines.join("\n")
        }
    }
}
