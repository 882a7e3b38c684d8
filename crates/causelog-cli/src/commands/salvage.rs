//! `causelog salvage`: a new store of all that is good in a damaged one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use causelog::{Environment, RealStorage};
use causelog_salvage::{Salvage, SalvageReport, SalvageStep};
use serde_json::{Value, json};

use crate::args::{Format, Output};
use crate::bar::Bar;
use crate::commands::{check_directory, verify};
use crate::failure::{Failure, Status, ended_quietly};
use crate::{json, table};

#[derive(Debug, clap::Args)]
pub(crate) struct SalvageArgs {
    /// The damaged store's directory. Nothing in it is changed.
    dir: PathBuf,
    /// The new store's directory: empty, or not there yet.
    newdir: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &SalvageArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    check_directory(&args.dir)?;
    let damaged = RealStorage::open(&args.dir).map_err(Failure::Directory)?;
    check_apart(args)?;
    let bar = Bar::new(args.output.format);
    let mut tell = |progress| bar.tell("reading", progress);
    let salvage = Salvage::read_telling(Arc::new(damaged), &mut tell)?;
    let new = RealStorage::create(&args.newdir).map_err(Failure::Directory)?;
    let mut tell = |step, progress| match step {
        SalvageStep::Copying => bar.tell("copying", progress),
        SalvageStep::Verifying => bar.tell("verifying", progress),
    };
    let report = salvage.write_telling(&Environment::real(Arc::new(new)), &mut tell)?;
    drop(bar);
    ended_quietly(print(args.output.format, &report, out))?;
    Ok(if report.lost.is_empty() { Status::Fine } else { Status::No })
}

/// A directory inside the damaged one would change that.
fn check_apart(args: &SalvageArgs) -> Result<(), Failure> {
    let parent = args.newdir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let inside = |outer: &Path, inner: &Path| match (outer.canonicalize(), inner.canonicalize()) {
        (Ok(outer), Ok(inner)) => inner.starts_with(outer),
        // Whoever makes it says what is wrong with it.
        _ => false,
    };
    match inside(&args.dir, parent.unwrap_or(Path::new("."))) {
        true => Err(Failure::Misuse(format!(
            "{} is inside the damaged store, which is not to be changed: name another directory",
            args.newdir.display()
        ))),
        false => Ok(()),
    }
}

fn print(format: Format, report: &SalvageReport, out: &mut dyn Write) -> Result<(), Failure> {
    match format {
        Format::Json => json::print(out, &document(report))?,
        Format::Table => {
            table::print(out, &mut table::pairs(rows(report)))?;
            if !report.lost.is_empty() {
                let mut lost = table::listing(&["lost from", "to"]);
                for gap in &report.lost {
                    lost.add_row([gap.start.to_string(), gap.end.0.saturating_sub(1).to_string()]);
                }
                table::align_right(&mut lost, &[0, 1]);
                writeln!(out).map_err(Failure::Output)?;
                table::print(out, &mut lost)?;
            }
            if !report.streams.is_empty() {
                let mut streams = table::listing(&["first revision", "last", "before position", "of stream"]);
                for lost in &report.streams {
                    let (first, last) = (lost.revisions.start.0, lost.revisions.end.0.saturating_sub(1));
                    let numbers = [first, last, lost.before.0].map(|number| number.to_string());
                    streams.add_row(numbers.into_iter().chain([table::clean(&lost.stream.to_string())]));
                }
                table::align_right(&mut streams, &[0, 1, 2]);
                writeln!(out).map_err(Failure::Output)?;
                table::print(out, &mut streams)?;
            }
            if !report.findings.is_empty() {
                writeln!(out).map_err(Failure::Output)?;
                verify::print_findings(&report.findings, report.more_findings, out)?;
            }
        }
    }
    out.flush().map_err(Failure::Output)
}

fn document(report: &SalvageReport) -> Value {
    let lost: Vec<Value> =
        report.lost.iter().map(|gap| json!({ "from": gap.start.0, "to": gap.end.0 })).collect();
    let streams = report.streams.iter().map(|lost| {
        json!({
            "entity": lost.stream.entity(),
            "scope": lost.stream.scope(),
            "from": lost.revisions.start.0,
            "to": lost.revisions.end.0,
            "before": lost.before.0,
        })
    });
    json!({
        "store": report.store.to_string(),
        "events": report.events,
        "groups": report.groups,
        "head": json::head(&report.head),
        "lost_events": report.lost_events(),
        "lost": lost,
        "streams": streams.collect::<Vec<Value>>(),
        "torn_tail": report.torn_tail.as_ref().map(json::torn_tail),
        "held_writers_off": report.held_writers_off,
        "findings": verify::documents(&report.findings),
        "more_findings": report.more_findings,
    })
}

fn rows(report: &SalvageReport) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("store", report.store.to_string()),
        ("events saved", table::count(report.events)),
        ("events lost", table::count(report.lost_events())),
        ("head", report.head.to_string()),
    ];
    if let Some(tail) = &report.torn_tail {
        let (file, offset, bytes) = (table::clean(&tail.file), tail.offset, table::count(tail.bytes));
        rows.push((
            "torn tail",
            format!("{bytes} bytes from offset {offset} of {file}, left behind: no loss"),
        ));
    }
    if !report.held_writers_off {
        let what = "nothing kept a writer from opening the damaged store meanwhile: it has no lock and no store file";
        rows.push(("not held", what.to_owned()));
    }
    rows.push(("verdict", "the new store verifies".to_owned()));
    rows
}
