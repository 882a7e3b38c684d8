//! `cargo xtask ci`: everything that has to pass before a change lands, in order, up to the first failure.
//!
//! What fails soonest comes first, and the tests last, so that their summary closes the output.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::{packages, planted};

/// The workspace for fuzzing: the steps of the other one do not reach it.
const FUZZ: &str = "fuzz/Cargo.toml";

/// A command of `cargo`, run at the root of the workspace.
pub(crate) struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

const fn step(name: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { name, arguments, environment: &[] }
}

const FORMAT: Step = step("format", &["fmt", "--all", "--check"]);
const COMPILE: Step = step("compile", &["check", "--workspace", "--all-targets", "--locked"]);
const LINTS: Step =
    step("lints", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
const NEXTEST: Step = step("tests", &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
const LIBTEST: Step =
    step("tests", &["test", "--workspace", "--lib", "--bins", "--tests", "--locked", "--no-fail-fast"]);
const DOC_TESTS: Step = step("documentation tests", &["test", "--doc", "--workspace", "--locked"]);
const DOCS: Step = Step {
    name: "documentation",
    arguments: &["doc", "--workspace", "--no-deps", "--locked"],
    environment: &[("RUSTDOCFLAGS", "-D warnings")],
};
const FUZZ_FORMAT: Step = step("format of the fuzz workspace", &["fmt", "--manifest-path", FUZZ, "--check"]);
const FUZZ_LINTS: Step = step(
    "lints of the fuzz workspace",
    &["clippy", "--manifest-path", FUZZ, "--all-targets", "--locked", "--", "-D", "warnings"],
);
const FUZZ_REPLAY: Step = step("replay of the fuzz corpora", &["test", "--manifest-path", FUZZ, "--locked"]);
/// Apart from everything else, since its flags would have all of it built anew. With the planted bugs in it, none of
/// which is chosen here, so that they need no build of their own.
pub(crate) const SCHEDULES: Step = Step {
    name: "schedules of threads",
    arguments: &[
        "test",
        "--profile",
        "quick",
        "--package",
        "causelog-writer",
        "--lib",
        "--locked",
        "schedules",
    ],
    environment: &[
        ("RUSTFLAGS", "--cfg causelog_shuttle --cfg causelog_planted"),
        ("CARGO_TARGET_DIR", "target/shuttle"),
    ],
};
const PACKAGES: Step = step("packages", &["deny", "check", "bans", "licenses", "sources"]);
const FUZZ_PACKAGES: Step = step(
    "packages of the fuzz workspace",
    &["deny", "--manifest-path", FUZZ, "check", "--config", "deny.toml", "bans", "licenses", "sources"],
);

/// Runs all steps; false after the first that failed.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    let begun = Instant::now();
    let tests = if has_subcommand("nextest") { NEXTEST } else { LIBTEST };
    let passed = run_all(root, &[FORMAT, FUZZ_FORMAT])?
        && run_here("red flags", "cargo xtask check", || crate::check(root))?
        && run_packages(root)?
        && run_all(root, &[COMPILE, LINTS, FUZZ_LINTS, FUZZ_REPLAY, DOCS, DOC_TESTS, SCHEDULES])?
        && run_here("planted bugs", "cargo xtask planted", || planted::run(root))?
        && run_all(root, &[tests])?;
    let verdict = if passed { "all steps passed" } else { "stopped at the first failure" };
    println!("\n==> {verdict}, after {}", seconds(begun.elapsed()));
    Ok(passed)
}

fn run_all(root: &Path, steps: &[Step]) -> anyhow::Result<bool> {
    for step in steps {
        if !run_step(root, step)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn run_step(root: &Path, step: &Step) -> anyhow::Result<bool> {
    let variables: String =
        step.environment.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
    run_here(step.name, &format!("{variables}cargo {}", step.arguments.join(" ")), || {
        let mut command = Command::new("cargo");
        command.current_dir(root).args(step.arguments).envs(step.environment.iter().copied());
        // Set by the cargo that runs this program, and no business of the ones it starts.
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
        Ok(command.status().context("cargo could not be started")?.success())
    })
}

/// Prints what runs, runs it, and prints how it went and how long it took.
fn run_here(
    name: &str,
    command_line: &str,
    run: impl FnOnce() -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    println!("\n==> {name}: {command_line}");
    let begun = Instant::now();
    let passed = run()?;
    let took = seconds(begun.elapsed());
    if passed {
        println!("==> {name}: passed in {took}");
    } else {
        println!("==> {name}: FAILED after {took}; to see it again: {command_line}");
    }
    Ok(passed)
}

/// Licences, sources and bans: by cargo-deny where it is installed, else here, from the same `deny.toml`.
fn run_packages(root: &Path) -> anyhow::Result<bool> {
    println!(
        "\nNOT CHECKED: security advisories, which need a database from the network (`cargo deny check advisories`)"
    );
    if has_subcommand("deny") {
        return run_all(root, &[PACKAGES, FUZZ_PACKAGES]);
    }
    run_here(PACKAGES.name, "cargo xtask packages", || packages::check(root))
}

fn has_subcommand(name: &str) -> bool {
    let mut command = Command::new("cargo");
    command.args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
