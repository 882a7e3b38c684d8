//! Runs simulated crashes and prints what they came to.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use causelog_torture::damage::{self, Verdicts as DamageVerdicts};
use causelog_torture::exhaustive::{self, Bad, Bounds, Counted};
use causelog_torture::faults::{self, Failed};
use causelog_torture::history::{History, LIVES, Part};
use causelog_torture::matrix::judge::{Tally as Judged, count, run as run_matrix};
use causelog_torture::matrix::samples::{Left, Sample};
use causelog_torture::scripts::{SCRIPTS, Script};
use causelog_torture::shrink::{attempt, shrink};
use causelog_torture::syncs::{self, Verdict, Verdicts};
use causelog_torture::tally::Tally;
use causelog_torture::until::Until;
use clap::{Args, Parser, Subcommand};

/// Power cuts, kills, failing calls and damage on a simulated disk.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Random histories of one store each, from seeds.
    Histories(Histories),
    /// Short scripts, cut at every operation.
    Scripts(Scripts),
    /// The scripts without one of their syncs: the checks must notice.
    Syncs {
        /// States gone through for each cut.
        #[arg(long, default_value_t = 300)]
        states: u64,
    },
    /// The scripts with every call failing in every way, behind the shared writer.
    Faults,
    /// A small store with every bit of every file damaged, and everything that can happen to whole files.
    Matrix {
        /// Of the cases by bit and byte, only each so many-th.
        #[arg(long, default_value_t = 1)]
        step: usize,
        /// As many of these cases as fit into about so long, in place of a step.
        #[arg(long)]
        seconds: Option<u64>,
        /// How many threads.
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Prints what was said of which damage as well.
        #[arg(long)]
        table: bool,
    },
    /// Random stores, damaged in many ways.
    Damage {
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many stores, one for each seed from the first on.
        #[arg(long, default_value_t = 500, value_parser = at_least_one())]
        stores: u64,
        /// Stops after about so long, in place of after so many.
        #[arg(long)]
        seconds: Option<u64>,
    },
}

fn at_least_one() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..)
}

#[derive(Args)]
struct Scripts {
    /// States gone through for each cut.
    #[arg(long, default_value_t = 2_000, value_parser = at_least_one())]
    states: u64,
    /// Of these, how many also with five crashes in the recovery.
    #[arg(long, default_value_t = 20)]
    deep: u64,
    /// As many states as fit into about so long, in place of so many.
    #[arg(long)]
    seconds: Option<u64>,
    /// Only this script.
    #[arg(long)]
    script: Option<String>,
    /// Only the cut at this operation.
    #[arg(long)]
    cut: Option<u64>,
}

