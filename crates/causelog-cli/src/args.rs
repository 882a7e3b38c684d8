//! The command line: its commands, and the options that several of them share.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{append, bench, demo, get, import, read, salvage, stat, trace, verify};

const AFTER: &str = "\
An ID is a hyphenated UUID, taken as it is, or any other text, hashed to an id as `import --id` does it.

Exit codes: 0 fine; 1 something is damaged, lost, not found, or not as expected; 2 misuse or bad input;
3 could not be answered: the system refused, the store is locked, or its version is not supported.";

/// An embedded causal event store, from the command line.
#[derive(Debug, Parser)]
#[command(name = "causelog", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell a short story on a new store: streams, gates, causes, a conflict, a verification.
    Demo(demo::DemoArgs),
    /// Turn JSON Lines into events.
    Import(Box<import::ImportArgs>),
    /// Append one event.
    Append(append::AppendArgs),
    /// Print the events of a region.
    Read(read::ReadArgs),
    /// Print one event.
    Get(get::GetArgs),
    /// Print what led to an event, or what it led to.
    Trace(trace::TraceArgs),
    /// Print how much a store holds, and how it was found.
    Stat(stat::StatArgs),
    /// Check every group, frame, chain and root on disk. Index files of no use are shown, and are no damage: the exit
    /// code is 0 if the log is sound.
    Verify(verify::VerifyArgs),
    /// Write all that is good of a damaged store into a new one, which verifies.
    Salvage(salvage::SalvageArgs),
    /// Measure what a disk and the store can do, beside bare loops on the same disk.
    Bench(bench::BenchArgs),
}

/// The store that is read.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// The store's directory.
    pub(crate) dir: PathBuf,
    /// Read what is good of a damaged store. The exit code says nothing of the damage then; what is lost of what is read
    /// is told on standard error.
    #[arg(long)]
    pub(crate) damaged: bool,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: one document.
    Json,
}

/// How the result of a command is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Output {
    /// How to print the result.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}
