//! Other openers: a second writer is refused, and readers in other processes see a prefix that only grows, and
//! nothing that a power cut could take back.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::children::{End, Mode, WriterLife};
use crate::history::{History, Tally};
use crate::process::{self, Process};
use crate::said::Said;
use crate::volume::{self, Kind, Volume};

const READERS: usize = 3;

/// Again and again a writer with readers and rivals beside it; each ends by a power cut, where that can be had.
pub(crate) fn run(work: &Path, seed: u64, until: Until) -> anyhow::Result<Verdict> {
    let missing = volume::missing(work, &[Kind::Ext4]);
    let volume = match missing {
        None => Some(Volume::make(work, "openers", Kind::Ext4)?),
        Some(_) => None,
    };
    let parent = volume.as_ref().map_or(work, |volume| volume.mountpoint.as_path());
    let (mut tally, mut refused, mut rounds) = (Tally::default(), 0, 0);
    while !until.is_over(rounds) {
        let seed = seed + rounds;
        rounds += 1;
        let history = History::new(parent.join(format!("events-{seed}")), seed);
        let (more, rivals) = one(history, seed, volume.as_ref()).with_context(|| format!("seed {seed}"))?;
        tally += more;
        refused += rivals;
    }
    let cut = match missing {
        None => format!("{} power cuts", tally.cuts),
        Some(why) => format!("SKIPPED power cuts: {why}"),
    };
    Ok(Verdict::Ran(format!(
        "from seed {seed}: {rounds} writers, {refused} second writers refused, {} sights of {READERS} readers, {} \
         acknowledged, {cut}: nothing that was seen went away",
        tally.seen, tally.acknowledged
    )))
}

fn one(mut history: History, seed: u64, volume: Option<&Volume>) -> anyhow::Result<(Tally, u64)> {
    let draw = Draw::new(seed);
    let durability = draw.of(&[Mode::Sync, Mode::Interval, Mode::Os]).unwrap_or(Mode::Sync);
    let life = WriterLife {
        threads: draw.of(&[1, 4]).unwrap_or(1),
        appends: 300,
        segment_bytes: draw.of(&[4096, 16_384]).unwrap_or(4096),
        durability,
        end: End::Hold,
        ..history.life(0)
    };
    let writer = Process::start(&[], &process::writer(&life))?;
    let readers = (0..READERS).map(|_| Process::start(&[], &process::reader(&history.directory)));
    let mut readers = readers.collect::<anyhow::Result<Vec<_>>>()?;
    let mut rivals = 0;
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(u64::try_from(5 + draw.below(60))?));
        if !writer.said().is_empty() {
            rivals += rival(&history.directory, seed)?;
        }
    }
    let told = writer.said().len();
    let shown: Vec<usize> = readers.iter().map(|reader| reader.said().len()).collect();
    let ends = match volume {
        Some(volume) => {
            volume.cut()?;
            shown
        }
        None => {
            readers.iter_mut().for_each(Process::ask_to_end);
            vec![usize::MAX; READERS]
        }
    };
    let mut sights = Vec::new();
    for (reader, end) in readers.into_iter().zip(ends) {
        let ended = if volume.is_some() { reader.kill()? } else { reader.wait()? };
        sights.extend(ended.said.into_iter().take(end));
    }
    let failed = sights.iter().find(|said| said.is_failure());
    ensure!(failed.is_none(), "a reader says {failed:?}");
    let mut ended = writer.kill()?;
    if let Some(volume) = volume {
        volume.restore()?;
        history.tally.cuts += 1;
        process::leave_out_late(&mut ended.said, told);
    }
    history.lived(&ended)?;
    history.shown(&sights)?;
    history.check(if volume.is_some() { Loss::Unsynced } else { Loss::Nothing })?;
    history.settle()?;
    std::fs::remove_dir_all(&history.directory)?;
    Ok((history.tally, rivals))
}

/// A second writer: it is refused, and writes nothing.
fn rival(directory: &Path, seed: u64) -> anyhow::Result<u64> {
    let life = History::new(directory.to_owned(), seed).life(1);
    let ended = Process::start(&[], &process::writer(&life))?.wait()?;
    match ended.said.as_slice() {
        [Said::NotOpened(why)] if why.contains("is locked") => Ok(1),
        said => anyhow::bail!("a second writer says {said:?}"),
    }
}
