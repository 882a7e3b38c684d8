//! The history of one store: the lives of its writers, and what was promised in them.

use std::ops::AddAssign;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, ByteOffset, Event, EventHash, Fate, Location, LogError,
    OpenError, Outcome, SegmentNumber, Store,
};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::{Loss, Oracle};

use crate::children::{End, Mode, WriterLife, all};
use crate::process::{Ended, Process};
use crate::said::{Place, Said};
use crate::script;

/// What has happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) faults: u64,
    pub(crate) kills: u64,
    pub(crate) closes: u64,
    pub(crate) cuts: u64,
    /// Answers that a file system gave while its power was being cut, and that nobody could have got.
    pub(crate) not_counted: u64,
    pub(crate) acknowledged: u64,
    pub(crate) not_written: u64,
    pub(crate) unknown: u64,
    /// How often a reader saw more than before.
    pub(crate) seen: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.faults += more.faults;
        self.kills += more.kills;
        self.closes += more.closes;
        self.cuts += more.cuts;
        self.not_counted += more.not_counted;
        self.acknowledged += more.acknowledged;
        self.not_written += more.not_written;
        self.unknown += more.unknown;
        self.seen += more.seen;
    }
}

/// One store, and what was promised of it.
#[derive(Clone)]
pub(crate) struct History {
    pub(crate) directory: PathBuf,
    seed: u64,
    oracle: Oracle,
    /// The number of the next new offer.
    next: u64,
    segment_bytes: u64,
    /// How many events the store held when it was last looked at.
    held: u64,
    /// The most that another process was shown.
    shown: Option<(u64, EventHash)>,
    pub(crate) tally: Tally,
}

impl History {
    /// A store that is not there yet.
    pub(crate) fn new(directory: PathBuf, seed: u64) -> Self {
        let segment_bytes = Draw::new(seed).of(&[4096, 8192, 32_768]).unwrap_or(4096);
        let (oracle, tally) = (Oracle::default(), Tally::default());
        Self { directory, seed, oracle, next: 0, segment_bytes, held: 0, shown: None, tally }
    }

    /// A writer's next life, by lot.
    pub(crate) fn draw_life(&self, draw: &Draw) -> WriterLife {
        let next = usize::try_from(self.next).unwrap_or(usize::MAX);
        let retries = if next == 0 { 0 } else { draw.below(4) };
        // The last ones are those whose fate may not be known.
        let back = |draw: &Draw| if draw.once_in(3) { draw.below(next) } else { draw.below(next.min(6)) };
        let mut retries: Vec<u64> =
            (0..retries).filter_map(|_| u64::try_from(next - 1 - back(draw)).ok()).collect();
        retries.sort_unstable();
        retries.dedup();
        WriterLife {
            retries,
            appends: 1 + u64::try_from(draw.below(100)).unwrap_or(0),
            threads: draw.of(&[1, 1, 2, 4, 8]).unwrap_or(1),
            durability: draw
                .of(&[Mode::Sync, Mode::Sync, Mode::Sync, Mode::Interval, Mode::Os])
                .unwrap_or(Mode::Sync),
            end: draw.of(&[End::Close, End::Exit, End::Hold]).unwrap_or(End::Close),
            ..self.life(0)
        }
    }

    /// A life of one thread with so many appends.
    pub(crate) fn life(&self, appends: u64) -> WriterLife {
        WriterLife {
            directory: self.directory.clone(),
            seed: self.seed,
            from: self.next,
            appends,
            retries: Vec::new(),
            threads: 1,
            segment_bytes: self.segment_bytes,
            durability: Mode::Sync,
            end: End::Close,
        }
    }

    /// Every offer that was ever made.
    pub(crate) fn offered(&self) -> Vec<u64> {
        (0..self.next).collect()
    }

    /// Takes note of a life that has ended.
    pub(crate) fn lived(&mut self, ended: &Ended) -> anyhow::Result<()> {
        for said in &ended.said {
            match said {
                Said::Offered(number) => {
                    self.oracle.offer(&script::offer(self.seed, *number)?);
                    self.next = self.next.max(number + 1);
                }
                Said::Acknowledged(number, places) => self.acknowledged(*number, places)?,
                Said::Failed(number, fate, _) => self.failed(*number, *fate)?,
                Said::Opened(events) => {
                    let held = self.held;
                    ensure!(*events >= held, "there were {held} events, and a writer finds {events}");
                }
                Said::NotOpened(_) | Said::NotClosed(_) => {}
                Said::Closed => self.tally.closes += 1,
                Said::Seen(..) | Said::Wrong(_) => bail!("a writer says {said:?}"),
            }
        }
        Ok(())
    }

