//! `causelog verify`: every group, frame, chain and root on disk. It needs no open, so that damage cannot stop it.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use causelog::{Finding, IndexFilesReport, Position, RealStorage, StoreHead, VerifyReport, verify_all};
use comfy_table::Table;
use serde_json::{Value, json};

use crate::args::{Format, Output};
use crate::bar::Bar;
use crate::commands::{check_directory, open_to_read};
use crate::failure::{Failure, Status, ended_quietly};
use crate::{json, table};

/// The name of a finding that a newer release may understand.
const UNSUPPORTED: &str = "unsupported";
/// What is said of a store with other findings.
const DAMAGED: &str = "damaged";
/// So many files and ranges are named in a line for people.
const NAMED_MAX: usize = 3;
/// Where a reader goes on to whose store is damaged.
const WHAT_NEXT: &str = "\
`causelog salvage DIR NEWDIR` writes all that is good into a new store, and says what is lost;
`read`, `get`, `stat` and `trace` show what is good with `--damaged`.";

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The store's directory.
    dir: PathBuf,
    /// Show too that nothing was cut off before a head that you have kept elsewhere, and nothing before it
    /// changed: `head` as `stat` and `verify` print it.
    #[arg(long, value_name = "POSITION:ROOT")]
    expect_head: Option<StoreHead>,
    /// Compare every answer of the index with the log too: ids, heads, entities, scopes, kinds, tags, effects. Of a
    /// damaged log nothing is compared: what reads that, with `--damaged`, makes an index anew and uses no index file.
    #[arg(long)]
    deep: bool,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &VerifyArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    check_directory(&args.dir)?;
    let storage = Arc::new(RealStorage::open(&args.dir).map_err(Failure::Directory)?);
    let bar = Bar::new(args.output.format);
    let mut tell = |progress| bar.tell("verifying", progress);
    let (mut report, derived) = verify_all(storage, args.expect_head, &mut tell)?;
    drop(bar);
    let index = match args.deep {
        false => Compared::NotAsked,
        // What cannot be read cannot be compared either.
        true if !report.is_sound() => Compared::LogDamaged,
        true => {
            let compared = open_to_read(&args.dir)?.compare_index()?;
            report.findings.extend(compared.findings);
            Compared::Questions(compared.questions)
        }
    };
    let (verdict, status) = judge(&report);
    let told = Told { report: &report, derived: &derived, index, verdict };
    ended_quietly(print(args.output.format, &told, out))?;
    Ok(status)
}

/// Whether the index was compared with the log.
#[derive(Clone, Copy)]
enum Compared {
    NotAsked,
    LogDamaged,
    Questions(u64),
}

/// What is said of a store, and the exit code for it.
pub(crate) fn judge(report: &VerifyReport) -> (&'static str, Status) {
    if report.is_sound() {
        return ("sound", Status::Fine);
    }
    match report.findings.iter().all(|finding| finding.kind.name() == UNSUPPORTED) {
        true => (UNSUPPORTED, Status::Unanswered),
        false => (DAMAGED, Status::No),
    }
}

/// What is told of a store.
struct Told<'a> {
    report: &'a VerifyReport,
    derived: &'a IndexFilesReport,
    index: Compared,
    verdict: &'static str,
}

fn print(format: Format, told: &Told<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let Told { report, derived, index, verdict } = *told;
    match format {
        Format::Json => {
            let mut document = document(report, verdict);
            if let Value::Object(fields) = &mut document {
                fields.insert("derived".to_owned(), derived_document(derived));
                if let Compared::Questions(questions) = index {
                    fields.insert("index_questions".to_owned(), questions.into());
                }
            }
            json::print(out, &document)?;
        }
        Format::Table => {
            let mut rows = rows(report, verdict);
            match index {
                Compared::NotAsked => {}
                Compared::LogDamaged => rows.push(("index", "not compared: the log is damaged".to_owned())),
                Compared::Questions(count) => {
                    rows.push((
                        "index",
                        format!("{} compared with the log", table::counted(count, "answer")),
                    ));
                }
            }
            rows.extend(derived_row(derived));
            table::print(out, &mut table::pairs(rows))?;
            if !report.findings.is_empty() {
                writeln!(out).map_err(Failure::Output)?;
                print_findings(&report.findings, report.more_findings, out)?;
            }
            if !derived.findings.is_empty() {
                writeln!(out).map_err(Failure::Output)?;
                print_derived(derived, out)?;
            }
            if verdict == DAMAGED {
                writeln!(out, "\n{WHAT_NEXT}").map_err(Failure::Output)?;
            }
        }
    }
    out.flush().map_err(Failure::Output)
}

