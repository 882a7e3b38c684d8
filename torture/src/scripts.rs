//! Short scripts, each of one thing that a store does, to be cut at every operation.

use anyhow::{Context, ensure};
use causelog_io::{MemoryStorage, Operation};
use causelog_types::{Coordinate, EventId, EventKind, NewEvent};
use causelog_writer::{Durability, RestartPolicy};

use crate::draw::Draw;
use crate::offers::Offer;
use crate::world::{Driven, World, unless_planned};

/// A script.
#[derive(Clone, Copy)]
pub struct Script {
    /// What it shows.
    pub name: &'static str,
    /// The mode of its appends.
    pub durability: Durability,
    /// What has happened before it.
    pub before: &'static [Step],
    /// What is cut at every operation.
    pub steps: &'static [Step],
}

/// A step of a script.
#[derive(Clone, Copy)]
pub enum Step {
    /// Opens the store, and looks at what is there.
    Open,
    /// Appends so many events of so many bytes, all or none; opens the store before if need be.
    Append(usize, usize),
    /// Asks for a sync.
    Sync,
    /// Closes in order.
    Close,
    /// Another process opens the store read-only.
    Look,
    /// The process dies.
    Kill,
    /// The power is cut, and nothing is left of what was not synced.
    PowerCut,
    /// The process dies in an append of so many bytes, just before the first such operation.
    Interrupt(usize, fn(&Operation) -> bool),
    /// The power is cut, and a torn tail is left.
    Tear,
}

use Step::{Append, Close, Interrupt, Kill, Look, Open, PowerCut, Sync, Tear};

/// Opening, appends and batches, a new segment, a close, and appends again: twelve steps.
pub const MIXED: Script = Script {
    name: "twelve steps of everything",
    durability: Durability::Sync,
    before: &[],
    steps: &[
        Open,
        Append(1, 10),
        Append(3, 10),
        Append(2, 1500),
        Append(1, 1500),
        Look,
        Append(1, 10),
        Close,
        Open,
        Append(2, 1500),
        Append(1, 10),
        Close,
    ],
};

/// All scripts.
pub const SCRIPTS: &[Script] = &[
    MIXED,
    script("a new store", &[], &[Open, Append(1, 10)]),
    script("appends", &[Append(1, 10)], &[Append(1, 10), Append(1, 600), Append(1, 10)]),
    script("batches", &[Open], &[Append(3, 10), Append(5, 300), Append(2, 10)]),
    script("rotation", &[Append(2, 1500)], &[Append(1, 1500), Append(3, 1000), Append(1, 10)]),
    script(
        "sealed segments with their index files",
        &[Append(2, 1500), Append(2, 1500)],
        &[Append(2, 1500), Close, Open, Append(1, 10), Look],
    ),
    script("a close", &[Append(1, 10), Append(1, 1500)], &[Append(1, 10), Close]),
    script("the open of a closed store", &[Append(2, 10), Close], &[Open, Append(1, 10), Append(1, 10)]),
    script("the open after a power cut", &[Append(2, 10), Append(1, 10), PowerCut], &[Open, Append(1, 10)]),
    script("the open after a kill", &[Append(2, 10), Append(1, 10), Kill], &[Open, Append(1, 10)]),
    script(
        "the recovery of what was written and not synced",
        &[Append(1, 10), Interrupt(700, is_segment_sync), Kill],
        &[Open, Append(1, 10)],
    ),
    script(
        "the recovery of a segment whose name was not synced",
        &[Append(2, 1500), Interrupt(1500, is_directory_sync), Kill],
        &[Open, Append(1, 10)],
    ),
    script(
        "the recovery of a new store whose name was not synced",
        &[Interrupt(10, is_directory_sync), Kill],
        &[Open, Append(1, 10)],
    ),
    script(
        "the recovery of a torn tail",
        &[Append(1, 10), Interrupt(1500, is_segment_sync), Tear],
        &[Open, Append(1, 10), Close, Open],
    ),
    script(
        "a recovery by a reader",
        &[Append(1, 10), Interrupt(700, is_segment_sync), Kill],
        &[Look, Open, Append(1, 10)],
    ),
    Script {
        durability: Durability::Os,
        ..script(
            "appends without syncs",
            &[Append(1, 10)],
            &[Append(1, 10), Append(2, 1500), Append(1, 1500), Sync, Append(1, 10), Close],
        )
    },
    Script {
        durability: Durability::Os,
        ..script(
            "the open after appends without syncs",
            &[Append(1, 10), Append(1, 900), Kill],
            &[Open, Append(1, 10), Sync],
        )
    },
];

