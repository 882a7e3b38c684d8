//! The project's own checks.
//!
//! `cargo xtask check` holds the red flags of SPEC.md by meaning: on the resolved graph of Cargo, on the
//! syntax tree, and together with the paths that clippy refuses.
//! `cargo xtask planted` plants bugs and holds that the tests catch each of them.
//! `cargo xtask sanitize` runs the tests of the layers under AddressSanitizer and ThreadSanitizer.
//! `cargo xtask torture` shares out the time that it is told among the crashes, and prints what they came to.
//! `cargo xtask ci` runs everything that has to pass before a change lands.
//!
//! This crate depends on no crate of the product, so that it runs while the product does not build.

mod attributes;
mod ci;
mod finding;
#[cfg(test)]
mod fixture;
mod imports;
mod layers;
mod markdown;
mod packages;
mod planted;
mod project;
mod rules;
mod sanitize;
mod source;
mod syntax;
mod torture;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::project::Project;

/// The project's own checks.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the red flags: layers, names, attributes, tests, and what code may touch.
    Check {
        /// The workspace to check.
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
    },
    /// Check licences, sources and bans of every package against deny.toml.
    Packages,
    /// Run bugs that are planted on purpose, and see the tests catch each of them.
    Planted,
    /// Run the tests of the layers under the address and the thread sanitizer, or one of them.
    Sanitize {
        /// Both unless given.
        #[arg(value_enum)]
        sanitizer: Option<sanitize::Sanitizer>,
    },
    /// Run crashes, faults and damage, simulated and real, for about so long, and print a table of what came of them.
    ///
    /// Planted bugs, fuzzing, models, schedules of threads, sanitizers and mutants have commands of their own, which
    /// are named at the end.
    Torture {
        /// About how long, on two processors, when the instruments are built.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        minutes: u64,
        /// The seed; another one every time unless given.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Run everything that has to pass before a change lands, and stop at the first failure.
    Ci,
}

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Check { root } => check(&root.unwrap_or_else(own_workspace)),
        Command::Packages => packages::check(&own_workspace()),
        Command::Planted => planted::run(&own_workspace()),
        Command::Sanitize { sanitizer } => sanitize::run(&own_workspace(), sanitizer),
        Command::Torture { minutes, seed } => torture::run(&own_workspace(), minutes, seed),
        Command::Ci => ci::run(&own_workspace()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints every finding and says whether there was none.
fn check(root: &Path) -> anyhow::Result<bool> {
    let project = Project::load(root)?;
    let findings = rules::check_all(&project);
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}\n")?;
    }
    let files: usize = project.crates.iter().map(|krate| krate.files.len()).sum();
    writeln!(
        out,
        "{} rules, {} crates, {files} files: {} findings",
        rules::RULES.len(),
        project.crates.len(),
        findings.len()
    )?;
    Ok(findings.is_empty())
}

/// The workspace this program was built in.
fn own_workspace() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}

#[cfg(test)]
mod tests;
