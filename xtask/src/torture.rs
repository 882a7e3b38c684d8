//! `cargo xtask torture`: every instrument that fits into the time, and a table of what it came to.
//!
//! The table is what RELIABILITY.md publishes: one row for each instrument, with its counts and its seed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};

/// Built apart from the tests, optimised: the counts are what matters.
const BUILD: &[&str] =
    &["build", "--profile", "quick", "--package", "causelog-torture", "--bins", "--locked"];
const PROFILE: &str = "quick";

/// One instrument.
struct Row {
    /// The rows of the scoreboard that it fills.
    of: &'static str,
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    time: Time,
    seeded: bool,
    /// How many of its last lines say what it came to.
    lines: usize,
}

/// How long an instrument runs.
#[derive(Clone, Copy)]
enum Time {
    /// As long as it takes.
    Whole,
    /// A share of this weight of what the others have left.
    Share(u64),
}

use Time::{Share, Whole};

const SIMULATED: &str = "causelog-torture";
const REAL: &str = "real";

/// Those whose time is their own come first, and those that keep best to their share come last.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { of: "22", name: "stores of every released format", program: REAL, arguments: &["golden"], time: Whole, seeded: false, lines: 1 },
    Row { of: "2", name: "each sync left out", program: SIMULATED, arguments: &["syncs"], time: Whole, seeded: false, lines: 1 },
    Row { of: "19", name: "the order of system calls", program: REAL, arguments: &["trace", "--appends", "10000"], time: Whole, seeded: true, lines: 1 },
    Row { of: "8, 20", name: "every call failing in every way, panics included", program: SIMULATED, arguments: &["faults"], time: Whole, seeded: false, lines: 1 },
    Row { of: "8", name: "a kernel whose writes fail or vanish", program: REAL, arguments: &["uml"], time: Share(6), seeded: true, lines: 1 },
    Row { of: "9", name: "full disks and limits", program: REAL, arguments: &["limits"], time: Share(3), seeded: true, lines: 1 },
    Row { of: "", name: "other openers", program: REAL, arguments: &["openers"], time: Share(2), seeded: true, lines: 1 },
    Row { of: "5, 6", name: "power cuts of real file systems", program: REAL, arguments: &["power"], time: Share(8), seeded: true, lines: 1 },
    Row { of: "7, 8", name: "system calls that fail, one by one and in pairs", program: REAL, arguments: &["syscalls"], time: Share(6), seeded: true, lines: 1 },
    Row { of: "4", name: "writers killed", program: REAL, arguments: &["kill"], time: Share(8), seeded: true, lines: 1 },
    Row { of: "10 to 14", name: "every bit of a small store, forgeries, whole files", program: SIMULATED, arguments: &["matrix"], time: Share(22), seeded: false, lines: 4 },
    Row { of: "2, 3", name: "scripts cut at every operation, and in the recovery", program: SIMULATED, arguments: &["scripts"], time: Share(12), seeded: false, lines: 1 },
    Row { of: "10", name: "random stores damaged, salvaged, and opened all the same", program: SIMULATED, arguments: &["damage"], time: Share(4), seeded: true, lines: 1 },
    Row { of: "1, 9, 17, 21", name: "simulated power cuts, kills, full disks, clock jumps", program: SIMULATED, arguments: &["histories"], time: Share(30), seeded: true, lines: 1 },
];

/// What is not run here, and what runs it.
const ELSEWHERE: &str = "\
not run here:
  15, planted bugs: cargo xtask planted
  16, fuzzing: fuzz/README.md
  17, the store and the writer against a model: PROPTEST_CASES=5000 cargo nextest run -p causelog -p causelog-writer \
-E 'test(any_history)'
  18, schedules of threads: a step of cargo xtask ci
  sanitizers: cargo xtask sanitize
  mutants of the source: torture/README.md";

