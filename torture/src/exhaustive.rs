//! A short script, cut at every operation, with everything that the disk may keep of what was not synced.

use anyhow::Context;
use causelog_io::MemoryStorage;
use causelog_types::{Coordinate, EventId, EventKind, NewEvent};
use causelog_writer::Durability;

use crate::draw::{Draw, Odometer};
use crate::offers::Offer;
use crate::oracle::Loss;
use crate::world::World;

/// What was gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Operations at which the power was cut.
    pub cuts: u64,
    /// States in which the disk was found.
    pub states: u64,
    /// Cuts with more states than were gone through.
    pub bounded: u64,
}

/// A step of a script.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Appends so many events of so many bytes, all or none.
    Append(usize, usize),
    /// Closes and opens again.
    Reopen,
}

/// Opening, appends and batches, a new segment, a close, and appends again.
pub const SCRIPT: &[Step] = &[
    Step::Append(1, 10),
    Step::Append(3, 10),
    Step::Append(2, 1500),
    Step::Append(1, 1500),
    Step::Reopen,
    Step::Append(1, 10),
];

/// Cuts the power at every operation of a script, and goes through at most `states_max` states of each cut.
///
/// # Errors
/// A promise was broken.
pub fn run(script: &[Step], states_max: u64) -> anyhow::Result<Counted> {
    let mut counted = Counted::default();
    for cut in 0.. {
        let mut world = World::new(Durability::Sync);
        world.disk.crash_at(cut);
        play(&mut world, script)?;
        if !world.disk.crashed() {
            break;
        }
        counted.cuts += 1;
        let mut odometer = Odometer::default();
        for state in 0.. {
            if state == states_max {
                counted.bounded += 1;
                break;
            }
            let disk = world.disk.power_cut_by(|bound| odometer.draw(bound));
            check(&world, disk).with_context(|| format!("cut at operation {cut}, state {state}"))?;
            counted.states += 1;
            if !odometer.advance() {
                break;
            }
        }
    }
    Ok(counted)
}

fn play(world: &mut World, script: &[Step]) -> anyhow::Result<()> {
    let Ok(mut store) = world.open(1) else { return Ok(()) };
    let mut made = 0;
    for step in script {
        match step {
            Step::Append(count, bytes) => {
                let events = (0..*count).map(|i| event(made + i, *bytes));
                let offer =
                    Offer { events: events.collect::<anyhow::Result<_>>()?, condition: None, durable: false };
                made += count;
                world.oracle.offer(&offer);
                if let Some(answered) = store.offer(&offer)? {
                    world.oracle.answer(&answered.who, &answered.answer)?;
                    continue;
                }
                let Some(job) = store.next_job() else { continue };
                for answered in store.finish(job.run()) {
                    world.oracle.answer(&answered.who, &answered.answer)?;
                }
            }
            Step::Reopen => {
                store.close();
                let Ok(again) = world.open(2) else { return Ok(()) };
                store = again;
            }
        }
    }
    store.close();
    Ok(())
}

/// Opens what a cut has left, holds it against the promises, appends, cuts once more and looks again.
fn check(world: &World, disk: MemoryStorage) -> anyhow::Result<()> {
    let mut world = world.over(disk);
    let draw = Draw::new(1);
    let mut store = world.open(3).context("the store does not open")?;
    let events = store.events()?;
    store.check(&events, &draw)?;
    world.oracle.recovered(&events, Loss::Unsynced)?;
    let offer = Offer { events: vec![event(1000, 10)?], condition: None, durable: false };
    world.oracle.offer(&offer);
    if let Some(answered) = store.offer(&offer)? {
        world.oracle.answer(&answered.who, &answered.answer)?;
    }
    if let Some(job) = store.next_job() {
        for answered in store.finish(job.run()) {
            world.oracle.answer(&answered.who, &answered.answer)?;
        }
    }
    world.disk = world.disk.power_cut();
    let store = world.open(4).context("the store does not open after an append and a power cut")?;
    world.oracle.recovered(&store.events()?, Loss::Unsynced)
}

fn event(number: usize, bytes: usize) -> anyhow::Result<NewEvent> {
    let stream = Coordinate::new(if number.is_multiple_of(2) { "door" } else { "lamp" }, "home")?;
    let event = NewEvent::new(&stream, EventKind::of::<0x1001>(), &"x".repeat(bytes))?;
    Ok(event.with_id(EventId::from_u128(u128::try_from(number)? + 1)))
}
