//! The stores that are damaged.

use std::sync::Arc;

use anyhow::Result;
use causelog::{
    ByteOffset, Coordinate, Environment, Event, EventId, EventKind, ManualClock, MemoryStorage, NewEvent,
    Position, Region, Root, SeededRandom, Store, StoreHead, StoreId, inspect_index_files,
};
use causelog_wire::layout::GROUP_HEADER_BYTES;
use causelog_wire::{GroupHeader, SegmentHeader};

use crate::matrix::said::Said;

/// The files of a directory.
pub type Files = Vec<(String, Vec<u8>)>;

const OPENED: EventKind = EventKind::of::<0x1001>();
const RANG: EventKind = EventKind::of::<0x2001>();
/// The least that a segment can be set to: the store has several, and is small.
pub const SEGMENT_BYTES: u64 = 4096;
const START_MS: u64 = 1_700_000_000_000;

/// How a store was left, and what somebody knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It was closed cleanly.
    Closed,
    /// Its process was killed: the published end stands in the lock file.
    Killed,
    /// The power was cut: only what was synced is there.
    Cut,
    /// The same, and its head was kept elsewhere.
    CutKept,
}

/// A store, and what is in it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// How it was left.
    pub left: Left,
    /// Which it is.
    pub store: StoreId,
    /// Its files.
    pub files: Files,
    /// Its files at earlier times of its life, the earliest first.
    pub earlier: Vec<Files>,
    /// The files of another store with the same events.
    pub foreign: Files,
    /// Its events, by position.
    pub events: Vec<Event>,
    /// Its end.
    pub head: StoreHead,
    /// The headers of its groups.
    pub groups: Vec<Group>,
    /// What is said of its index files as they are: a power cut may leave nothing of use.
    pub(crate) derived: Vec<Said>,
}

/// The header of a group, and where it stands.
#[derive(Clone, Debug)]
pub struct Group {
    /// In which file.
    pub file: String,
    /// Where in it.
    pub at: usize,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where the group ends, events included.
    pub end: usize,
    /// The position of its first event.
    pub base: Position,
    /// The position behind its last one.
    pub next: Position,
    /// The root there.
    pub root: Root,
    /// Up to here, it says, everything had been synced.
    pub synced_to: Position,
}

/// An environment over a directory, the same every time.
#[must_use]
pub fn environment(disk: &MemoryStorage, seed: u64) -> Environment {
    Environment {
        storage: Arc::new(disk.clone()),
        clock: Arc::new(ManualClock::new(START_MS)),
        random: Arc::new(SeededRandom::new(seed)),
    }
}

impl Left {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Closed, Self::Killed, Self::Cut, Self::CutKept];

    /// For the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Killed => "killed",
            Self::Cut => "power cut",
            Self::CutKept => "power cut, head kept",
        }
    }
}

impl Sample {
    /// Makes a store and leaves it so.
    ///
    /// # Errors
    /// The store fails.
    pub fn make(left: Left) -> Result<Self> {
        let (disk, store, earlier) = write(1)?;
        let (foreign, other, _) = write(2)?;
        let events: Vec<Event> = store.read(Region::all().with_library_events()).collect::<Result<_, _>>()?;
        let (head, id) = (store.end(), store.id());
        let disk = leave(left, &disk, store)?;
        let foreign = leave(left, &foreign, other)?;
        let files = disk.files();
        let groups = files.iter().flat_map(|(name, bytes)| groups(name, bytes)).collect();
        let derived = inspect_index_files(Arc::new(disk))?.findings.iter().map(Said::derived).collect();
        Ok(Self { left, store: id, files, earlier, foreign: foreign.files(), events, head, groups, derived })
    }

    /// Up to here a damaged copy of the files shows that there were events: by a mark or a slot that was left alone,
    /// or by the headers of groups that are still whole.
    #[must_use]
    pub fn proven(&self, changed: &Files) -> Position {
        let same = |name: &str| {
            bytes_of(changed, name).is_some() && bytes_of(changed, name) == bytes_of(&self.files, name)
        };
        if (self.left == Left::Closed && same("closed")) || (self.left == Left::Killed && same("lock")) {
            return self.head.position;
        }
        self.groups
            .iter()
            .filter(|group| group.is_in(changed))
            .map(|group| group.synced_to)
            .max()
            .unwrap_or_default()
    }
}

impl Group {
    /// Whether this byte is one of it.
    pub(crate) fn holds(&self, at: usize) -> bool {
        (self.at..self.end).contains(&at)
    }

    /// Whether its header is there, in its place.
    pub(crate) fn is_in(&self, files: &Files) -> bool {
        let rest = bytes_of(files, &self.file).and_then(|bytes| bytes.get(self.at..));
        rest.is_some_and(|rest| rest.starts_with(&self.bytes))
    }
}

/// What a file holds.
pub(crate) fn bytes_of<'a>(files: &'a Files, name: &str) -> Option<&'a [u8]> {
    files.iter().find(|(other, _)| other == name).map(|(_, bytes)| bytes.as_slice())
}

/// The headers of the groups of a segment.
fn groups(name: &str, bytes: &[u8]) -> Vec<Group> {
    let Some(header) = SegmentHeader::decode(bytes).whole() else { return Vec::new() };
    let group = |at: usize| {
        let found = bytes.get(at..at + GROUP_HEADER_BYTES)?;
        let header = GroupHeader::decode(found, header.salt, ByteOffset(u64::try_from(at).ok()?)).whole()?;
        let end = at + usize::try_from(header.total_bytes()).ok()?;
        Some(Group {
            file: name.to_owned(),
            at,
            bytes: found.to_vec(),
            end,
            base: header.base,
            next: header.next(),
            root: header.root_after,
            synced_to: header.synced_to,
        })
    };
    (0..bytes.len()).filter_map(group).collect()
}

fn leave(left: Left, disk: &MemoryStorage, store: Store) -> Result<MemoryStorage> {
    if left == Left::Closed {
        store.close()?;
        return Ok(disk.clone());
    }
    let copy = if left == Left::Killed { disk.kill() } else { disk.power_cut() };
    drop(store);
    Ok(copy)
}

/// Three segments: single events and batches of two streams, causes, tags, a stream that goes on over segments.
fn write(seed: u64) -> Result<(MemoryStorage, Store, Vec<Files>)> {
    let disk = MemoryStorage::new();
    let store = Store::options().segment_bytes(SEGMENT_BYTES).open_in(environment(&disk, seed))?;
    let (door, siren) = (Coordinate::new("door:1", "home")?, Coordinate::new("siren", "home")?);
    let id = |number: u128| EventId::from_u128((0x0192_u128 << 112) + number);
    let mut earlier = Vec::new();
    for round in 0..5_u128 {
        let base = round * 10;
        let long = "x".repeat(if round == 3 { 1500 } else { 700 });
        store.append(NewEvent::new(&door, OPENED, &long)?.with_id(id(base)).with_tags(["night"])?)?;
        earlier.push(disk.files());
        let rings =
            NewEvent::new(&siren, RANG, &round.to_string())?.with_id(id(base + 1)).caused_by([id(base)])?;
        let again =
            NewEvent::new(&siren, RANG, &("loud", 11))?.with_id(id(base + 2)).caused_by([id(base + 1)])?;
        store.append_batch(vec![rings, again.occurred_at_ms(-5)])?;
        let long = "y".repeat(600);
        store.append(NewEvent::new(&door, OPENED, &long)?.with_id(id(base + 3)))?;
        earlier.push(disk.files());
    }
    Ok((disk, store, earlier))
}
