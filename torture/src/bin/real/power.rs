//! Real power cuts: a file system that is shut down under a writer, with nothing flushed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::history::{History, Tally};
use crate::process::{self, Process};
use crate::said::Said;
use crate::volume::{self, Kind, Volume};

/// How many cuts a store goes through.
const CUTS: u64 = 8;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Cuts under ext4.
    pub(crate) ext4: u64,
    /// Cuts under XFS.
    pub(crate) xfs: u64,
    /// Cuts under ext4 of a writer that has found what a killed one had left.
    pub(crate) after_kill: u64,
    /// In place of so many of each, so long for all three.
    pub(crate) seconds: Option<u64>,
    pub(crate) threads: u64,
}

/// Cuts the power.
pub(crate) fn run(work: &Path, seed: u64, plan: Plan) -> anyhow::Result<Verdict> {
    let kinds = [(Kind::Ext4, plan.ext4), (Kind::Xfs, plan.xfs), (Kind::Ext4, plan.after_kill)];
    let wanted: Vec<Kind> = kinds.iter().filter(|(_, cuts)| *cuts > 0).map(|(kind, _)| *kind).collect();
    if let Some(why) = volume::missing(work, &wanted) {
        return Ok(Verdict::Skipped(why));
    }
    let mut lines = Vec::new();
    for ((kind, cuts), name) in kinds.into_iter().zip(["ext4", "XFS", "ext4 after a kill"]) {
        let after_kill = name.ends_with("kill");
        if cuts == 0 {
            continue;
        }
        let begun = AtomicU64::new(0);
        let until = Until::new(cuts, plan.seconds.map(|seconds| seconds / 3));
        let tally = crate::in_parallel(plan.threads, |worker| {
            let mut tally = Tally::default();
            let volume = Volume::make(work, &format!("volume-{worker}"), kind)?;
            loop {
                // Each store takes its share of the cuts.
                let first = begun.fetch_add(CUTS, Ordering::Relaxed);
                if until.is_over(first) {
                    return Ok(tally);
                }
                let seed = seed + first;
                let more = history(&volume, seed, first, until, after_kill);
                tally += more
                    .with_context(|| format!("{name}, seed {seed}"))
                    .inspect_err(|_| begun.store(u64::MAX / 2, Ordering::Relaxed))?;
            }
        })?;
        let Tally { cuts, kills, acknowledged, not_counted, unknown, seen, .. } = tally;
        lines.push(format!(
            "{name}: {cuts} cuts, {kills} kills, {acknowledged} acknowledged, {not_counted} answers during a cut \
             not counted, {unknown} unknown, {seen} sights"
        ));
    }
    Ok(Verdict::Ran(format!("from seed {seed}, {}: 0 lost", lines.join("; "))))
}

/// A store whose cuts are those from `first` on.
fn history(volume: &Volume, seed: u64, first: u64, until: Until, after_kill: bool) -> anyhow::Result<Tally> {
    let draw = Draw::new(seed);
    // A name of its own: what a cut undoes may be the removal of an older store.
    let directory = volume.mountpoint.join(format!("events-{seed}"));
    let mut history = History::new(directory.clone(), seed);
    for cut in (0..CUTS).take_while(|cut| !until.is_over(first + cut)) {
        live(volume, &mut history, &draw, after_kill).with_context(|| format!("cut {cut}"))?;
    }
    history.settle()?;
    fs::remove_dir_all(directory)?;
    Ok(history.tally)
}

fn live(volume: &Volume, history: &mut History, draw: &Draw, after_kill: bool) -> anyhow::Result<()> {
    let moment =
        |most_ms: usize| Duration::from_micros(u64::try_from(draw.below(most_ms * 1000)).unwrap_or(0));
    if after_kill {
        let writer = Process::start(&[], &process::writer(&history.draw_life(draw)))?;
        thread::sleep(moment(60));
        history.lived(&writer.kill()?)?;
        history.tally.kills += 1;
    }
    let reader = Process::start(&[], &process::reader(&history.directory))?;
    let life = history.draw_life(draw);
    let writer = Process::start(&[], &process::writer(&life))?;
    thread::sleep(moment(if draw.once_in(4) { 10 } else { 120 }));
    let (told, shown) = (writer.said().len(), reader.said().len());
    volume.cut()?;
    let mut reader = reader.kill()?;
    let mut writer = writer.kill()?;
    // A machine without power answers nobody. Here the sync that is under way at the cut may return as if all were
    // written: both file systems ask whether they were shut down when it begins, and what then fails (ext4: to
    // mark extents as written; XFS: to log the inode) is taken from what it waits for.
    history.tally.not_counted += process::leave_out_late(&mut writer.said, told);
    process::leave_out_late(&mut reader.said, shown);
    history.tally.cuts += 1;
    volume.restore()?;
    history.lived(&writer)?;
    history.shown(&reader.said)?;
    let checked = match draw.once_in(3) {
        true => history.check_as_writer(Loss::Unsynced),
        false => history.check(Loss::Unsynced),
    };
    // How a cut falls is never the same again: the failure has to say it all.
    checked.with_context(|| format!("{life:?}, and then {}", tail(&writer.said)))
}

/// The last things that a child said.
fn tail(said: &[Said]) -> String {
    let from = said.len().saturating_sub(12);
    let last: Vec<String> = said.iter().skip(from).map(Said::to_string).collect();
    format!("{} lines, the last ones:\n{}", said.len(), last.join("\n"))
}
