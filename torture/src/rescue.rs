//! What can still be had of a damaged store: by salvage, and by an open that serves what is good.

use std::fmt;
use std::ops::{AddAssign, Range};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use causelog::{Event, MemoryStorage, Position, Query, Region, Store, verify};
use causelog_io::{Environment, ManualClock, SeededRandom, Storage};
use causelog_salvage::{Salvage, SalvageError, SalvageReport};
use causelog_segment::open_reader;
use causelog_wire::layout::SEGMENT_HEADER_BYTES;

type Files = Vec<(String, Vec<u8>)>;

/// A store before it is damaged: its events, and where their groups stand.
#[derive(Clone, Debug)]
pub struct Whole {
    events: Vec<Event>,
    groups: Vec<Placed>,
}

/// A group, and what salvage needs to read it: the header of its segment, for the salt and the store.
#[derive(Clone, Debug)]
struct Placed {
    segment_header: Vec<u8>,
    at: usize,
    bytes: Vec<u8>,
    positions: Range<usize>,
}

/// What came of the salvages of damaged stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Stores of which a new one was made.
    pub stores: u64,
    /// Stores that were refused: nothing in them that is whole says which they were, or a forger says that a newer
    /// release wrote them.
    pub refused: u64,
    /// Events that were saved, and that the damaged store itself serves.
    pub kept: u64,
    /// Events that were in groups which the damage has hit.
    pub lost: u64,
}

impl AddAssign for Salvaged {
    fn add_assign(&mut self, other: Self) {
        self.stores += other.stores;
        self.refused += other.refused;
        self.kept += other.kept;
        self.lost += other.lost;
    }
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stores, refused, kept, lost } = self;
        write!(
            f,
            "{stores} salvaged, {kept} events kept, {lost} lost by the damage itself, {refused} refused"
        )
    }
}

/// Whether checksums were mended: then a whole group may contradict its neighbours, and one of them must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Nobody means it: what damage does to bytes and files.
    Accident,
    /// Somebody mends the checksums.
    Forger,
}

fn environment(disk: &MemoryStorage, seed: u64) -> Environment {
    Environment {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(1_700_000_000_000)),
        random: Arc::new(SeededRandom::new(seed)),
    }
}

