//! Random histories: callers, faults, crashes and reopenings, from one seed.

use std::io::ErrorKind;

use anyhow::{Context, ensure};
use causelog_io::{Fault, Operation};
use causelog_types::EventId;
use causelog_writer::{Answered, AppendErrorKind, Durability, Job};

use crate::draw::Draw;
use crate::offers::Offers;
use crate::oracle::{Loss, Status};
use crate::world::{OpenStore, World};

/// What a simulation has gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Power cuts.
    pub power_cuts: u64,
    /// Kills of the process.
    pub kills: u64,
    /// Clean closes.
    pub closes: u64,
    /// Crashes while a store was being opened.
    pub crashes_in_recovery: u64,
    /// Events that were acknowledged.
    pub acknowledged: u64,
    /// Calls that were made to fail.
    pub faults: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.closes += other.closes;
        self.crashes_in_recovery += other.crashes_in_recovery;
        self.acknowledged += other.acknowledged;
        self.faults += other.faults;
    }
}

/// How many times a store is opened in one history.
const LIVES: usize = 12;
/// Steps of one life.
const STEPS: usize = 24;
/// Operations within which a crash or a fault is planned: a life has about so many.
const OPERATIONS: usize = 90;

struct Simulation {
    draw: Draw,
    world: World,
    offers: Offers,
    tally: Tally,
    /// The operation at which a sync of this life fails and drops what it was to make durable, if it is one.
    drops_at: Option<usize>,
}

/// Runs the history of a seed; the same every time.
///
/// # Errors
/// A promise was broken.
pub fn run(seed: u64, lives: usize) -> anyhow::Result<Tally> {
    let draw = Draw::new(seed);
    let durability = match draw.below(4) {
        0 => Durability::Os,
        1 => Durability::Interval { max_ms: 50, max_events: 4 },
        _ => Durability::Sync,
    };
    let world = World::new(durability);
    let mut simulation =
        Simulation { draw, world, offers: Offers::default(), tally: Tally::default(), drops_at: None };
    for life in 0..lives.min(LIVES) {
        simulation.live().with_context(|| format!("seed {seed}, life {life}, {durability:?}"))?;
    }
    Ok(simulation.tally)
}

/// What ends a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    PowerCut,
    Kill,
    Close,
}

impl Simulation {
    fn live(&mut self) -> anyhow::Result<()> {
        self.jump_clock();
        self.drops_at = None;
        let end = match self.draw.below(6) {
            0 => End::Close,
            1 | 2 => End::Kill,
            _ => End::PowerCut,
        };
        // Half of the crashes come in the middle of an operation, the others between two.
        if end != End::Close && self.draw.once_in(2) {
            self.world.disk.crash_at(u64::try_from(self.draw.below(OPERATIONS))?);
        }
        let opened = self.world.open(self.draw.seed());
        match opened {
            Ok(store) => self.serve(store, end)?,
            Err(error) => {
                ensure!(self.world.disk.crashed(), "the store does not open: {error}");
                self.tally.crashes_in_recovery += 1;
            }
        }
        let dropped = self.drops_at.and_then(|at| self.world.disk.trace().into_iter().nth(at));
        // Which names a directory has lost by a failed sync cannot be asked of it: only a power cut shows it.
        let names_dropped = matches!(dropped, Some(Operation::SyncDir | Operation::SyncParent));
        let loss = match end {
            End::Kill | End::Close if !names_dropped => {
                self.tally.kills += u64::from(end == End::Kill);
                self.tally.closes += u64::from(end == End::Close);
                self.world.disk = self.world.disk.kill();
                if dropped.is_some() { Loss::Unsynced } else { Loss::Nothing }
            }
            End::PowerCut | End::Kill | End::Close => {
                self.tally.power_cuts += 1;
                self.world.disk = self.world.disk.power_cut_by(self.draw.lots());
                Loss::Unsynced
            }
        };
        self.recover(loss)
    }

    /// Opens the store after a crash, sometimes after crashes in the recovery, and holds it against the oracle.
    fn recover(&mut self, mut loss: Loss) -> anyhow::Result<()> {
        while self.draw.once_in(4) {
            self.world.disk.crash_at(u64::try_from(self.draw.below(40))?);
            let opened = self.world.open(self.draw.seed());
            if let Err(error) = opened {
                ensure!(self.world.disk.crashed(), "the store does not open: {error}");
            }
            self.tally.crashes_in_recovery += 1;
            self.world.disk = if self.draw.once_in(2) {
                loss = Loss::Unsynced;
                self.world.disk.power_cut_by(self.draw.lots())
            } else {
                self.world.disk.kill()
            };
        }
        let store = self.world.open(self.draw.seed()).context("the recovered store does not open")?;
        let events = store.events()?;
        store.check(&events, &self.draw)?;
        self.world.oracle.recovered(&events, loss)?;
        // The recovered store ends without a close, so that the next life finds it as it is.
        Ok(())
    }

