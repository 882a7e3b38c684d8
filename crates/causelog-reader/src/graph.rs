//! Walks over the causal graph, along causes and along effects.
//!
//! A cause always stands before its effect, so a heap ordered by position yields each event once and in
//! topological order, with no memory but the frontier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use causelog_index::{Index, IndexEntry};
use causelog_segment::FrameReader;
use causelog_types::{Event, EventId, Position};

use crate::ReadError;
use crate::query::{Payloads, read_entry};

/// How many effects are asked of the index at once.
const PAGE: usize = 256;

/// The events that led to one, the latest first. After an error there are no more, but after
/// [`ReadError::CauseLost`].
#[derive(Debug)]
pub struct Ancestors {
    walk: Walk,
    frontier: BinaryHeap<ByPosition>,
    /// Causes that were lost, with the event that names them, to be told next.
    lost: Vec<(EventId, EventId)>,
}

/// The events that one led to, the earliest first. After an error there are no more.
#[derive(Debug)]
pub struct Descendants {
    walk: Walk,
    frontier: BinaryHeap<Reverse<ByPosition>>,
}

#[derive(Debug)]
struct Walk {
    index: Arc<dyn Index>,
    frames: FrameReader,
    as_of: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ByPosition(IndexEntry);

impl Ord for ByPosition {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.position.cmp(&other.0.position)
    }
}

impl PartialOrd for ByPosition {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Walk {
    fn entry(&self, id: EventId) -> Result<IndexEntry, ReadError> {
        let found = self.index.lookup(&[id], self.as_of)?;
        found.first().copied().flatten().ok_or(ReadError::NotFound { id })
    }
}

impl Ancestors {
    pub(crate) fn new(
        index: Arc<dyn Index>,
        frames: FrameReader,
        as_of: Position,
        id: EventId,
    ) -> Result<Self, ReadError> {
        let walk = Walk { index, frames, as_of };
        let frontier = BinaryHeap::from([ByPosition(walk.entry(id)?)]);
        Ok(Self { walk, frontier, lost: Vec::new() })
    }

    fn step(&mut self, entry: IndexEntry) -> Result<Event, ReadError> {
        while self.frontier.peek().is_some_and(|next| next.0.position == entry.position) {
            self.frontier.pop();
        }
        let event = read_entry(&mut self.walk.frames, &entry, Payloads::Hashed)?;
        let causes = event.header.dag.causes.as_slice();
        let found = self.walk.index.lookup(causes, self.walk.as_of)?;
        for (cause, entry) in causes.iter().zip(found) {
            match entry {
                Some(entry) => self.frontier.push(ByPosition(entry)),
                None if self.walk.index.gaps(event.header.position)?.is_empty() => {
                    return Err(ReadError::NotFound { id: *cause });
                }
                None => self.lost.push((*cause, event.header.id)),
            }
        }
        Ok(event)
    }
}

impl Iterator for Ancestors {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((cause, effect)) = self.lost.pop() {
            return Some(Err(ReadError::CauseLost { cause, effect }));
        }
        let entry = self.frontier.pop()?.0;
        let item = self.step(entry);
        if item.is_err() {
            self.frontier.clear();
        }
        Some(item)
    }
}

impl Descendants {
    pub(crate) fn new(
        index: Arc<dyn Index>,
        frames: FrameReader,
        as_of: Position,
        id: EventId,
    ) -> Result<Self, ReadError> {
        let walk = Walk { index, frames, as_of };
        let frontier = BinaryHeap::from([Reverse(ByPosition(walk.entry(id)?))]);
        Ok(Self { walk, frontier })
    }

    fn step(&mut self, entry: IndexEntry) -> Result<Event, ReadError> {
        while self.frontier.peek().is_some_and(|next| next.0.0.position == entry.position) {
            self.frontier.pop();
        }
        let mut from = entry.position;
        loop {
            let page = self.walk.index.effects(entry.id, from, PAGE, self.walk.as_of)?;
            self.frontier.extend(page.iter().map(|effect| Reverse(ByPosition(*effect))));
            match page.last() {
                Some(last) if page.len() == PAGE => from = Position(last.position.0.saturating_add(1)),
                _ => break,
            }
        }
        read_entry(&mut self.walk.frames, &entry, Payloads::Hashed)
    }
}

impl Iterator for Descendants {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.frontier.pop()?.0.0;
        let item = self.step(entry);
        if item.is_err() {
            self.frontier.clear();
        }
        Some(item)
    }
}