pub(crate) fn document(report: &VerifyReport, verdict: &'static str) -> Value {
    json!({
        "verdict": verdict,
        "events": report.events,
        "groups": report.groups,
        "gaps": report.gaps,
        "lost": report.lost,
        "segments": report.segments,
        "streams": report.streams,
        "bytes": report.bytes,
        "missing": ranges(&report.missing),
        "missing_positions": report.missing_positions,
        // What can be read of a damaged store ends somewhere too, and that is no head to keep.
        "head": report.is_sound().then(|| json::head(&report.head)),
        "read_up_to": json::head(&report.head),
        "torn_tail": report.torn_tail.as_ref().map(json::torn_tail),
        "dead_bytes": report.dead_bytes,
        "dead_files": report.dead_files,
        "in_use": report.in_use,
        "lock_is_unreadable": report.lock_is_unreadable,
        "unknown_names": report.unknown_names,
        "more_unknown_names": report.more_unknown_names,
        "proven_from": report.proven_from.map(|from| from.0),
        "findings": documents(&report.findings),
        "more_findings": report.more_findings,
    })
}

fn ranges(ranges: &[Range<Position>]) -> Vec<Value> {
    ranges.iter().map(|range| json!({ "from": range.start.0, "to": range.end.0 })).collect()
}

fn rows(report: &VerifyReport, verdict: &'static str) -> Vec<(&'static str, String)> {
    let counted = |number: usize| table::count(u64::try_from(number).unwrap_or(u64::MAX));
    let mut rows = vec![
        ("verdict", verdict.to_owned()),
        ("events", table::count(report.events)),
        ("groups", table::count(report.groups)),
        ("segments", counted(report.segments)),
        ("streams", counted(report.streams)),
        ("bytes covered", table::count(report.bytes)),
        match report.is_sound() {
            true => ("head", report.head.to_string()),
            false => ("read up to", format!("position {}: no head to keep", report.head.position)),
        },
    ];
    rows.extend(missing_row(report));
    if report.gaps > 0 {
        let (lost, gaps) = (table::counted(report.lost, "event"), table::counted(report.gaps, "gap"));
        rows.push(("lost", format!("{lost} in {gaps}, before the store was salvaged: no damage")));
    }
    rows.extend(notes(report));
    if !report.findings.is_empty() {
        let all = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
        rows.push(("findings", table::count(all.saturating_add(report.more_findings))));
    }
    rows
}

/// Which positions hold nothing any more.
fn missing_row(report: &VerifyReport) -> Option<(&'static str, String)> {
    let range = |range: &Range<Position>| match range.end.0.saturating_sub(range.start.0) {
        1 => range.start.to_string(),
        _ => format!("{} to {}", range.start, range.end.0.saturating_sub(1)),
    };
    let count = table::counted(report.missing_positions, "event");
    let at = some_of(report.missing.iter().map(range), 0);
    (report.missing_positions > 0).then(|| ("missing", format!("{count}, at {at}")))
}

/// What is no damage, and worth to be known.
fn notes(report: &VerifyReport) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let Some(tail) = &report.torn_tail {
        let (file, offset, bytes) = (table::clean(&tail.file), tail.offset, table::count(tail.bytes));
        notes.push((
            "torn tail",
            format!(
                "{bytes} bytes from offset {offset} of {file}, which nothing shows to have been synced: no damage"
            ),
        ));
    }
    if report.dead_bytes > 0 {
        let name = |file: &String| file.rsplit('/').next().unwrap_or_default().to_owned();
        let (bytes, files) = (table::count(report.dead_bytes), report.dead_files.iter().map(name));
        notes.push(("dead bytes", format!("{bytes} in {}: no damage", some_of(files, 0))));
    }
    if report.lock_is_unreadable {
        let what = "holds no published end that can be read, so that an end that was cut off need not show";
        notes.push(("lock", format!("{what}: no damage")));
    }
    if !report.unknown_names.is_empty() {
        notes.push(("not ours", some_of(report.unknown_names.iter().cloned(), report.more_unknown_names)));
    }
    if let Some(from) = report.proven_from {
        notes.push(("kept head", format!("fits: all from position {from} up to it is as it was then")));
    }
    if report.in_use {
        notes.push(("in use", "another process is writing; what it has published was checked".to_owned()));
    }
    notes
}