const fn script(name: &'static str, before: &'static [Step], steps: &'static [Step]) -> Script {
    Script { name, durability: Durability::Sync, before, steps }
}

fn is_segment_sync(operation: &Operation) -> bool {
    matches!(operation, Operation::SyncData { name } if name.ends_with(".seg"))
}

/// A write to a segment, or to what is to become one.
fn is_write_to_segment(operation: &Operation) -> bool {
    matches!(operation, Operation::Write { name, .. } if name.contains(".seg"))
}

fn is_directory_sync(operation: &Operation) -> bool {
    matches!(operation, Operation::SyncDir)
}

/// A script under way.
pub struct Play {
    /// The world in which it plays.
    pub world: World,
    store: Option<Box<dyn Driven>>,
    made: usize,
    /// What was offered last.
    last: Option<Offer>,
    /// Whether the store is served by the writer that callers share, and what follows a panic in it.
    pub served: Option<RestartPolicy>,
}

impl Play {
    fn new(world: World, made: usize) -> Self {
        Self { world, store: None, made, last: None, served: None }
    }
}

impl Script {
    /// A world in which everything has happened that comes before the script.
    ///
    /// # Errors
    /// It goes wrong without any fault.
    pub fn begin(&self) -> anyhow::Result<Play> {
        self.begin_in(Play::new(World::new(self.durability), 0))
    }

    /// The same, in a world without index files.
    ///
    /// # Errors
    /// It goes wrong without any fault.
    pub fn begin_without_index_files(&self) -> anyhow::Result<Play> {
        self.begin_in(Play::new(World::new(self.durability).without_index_files(), 0))
    }

    /// The same, behind the writer that callers share.
    ///
    /// # Errors
    /// It goes wrong without any fault.
    pub fn begin_served(&self, restarts: RestartPolicy) -> anyhow::Result<Play> {
        let play = Play::new(World::new(self.durability), 0);
        self.begin_in(Play { served: Some(restarts), ..play })
    }

    fn begin_in(&self, mut play: Play) -> anyhow::Result<Play> {
        for step in self.before {
            ensure!(play.step(*step)?, "the beginning of {} goes wrong", self.name);
        }
        Ok(play)
    }

