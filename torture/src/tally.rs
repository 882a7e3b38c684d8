//! What simulations have gone through.

use std::fmt;
use std::ops::AddAssign;

/// What a simulation has gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tally {
    pub power_cuts: u64,
    pub kills: u64,
    /// Kills of the writer's process while another process had the store open.
    pub kills_beside_readers: u64,
    pub closes: u64,
    /// Crashes while a store was being opened.
    pub crashes_in_recovery: u64,
    /// Calls that were made to fail.
    pub faults: u64,
    /// Of these, calls that were made to panic.
    pub panics: u64,
    /// Times that the disk was full and then had room again.
    pub full_disks: u64,
    /// Jumps of the clock: back, far ahead, to its beginning.
    pub clock_jumps: u64,
    /// Looks of other processes.
    pub looks: u64,
    /// Appends of what had been appended before.
    pub retries: u64,
    pub acknowledged: u64,
    /// Appends that were acknowledged and that the plain list allows.
    pub allowed: u64,
    /// Appends that were refused by a condition, an expected revision or a cause, as the plain list does.
    pub refused: u64,
    /// Appends whose judgement rests on what is lost.
    pub not_judged: u64,
    /// Calls that were carried out and then reported as failed.
    pub done_and_failed: u64,
}

impl Tally {
    fn fields(&mut self) -> [(&'static str, &mut u64); 16] {
        [
            ("power cuts", &mut self.power_cuts),
            ("kills", &mut self.kills),
            ("of them beside readers", &mut self.kills_beside_readers),
            ("closes", &mut self.closes),
            ("crashes in recovery", &mut self.crashes_in_recovery),
            ("faults", &mut self.faults),
            ("of them panics", &mut self.panics),
            ("of them carried out all the same", &mut self.done_and_failed),
            ("full disks with room again", &mut self.full_disks),
            ("clock jumps", &mut self.clock_jumps),
            ("looks from outside", &mut self.looks),
            ("retries", &mut self.retries),
            ("acknowledgements", &mut self.acknowledged),
            ("appends rightly allowed", &mut self.allowed),
            ("rightly refused", &mut self.refused),
            ("that nobody can judge", &mut self.not_judged),
        ]
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, mut other: Self) {
        for ((_, sum), (_, more)) in self.fields().into_iter().zip(other.fields()) {
            *sum += *more;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut copy = *self;
        let shown = copy.fields().map(|(name, count)| format!("{count} {name}"));
        f.write_str(&shown.join(", "))
    }
}
