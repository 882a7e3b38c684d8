//! What goes wrong besides crashes: calls that fail, a full disk, a clock that jumps.

use std::io::ErrorKind;

use anyhow::ensure;
use causelog_io::Fault;

use crate::draw::Draw;
use crate::simulation::{OPERATIONS, Simulation};

/// Errors that any call may have, by their numbers on Linux: EIO, ENOSPC, EMFILE, ENFILE, EDQUOT.
pub(crate) const ERRORS: [i32; 5] = [5, 28, 24, 23, 122];
const DAY_MS: u64 = 24 * 3600 * 1000;

impl Simulation<'_> {
    /// Plans a fault within the next operations.
    pub(super) fn plan_fault(&mut self, draw: &Draw, panics: bool) -> anyhow::Result<()> {
        let nth = draw.below(OPERATIONS);
        let at = self.world.disk.operations() + u64::try_from(nth)?;
        let fault = match draw.below(if panics { 9 } else { 7 }) {
            0 => Fault::ShortWrite(draw.below(600)),
            1 => Fault::ShortRead(draw.below(600)),
            2 => {
                self.drops_at.push(usize::try_from(at)?);
                Fault::SyncFailsAndDrops
            }
            3 => Fault::Error(
                draw.of(&[ErrorKind::Interrupted, ErrorKind::PermissionDenied]).unwrap_or(ErrorKind::Other),
            ),
            4 | 5 => Fault::Os(draw.of(&ERRORS).unwrap_or(5)),
            6 => Fault::DoneAndFails,
            _ => Fault::Panic,
        };
        self.world.disk.fail(u64::try_from(nth)?, fault);
        self.fails_at = Some(self.fails_at.map_or(at, |first| first.min(at)));
        self.tally.faults += 1;
        self.tally.panics += u64::from(fault == Fault::Panic);
        self.tally.done_and_failed += u64::from(fault == Fault::DoneAndFails);
        Ok(())
    }

    /// Whether a planned fault may have come by now.
    pub(super) fn has_failed(&self) -> bool {
        self.fails_at.is_some_and(|at| self.world.disk.operations() > at)
    }

    /// Whether there is a reason for a store not to open.
    pub(super) fn may_not_open(&self) -> bool {
        // A full disk keeps no store from opening that is there.
        let is_there = self.world.disk.files().iter().any(|(name, _)| name == "store");
        self.world.disk.crashed() || self.has_failed() || self.is_full && !is_there
    }

    /// The disk is full, or nearly; or has room again.
    pub(super) fn change_space(&mut self, draw: &Draw) -> anyhow::Result<()> {
        if self.is_full {
            self.make_room();
        } else {
            self.is_full = true;
            self.world.disk.set_space(u64::try_from(draw.below(8 * 4096))?);
        }
        Ok(())
    }

    pub(super) fn make_room(&mut self) {
        self.tally.full_disks += u64::from(self.is_full);
        self.is_full = false;
        self.world.disk.set_space(u64::MAX);
    }

    pub(super) fn jump_clock(&mut self, draw: &Draw) {
        let clock = &self.world.clock;
        match draw.below(12) {
            0 => clock.set(0),
            1 => clock.advance(365 * DAY_MS),
            2 => clock.set(1_600_000_000_000),
            // The year 10889, and then perhaps back again.
            3 if draw.once_in(4) => clock.set(1 << 48),
            _ => return clock.advance(u64::try_from(draw.below(100)).unwrap_or(0)),
        }
        self.tally.clock_jumps += 1;
    }

    /// Nothing but a planned fault ends a writer: a full disk does not.
    pub(super) fn check_sound(&self, is_sound: bool) -> anyhow::Result<()> {
        let excused = self.world.disk.crashed() || self.has_failed();
        ensure!(is_sound || excused, "the writer has failed, and no fault was planned");
        Ok(())
    }
}
