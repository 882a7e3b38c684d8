//! `causelog stat`: how much a store holds, and how it was found.

use std::io::Write;

use causelog::{Left, OpenReport, Store};
use serde_json::{Value, json};

use crate::args::{Format, Output, Source};
use crate::commands::{open_source, verify};
use crate::failure::{Failure, Status};
use crate::{json, table};

#[derive(Debug, clap::Args)]
pub(crate) struct StatArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &StatArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let store = open_source(&args.source)?;
    match args.output.format {
        Format::Json => json::print(out, &document(&store)?)?,
        Format::Table => table::print(out, &mut table::pairs(rows(&store)?))?,
    }
    Ok(Status::Fine)
}

fn document(store: &Store) -> Result<Value, Failure> {
    let (counts, report) = (store.counts()?, store.report());
    Ok(json!({
        "store": store.id().to_string(),
        "events": counts.events,
        "streams": counts.streams,
        "segments": report.segments,
        "bytes": report.bytes,
        "head": json::head(&store.end()),
        "report": {
            "left": left_name(report.left),
            "epoch": report.epoch,
            "head": json::head(&report.head),
            "segments": report.segments,
            "bytes": report.bytes,
            "torn_tail": report.torn_tail.as_ref().map(json::torn_tail),
            "dead_bytes": report.dead_bytes,
            "more_damage": report.more_damage,
            "damage": report.damage.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "unknown_names": report.unknown_names,
            "temporary_names": report.temporary_names,
        },
    }))
}

fn rows(store: &Store) -> Result<Vec<(&'static str, String)>, Failure> {
    let (counts, report, head) = (store.counts()?, store.report(), store.end());
    let mut rows = vec![
        ("store", store.id().to_string()),
        ("events", table::count(counts.events)),
        ("streams", table::count(counts.streams)),
        ("segments", table::count(u64::try_from(report.segments).unwrap_or(u64::MAX))),
        ("bytes", table::count(report.bytes)),
        ("head", head.to_string()),
        ("found", left_text(report).to_owned()),
        ("writers so far", table::count(report.epoch)),
    ];
    if let Some(tail) = &report.torn_tail {
        let (file, offset, bytes) = (table::clean(&tail.file), tail.offset, table::count(tail.bytes));
        let why = "which nothing shows to have been synced";
        rows.push(("torn tail", format!("{bytes} bytes from offset {offset} of {file}, {why}")));
    }
    if report.dead_bytes > 0 {
        rows.push(("dead bytes", table::count(report.dead_bytes)));
    }
    let lost: u64 = store.gaps()?.into_iter().map(|gap| gap.end.0.saturating_sub(gap.start.0)).sum();
    if lost > 0 {
        rows.push(("events lost", table::count(lost)));
    }
    rows.extend(report.damage.iter().map(|damage| ("damage", table::clean(&damage.to_string()))));
    rows.extend(verify::more_of(report.more_damage).map(|more| ("damage", more)));
    for (name, files) in [("not ours", &report.unknown_names), ("unfinished", &report.temporary_names)] {
        if !files.is_empty() {
            rows.push((name, table::clean(&files.join(", "))));
        }
    }
    Ok(rows)
}

/// For programs; stable.
pub(crate) fn left_name(left: Left) -> &'static str {
    match left {
        Left::New => "new",
        Left::Closed => "closed",
        Left::Unclosed => "unclosed",
        Left::StaleMark => "stale_mark",
        Left::InUse => "in_use",
    }
}

/// For people.
pub(crate) fn left_text(report: &OpenReport) -> &'static str {
    match report.left {
        Left::New => "new",
        Left::Closed => "closed in order the last time",
        Left::Unclosed => {
            "not closed: its last process ended, or the power went; the end of the log was recovered"
        }
        Left::StaleMark => "marked as closed, but written to since; the log is right",
        Left::InUse => "in use: another process is writing it",
    }
}
