//! Each sync of a script ignored in turn: whether the checks would notice that it is missing.
//!
//! No index files are written: they are never synced, and what a power cut may leave of them would be most of the
//! states, and hide those in which a sync is missed.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use anyhow::ensure;
use causelog_io::{Fault, MemoryStorage, Operation};

use crate::exhaustive::each_state;
use crate::scripts::{Play, Script, check};

/// What came of a script without one of its syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some state of the disk breaks a promise.
    Noticed,
    /// The sync had nothing to make durable: what a power cut may leave is the same before and after it.
    NothingPending,
    /// No state that was gone through breaks a promise: there must be a [reason](Ignored::reason).
    Unnoticed,
}

/// A sync of a script, and what came of leaving it out.
#[derive(Clone, Debug)]
pub struct Ignored {
    /// The number of its operation, from where the script begins.
    pub nth: u64,
    /// The sync.
    pub sync: Operation,
    /// The operation that changed something before it.
    pub behind: Option<Operation>,
    /// The operation that changes something after it.
    pub ahead: Option<Operation>,
    /// What came of it.
    pub verdict: Verdict,
}

/// How many syncs had which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Verdicts {
    pub noticed: u64,
    pub nothing_pending: u64,
    pub unnoticed: u64,
}

impl AddAssign<Verdict> for Verdicts {
    fn add_assign(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Noticed => self.noticed += 1,
            Verdict::NothingPending => self.nothing_pending += 1,
            Verdict::Unnoticed => self.unnoticed += 1,
        }
    }
}

/// Ignores each sync of a script in turn, and goes through at most `states` states of each cut behind it, in order,
/// and half as many by lot.
///
/// # Errors
/// The script fails with all its syncs.
pub fn run(script: &Script, states: u64) -> anyhow::Result<Vec<Ignored>> {
    let mut play = script.begin_without_index_files()?;
    let before = usize::try_from(play.world.disk.operations())?;
    ensure!(script.play(&mut play)?, "{} does not run to its end", script.name);
    let trace = play.world.disk.trace().split_off(before);
    let changes = |operation: &&Operation| operation.mutates() && !operation.is_sync();
    let mut all = Vec::new();
    let mut behind = None;
    for (nth, operation) in (0..).zip(&trace) {
        if operation.is_sync() {
            let ahead = trace.iter().skip(usize::try_from(nth)?).find(changes).cloned();
            let (sync, behind) = (operation.clone(), behind.clone());
            let mut ignored = Ignored { nth, sync, behind, ahead, verdict: Verdict::Unnoticed };
            // Most are noticed at once. What has a reason is not searched on and on.
            let depths = if ignored.reason().is_some() { vec![1] } else { vec![1, states] };
            ignored.verdict = verdict(script, nth, u64::try_from(trace.len())?, &depths)?;
            all.push(ignored);
        } else if changes(&operation) {
            behind = Some(operation.clone());
        }
    }
    Ok(all)
}

/// Reasons for syncs that no check can miss.
pub const REASONS: [&str; 3] = [
    "the same open syncs the directory again, before anything is written",
    "it makes durable only that room was given back, and what stands there otherwise are zeros",
    "the sync behind the room that is given back follows, before the mark of the close",
];

impl Ignored {
    /// Why a sync that nothing notices the lack of is not missed, if there is a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&'static str> {
        let gives_room_back = |operation: &Option<Operation>| match (operation, &self.sync) {
            (Some(Operation::SetLen { name, .. }), Operation::SyncData { name: synced }) => name == synced,
            _ => false,
        };
        match (&self.sync, &self.behind) {
            (Operation::SyncDir, Some(Operation::Rename { to, .. })) if to == "store" => Some(REASONS[0]),
            _ if gives_room_back(&self.behind) => Some(REASONS[1]),
            _ if gives_room_back(&self.ahead) => Some(REASONS[2]),
            _ => None,
        }
    }
}

fn verdict(script: &Script, nth: u64, operations: u64, depths: &[u64]) -> anyhow::Result<Verdict> {
    if choices(&cut(script, nth, None)?.world.disk) == choices(&cut(script, nth + 1, None)?.world.disk) {
        return Ok(Verdict::NothingPending);
    }
    for states in depths {
        for at in nth + 1..=operations {
            let Ok(play) = cut(script, at, Some(nth)) else { return Ok(Verdict::Noticed) };
            let world = &play.world;
            if each_state(&world.disk, *states, |_, disk| check(world, disk)).is_err() {
                return Ok(Verdict::Noticed);
            }
        }
    }
    Ok(Verdict::Unnoticed)
}

/// Plays a script up to an operation, without one of its syncs.
fn cut(script: &Script, at: u64, ignored: Option<u64>) -> anyhow::Result<Play> {
    let mut play = script.begin_without_index_files()?;
    play.world.disk.crash_at(at);
    if let Some(nth) = ignored {
        play.world.disk.fail(nth, Fault::SyncIgnored);
    }
    script.play(&mut play)?;
    Ok(play)
}

/// How many choices a power cut has: the sync of what is pending makes them fewer.
fn choices(disk: &MemoryStorage) -> BTreeMap<usize, usize> {
    let mut choices = BTreeMap::new();
    drop(disk.power_cut_by(|bound| {
        *choices.entry(bound).or_default() += 1;
        bound - 1
    }));
    choices.remove(&1);
    choices
}
