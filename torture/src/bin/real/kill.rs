//! Writers that are killed at any moment, with a reader that lives on beside them.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::history::{History, Tally, fresh};
use crate::process::{self, Process};
use crate::said::Said;

/// How many lives a store has.
const LIVES: usize = 16;

/// Kills writers.
pub(crate) fn run(work: &Path, seed: u64, kills: Until, threads: u64) -> anyhow::Result<Verdict> {
    let done = AtomicU64::new(0);
    let stores = AtomicU64::new(0);
    let worker = |worker: u64| -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        while !kills.is_over(done.load(Ordering::Relaxed)) {
            let seed = seed + stores.fetch_add(1, Ordering::Relaxed);
            let directory = fresh(work, &format!("killed-{worker}"))?;
            let more = history(History::new(directory, seed), seed).with_context(|| format!("seed {seed}"));
            let more = more.inspect_err(|_| done.store(u64::MAX, Ordering::Relaxed))?;
            done.fetch_add(more.kills, Ordering::Relaxed);
            tally += more;
        }
        Ok(tally)
    };
    let tally = crate::in_parallel(threads, worker)?;
    let Tally { kills, closes, acknowledged, unknown, seen, .. } = tally;
    Ok(Verdict::Ran(format!(
        "from seed {seed}, {} stores: {kills} kills, {closes} closes, {acknowledged} events acknowledged, \
         {unknown} unknown, {seen} sights of a reader: 0 lost, 0 unopenable",
        stores.load(Ordering::Relaxed)
    )))
}

fn history(mut history: History, seed: u64) -> anyhow::Result<Tally> {
    let draw = Draw::new(seed);
    let mut reader = Process::start(&[], &process::reader(&history.directory))?;
    for life in 0..LIVES {
        live(&mut history, &draw).with_context(|| format!("life {life}"))?;
    }
    history.check_as_writer(Loss::Nothing)?;
    reader.ask_to_end();
    let ended = reader.wait()?;
    ensure!(ended.status.success(), "the reader ended with {}: {}", ended.status, ended.complaints);
    let failed = ended.said.iter().find(|said| said.is_failure());
    ensure!(failed.is_none(), "a reader says {failed:?}");
    history.shown(&ended.said)?;
    history.check(Loss::Nothing)?;
    Ok(history.tally)
}

fn live(history: &mut History, draw: &Draw) -> anyhow::Result<()> {
    let writer = Process::start(&[], &process::writer(&history.draw_life(draw)))?;
    // The first moments are those of the open and the recovery.
    let most_us = if draw.once_in(3) { 6_000 } else { 60_000 };
    thread::sleep(Duration::from_micros(u64::try_from(draw.below(most_us))?));
    let ended = writer.kill()?;
    if ended.status.signal() == Some(9) {
        history.tally.kills += 1;
    } else {
        ensure!(ended.status.success(), "a writer ended with {}: {}", ended.status, ended.complaints);
    }
    let failed = ended.said.iter().find(|said| said.is_failure());
    ensure!(failed.is_none(), "a writer says {failed:?}");
    ensure!(!ended.said.iter().any(|said| matches!(said, Said::Seen(..))), "a writer says what it sees");
    history.lived(&ended)?;
    match draw.below(8) {
        // The next writer finds what the kill has left.
        0 => Ok(()),
        1 => history.check_as_writer(Loss::Nothing),
        _ => history.check(Loss::Nothing),
    }
}
