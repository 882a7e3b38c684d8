//! Every call of a script fails, in every way, behind the writer that callers share.

use std::io::ErrorKind;
use std::ops::AddAssign;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, ensure};
use causelog_io::{Fault, Operation};
use causelog_writer::RestartPolicy;

use crate::draw::Draw;
use crate::scripts::{Play, Script, Step, check};

/// A script that takes longer hangs: it takes milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// What was gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failed {
    /// Cases: one fault at one operation each.
    pub cases: u64,
    /// Of these, panics.
    pub panics: u64,
    /// Of these, syncs of what the log had been given that failed.
    pub syncs: u64,
    /// Appends that were acknowledged after such a sync, in the same opening.
    pub acknowledged_after: u64,
}

impl AddAssign for Failed {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.panics += other.panics;
        self.syncs += other.syncs;
        self.acknowledged_after += other.acknowledged_after;
    }
}

/// Plays a script with each of its operations failing in each way, then kills the process, cuts the power, and
/// holds what is left against the promises.
///
/// # Errors
/// A promise was broken, or a case hangs.
pub fn run(script: &'static Script) -> anyhow::Result<Failed> {
    let (send, receive) = mpsc::channel();
    let cases = std::thread::spawn(move || all_cases(script, &send));
    let mut last = String::new();
    loop {
        match receive.recv_timeout(HANGS_AFTER) {
            Ok(case) => last = case,
            Err(mpsc::RecvTimeoutError::Timeout) => anyhow::bail!("it hangs: {last}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return cases.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked: {last}")));
            }
        }
    }
}

fn all_cases(script: &Script, tell: &mpsc::Sender<String>) -> anyhow::Result<Failed> {
    let mut whole = script.begin_served(RestartPolicy::Once)?;
    let first = usize::try_from(whole.world.disk.operations())?;
    ensure!(script.play(&mut whole)?, "{} does not run to its end", script.name);
    let mut failed = Failed::default();
    for (nth, operation) in (0..).zip(whole.world.disk.trace().split_off(first)) {
        for fault in faults_of(&operation) {
            for restarts in [RestartPolicy::Once, RestartPolicy::Bounded { max_restarts: 0, within_ms: 1000 }]
            {
                if fault != Fault::Panic && restarts != RestartPolicy::Once {
                    continue;
                }
                let case =
                    format!("{}: {fault:?} at operation {nth}, {operation:?}, {restarts:?}", script.name);
                tell.send(case.clone())?;
                failed += one_case(script, nth, fault, restarts).context(case)?;
            }
        }
    }
    Ok(failed)
}

fn one_case(script: &Script, nth: u64, fault: Fault, restarts: RestartPolicy) -> anyhow::Result<Failed> {
    let mut play = script.begin_served(restarts)?;
    let at = play.world.disk.operations() + nth;
    play.world.disk.fail(nth, fault);
    let mut failed = Failed { cases: 1, panics: u64::from(fault == Fault::Panic), ..Failed::default() };
    let (mut sync_failed, mut names_dropped) = (false, false);
    for step in script.steps {
        if names_dropped {
            // Which names a directory has lost cannot be asked of it: only a power cut shows it.
            break;
        }
        if matches!(step, Step::Open | Step::Close) {
            sync_failed = false;
        }
        let was_failed = sync_failed;
        let came = play.step(*step)?;
        if play.world.disk.operations() > at && failed.syncs == 0 && fails_live_sync(&play, at, fault)? {
            failed.syncs = 1;
            // A store that did not open has nothing to acknowledge with.
            sync_failed = play.is_open();
            names_dropped = fault == Fault::SyncFailsAndDrops && is_directory_sync(&play, at)?;
        }
        ensure!(came || !matches!(fault, Fault::ShortRead(_)), "a short read is an error");
        let is_append = matches!(step, Step::Append(..));
        failed.acknowledged_after += u64::from(was_failed && is_append && came);
        if is_append && !came && !names_dropped {
            // The same ids again settle it, now or in a store opened anew.
            let here = play.again()?;
            failed.acknowledged_after += u64::from(sync_failed && here);
            sync_failed &= here;
        }
    }
    ensure!(failed.acknowledged_after == 0, "an append is acknowledged after a failed sync");
    play.leave();
    if !names_dropped {
        check(&play.world, play.world.disk.kill()).context("after a kill")?;
    }
    let draw = Draw::new(nth);
    check(&play.world, play.world.disk.power_cut()).context("after a power cut")?;
    check(&play.world, play.world.disk.power_cut_by(draw.lots())).context("after another power cut")?;
    Ok(failed)
}

fn faults_of(operation: &Operation) -> Vec<Fault> {
    let mut faults =
        vec![Fault::Os(5), Fault::Os(28), Fault::Os(24), Fault::Error(ErrorKind::Interrupted), Fault::Panic];
    match operation {
        Operation::Write { bytes, .. } => {
            let half = usize::try_from(*bytes).unwrap_or(usize::MAX) / 2;
            faults.push(Fault::DoneAndFails);
            faults.extend([Fault::ShortWrite(0), Fault::ShortWrite(1), Fault::ShortWrite(half)]);
        }
        Operation::Read { bytes, .. } if *bytes > 1 => {
            faults.extend([Fault::ShortRead(1), Fault::ShortRead(usize::try_from(bytes / 2).unwrap_or(1))]);
        }
        Operation::Rename { .. } => faults.push(Fault::DoneAndFails),
        operation if operation.is_sync() => faults.extend([Fault::SyncFailsAndDrops, Fault::DoneAndFails]),
        _ => {}
    }
    faults
}

fn is_directory_sync(play: &Play, at: u64) -> anyhow::Result<bool> {
    let trace = play.world.disk.trace();
    let operation = trace.get(usize::try_from(at)?);
    Ok(matches!(operation, Some(Operation::SyncDir | Operation::SyncParent)))
}

/// Whether the fault was the failure of a sync of what had been given to the log. What is written under a temporary
/// name is not in the log before its rename: that may fail and be tried again.
fn fails_live_sync(play: &Play, at: u64, fault: Fault) -> anyhow::Result<bool> {
    let trace = play.world.disk.trace();
    let (before, from) = trace.split_at(usize::try_from(at)?.min(trace.len()));
    let is_live = match from.first() {
        Some(Operation::SyncData { name }) if name.ends_with(".tmp") => {
            let last = before.iter().rev().find_map(|operation| match operation {
                Operation::Open { name: opened, .. } if opened == name => Some(false),
                Operation::Rename { from, .. } if from == name => Some(true),
                _ => None,
            });
            last == Some(true)
        }
        Some(operation) => operation.is_sync(),
        None => false,
    };
    Ok(is_live && fault != Fault::Panic)
}