    fn serve(&mut self, mut store: OpenStore, end: End) -> anyhow::Result<()> {
        if self.draw.once_in(3) {
            self.plan_fault()?;
        }
        let mut job: Option<Job> = None;
        for _ in 0..STEPS {
            if self.world.disk.crashed() || !store.is_sound() {
                break;
            }
            match self.draw.below(8) {
                0..=3 => self.offer(&mut store)?,
                4 => self.retry(&mut store)?,
                5 => job = job.or_else(|| store.next_job()),
                6 => {
                    if self.draw.once_in(3) {
                        store.request_sync();
                    }
                    if let Some(job) = job.take().or_else(|| store.next_job()) {
                        let answers = store.finish(job.run());
                        self.take(answers)?;
                        self.look(&store)?;
                    }
                }
                _ if job.is_none() && self.draw.once_in(2) => {
                    self.world.look_from_outside(self.draw.seed())?
                }
                _ => self.jump_clock(),
            }
        }
        if end == End::Close && !self.world.disk.crashed() {
            while let Some(job) = job.take().or_else(|| store.next_job()) {
                let answers = store.finish(job.run());
                self.take(answers)?;
            }
            store.close();
        }
        Ok(())
    }

    fn offer(&mut self, store: &mut OpenStore) -> anyhow::Result<()> {
        let offer = self.offers.next(&self.draw, store.end())?;
        self.world.oracle.offer(&offer);
        let answered = store.offer(&offer)?;
        self.take(answered.into_iter().collect())
    }

    /// Offers again what was offered before: it must be answered as the first time, or be written now.
    fn retry(&mut self, store: &mut OpenStore) -> anyhow::Result<()> {
        let n = self.draw.below(self.world.oracle.offered());
        let Some((offer, status)) = self.world.oracle.nth(n) else { return Ok(()) };
        self.world.oracle.offer(&offer);
        let answered = store.offer(&offer)?;
        if let (Status::Acknowledged(_), Some(Answered { answer: Err(error), .. })) = (status, &answered) {
            let kind = error.kind();
            let passing = matches!(
                kind,
                AppendErrorKind::Refused(_) | AppendErrorKind::Poisoned(_) | AppendErrorKind::IndexFailed(_)
            );
            ensure!(passing, "a retry of what was acknowledged is refused: {error}");
        }
        self.take(answered.into_iter().collect())
    }

    fn take(&mut self, answers: Vec<Answered<Vec<EventId>>>) -> anyhow::Result<()> {
        for Answered { who, answer } in answers {
            self.tally.acknowledged += u64::try_from(answer.as_ref().map_or(0, Vec::len))?;
            self.world.oracle.answer(&who, &answer)?;
        }
        Ok(())
    }

    /// What is visible and durable now can never go away again.
    fn look(&mut self, store: &OpenStore) -> anyhow::Result<()> {
        if self.world.disk.crashed() || !self.draw.once_in(4) {
            return Ok(());
        }
        // A planned fault may hit this very read.
        let Ok(mut events) = store.events() else { return Ok(()) };
        events.truncate(usize::try_from(store.durable().0)?);
        self.world.oracle.is_durable(&events)
    }

    fn plan_fault(&mut self) -> anyhow::Result<()> {
        let kinds =
            [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::Interrupted, ErrorKind::PermissionDenied];
        let nth = self.draw.below(OPERATIONS);
        let fault = match self.draw.below(4) {
            0 => Fault::ShortWrite(self.draw.below(600)),
            1 => {
                self.drops_at = Some(usize::try_from(self.world.disk.operations())? + nth);
                Fault::SyncFailsAndDrops
            }
            _ => Fault::Error(self.draw.of(&kinds).unwrap_or(ErrorKind::Other)),
        };
        self.world.disk.fail(u64::try_from(nth)?, fault);
        self.tally.faults += 1;
        Ok(())
    }

    fn jump_clock(&mut self) {
        match self.draw.below(10) {
            0 => self.world.clock.set(0),
            1 => self.world.clock.advance(365 * 24 * 3600 * 1000),
            2 => self.world.clock.set(1_600_000_000_000),
            _ => self.world.clock.advance(u64::try_from(self.draw.below(100)).unwrap_or(0)),
        }
    }
}
