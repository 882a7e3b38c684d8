//! Damage in what was synced: flipped bits, lost sectors, writes that went to another place.

use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use causelog_io::MemoryStorage;
use causelog_reader::{VerifyReport, verify};
use causelog_types::Event;
use causelog_writer::Durability;

use crate::draw::Draw;
use crate::ledger::Ledger;
use crate::offers::Offers;
use crate::rescue::{By, Salvaged, Whole};
use crate::world::{Driven, World};

const SECTOR_BYTES: usize = 512;
/// Ways to damage each store.
const CASES: usize = 40;

type Files = Vec<(String, Vec<u8>)>;

/// What came of damaged stores. Whatever else there can be is an error of [`run`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Cases in which the damage changed a byte.
    pub cases: u64,
    /// The open was refused with the place of the damage.
    pub refused: u64,
    /// The store opened, and a read or verification named the damage.
    pub found: u64,
    /// The end was cut short, and the open reported a torn tail.
    pub torn: u64,
    /// Nothing that can be read has changed.
    pub unchanged: u64,
    /// The end of a store that was not closed is gone, beyond its published end: without a kept head it is a
    /// shorter store.
    pub untold: u64,
    /// What could still be had.
    pub salvaged: Salvaged,
}

impl AddAssign for Verdicts {
    fn add_assign(&mut self, other: Self) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.found += other.found;
        self.torn += other.torn;
        self.unchanged += other.unchanged;
        self.untold += other.untold;
        self.salvaged += other.salvaged;
    }
}

/// How a store was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Closed,
    /// Its process was killed: the published end is right.
    Killed,
    /// The power was cut: the published end is gone, as it is never synced.
    PowerCut,
}

/// Makes a store from a seed, damages it in many ways, and looks at what an open, reads and verification say.
///
/// # Errors
/// Wrong data is served, something is lost in silence, or the product panics.
pub fn run(seed: u64) -> anyhow::Result<Verdicts> {
    let draw = Draw::new(seed);
    let left = draw.of(&[Left::Closed, Left::Killed, Left::PowerCut]).unwrap_or(Left::Closed);
    let files = make(&draw, left).with_context(|| format!("seed {seed}: making the store"))?;
    let whole = World::new(Durability::Sync).over(MemoryStorage::from_files(files.clone()));
    let events = whole.open(1)?.view().events()?;
    let rescued = Whole::new(&files, events.clone())?;
    let mut verdicts = Verdicts::default();
    for case in 0..CASES {
        let draw = draw.part(case);
        let (damaged, what) = damage(&files, &draw);
        if damaged == files {
            continue;
        }
        verdicts.cases += 1;
        // The published end vouches for events, unless the power was cut or the damage has hit it as well.
        let published = left != Left::PowerCut && file(&damaged, "lock") == file(&files, "lock");
        let vouched = left == Left::Closed || published;
        let judged = catch_unwind(AssertUnwindSafe(|| {
            judge(&damaged, &events, vouched, &draw, &mut verdicts)?;
            verdicts.salvaged += rescued.judge(&damaged, By::Accident)?;
            Ok(())
        }));
        judged
            .unwrap_or_else(|_| bail!("it panicked"))
            .with_context(|| format!("seed {seed}, case {case}, {left:?}: {what}"))?;
    }
    Ok(verdicts)
}

fn make(draw: &Draw, left: Left) -> anyhow::Result<Files> {
    let mut world = World::new(Durability::Sync);
    let mut offers = Offers::default();
    for _ in 0..1 + draw.below(4) {
        let mut store = world.open(draw.seed())?;
        for _ in 0..2 + draw.below(20) {
            // Whether it is appended is all the same here: the store is read as it then is.
            drop(store.append(&offers.next(draw, store.view().end(), &Ledger::default())?)?);
        }
        if left == Left::Closed || draw.once_in(2) {
            ensure!(Box::new(store).end(), "a close fails");
        }
        world.disk = if left == Left::PowerCut { world.disk.power_cut() } else { world.disk.kill() };
    }
    Ok(world.disk.files())
}

/// Damages one of the files, or one with what belongs elsewhere.
fn damage(files: &Files, draw: &Draw) -> (Files, String) {
    let mut damaged = files.clone();
    let pick = |draw: &Draw| {
        let n = draw.below(files.len());
        let sector = draw.below(files[n].1.len().div_ceil(SECTOR_BYTES));
        (n, sector * SECTOR_BYTES..files[n].1.len().min((sector + 1) * SECTOR_BYTES))
    };
    let (n, range) = pick(draw);
    let name = &files[n].0;
    if range.is_empty() {
        return (damaged, String::new());
    }
    let what = match draw.below(4) {
        0 | 1 => {
            let at = range.start + draw.below(range.len());
            let bit = draw.below(8);
            damaged[n].1[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} of {name} flipped")
        }
        2 => {
            damaged[n].1[range.clone()].fill(0);
            format!("sector {range:?} of {name} lost")
        }
        _ => {
            let (other, from) = pick(draw);
            let count = range.len().min(from.len());
            let bytes = files[other].1[from.start..from.start + count].to_vec();
            let gone = draw.once_in(2);
            if gone {
                damaged[other].1[from.clone()].fill(0);
            }
            damaged[n].1[range.start..range.start + count].copy_from_slice(&bytes);
            let gone = if gone { ", and not there" } else { "" };
            format!("sector {from:?} of {} written at {range:?} of {name}{gone}", files[other].0)
        }
    };
    (damaged, what)
}

fn file<'a>(files: &'a Files, name: &str) -> Option<&'a [u8]> {
    files.iter().find(|(found, _)| found == name).map(|(_, bytes)| &bytes[..])
}

fn judge(
    files: &Files,
    events: &[Event],
    vouched: bool,
    draw: &Draw,
    verdicts: &mut Verdicts,
) -> anyhow::Result<()> {
    let disk = MemoryStorage::from_files(files.clone());
    let verified = verify(Arc::new(disk.kill()));
    let is_found = !verified.as_ref().is_ok_and(VerifyReport::is_sound);
    let mut world = World::new(Durability::Sync).over(disk.kill());
    if let Ok(Some(other)) = world.look_from_outside(2) {
        ensure!(other.is_beginning_of(events), "another process is shown what was never there");
    }
    let store = match world.open(1) {
        Ok(store) => store,
        Err(error) => {
            ensure!(is_found, "the open is refused, and verification finds nothing: {error}");
            verdicts.refused += 1;
            return Ok(());
        }
    };
    // A writer that went on from a shorter end would use positions again.
    let end = usize::try_from(store.view().end().0)?;
    ensure!(end == events.len() || !vouched, "the open ends at {end}, and {} is vouched for", events.len());
    let (served, error) = store.view().events_up_to_an_error();
    ensure!(events.starts_with(&served), "what is read is not what was there");
    if error.is_none() {
        store.view().check_answers(&served, draw)?;
    }
    let torn = verified.is_ok_and(|report| report.torn_tail.is_some());
    match (is_found || error.is_some(), served.len() == events.len()) {
        (true, _) => verdicts.found += 1,
        (false, true) => verdicts.unchanged += 1,
        (false, false) if vouched => {
            bail!("{} of {} events are left, and nothing says so", served.len(), events.len())
        }
        (false, false) if torn => verdicts.torn += 1,
        (false, false) => verdicts.untold += 1,
    }
    Ok(())
}