/// The first of some texts in a line, and how many more there are, of which some were counted before.
fn some_of(texts: impl Iterator<Item = String>, more: u64) -> String {
    let mut all: Vec<String> = texts.map(|text| table::clean(&text)).collect();
    let cut = all.split_off(all.len().min(NAMED_MAX));
    all.extend(more_of(more.saturating_add(u64::try_from(cut.len()).unwrap_or(u64::MAX))));
    all.join(", ")
}

/// What is said of index files, for programs.
fn derived_document(derived: &IndexFilesReport) -> Value {
    let findings = derived.findings.iter().map(|finding| {
        json!({
            "file": finding.file,
            "offset": finding.offset.map(|offset| offset.0),
            "kind": finding.flaw.name(),
            "message": finding.flaw.to_string(),
        })
    });
    json!({
        "sound": derived.sound,
        "findings": findings.collect::<Vec<Value>>(),
        "more_findings": derived.more_findings,
    })
}

/// What is said of index files, if there are any.
fn derived_row(derived: &IndexFilesReport) -> Option<(&'static str, String)> {
    let useless =
        u64::try_from(derived.findings.len()).unwrap_or(u64::MAX).saturating_add(derived.more_findings);
    let sound = table::count(derived.sound);
    match (derived.sound, useless) {
        (0, 0) => None,
        (_, 0) => Some(("index files", format!("{sound} sound"))),
        _ => Some(("index files", format!("{sound} sound, {} of no use: no damage", table::count(useless)))),
    }
}

/// Index files that are of no use, for people.
fn print_derived(derived: &IndexFilesReport, out: &mut dyn Write) -> Result<(), Failure> {
    let mut table = table::listing(&["file", "offset", "kind", "what"]);
    for finding in &derived.findings {
        let offset = finding.offset.map_or_else(String::new, |offset| offset.to_string());
        let (file, what) = (table::clean(&finding.file), finding.flaw.to_string());
        table.add_row([file, offset, finding.flaw.name().to_owned(), what]);
    }
    table::align_right(&mut table, &[1]);
    table::print(out, &mut table)?;
    more_of(derived.more_findings).map_or(Ok(()), |more| writeln!(out, "{more}").map_err(Failure::Output))
}

/// Findings for programs.
pub(crate) fn documents(findings: &[Finding]) -> Vec<Value> {
    let document = |finding: &Finding| {
        json!({
            "file": finding.file,
            "offset": finding.offset.0,
            "kind": finding.kind.name(),
            "message": finding.kind.to_string(),
        })
    };
    findings.iter().map(document).collect()
}

/// Findings for people, and how many more there are.
pub(crate) fn print_findings(findings: &[Finding], more: u64, out: &mut dyn Write) -> Result<(), Failure> {
    table::print(out, &mut listing(findings))?;
    more_of(more).map_or(Ok(()), |more| writeln!(out, "{more}").map_err(Failure::Output))
}

/// What is said of findings that were only counted.
pub(crate) fn more_of(more: u64) -> Option<String> {
    (more > 0).then(|| format!("and {} more", table::count(more)))
}

fn listing(findings: &[Finding]) -> Table {
    let mut table = table::listing(&["file", "offset", "kind", "what"]);
    for finding in findings {
        let (file, what) = (table::clean(&finding.file), table::clean(&finding.kind.to_string()));
        table.add_row([file, finding.offset.to_string(), finding.kind.name().to_owned(), what]);
    }
    table::align_right(&mut table, &[1]);
    table
}
