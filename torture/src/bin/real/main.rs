//! Real processes, real system calls and real power cuts for causelog. Each tier prints one line, and fails at the
//! first promise that was broken.

mod children;
mod golden;
mod history;
mod kill;
mod limits;
mod openers;
mod power;
mod process;
mod said;
mod script;
mod syscalls;
mod trace;
mod uml;
mod volume;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, bail};
use causelog_torture::until::Until;
use clap::{Parser, Subcommand};

use crate::children::WriterLife;
use crate::history::Tally;

/// Kills, power cuts, failing system calls, limits and other openers, with real processes.
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
    /// Stops after about so long, in place of after so many.
    #[arg(long, global = true)]
    seconds: Option<u64>,
    /// Where stores are made; a temporary directory unless given.
    #[arg(long, global = true)]
    work: Option<PathBuf>,
    #[command(subcommand)]
    tier: Tier,
}

#[derive(Subcommand)]
enum Tier {
    /// Writers killed at random moments, with a reader beside them.
    Kill {
        /// How many kills.
        #[arg(long, default_value_t = 1_000)]
        kills: u64,
        /// How many stores at a time.
        #[arg(long, default_value_t = 2)]
        threads: u64,
    },
    /// Power cuts under loop-mounted file systems; needs root.
    Power {
        /// How many under ext4.
        #[arg(long, default_value_t = 50)]
        ext4: u64,
        /// How many under XFS.
        #[arg(long, default_value_t = 25)]
        xfs: u64,
        /// How many under ext4 of a writer that found what a killed one had left.
        #[arg(long, default_value_t = 25)]
        after_kill: u64,
        /// How many volumes at a time.
        #[arg(long, default_value_t = 2)]
        threads: u64,
    },
    /// System calls that fail, every one of a short life; needs strace.
    Syscalls {
        /// Only every so manieth fault.
        #[arg(long, default_value_t = 1)]
        every: usize,
        /// So many pairs of faults by lot as well.
        #[arg(long, default_value_t = 100)]
        pairs: u64,
        /// How many at a time.
        #[arg(long, default_value_t = 2)]
        threads: u64,
    },
    /// Answers before their sync, in the order of system calls; needs strace.
    Trace {
        /// How many appends.
        #[arg(long, default_value_t = 10_000)]
        appends: u64,
    },
    /// Stores of every released format.
    Golden {
        /// Where they are, each a directory with a list of its events beside it.
        #[arg(long, default_value = "crates/causelog/tests/golden")]
        golden: PathBuf,
    },
    /// Full and read-only disks, limits of the process.
    Limits {
        /// How many full disks.
        #[arg(long, default_value_t = 100)]
        rounds: u64,
    },
    /// Second writers, and readers beside a writer.
    Openers {
        /// How many writers.
        #[arg(long, default_value_t = 20)]
        rounds: u64,
    },
    /// Writes that vanish and writes that fail, in a kernel in user mode; needs root.
    Uml {
        /// How many stores.
        #[arg(long, default_value_t = 6)]
        rounds: u64,
    },
    /// The same, inside that kernel.
    #[command(hide = true)]
    UmlInside {
        /// How many stores.
        #[arg(long)]
        rounds: u64,
    },
    /// A writer of one life.
    #[command(hide = true)]
    Writer(WriterLife),
    /// A reader.
    #[command(hide = true)]
    Reader {
        /// The store.
        #[arg(long)]
        directory: PathBuf,
    },
}

/// How a tier has ended, where nothing was lost.
enum Verdict {
    /// It ran; what it came to.
    Ran(String),
    /// It cannot run here; why.
    Skipped(String),
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let Arguments { seed, seconds, work, tier } = Arguments::parse();
    let until = |count| Until::new(count, seconds);
    match &tier {
        Tier::Writer(life) => return children::write(life),
        Tier::Reader { directory } => return children::read(directory),
        _ => {}
    }
    // Calls can be made to fail in memory as well, and there are many.
    let memory = Path::new("/dev/shm");
    let in_memory = matches!(tier, Tier::Syscalls { .. }) && memory.is_dir();
    let parent = if in_memory { memory.to_owned() } else { std::env::temp_dir() };
    let temporary = tempfile::Builder::new().prefix("causelog-torture-").tempdir_in(parent)?;
    let work = work.unwrap_or_else(|| temporary.path().to_owned());
    let begun = Instant::now();
    let (name, verdict) = match tier {
        Tier::Writer(_) | Tier::Reader { .. } => bail!("a child is no tier"),
        Tier::Kill { kills, threads } => ("kill", kill::run(&work, seed, until(kills), threads)),
        Tier::Limits { rounds } => ("limits", limits::run(&work, seed, until(rounds))),
        Tier::Openers { rounds } => ("openers", openers::run(&work, seed, until(rounds))),
        Tier::Uml { rounds } => ("uml", uml::run(&work, seed, rounds, seconds)),
        Tier::UmlInside { rounds } => ("uml-inside", uml::inside(&work, seed, until(rounds))),
        Tier::Trace { appends } => ("trace", trace::run(&work, seed, appends)),
        Tier::Golden { golden } => ("golden", golden::run(&work, &golden)),
        Tier::Syscalls { every, pairs, threads } => {
            let plan = syscalls::Plan { every: every.max(1), pairs, seconds, threads: threads.max(1) };
            ("syscalls", syscalls::run(&work, seed, plan))
        }
        Tier::Power { ext4, xfs, after_kill, threads } => {
            ("power", power::run(&work, seed, power::Plan { ext4, xfs, after_kill, seconds, threads }))
        }
    };
    match verdict.with_context(|| format!("{name}, from seed {seed}"))? {
        Verdict::Ran(line) => println!("{name}: {line} ({:.0} s)", begun.elapsed().as_secs_f64()),
        Verdict::Skipped(why) => println!("{name}: SKIPPED: {why}"),
    }
    Ok(())
}

/// Does the same in so many threads; what it came to together.
fn in_parallel(threads: u64, work: impl Fn(u64) -> anyhow::Result<Tally> + Sync) -> anyhow::Result<Tally> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || work(n))).collect();
        let mut tally = Tally::default();
        for thread in threads {
            tally += thread.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
        }
        Ok(tally)
    })
}
