//! Scripts cut at every operation, with what the disk may keep of what was not synced, and crashes in the
//! recovery behind that.

use anyhow::Context;
use causelog_io::MemoryStorage;

use crate::draw::{Draw, Odometer};
use crate::scripts::{Script, check};
use crate::world::World;

/// How often in a row a recovery is cut.
const DEEP: usize = 5;
/// Operations of an open, about.
const OPERATIONS: usize = 40;

/// What was gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Operations at which the power was cut.
    pub cuts: u64,
    /// States in which the disk was found.
    pub states: u64,
    /// Cuts with more states than were gone through.
    pub bounded: u64,
    /// States from which the recovery was cut five times in a row before the check.
    pub deep: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.states += other.states;
        self.bounded += other.bounded;
        self.deep += other.deep;
    }
}

/// How much is gone through for each cut.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// At most so many states in order; where there are more, half as many again by lot.
    pub states: u64,
    /// Of the states, how many also with crashes in the recovery, five deep.
    pub deep: u64,
}

/// A promise that was broken, and after how many operations the power was cut.
#[derive(Debug)]
pub struct Bad {
    /// The operation at which it was cut.
    pub cut: u64,
    /// What was wrong.
    pub error: anyhow::Error,
}

/// Cuts the power at every operation of a script, or at the one, and goes through the states of each cut.
///
/// # Errors
/// A promise was broken.
pub fn run(script: &Script, bounds: Bounds, only: Option<u64>) -> Result<Counted, Bad> {
    let mut counted = Counted::default();
    for cut in only.unwrap_or(0).. {
        let (more, is_last) = run_cut(script, bounds, cut).map_err(|error| Bad { cut, error })?;
        counted += more;
        if is_last || only.is_some() {
            break;
        }
    }
    Ok(counted)
}

/// The states of one cut, and whether the script had ended before it.
fn run_cut(script: &Script, bounds: Bounds, cut: u64) -> anyhow::Result<(Counted, bool)> {
    let mut play = script.begin()?;
    play.world.disk.crash_at(cut);
    script.play(&mut play)?;
    let is_last = !play.world.disk.crashed();
    let world = &play.world;
    let (states, bounded) = each_state(&world.disk, bounds.states, |state, disk| {
        let deep = (state < bounds.deep).then(|| disk.kill());
        check(world, disk)
            .and_then(|()| deep.map_or(Ok(()), |disk| check_deep(world, disk, cut ^ state.rotate_left(32))))
            .with_context(|| format!("{}: cut at operation {cut}, state {state}", script.name))
    })?;
    let deep = states.min(bounds.deep);
    Ok((Counted { cuts: 1, states, bounded: u64::from(bounded), deep }, is_last))
}

/// Gives every state in which a power cut may leave a disk, at most `most` in order, and half as many by lot if
/// there are more: how many it were, and whether there are more.
pub(crate) fn each_state(
    disk: &MemoryStorage,
    most: u64,
    mut give: impl FnMut(u64, MemoryStorage) -> anyhow::Result<()>,
) -> anyhow::Result<(u64, bool)> {
    let mut odometer = Odometer::default();
    for state in 0..most {
        give(state, disk.power_cut_by(|bound| odometer.draw(bound)))?;
        if !odometer.advance() {
            return Ok((state + 1, false));
        }
    }
    let all = most + most.div_ceil(2);
    for state in most..all {
        let draw = Draw::new(state);
        give(state, disk.power_cut_by(draw.lots()))?;
    }
    Ok((all, true))
}

/// Cuts the recovery five times in a row, each time by a kill or a power cut, and then checks.
fn check_deep(world: &World, disk: MemoryStorage, seed: u64) -> anyhow::Result<()> {
    let (draw, mut world) = (Draw::new(seed), world.over(disk));
    for depth in 0..DEEP {
        world.disk.crash_at(u64::try_from(draw.below(OPERATIONS))?);
        if let Err(error) = world.open(draw.seed()) {
            anyhow::ensure!(world.disk.crashed(), "recovery {depth} fails: {error}");
        }
        world.disk = if draw.once_in(2) { world.disk.kill() } else { world.disk.power_cut_by(draw.lots()) };
    }
    let disk = world.disk.kill();
    check(&world, disk).context("after five crashes in the recovery")
}
