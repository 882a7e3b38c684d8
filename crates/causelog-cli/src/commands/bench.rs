//! `causelog bench`: what a disk and the store can do, beside bare loops on the same disk.
//!
//! What is measured, and how, is in the library of the benchmarks (`rounds`). Here is where it works (`place`), how
//! long, and how the result is shown (`report`).

mod durability;
mod interrupt;
mod place;
mod report;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use causelog::Durability;
use causelog::limits;
use causelog_benches::bare::Leader;
use causelog_benches::rounds::{Rounds, Workload};
use clap::value_parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{Format, Output};
use crate::commands::bench::interrupt::Interrupt;
use crate::commands::bench::place::Place;
use crate::commands::bench::report::Row;
use crate::failure::{Failure, Status};
use crate::{json, table};

/// Few rounds say nothing of how far they lie apart.
const ROUNDS_MIN: u32 = 10;
/// Short rounds, so that the disk's moods fall on all sides.
const ROUNDS_PER_S: u32 = 5;
/// What an event takes beside its payload, and some.
const FRAME_BYTES_AROUND: u64 = 256;
/// What the events of all callers may take in memory.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

const AFTER: &str = "\
The store and the bare loop take turns on the same disk: many short rounds, in which each appends for as long as
the other. The ratio is the store's speed as a part of the bare one's, round by round: the median, and the quartiles.

The bare loop of one caller writes the bytes that the store would write and syncs them, for each append. The ratio
compares with that; with several callers, with a group commit, in which callers share a write and a sync; with interval
and os, with callers that only write. With interval, the store's turn ends with the sync that is due.

The JSON document is an array with an object for each row: callers, payload_bytes, batch, durability, events_per_s,
p50_us, p99_us, events_per_sync (null if there was no sync), bare_loop_events_per_s, bare_events_per_s, ratio,
ratio_low, ratio_high (its quartiles), rounds.

No store is needed, and none is touched: all files are in a temporary directory inside DIR, and are removed. They
take about 1 GiB at most.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct BenchArgs {
    /// Where to work: a directory on the disk in question; made for the time if it is not there.
    dir: PathBuf,
    /// How many threads append at a time, 1 to 1024; a row for each, as in 1,4 or in several options.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_value = "1,16,64")]
    #[arg(value_parser = value_parser!(u16).range(1..=1024))]
    callers: Vec<u16>,
    /// How long a row is measured, all its turns together: 1 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// The length of an event's payload, 1 to 1048576.
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    #[arg(value_parser = value_parser!(u32).range(1..=1024 * 1024))]
    payload_bytes: u32,
    /// How many events are appended together, 1 to 16384.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u16).range(1..=16_384))]
    batch: u16,
    /// When an append is answered: sync, interval:MS:EVENTS, interval (which is interval:100:1000) or os.
    #[arg(long, value_name = "DURABILITY", default_value = "sync", value_parser = durability::parse)]
    durability: Durability,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &BenchArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    args.check()?;
    let interrupt = Interrupt::watch()?;
    let place = Place::make(&args.dir)?;
    let rows = measure(args, place.path(), &interrupt)?;
    place.remove()?;
    match args.output.format {
        Format::Json => json::print(out, &report::document(&rows))?,
        Format::Table => report::print(out, &rows)?,
    }
    Ok(Status::Fine)
}

impl BenchArgs {
    /// What no option shows alone.
    fn check(&self) -> Result<(), Failure> {
        let (payload, batch) = (u64::from(self.payload_bytes), u64::from(self.batch));
        let batch_bytes_max = u64::try_from(limits::BATCH_BYTES_MAX).unwrap_or(u64::MAX);
        if (payload + FRAME_BYTES_AROUND) * batch > batch_bytes_max {
            return Err(Failure::Misuse(format!(
                "--batch {} with --payload-bytes {} is more than the {} bytes that an append can have, some {} around each payload included",
                table::count(batch),
                table::count(payload),
                table::count(batch_bytes_max),
                table::count(FRAME_BYTES_AROUND)
            )));
        }
        let callers = u64::from(self.callers.iter().copied().max().unwrap_or(1));
        if payload * batch * callers > BYTES_MAX {
            return Err(Failure::Misuse(format!(
                "{callers} callers with {} bytes each are more than {} bytes at a time",
                table::count(payload * batch),
                table::count(BYTES_MAX)
            )));
        }
        Ok(())
    }

    fn rounds(&self) -> u32 {
        self.seconds.saturating_mul(ROUNDS_PER_S).max(ROUNDS_MIN)
    }

    fn workload(&self, callers: u16) -> Workload {
        Workload {
            leader: Leader::Gathers,
            callers,
            payload_bytes: usize::try_from(self.payload_bytes).unwrap_or(usize::MAX),
            batch: usize::from(self.batch),
            durability: self.durability,
        }
    }
}

/// A row for each number of callers.
fn measure(args: &BenchArgs, directory: &Path, interrupt: &Interrupt) -> Result<Vec<Row>, Failure> {
    let rounds = args.rounds();
    let mut seen = BTreeSet::new();
    let callers: Vec<u16> = args.callers.iter().copied().filter(|callers| seen.insert(*callers)).collect();
    let progress = progress(u64::from(rounds) * u64::try_from(callers.len()).unwrap_or(1));
    let mut rows = Vec::new();
    for callers in callers {
        let workload = args.workload(callers);
        progress.set_message(format!("callers: {callers}"));
        let mut measured = Rounds::prepare(directory, workload)?;
        let turn = Duration::from_secs(args.seconds.into()) / rounds / measured.turns();
        for _ in 0..rounds {
            interrupt.check()?;
            measured.round(turn)?;
            progress.inc(1);
        }
        rows.push(Row::new(&workload, &measured));
    }
    progress.finish_and_clear();
    Ok(rows)
}

/// Drawn between rounds alone, so that it takes nothing from a measurement.
fn progress(rounds: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} rounds, {msg}");
    ProgressBar::new(rounds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
