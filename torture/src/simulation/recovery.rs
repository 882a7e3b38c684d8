//! What follows a life: crashes and faults in the recovery, and the comparison with what was promised.

use anyhow::{Context, ensure};
use causelog_io::Operation;
use causelog_writer::Durability;

use crate::draw::Draw;
use crate::history::Part;
use crate::oracle::Loss;
use crate::simulation::{STEPS, Simulation};
use crate::world::Driven;

/// What a recovery takes its draws from, behind the steps and the faults of its life.
const PART: usize = STEPS + 10;

impl Simulation<'_> {
    /// Opens the store after a crash, sometimes after crashes in the recovery, and holds it against the oracle.
    pub(super) fn recover(&mut self, mut loss: Loss, life: usize, draw: &Draw) -> anyhow::Result<()> {
        let draw = draw.part(PART);
        if self.history.has(Part::Recovery(life)) {
            while draw.once_in(4) {
                loss = self.crash_in_recovery(loss, &draw)?;
            }
        }
        if draw.once_in(2) {
            self.make_room();
        }
        self.fails_at = None;
        if draw.once_in(3) {
            self.look_from_outside(&draw)?;
        }
        let mut opened = self.world.open(draw.seed());
        if opened.is_err() && self.may_not_open() {
            self.make_room();
            opened = self.world.open(draw.seed());
        }
        let store = opened.context("the recovered store does not open")?;
        let events = store.view().events()?;
        store.view().check(&events, &draw)?;
        self.others_look_again()?;
        // The recovered store ends without a close, so that the next life finds it as it is.
        self.world.oracle.recovered(&events, loss)?;
        let can_be_gone = loss == Loss::Unsynced && self.durability != Durability::Sync;
        self.ledger.recovered(&events, can_be_gone)
    }

    fn crash_in_recovery(&mut self, loss: Loss, draw: &Draw) -> anyhow::Result<Loss> {
        self.drops_at.clear();
        self.fails_at = None;
        if draw.once_in(3) {
            self.plan_fault(draw, false)?;
        }
        self.world.disk.crash_at(u64::try_from(draw.below(40))?);
        if let Err(error) = self.world.open(draw.seed()) {
            ensure!(self.may_not_open(), "the store does not open: {error}");
        }
        self.tally.crashes_in_recovery += 1;
        let trace = self.world.disk.trace();
        let mut dropped = self.drops_at.iter().filter_map(|at| trace.get(*at));
        let names_dropped = dropped.any(|at| matches!(at, Operation::SyncDir | Operation::SyncParent));
        if draw.once_in(2) || names_dropped {
            self.others.clear();
            self.world.disk = self.world.disk.power_cut_by(draw.lots());
            return Ok(Loss::Unsynced);
        }
        self.world.disk.clear_faults();
        if self.others.is_empty() {
            self.world.disk = self.world.disk.kill();
        }
        Ok(if self.drops_at.is_empty() { loss } else { Loss::Unsynced })
    }
}
