//! The result of a measurement, for people and for programs.

use std::io::Write;

use causelog::Durability;
use causelog_benches::rounds::{Rounds, Workload};
use serde_json::{Value, json};

use crate::commands::bench::durability;
use crate::failure::Failure;
use crate::table;

const HEADINGS: [&str; 9] =
    ["callers", "events/s", "p50 us", "p99 us", "events/sync", "bare loop/s", "bare/s", "ratio", "quartiles"];

/// What was measured with one number of callers.
pub(super) struct Row {
    callers: u16,
    payload_bytes: usize,
    batch: usize,
    durability: Durability,
    events_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    /// None if there was no sync.
    events_per_sync: Option<f64>,
    /// Of the loop of one caller.
    bare_loop_events_per_s: f64,
    /// Of what the ratio compares with.
    bare_events_per_s: f64,
    /// The quartiles: the first, the median, the third.
    ratio: [f64; 3],
    rounds: u64,
}

impl Row {
    pub(super) fn new(workload: &Workload, measured: &Rounds) -> Self {
        let (store, ratios) = (measured.store(), measured.ratios());
        Self {
            callers: workload.callers,
            payload_bytes: workload.payload_bytes,
            batch: workload.batch,
            durability: workload.durability,
            events_per_s: store.events_per_s.quantile(50),
            p50_us: store.latencies.quantile_us(500),
            p99_us: store.latencies.quantile_us(990),
            events_per_sync: store.events_per_sync(),
            bare_loop_events_per_s: measured.bare_loop().events_per_s.quantile(50),
            bare_events_per_s: measured.bare().events_per_s.quantile(50),
            ratio: [25, 50, 75].map(|part| ratios.quantile(part)),
            rounds: u64::try_from(ratios.count()).unwrap_or(u64::MAX),
        }
    }

    fn cells(&self) -> Vec<String> {
        let [low, middle, high] = self.ratio;
        vec![
            self.callers.to_string(),
            whole(self.events_per_s),
            micros(self.p50_us),
            micros(self.p99_us),
            self.events_per_sync.map_or("no syncs".to_owned(), |events| format!("{events:.1}")),
            whole(self.bare_loop_events_per_s),
            whole(self.bare_events_per_s),
            format!("{middle:.2}"),
            format!("{low:.2} to {high:.2}"),
        ]
    }

    fn document(&self) -> Value {
        let [low, middle, high] = self.ratio.map(rounded);
        json!({
            "callers": self.callers,
            "payload_bytes": self.payload_bytes,
            "batch": self.batch,
            "durability": durability::name(self.durability),
            "events_per_s": rounded(self.events_per_s),
            "p50_us": rounded(self.p50_us),
            "p99_us": rounded(self.p99_us),
            "events_per_sync": self.events_per_sync.map(rounded),
            "bare_loop_events_per_s": rounded(self.bare_loop_events_per_s),
            "bare_events_per_s": rounded(self.bare_events_per_s),
            "ratio": middle,
            "ratio_low": low,
            "ratio_high": high,
            "rounds": self.rounds,
        })
    }
}

/// One document, a row for each number of callers.
pub(super) fn document(rows: &[Row]) -> Value {
    rows.iter().map(Row::document).collect()
}

/// The rows, below what they have in common, above what the columns mean.
pub(super) fn print(out: &mut dyn Write, rows: &[Row]) -> Result<(), Failure> {
    let Some(first) = rows.first() else { return Ok(()) };
    writeln!(out, "{}\n", common(first)).map_err(Failure::Output)?;
    let mut listing = table::listing(&HEADINGS);
    listing.add_rows(rows.iter().map(Row::cells));
    table::align_right(&mut listing, &[0, 1, 2, 3, 4, 5, 6, 7]);
    table::print(out, &mut listing)?;
    let bare = match first.durability {
        Durability::Sync => "the same; with several callers, of a group commit of theirs",
        Durability::Interval { .. } | Durability::Os => {
            "of as many callers, in turn, one write and no sync each"
        }
    };
    writeln!(
        out,
        "\nbare loop: events a second of one caller without a store, one write and one sync for each append\n\
         bare: {bare}\n\
         ratio: the store's speed as a part of bare, the median of the rounds, and their quartiles"
    )
    .map_err(Failure::Output)
}

fn common(row: &Row) -> String {
    let count = |number| table::count(u64::try_from(number).unwrap_or(u64::MAX));
    let events = if row.batch == 1 { "event" } else { "events" };
    format!(
        "payloads of {} bytes, {} {events} an append, durability {}, {} rounds a row",
        count(row.payload_bytes),
        count(row.batch),
        durability::name(row.durability),
        table::count(row.rounds)
    )
}

/// With thousands apart and no fraction.
fn whole(figure: f64) -> String {
    format!("{figure:.0}").parse().map_or_else(|_| "-".to_owned(), table::count)
}

/// Fast calls have digits to show, slow ones have enough without.
fn micros(us: f64) -> String {
    if us < 100.0 { format!("{us:.1}") } else { whole(us) }
}

/// To three digits behind the point.
fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}