    /// Plays it in a world that was begun, up to the first step that fails; whether none has.
    ///
    /// # Errors
    /// A promise was broken.
    pub fn play(&self, play: &mut Play) -> anyhow::Result<bool> {
        for step in self.steps {
            if !play.step(*step)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Play {
    /// Takes a step; whether it came to its end.
    ///
    /// # Errors
    /// A promise was broken.
    pub fn step(&mut self, step: Step) -> anyhow::Result<bool> {
        match step {
            Step::Open => self.open(),
            Step::Append(count, bytes) => {
                if self.store.is_none() && !self.open()? {
                    return Ok(false);
                }
                self.append(count, bytes)
            }
            Step::Sync => {
                let Some(store) = &mut self.store else { return Ok(false) };
                Ok(store.sync()?.is_ok())
            }
            Step::Close => {
                self.world.is_closed = self.store.take().is_some_and(|store| store.end());
                Ok(self.world.is_closed)
            }
            Step::Look => {
                let came = unless_planned(|| self.world.look_from_outside(4)).transpose()?;
                Ok(came.flatten().is_some())
            }
            Step::Kill | Step::PowerCut | Step::Tear => {
                self.store = None;
                self.world.disk = match step {
                    Step::PowerCut => self.world.disk.power_cut(),
                    Step::Tear => self.torn()?,
                    _ => self.world.disk.kill(),
                };
                Ok(true)
            }
            Step::Interrupt(bytes, before) => self.interrupt(bytes, before),
        }
    }

    fn open(&mut self) -> anyhow::Result<bool> {
        self.store = None;
        let (world, served) = (&self.world, self.served);
        let opened = unless_planned(|| -> anyhow::Result<Box<dyn Driven>> {
            Ok(match served {
                Some(restarts) => Box::new(world.serve(1, restarts)?),
                None => Box::new(world.open(1)?),
            })
        });
        let Some(Ok(store)) = opened else { return Ok(false) };
        // What is found at an open is durable from then on.
        let Some(Ok(found)) = unless_planned(|| store.view().events()) else { return Ok(false) };
        self.world.oracle.is_durable(&found)?;
        self.store = Some(store);
        Ok(true)
    }

    fn append(&mut self, count: usize, bytes: usize) -> anyhow::Result<bool> {
        let events = (self.made..self.made + count).map(|n| event(n, bytes));
        let events = events.collect::<anyhow::Result<_>>()?;
        self.made += count;
        let offer = Offer { events, condition: None, durable: false };
        self.last = Some(offer.clone());
        self.offer(&offer)
    }

    /// Whether the store is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.store.is_some()
    }

    /// Offers again what was offered last: here, and if that fails in a store opened anew, where it must go well.
    /// Whether it went well here.
    ///
    /// # Errors
    /// It does not settle what has become of it.
    pub fn again(&mut self) -> anyhow::Result<bool> {
        let Some(offer) = self.last.clone() else { return Ok(true) };
        if self.store.is_some() && self.offer(&offer)? {
            return Ok(true);
        }
        ensure!(self.open()?, "the store does not open after a failed append");
        ensure!(self.offer(&offer)?, "a retry in a store opened anew fails");
        Ok(false)
    }

    /// The process dies.
    pub fn leave(&mut self) {
        self.world.disk.crash_at(0);
        self.store = None;
        self.world.disk.clear_faults();
    }

    /// Offers events and waits for the answer; whether they were written.
    fn offer(&mut self, offer: &Offer) -> anyhow::Result<bool> {
        let Some(store) = &mut self.store else { return Ok(false) };
        self.world.is_closed = false;
        self.world.oracle.offer(offer);
        let answer = store.append(offer)?;
        self.world.oracle.answer(&offer.ids(), &answer)?;
        Ok(answer.is_ok())
    }

    fn interrupt(&mut self, bytes: usize, before: fn(&Operation) -> bool) -> anyhow::Result<bool> {
        self.store = None;
        let (disk, oracle, made) = (self.world.disk.kill(), self.world.oracle.clone(), self.made);
        for nth in 0..1000 {
            (self.world.disk, self.world.oracle, self.made) = (disk.kill(), oracle.clone(), made);
            self.world.disk.crash_at(nth);
            if self.open()? && self.append(1, bytes)? {
                return Ok(false);
            }
            self.store = None;
            let trace = self.world.disk.trace();
            let at = usize::try_from(nth)?;
            // The operations of the open are passed over, unless it is a new store's.
            let of_open = made > 0 && !trace[..at.min(trace.len())].iter().any(is_write_to_segment);
            if trace.get(at).is_some_and(before) && !of_open {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One of the ways in which a power cut leaves a torn tail here.
    fn torn(&self) -> anyhow::Result<MemoryStorage> {
        for seed in 0..1000 {
            let draw = Draw::new(seed);
            let disk = self.world.disk.power_cut_by(|bound| draw.below(bound));
            if self.world.over(disk.kill()).has_torn_tail() {
                return Ok(disk);
            }
        }
        anyhow::bail!("no power cut leaves a torn tail here")
    }
}

/// Opens what a cut has left, holds it against the promises, appends, cuts once more and looks again.
///
/// # Errors
/// A promise was broken.
pub fn check(world: &World, disk: MemoryStorage) -> anyhow::Result<()> {
    let mark_stands = disk.files().iter().any(|(name, _)| name == "closed");
    ensure!(mark_stands || !world.is_closed, "the mark of a clean close is gone");
    let mut play = Play::new(world.over(disk), 1000);
    let draw = Draw::new(1);
    let store = play.world.open(3).context("the store does not open")?;
    let events = store.view().events()?;
    store.view().check(&events, &draw)?;
    play.world.oracle.recovered(&events, crate::oracle::Loss::Unsynced)?;
    play.store = Some(Box::new(store));
    play.append(1, 10)?;
    play.store = None;
    play.world.disk = play.world.disk.power_cut();
    let store = play.world.open(4).context("the store does not open after an append and a power cut")?;
    play.world.oracle.recovered(&store.view().events()?, crate::oracle::Loss::Unsynced)
}

fn event(number: usize, bytes: usize) -> anyhow::Result<NewEvent> {
    let stream = Coordinate::new(if number.is_multiple_of(2) { "door" } else { "lamp" }, "home")?;
    let event = NewEvent::new(&stream, EventKind::of::<0x1001>(), &"x".repeat(bytes))?;
    Ok(event.with_id(EventId::from_u128(u128::try_from(number)? + 1)))
}
