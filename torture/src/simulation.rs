//! Random histories: callers, faults, crashes and reopenings, from one seed.

use anyhow::{Context, ensure};
use causelog_io::{Fault, Operation};
use causelog_writer::{Answered, Durability, RestartPolicy};

use crate::draw::Draw;
use crate::history::{History, LIVES, Part};
use crate::ledger::{Asked, Ledger};
use crate::offers::Offers;
use crate::oracle::Loss;
pub use crate::tally::Tally;
use crate::world::{OtherProcess, World, unless_planned};

mod faults;
mod life;
mod recovery;

/// Steps of one life.
pub const STEPS: usize = 24;
/// Operations within which a crash or a fault is planned: a life has about so many.
const OPERATIONS: usize = 90;

struct Simulation<'a> {
    history: &'a History,
    durability: Durability,
    world: World,
    offers: Offers,
    ledger: Ledger,
    tally: Tally,
    /// Other processes that have the store open.
    others: Vec<OtherProcess>,
    /// The operations at which a sync of this life fails and drops what it was to make durable.
    drops_at: Vec<usize>,
    /// The first operation of this life that a fault is planned for.
    fails_at: Option<u64>,
    /// Whether the disk has less room than it may need.
    is_full: bool,
}

/// Runs a history; the same every time.
///
/// # Errors
/// A promise was broken.
pub fn run(history: &History) -> anyhow::Result<Tally> {
    let draw = Draw::new(history.seed);
    let durability = match draw.below(4) {
        0 => Durability::Os,
        1 => Durability::Interval { max_ms: 50, max_events: 4 },
        _ => Durability::Sync,
    };
    let mut simulation = Simulation {
        history,
        durability,
        world: World::new(durability),
        offers: Offers::default(),
        ledger: Ledger::default(),
        tally: Tally::default(),
        others: Vec::new(),
        drops_at: Vec::new(),
        fails_at: None,
        is_full: false,
    };
    for life in (0..history.lives.min(LIVES)).filter(|life| history.has(Part::Life(*life))) {
        let lived = simulation.live(life, &draw.part(life));
        lived.with_context(|| format!("seed {}, life {life}, {durability:?}", history.seed))?;
    }
    let Simulation { ledger, mut tally, .. } = simulation;
    (tally.allowed, tally.refused, tally.not_judged) =
        (ledger.judged.allowed, ledger.judged.refused, ledger.judged.open);
    Ok(tally)
}

/// What ends a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    PowerCut,
    Kill,
    Close,
}

impl Simulation<'_> {
    fn live(&mut self, life: usize, draw: &Draw) -> anyhow::Result<()> {
        self.jump_clock(draw);
        self.drops_at.clear();
        self.fails_at = None;
        let end = match draw.below(6) {
            0 => End::Close,
            1 | 2 => End::Kill,
            _ => End::PowerCut,
        };
        // Half of the crashes come in the middle of an operation, the others between two.
        if end != End::Close && draw.once_in(2) {
            self.world.disk.crash_at(u64::try_from(draw.below(OPERATIONS))?);
        }
        if self.history.syncs_ignored {
            (0..2000).for_each(|nth| self.world.disk.fail(nth, Fault::SyncIgnored));
        }
        let served = self.durability != Durability::Interval { max_ms: 50, max_events: 4 } && draw.once_in(3);
        let seed = draw.seed();
        let restarts = match draw.below(2) {
            0 => RestartPolicy::Once,
            _ => RestartPolicy::Bounded { max_restarts: 3, within_ms: 60_000 },
        };
        let opened = match served {
            true => self.world.serve(seed, restarts).map(|store| self.serve(store, end, life, draw)),
            false => self.world.open(seed).map(|store| self.step_through(store, end, life, draw)),
        };
        match opened {
            Ok(lived) => lived?,
            Err(error) => {
                ensure!(self.may_not_open(), "the store does not open: {error}");
                self.tally.crashes_in_recovery += 1;
            }
        }
        let loss = self.end(end, draw)?;
        self.recover(loss, life, draw)
    }

    /// The disk as the end of a life leaves it.
    fn end(&mut self, end: End, draw: &Draw) -> anyhow::Result<Loss> {
        let trace = self.world.disk.trace();
        let dropped: Vec<&Operation> = self.drops_at.iter().filter_map(|at| trace.get(*at)).collect();
        // Which names a directory has lost by a failed sync cannot be asked of it: only a power cut shows it.
        let names_dropped =
            dropped.iter().any(|dropped| matches!(dropped, Operation::SyncDir | Operation::SyncParent));
        if end == End::PowerCut || names_dropped {
            self.tally.power_cuts += 1;
            self.others.clear();
            self.world.disk = self.world.disk.power_cut_by(draw.lots());
            return Ok(Loss::Unsynced);
        }
        self.tally.kills += u64::from(end == End::Kill);
        self.tally.closes += u64::from(end == End::Close);
        let loss = if dropped.is_empty() { Loss::Nothing } else { Loss::Unsynced };
        self.world.disk.clear_faults();
        if self.others.is_empty() {
            self.world.disk = self.world.disk.kill();
        } else {
            self.tally.kills_beside_readers += u64::from(end == End::Kill);
            self.others_look_again()?;
        }
        Ok(loss)
    }

    /// Takes answers that were given together: one may rest on another.
    fn take_all(&mut self, answers: Vec<Answered<Asked>>) -> anyhow::Result<()> {
        for Answered { who, answer } in &answers {
            self.tally.acknowledged += u64::try_from(answer.as_ref().map_or(0, Vec::len))?;
            self.world.oracle.answer(&who.offer.ids(), answer)?;
            self.ledger.note(who, answer)?;
        }
        answers.into_iter().try_for_each(|Answered { who, answer }| self.ledger.judge(who, answer))
    }

    /// Another process looks in, and may stay.
    fn look_from_outside(&mut self, draw: &Draw) -> anyhow::Result<()> {
        let seed = draw.seed();
        let came = unless_planned(|| self.world.look_from_outside(seed)).transpose()?.flatten();
        self.tally.looks += 1;
        if let Some(other) = came
            && draw.once_in(2)
        {
            self.others.truncate(2);
            self.others.insert(0, other);
        }
        Ok(())
    }

    fn others_look_again(&self) -> anyhow::Result<()> {
        if self.world.disk.crashed() {
            return Ok(());
        }
        self.others.iter().try_for_each(|other| unless_planned(|| other.look_again()).unwrap_or(Ok(())))
    }
}
