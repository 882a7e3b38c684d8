//! What is read, and the events as they come.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use causelog_index::{Direction, Index, IndexEntry, Selection};
use causelog_segment::{FrameReader, Snapshot};
use causelog_types::{Event, Position, Region, planted};

use crate::ReadError;

/// A question for events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which events.
    pub region: Region,
    /// Which way.
    pub direction: Direction,
    /// Forwards: the first position to read, the beginning unless given. Backwards: the position after the
    /// first to read, the end unless given.
    pub from: Option<Position>,
    /// How many events at most; all unless given.
    pub limit: Option<u64>,
    /// What is done where events were lost.
    pub gaps: Gaps,
    /// What is asked of payloads.
    pub payloads: Payloads,
}

/// What a read does where events were lost: in a store that was salvaged, or is damaged and read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gaps {
    /// It tells, by [`ReadError::Lost`], and goes on: what was lost may have been of the region.
    #[default]
    Tell,
    /// It passes over them.
    PassOver,
}

/// What a query asks of the payloads that it reads, beside the checksum of their frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Payloads {
    /// Nothing: verification compares their hashes.
    #[default]
    Trusted,
    /// Their hashes are the ones in their headers; else the read ends with [`ReadError::PayloadChanged`].
    Hashed,
}

impl Query {
    /// All events of a region, forwards.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            direction: Direction::Forwards,
            from: None,
            limit: None,
            gaps: Gaps::Tell,
            payloads: Payloads::Trusted,
        }
    }

    /// The last first.
    #[must_use]
    pub fn backwards(self) -> Self {
        Self { direction: Direction::Backwards, ..self }
    }

    /// From a position on; backwards, from the one before it.
    #[must_use]
    pub fn from(self, position: Position) -> Self {
        Self { from: Some(position), ..self }
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Without being told where events were lost.
    #[must_use]
    pub fn over_gaps(self) -> Self {
        Self { gaps: Gaps::PassOver, ..self }
    }

    /// With every payload's hash compared with the one in its header. It takes a third of a microsecond for 256
    /// bytes, about half of what reading an event takes without.
    #[must_use]
    pub fn hashed(self) -> Self {
        Self { payloads: Payloads::Hashed, ..self }
    }
}

impl From<Region> for Query {
    fn from(region: Region) -> Self {
        Self::new(region)
    }
}

impl From<&Region> for Query {
    fn from(region: &Region) -> Self {
        Self::new(region.clone())
    }
}

/// The first number of entries asked of the index at once; it doubles up to the last.
const BATCH_MIN: usize = 16;
const BATCH_MAX: usize = 1024;

/// The events of a query, read as they are asked for, as of the moment of the question: what is appended later
/// does not show. After an error there are no more, but after [`ReadError::Lost`].
#[derive(Debug)]
pub struct Events {
    index: Arc<dyn Index>,
    frames: FrameReader,
    as_of: Position,
    query: Query,
    /// Where the next batch begins.
    from: Position,
    left: u64,
    batch: usize,
    entries: VecDeque<IndexEntry>,
    /// The gaps ahead, in the query's direction, once the index has been asked for them.
    gaps: Option<VecDeque<Range<Position>>>,
    done: bool,
}

impl Events {
    pub(crate) fn new(index: Arc<dyn Index>, frames: FrameReader, snapshot: &Snapshot, query: Query) -> Self {
        let as_of = snapshot.end.position;
        let from = match query.direction {
            Direction::Forwards => query.from.unwrap_or_default(),
            Direction::Backwards => query.from.unwrap_or(as_of).min(as_of),
        };
        let left = query.limit.unwrap_or(u64::MAX);
        Self {
            index,
            frames,
            as_of,
            query,
            from,
            left,
            batch: BATCH_MIN,
            entries: VecDeque::new(),
            gaps: None,
            done: left == 0,
        }
    }

    /// The end of the store when the question was asked.
    #[must_use]
    pub fn as_of(&self) -> Position {
        self.as_of
    }

    fn step(&mut self) -> Result<Option<Event>, ReadError> {
        if self.gaps.is_none() {
            self.gaps = Some(self.gaps_ahead()?);
        }
        loop {
            let next = self.entries.front().copied();
            if next.is_none() && self.fill()? {
                continue;
            }
            if let Some(Range { start: from, end: to }) = self.gap_before(next) {
                return Err(ReadError::Lost { from, to });
            }
            let Some(entry) = self.entries.pop_front() else { return Ok(None) };
            let event = read_entry(&mut self.frames, &entry, self.query.payloads)?;
            if self.query.region.matches(&event.header.facts()) {
                self.left -= 1;
                return Ok(Some(event));
            }
        }
    }

    /// The gaps within what is asked, in the order in which they are met.
    fn gaps_ahead(&self) -> Result<VecDeque<Range<Position>>, ReadError> {
        if self.query.gaps == Gaps::PassOver {
            return Ok(VecDeque::new());
        }
        let asked = self.query.region.position_range();
        let (start, end) = match self.query.direction {
            Direction::Forwards => (asked.start.max(self.from), asked.end),
            Direction::Backwards => (asked.start, asked.end.min(self.from)),
        };
        let gaps = self.index.gaps(self.as_of)?.into_iter();
        let within = gaps.map(|gap| gap.start.max(start)..gap.end.min(end)).filter(|gap| gap.start < gap.end);
        Ok(match self.query.direction {
            Direction::Forwards => within.collect(),
            Direction::Backwards => within.rev().collect(),
        })
    }

    /// Takes the next gap, if it comes before an entry, or before the end.
    fn gap_before(&mut self, entry: Option<IndexEntry>) -> Option<Range<Position>> {
        let gaps = self.gaps.as_mut()?;
        let gap = gaps.front()?;
        let comes_before = entry.is_none_or(|entry| match self.query.direction {
            Direction::Forwards => gap.start < entry.position,
            Direction::Backwards => gap.start > entry.position,
        });
        gaps.pop_front_if(|_| comes_before)
    }

    /// Asks the index for the next entries; whether there are any.
    fn fill(&mut self) -> Result<bool, ReadError> {
        let limit = self.batch.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let selection = Selection {
            region: &self.query.region,
            from: self.from,
            direction: self.query.direction,
            limit,
            as_of: self.as_of,
        };
        self.entries = self.index.select(&selection)?.into();
        self.batch = (self.batch * 2).min(BATCH_MAX);
        let Some(last) = self.entries.back() else { return Ok(false) };
        self.from = match self.query.direction {
            Direction::Forwards => Position(last.position.0.saturating_add(1)),
            Direction::Backwards => last.position,
        };
        Ok(true)
    }
}

impl Iterator for Events {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_) | Err(ReadError::Lost { .. }))) || self.left == 0;
        item
    }
}

/// Reads what an index names, and checks that it stands there.
pub(crate) fn read_entry(
    frames: &mut FrameReader,
    entry: &IndexEntry,
    payloads: Payloads,
) -> Result<Event, ReadError> {
    let frame = frames.read(entry.location)?;
    let (id, position, offset) = (entry.id, entry.position, entry.location.offset);
    if frame.header.id != id || frame.header.position != position {
        return Err(ReadError::Stale { file: frames.file_of(entry.location), offset, id, position });
    }
    match payloads == Payloads::Trusted || frame.payload_is_right() || planted!("serve-a-changed-payload") {
        true => Ok(frame.into_event()),
        false => {
            Err(ReadError::PayloadChanged { file: frames.file_of(entry.location), offset, id, position })
        }
    }
}