impl Whole {
    /// A store of these files, which are not damaged, and of these events.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(files: &Files, events: Vec<Event>) -> Result<Self> {
        let (log, snapshot, _) = open_reader(&environment(&MemoryStorage::from_files(files.clone()), 1))?;
        let mut groups = Vec::new();
        for group in log.groups(&snapshot, Position(0)) {
            let group = group?;
            let name = format!("{:020}.seg", group.location.segment.0);
            let found = files.iter().find(|(found, _)| *found == name);
            let (_, file) = found.with_context(|| format!("there is no {name}"))?;
            let at = usize::try_from(group.location.offset.0)?;
            let bytes = file.get(at..at + usize::try_from(group.location.bytes)?).unwrap_or_default();
            let segment_header = file.get(..SEGMENT_HEADER_BYTES).unwrap_or_default();
            groups.push(Placed {
                segment_header: segment_header.to_vec(),
                at,
                bytes: bytes.to_vec(),
                positions: usize::try_from(group.header.base.0)?..usize::try_from(group.header.next().0)?,
            });
        }
        ensure!(groups.last().map_or(0, |last| last.positions.end) <= events.len(), "groups without events");
        Ok(Self { events, groups })
    }

    /// Salvages damaged files and opens them for what is good, and holds what comes out against what was appended:
    /// nothing else comes, and every group that the damage has not hit.
    ///
    /// # Errors
    /// A promise was broken.
    pub fn judge(&self, damaged: &Files, by: By) -> Result<Salvaged> {
        let unhurt = self.unhurt(damaged);
        let (disk, new) = (MemoryStorage::from_files(damaged.clone()), MemoryStorage::created());
        let salvaged = salvage(&disk, &new);
        ensure!(disk.mutations() == 0 && disk.files() == *damaged, "salvage has changed the damaged store");
        let report = match salvaged {
            Ok(report) => report,
            Err(SalvageError::Log(error)) => {
                ensure!(
                    unhurt.is_empty() || by == By::Forger,
                    "salvage refuses what has {} whole groups: {error}",
                    unhurt.len()
                );
                let opened = Store::options().open_damaged_in(environment(&disk, 3));
                ensure!(opened.is_err(), "salvage refuses what a damaged open serves: {error}");
                let lost = u64::try_from(self.events.len())?;
                return Ok(Salvaged { refused: 1, lost, ..Salvaged::default() });
            }
            Err(error) => bail!("salvage fails: {error}"),
        };
        // What has been salvaged is synced.
        let saved = self.saved(&new.power_cut(), &report).context("the salvaged store")?;
        if by == By::Accident {
            for positions in unhurt {
                let kept = positions.clone().all(|position| saved.contains(&position));
                ensure!(kept, "the whole group of {positions:?} is not saved: {:?}", report.findings);
            }
        }
        self.opened(&disk, &saved, &report).context("the damaged store, opened for what is good")?;
        ensure!(disk.mutations() == 0 && disk.files() == *damaged, "an open has changed the damaged store");
        let (kept, all) = (u64::try_from(saved.len())?, u64::try_from(self.events.len())?);
        Ok(Salvaged { stores: 1, refused: 0, kept, lost: all.saturating_sub(kept) })
    }

    /// The positions of the groups that stand where they stood, in a file whose header is what it was; such a file may
    /// have the name of any segment.
    fn unhurt(&self, damaged: &Files) -> Vec<Range<usize>> {
        let holds = |placed: &&Placed| {
            damaged.iter().filter(|(name, _)| name.ends_with(".seg")).any(|(_, bytes)| {
                bytes.starts_with(&placed.segment_header)
                    && bytes.get(placed.at..).is_some_and(|rest| rest.starts_with(&placed.bytes))
            })
        };
        self.groups.iter().filter(holds).map(|placed| placed.positions.clone()).collect()
    }

    /// Which of the events the salvaged store has; nothing else may be there.
    fn saved(&self, new: &MemoryStorage, report: &SalvageReport) -> Result<Vec<usize>> {
        let found = verify(Arc::new(new.clone()))?;
        ensure!(found.is_sound(), "it does not verify: {:?}", found.findings);
        let told = (report.head, report.events, report.lost_events());
        ensure!(told == (found.head, found.events, found.lost), "it is not what is reported: {told:?}");
        let store = Store::options().open_read_only_in(environment(new, 4))?;
        self.positions(&store)
    }

    /// The damaged store serves what salvage has saved, by its place and by its id, and says what is missing.
    fn opened(&self, disk: &MemoryStorage, saved: &[usize], report: &SalvageReport) -> Result<()> {
        let store = Store::options().open_damaged_in(environment(disk, 5))?;
        ensure!(self.positions(&store)? == saved, "it serves other events than were saved");
        let (gaps, end) = (store.gaps()?, store.end());
        ensure!(gaps == report.lost && end == report.head, "it ends at {end:?} with the gaps {gaps:?}");
        for (position, event) in self.events.iter().enumerate() {
            let due = saved.binary_search(&position).is_ok().then_some(event);
            ensure!(store.get(event.header.id)?.as_ref() == due, "{position} by its id is not what is due");
        }
        Ok(())
    }

    /// The positions of everything that a store serves over its gaps, each event being what was appended there.
    fn positions(&self, store: &Store) -> Result<Vec<usize>> {
        let mut positions = Vec::new();
        for event in store.read(Query::new(Region::all().with_library_events()).over_gaps()) {
            let event = event?;
            let position = usize::try_from(event.header.position.0)?;
            ensure!(self.events.get(position) == Some(&event), "what is at {position} was never appended");
            ensure!(positions.last().is_none_or(|last| *last < position), "{position} comes out of order");
            positions.push(position);
        }
        Ok(positions)
    }
}

fn salvage(damaged: &MemoryStorage, new: &MemoryStorage) -> Result<SalvageReport, SalvageError> {
    let damaged: Arc<dyn Storage> = Arc::new(damaged.clone());
    Salvage::read(damaged)?.write(&environment(new, 2))
}