    fn acknowledged(&mut self, number: u64, places: &[Place]) -> anyhow::Result<()> {
        let ids = script::offer(self.seed, number)?.ids();
        let receipts = ids.iter().zip(places).map(|(id, place)| AppendReceipt {
            id: *id,
            position: place.position,
            revision: place.revision,
            hash: place.hash,
            location: Location { segment: SegmentNumber(0), offset: ByteOffset(0), bytes: 0 },
            outcome: Outcome::Written,
            durability: place.durability,
        });
        self.tally.acknowledged += u64::try_from(places.len())?;
        self.oracle.answer(&ids, &Ok(receipts.collect()))
    }

    fn failed(&mut self, number: u64, fate: Fate) -> anyhow::Result<()> {
        let ids = script::offer(self.seed, number)?.ids();
        match fate {
            Fate::NotWritten => self.tally.not_written += 1,
            Fate::Unknown | Fate::Written => self.tally.unknown += 1,
        }
        self.oracle.answer(&ids, &Err(AppendError::new(ids.clone(), fate, AppendErrorKind::Closed)))
    }

    /// Takes note of what a reader in another process was shown: nothing of it may go away.
    pub(crate) fn shown(&mut self, said: &[Said]) -> anyhow::Result<()> {
        for said in said {
            if let Said::Seen(events, hash) = said {
                self.shown = self.shown.max(Some((*events, *hash)));
                self.tally.seen += 1;
            }
        }
        Ok(())
    }

    /// Looks into the store as a reader does, and holds what is there against what was promised.
    pub(crate) fn check(&mut self, loss: Loss) -> anyhow::Result<()> {
        match Store::open_read_only(&self.directory) {
            Ok(store) => self.compare(&store, loss),
            Err(error @ OpenError::Log(LogError::NotAStore { .. } | LogError::Io(_))) => {
                self.oracle.recovered(&[], loss).with_context(|| error.to_string())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// As [`History::check`], as a writer does, which then closes the store.
    pub(crate) fn check_as_writer(&mut self, loss: Loss) -> anyhow::Result<()> {
        let store = Store::options().segment_bytes(self.segment_bytes).open(&self.directory)?;
        self.compare(&store, loss)?;
        Ok(store.close()?)
    }

    fn compare(&mut self, store: &Store, loss: Loss) -> anyhow::Result<()> {
        let events = all(store)?;
        self.oracle.recovered(&events, loss)?;
        check_shown(&events, self.shown)?;
        let report = store.verify()?;
        ensure!(report.is_sound(), "verification finds {:?}", report.findings);
        self.held = u64::try_from(events.len())?;
        ensure!(report.events == self.held, "{} events are read, {} verified", self.held, report.events);
        ensure!(
            store.end() == report.head,
            "the store ends at {:?}, the log at {:?}",
            store.end(),
            report.head
        );
        for event in events.iter().rev().take(20) {
            ensure!(store.get(event.header.id)?.as_ref() == Some(event), "{} is not found", event.header.id);
        }
        Ok(())
    }

    /// Opens the store in a process of its own, makes every offer again, and takes nothing but acknowledgements.
    pub(crate) fn settle(&mut self) -> anyhow::Result<()> {
        let life = WriterLife { retries: self.offered(), ..self.life(2) };
        let ended = Process::start(&[], &crate::process::writer(&life))?.wait()?;
        let failed = ended.said.iter().find(|said| said.is_failure());
        ensure!(failed.is_none(), "after everything was well again: {failed:?}");
        ensure!(ended.said.last() == Some(&Said::Closed), "a life did not end: {ended:?}");
        self.lived(&ended)?;
        self.check(Loss::Nothing)
    }
}

fn check_shown(events: &[Event], shown: Option<(u64, EventHash)>) -> anyhow::Result<()> {
    let Some((count, hash)) = shown else { return Ok(()) };
    let last = usize::try_from(count)?.checked_sub(1).and_then(|last| events.get(last));
    let Some(last) = last else { bail!("a reader was shown {count} events, and {} are there", events.len()) };
    ensure!(last.hash() == hash, "a reader was shown {hash} as event {count}, and {} is there", last.hash());
    Ok(())
}

/// A directory for a history, made anew.
pub(crate) fn fresh(parent: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let directory = parent.join(name);
    match std::fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(directory),
    }
}