#[derive(Args)]
struct Histories {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many histories, one for each seed from the first on.
    #[arg(long, default_value_t = 2_000, value_parser = at_least_one())]
    histories: u64,
    /// Stops after about so long, in place of after so many.
    #[arg(long)]
    seconds: Option<u64>,
    /// How many times a store is opened in each history.
    #[arg(long, default_value_t = LIVES)]
    lives: usize,
    /// What is left out: 3 for a life, 3f for its faults, 3r for crashes in its recovery, 3.14 for a step.
    #[arg(long, value_delimiter = ',')]
    without: Vec<Part>,
    /// Ignores every sync, so that a history must fail.
    #[arg(long)]
    syncs_ignored: bool,
    /// How many threads.
    #[arg(long, default_value_t = 2, value_parser = at_least_one())]
    threads: u64,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Histories(asked) => histories(&asked),
        What::Scripts(asked) => scripts(&asked),
        What::Syncs { states } => ignore_syncs(states),
        What::Faults => fail_calls(),
        What::Damage { seed, stores, seconds } => damage_stores(seed, Until::new(stores, seconds)),
        What::Matrix { step, seconds, threads, table } => matrix(step, seconds, threads.max(1), table),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn histories(asked: &Histories) -> anyhow::Result<()> {
    let begun = Instant::now();
    let (ran, tally) = run_histories(asked)?;
    println!(
        "{ran} histories from seed {}: {tally}: 0 lost ({:.0} s)",
        asked.seed,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// How many ran, and what they came to.
fn run_histories(asked: &Histories) -> anyhow::Result<(u64, Tally)> {
    let (next, ran) = (AtomicU64::new(0), AtomicU64::new(0));
    let until = Until::new(asked.histories, asked.seconds);
    let without: BTreeSet<Part> = asked.without.iter().copied().collect();
    let work = || -> Result<Tally, Box<History>> {
        let mut tally = Tally::default();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if until.is_over(n) {
                return Ok(tally);
            }
            let history = History {
                seed: asked.seed.saturating_add(n),
                lives: asked.lives,
                without: without.clone(),
                syncs_ignored: asked.syncs_ignored,
            };
            match attempt(&history) {
                Ok(more) => {
                    tally += more;
                    ran.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    next.store(u64::MAX / 2, Ordering::Relaxed);
                    eprintln!("seed {} fails: {error:#}", history.seed);
                    return Err(Box::new(history));
                }
            }
        }
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..asked.threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut tally = Tally::default();
    for result in results {
        match result {
            Ok(Ok(more)) => tally += more,
            Ok(Err(history)) => return Err(fail(&history)),
            Err(_) => anyhow::bail!("a thread of the simulator panicked"),
        }
    }
    Ok((ran.into_inner(), tally))
}

/// Shrinks a history that failed, and says how to run what is left of it.
fn fail(history: &History) -> anyhow::Error {
    // Panics are failures like others here, and told once.
    std::panic::set_hook(Box::new(|_| {}));
    let (short, error) = shrink(history);
    let error = error.unwrap_or_else(|| anyhow::anyhow!("it does not fail a second time"));
    again(&error, &format!("histories {short}"))
}

/// An error with the command that shows it again, on a line of its own.
fn again(error: &anyhow::Error, arguments: &str) -> anyhow::Error {
    anyhow::anyhow!("{error:#}\nto run it again:\n    cargo run --release -p causelog-torture -- {arguments}")
}

fn scripts(asked: &Scripts) -> anyhow::Result<()> {
    let is_asked = |script: &&Script| asked.script.as_deref().is_none_or(|name| name == script.name);
    let scripts: Vec<&Script> = SCRIPTS.iter().filter(is_asked).collect();
    let names = || SCRIPTS.iter().map(|script| script.name).collect::<Vec<_>>().join(", ");
    anyhow::ensure!(!scripts.is_empty(), "the scripts are: {}", names());
    let (bounds, all) = match asked.seconds {
        Some(seconds) => scripts_within(&scripts, seconds)?,
        None => {
            let bounds = Bounds { states: asked.states, deep: asked.deep };
            (bounds, run_scripts(&scripts, bounds, asked.cut)?)
        }
    };
    println!(
        "{} scripts, at most {} states of a cut in order: {} cuts, {} states, {} cuts with more, \
         {} recoveries cut five times: 0 bad",
        scripts.len(),
        bounds.states,
        all.cuts,
        all.states,
        all.bounded,
        all.deep
    );
    Ok(())
}

fn run_script(script: &Script, bounds: Bounds, cut: Option<u64>) -> anyhow::Result<Counted> {
    let Bounds { states, deep } = bounds;
    exhaustive::run(script, bounds, cut).map_err(|Bad { cut, error }| {
        let name = script.name;
        again(&error, &format!("scripts --states {states} --deep {deep} --script '{name}' --cut {cut}"))
    })
}

fn run_scripts(scripts: &[&Script], bounds: Bounds, cut: Option<u64>) -> anyhow::Result<Counted> {
    let mut all = Counted::default();
    for script in scripts {
        let begun = Instant::now();
        let counted = run_script(script, bounds, cut)?;
        print(script.name, counted, begun);
        all += counted;
    }
    Ok(all)
}

/// A few states, and then as many as fit into so long by what those took, if that is more.
fn scripts_within(scripts: &[&Script], seconds: u64) -> anyhow::Result<(Bounds, Counted)> {
    let few = Bounds { states: 6, deep: 1 };
    let begun = Instant::now();
    let all = run_scripts(scripts, few, None)?;
    let took_ms = begun.elapsed().as_millis().max(1);
    let left_ms = u128::from(seconds).saturating_mul(1_000).saturating_sub(took_ms);
    let times = u64::try_from(left_ms / took_ms)?;
    if times < 2 {
        return Ok((few, all));
    }
    let more = Bounds { states: few.states.saturating_mul(times), deep: few.deep.saturating_mul(times) };
    Ok((more, run_scripts(scripts, more, None)?))
}

fn print(name: &str, counted: Counted, begun: Instant) {
    println!(
        "{name}: {} cuts, {} states, {} cuts with more, {} recoveries cut five times: 0 bad ({:.1} s)",
        counted.cuts,
        counted.states,
        counted.bounded,
        counted.deep,
        begun.elapsed().as_secs_f64()
    );
}

fn ignore_syncs(states: u64) -> anyhow::Result<()> {
    let mut all = Verdicts::default();
    for script in SCRIPTS {
        for ignored in syncs::run(script, states)? {
            if ignored.verdict == Verdict::Unnoticed {
                let what = format!("{}: operation {}, {:?}", script.name, ignored.nth, ignored.sync);
                let reason = ignored.reason().with_context(|| format!("{what} is not missed"))?;
                println!("{what}: {reason}");
            }
            all += ignored.verdict;
        }
    }
    println!(
        "each sync of {} scripts ignored in turn: {} noticed, {} had nothing to make durable, {} are \
         not missed for a reason: 0 bad",
        SCRIPTS.len(),
        all.noticed,
        all.nothing_pending,
        all.unnoticed
    );
    Ok(())
}

fn fail_calls() -> anyhow::Result<()> {
    let mut all = Failed::default();
    for script in SCRIPTS {
        all += faults::run(script)?;
    }
    println!(
        "{} scripts, every call failing in every way: {} cases, {} of them panics: 0 lost, 0 hung; {} failed syncs, \
         {} acknowledgements after one",
        SCRIPTS.len(),
        all.cases,
        all.panics,
        all.syncs,
        all.acknowledged_after
    );
    Ok(())
}

fn damage_stores(seed: u64, until: Until) -> anyhow::Result<()> {
    let (mut all, mut stores) = (DamageVerdicts::default(), 0);
    while !until.is_over(stores) {
        let seed = seed.saturating_add(stores);
        all +=
            damage::run(seed).map_err(|error| again(&error, &format!("damage --seed {seed} --stores 1")))?;
        stores += 1;
    }
    println!(
        "{stores} stores from seed {seed}, {} damages: {} refused at the open, {} found by reads or verification, \
         {} reported as torn tails, {} changed nothing readable; 0 wrong, 0 lost in silence but {} at the end of \
         an unclosed store without its published end; {}",
        all.cases, all.refused, all.found, all.torn, all.unchanged, all.untold, all.salvaged
    );
    Ok(())
}

fn matrix(step: usize, seconds: Option<u64>, threads: usize, table: bool) -> anyhow::Result<()> {
    let samples = Left::ALL.into_iter().map(Sample::make).collect::<anyhow::Result<Vec<_>>>()?;
    let step = match seconds {
        Some(seconds) => step_within(&samples, threads, seconds)?,
        None => step,
    };
    for sample in &samples {
        let begun = Instant::now();
        let judged = shares(sample, step, threads)?;
        println!("{}, step {step}: {judged} ({:.0} s)", sample.left.name(), begun.elapsed().as_secs_f64());
        for ((class, place, verdict), count) in judged.table.iter().filter(|_| table) {
            println!("  {class:24} {place:32} {verdict:22} {count:8}");
        }
    }
    Ok(())
}

/// The least step whose cases fit into so long, by what few of them take.
fn step_within(samples: &[Sample], threads: usize, seconds: u64) -> anyhow::Result<usize> {
    const COARSE: usize = 1 << 14;
    let begun = Instant::now();
    let mut few = 0;
    for sample in samples {
        few += u128::from(shares(sample, COARSE, threads)?.cases);
    }
    let took_ms = begun.elapsed().as_millis().max(1);
    let left_ms = u128::from(seconds).saturating_mul(1_000).saturating_sub(took_ms);
    let fit = few * left_ms / took_ms;
    let fits = |step: usize| {
        let cases: usize = samples.iter().map(|sample| count(sample, step)).sum();
        u128::try_from(cases).is_ok_and(|cases| cases <= fit)
    };
    Ok((0..14).map(|n| 1 << n).find(|step| fits(*step)).unwrap_or(COARSE))
}

fn shares(sample: &Sample, step: usize, threads: usize) -> anyhow::Result<Judged> {
    std::thread::scope(|scope| {
        let work = |share| move || run_matrix(sample, step, share, threads);
        let workers: Vec<_> = (0..threads).map(|share| scope.spawn(work(share))).collect();
        let mut judged = Judged::default();
        for worker in workers {
            match worker.join() {
                Ok(more) => judged += more?,
                Err(_) => anyhow::bail!("a thread of the matrix panicked"),
            }
        }
        Ok(judged)
    })
}
