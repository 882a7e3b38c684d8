//! Runs simulated crashes and prints what they came to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use causelog_torture::exhaustive::{self, SCRIPT};
use causelog_torture::simulation::{self, Tally};
use clap::Parser;

/// Power cuts, kills and failing calls on a simulated disk.
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many histories.
    #[arg(long, default_value_t = 2_000)]
    histories: u64,
    /// How many times a store is opened in each history: fewer show a failure in a shorter one.
    #[arg(long, default_value_t = 12)]
    lives: usize,
    /// States gone through for each cut of the short script.
    #[arg(long, default_value_t = 2_000)]
    states: u64,
    /// How many threads.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let counted = exhaustive::run(SCRIPT, arguments.states)?;
    println!(
        "a script cut at each of {} operations: {} states of the disk, {} cuts with more: 0 bad",
        counted.cuts, counted.states, counted.bounded
    );
    let begun = Instant::now();
    let tally = histories(&arguments)?;
    println!(
        "{} histories from seed {}: {} power cuts, {} kills, {} closes, {} crashes in recovery, {} faults, \
         {} acknowledgements: 0 lost ({:.0} s)",
        arguments.histories,
        arguments.seed,
        tally.power_cuts,
        tally.kills,
        tally.closes,
        tally.crashes_in_recovery,
        tally.faults,
        tally.acknowledged,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

fn histories(arguments: &Arguments) -> anyhow::Result<Tally> {
    let next = AtomicU64::new(0);
    let work = || -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= arguments.histories {
                return Ok(tally);
            }
            match simulation::run(arguments.seed.saturating_add(n), arguments.lives) {
                Ok(more) => tally += more,
                Err(error) => {
                    next.store(arguments.histories, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads).map(|_| scope.spawn(work)).collect();
        let mut tally = Tally::default();
        for thread in threads {
            match thread.join() {
                Ok(more) => tally += more?,
                Err(_) => anyhow::bail!("a history panicked"),
            }
        }
        Ok(tally)
    })
}
