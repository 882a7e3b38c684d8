//! `cargo xtask sanitize`: the tests of the layers under AddressSanitizer and ThreadSanitizer.
//!
//! The product forbids `unsafe`: what they watch is how it uses locks and atomics, and the libraries below it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

/// Where they are built: their flags would have everything else built anew.
const DIRECTORY: &str = "target/sanitized";
/// The layers; what stands above them starts processes, and those are not watched.
const LAYERS: &[&str] = &[
    "causelog-types",
    "causelog-io",
    "causelog-wire",
    "causelog-gate",
    "causelog-index",
    "causelog-index-sealed",
    "causelog-segment",
    "causelog-writer",
    "causelog-reader",
    "causelog-salvage",
    "causelog",
];
/// Those of them whose tests start threads that share more than what nobody changes.
const WITH_THREADS: &[&str] = &[
    "causelog-io",
    "causelog-index",
    "causelog-index-sealed",
    "causelog-segment",
    "causelog-writer",
    "causelog",
];
/// Tests that start other programs: the compiler, and strace, which nothing can watch.
const SKIPPED: &[&str] = &["the_receipt_is_sealed", "forked::", "syncs::"];

/// What watches.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Sanitizer {
    /// Memory that is used after it was freed, or beyond its bounds.
    Address,
    /// Threads that race for the same memory.
    Thread,
}

impl Sanitizer {
    const ALL: &[Self] = &[Self::Address, Self::Thread];

    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Address => LAYERS,
            Self::Thread => WITH_THREADS,
        }
    }

    /// What cargo is told. The thread sanitizer must see the locks of the standard library, and its reference counts,
    /// or it takes what they order for races: so that is built too, from the component `rust-src`.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Address => &[],
            Self::Thread => &["-Zbuild-std"],
        }
    }
}

/// Runs one of them, or all; false if a test failed or something was found.
pub(crate) fn run(root: &Path, chosen: Option<Sanitizer>) -> anyhow::Result<bool> {
    let host = host()?;
    let mut passed = true;
    for sanitizer in chosen.as_ref().map_or(Sanitizer::ALL, std::slice::from_ref) {
        let begun = Instant::now();
        let (ok, tests) = run_tests(root, &host, *sanitizer)?;
        let verdict = if ok { "nothing found" } else { "FAILED, see above" };
        let seconds = begun.elapsed().as_secs_f64();
        println!("{} sanitizer: {tests} tests passed, {verdict} ({seconds:.0} s)", sanitizer.name());
        passed &= ok;
    }
    Ok(passed)
}

/// Whether all went well, and how many tests passed.
fn run_tests(root: &Path, host: &str, sanitizer: Sanitizer) -> anyhow::Result<(bool, u64)> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["test", "--lib", "--tests", "--locked", "--no-fail-fast"]);
    // With a target, what runs in the compiler (build scripts, macros) is built without the flags.
    command.args(["--target", host]).args(sanitizer.options());
    command.args(sanitizer.packages().iter().flat_map(|package| ["--package", package]));
    command.arg("--").args(SKIPPED.iter().flat_map(|test| ["--skip", test]));
    let name = sanitizer.name();
    // The flags are those of nightly compilers, and work with this one.
    command.env("RUSTC_BOOTSTRAP", "1");
    // Tests forget stores on purpose, as a killed process leaves them.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    command.env("RUSTFLAGS", format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer"));
    command.env("CARGO_TARGET_DIR", format!("{DIRECTORY}/{name}"));
    // Instrumented code is slow, and everything is checked as it is in other tests: optimise a little.
    command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    // Set by the cargo that runs this program, and no business of the ones it starts.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    let mut cargo = command.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    let output = cargo.stdout.take().context("cargo says nothing")?;
    let mut tests = 0;
    for line in BufReader::new(output).lines() {
        let line = line?;
        tests += passed_in(&line);
        println!("{line}");
    }
    Ok((cargo.wait()?.success(), tests))
}

/// How many tests have passed, by the line with which a test program ends.
fn passed_in(line: &str) -> u64 {
    let counts = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(" passed;"));
    let count = counts.and_then(|(before, _)| before.split(' ').next_back());
    count.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The target that programs built here run on.
fn host() -> anyhow::Result<String> {
    let said = Command::new("rustc").arg("-vV").output().context("rustc could not be started")?;
    ensure!(said.status.success(), "rustc does not say for what it builds");
    let said = String::from_utf8(said.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say for what it builds")
}

#[cfg(test)]
mod tests {
    use super::passed_in;

    #[test]
    fn passed_tests_are_counted() {
        let line =
            "test result: ok. 49 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.10s";
        assert_eq!(passed_in(line), 49);
        assert_eq!(passed_in(&line.replace("ok", "FAILED")), 49);
        assert_eq!(passed_in("test passed; tests::a ... ok"), 0);
    }
}
