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
    /// The options that say how much, and how much that is for each minute of the whole run.
    amounts: &'static [(&'static str, Amount)],
    seeded: bool,
    /// How many of its last lines say what it came to.
    lines: usize,
}

#[derive(Clone, Copy)]
enum Amount {
    /// So many a minute.
    Each(u64),
    /// Every so many-th in a run of a minute, and fewer are left out in a longer one.
    Every(u64),
}

use Amount::{Each, Every};

const SIMULATED: &str = "causelog-torture";
const REAL: &str = "real";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { of: "1, 9, 21", name: "simulated power cuts, kills, full disks, clock jumps", program: SIMULATED, arguments: &["histories"], amounts: &[("--histories", Each(5_000))], seeded: true, lines: 1 },
    Row { of: "2, 3", name: "scripts cut at every operation, and in the recovery", program: SIMULATED, arguments: &["scripts"], amounts: &[("--states", Each(50)), ("--deep", Each(5))], seeded: false, lines: 1 },
    Row { of: "2", name: "each sync left out", program: SIMULATED, arguments: &["syncs"], amounts: &[], seeded: false, lines: 1 },
    Row { of: "8, 20", name: "every call failing in every way, panics included", program: SIMULATED, arguments: &["faults"], amounts: &[], seeded: false, lines: 1 },
    Row { of: "10", name: "random stores damaged, salvaged, and opened all the same", program: SIMULATED, arguments: &["damage"], amounts: &[("--stores", Each(100))], seeded: true, lines: 1 },
    Row { of: "10 to 14", name: "every bit of a small store, forgeries, whole files", program: SIMULATED, arguments: &["matrix"], amounts: &[("--step", Every(60))], seeded: false, lines: 4 },
    Row { of: "4", name: "writers killed", program: REAL, arguments: &["kill"], amounts: &[("--kills", Each(250))], seeded: true, lines: 1 },
    Row { of: "5, 6", name: "power cuts of real file systems", program: REAL, arguments: &["power"], amounts: &[("--ext4", Each(20)), ("--xfs", Each(12)), ("--after-kill", Each(8))], seeded: true, lines: 1 },
    Row { of: "7, 8", name: "system calls that fail, one by one and in pairs", program: REAL, arguments: &["syscalls"], amounts: &[("--every", Every(60)), ("--pairs", Each(30))], seeded: true, lines: 1 },
    Row { of: "9", name: "full disks and limits", program: REAL, arguments: &["limits"], amounts: &[("--rounds", Each(10))], seeded: true, lines: 1 },
    Row { of: "", name: "other openers", program: REAL, arguments: &["openers"], amounts: &[("--rounds", Each(1))], seeded: true, lines: 1 },
    Row { of: "8", name: "a kernel whose writes fail or vanish", program: REAL, arguments: &["uml"], amounts: &[("--rounds", Each(1))], seeded: true, lines: 1 },
    Row { of: "19", name: "the order of system calls", program: REAL, arguments: &["trace"], amounts: &[("--appends", Each(1_000))], seeded: true, lines: 1 },
    Row { of: "22", name: "stores of every released format", program: REAL, arguments: &["golden"], amounts: &[], seeded: false, lines: 1 },
];

/// What is not run here, and what runs it.
const ELSEWHERE: &str = "rows 15: cargo xtask planted; 16: fuzz/README.md; 17 and 18: cargo xtask ci";

/// Runs them; false if one failed.
pub(crate) fn run(root: &Path, minutes: u64, seed: Option<u64>) -> anyhow::Result<bool> {
    let minutes = minutes.max(1);
    // Another seed every time, or the run finds nothing that the one before it did not.
    let today = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
    let seed = seed.unwrap_or_else(today);
    build(root)?;
    println!("commit {}, seed {seed}, about {minutes} minutes\n", commit(root));
    println!("| row | instrument | what it came to | s |\n|---|---|---|---|");
    let mut passed = true;
    for row in ROWS {
        let begun = Instant::now();
        let (ok, said) = run_row(root, row, minutes, seed)?;
        passed &= ok;
        println!("| {} | {} | {said} | {} |", row.of, row.name, seconds(begun.elapsed()));
        std::io::stdout().flush()?;
    }
    println!("\n{ELSEWHERE}");
    Ok(passed)
}

fn build(root: &Path) -> anyhow::Result<()> {
    let built = cargo(root).args(BUILD).status().context("cargo could not be started")?;
    ensure!(built.success(), "the instruments do not build");
    Ok(())
}

fn run_row(root: &Path, row: &Row, minutes: u64, seed: u64) -> anyhow::Result<(bool, String)> {
    // As cargo itself has it.
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let mut command = Command::new(root.join(target).join(PROFILE).join(row.program));
    command.current_dir(root).args(row.arguments).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    if row.seeded {
        command.args(["--seed", &seed.to_string()]);
    }
    for (option, amount) in row.amounts {
        let amount = match amount {
            Each(count) => count.saturating_mul(minutes),
            Every(step) => (step / minutes).max(1),
        };
        command.args([*option, &amount.to_string()]);
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

fn seconds(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64())
}