/// Runs them; false if one failed.
pub(crate) fn run(root: &Path, minutes: u64, seed: Option<u64>) -> anyhow::Result<bool> {
    // Another seed every time, or the run finds nothing that the one before it did not.
    let today = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let seed = seed.unwrap_or_else(today);
    eprintln!("==> building the instruments; the time counts from then on");
    build(root)?;
    let (begun, all) = (Instant::now(), Duration::from_secs(minutes.max(1).saturating_mul(60)));
    println!("commit {}, seed {seed}, about {minutes} minutes\n", commit(root));
    println!("| row | instrument | what it came to | s |\n|---|---|---|---|");
    let (mut passed, mut skipped) = (true, Vec::new());
    for (n, row) in ROWS.iter().enumerate() {
        let row_begun = Instant::now();
        let seconds = share(&ROWS[n..], all.saturating_sub(begun.elapsed()));
        let about = seconds.map_or_else(String::new, |seconds| format!(", about {seconds} s"));
        eprintln!("==> {}{about}", row.name);
        let (ok, said) = run_row(root, row, seconds, seed)?;
        passed &= ok;
        if said.contains("SKIPPED") {
            skipped.push(row.name);
        }
        println!("| {} | {} | {said} | {:.0} |", row.of, row.name, row_begun.elapsed().as_secs_f64());
        std::io::stdout().flush()?;
    }
    println!("\nseed {seed}, {:.0} s", begun.elapsed().as_secs_f64());
    if !skipped.is_empty() {
        println!("SKIPPED, in whole or in part: {}", skipped.join("; "));
    }
    println!("{ELSEWHERE}");
    Ok(passed)
}

/// How many seconds the first of these rows has of the time that is left for all of them, if it keeps to any.
fn share(rows: &[Row], left: Duration) -> Option<u64> {
    let weight = |row: &Row| match row.time {
        Whole => 0,
        Share(weight) => weight,
    };
    let own = rows.first().map(weight).filter(|own| *own > 0)?;
    let all: u64 = rows.iter().map(weight).sum();
    Some((left.as_secs().saturating_mul(own) / all).max(1))
}

fn build(root: &Path) -> anyhow::Result<()> {
    let built = cargo(root).args(BUILD).status().context("cargo could not be started")?;
    ensure!(built.success(), "the instruments do not build");
    Ok(())
}

fn run_row(root: &Path, row: &Row, seconds: Option<u64>, seed: u64) -> anyhow::Result<(bool, String)> {
    // As cargo itself has it.
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let mut command = Command::new(root.join(target).join(PROFILE).join(row.program));
    command.current_dir(root).args(row.arguments).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    if row.seeded {
        command.args(["--seed", &seed.to_string()]);
    }
    if let Some(seconds) = seconds {
        command.args(["--seconds", &seconds.to_string()]);
    }
    let output = command.output().with_context(|| format!("{} could not be started", row.program))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if output.status.success() {
        let last = lines.len().saturating_sub(row.lines);
        return Ok((true, lines[last..].join("<br>")));
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok((false, format!("**FAILED**: {command:?}")))
}

fn commit(root: &Path) -> String {
    let mut git = Command::new("git");
    let output = git.current_dir(root).args(["describe", "--always", "--dirty"]).output();
    output
        .map_or_else(|_| "unknown".to_owned(), |said| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    // Set by the cargo that runs this program, and no business of the ones it starts.
    command.current_dir(root).env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    command
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ROWS, Time, share};

    #[test]
    fn the_time_that_is_left_is_shared_out_by_weight() {
        let left = Duration::from_secs(600);
        let first = ROWS.iter().position(|row| matches!(row.time, Time::Share(_))).unwrap();
        let mut spent = 0;
        for n in first..ROWS.len() {
            spent += share(&ROWS[n..], left - Duration::from_secs(spent)).unwrap();
        }
        assert_eq!(spent, 600, "nothing is left, and no more is given out");
        assert_eq!(share(&ROWS[ROWS.len() - 1..], Duration::ZERO), Some(1), "nothing is left out");
    }

    #[test]
    fn those_that_keep_to_no_time_come_first() {
        let whole: Vec<bool> =
            ROWS.iter().map(|row| share(std::slice::from_ref(row), Duration::ZERO).is_none()).collect();
        assert!(whole.is_sorted_by(|a, b| a >= b) && whole[0]);
    }
}
