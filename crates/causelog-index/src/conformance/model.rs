//! What the answers should be: a vector, filtered.

use causelog_types::{Coordinate, EventId, Position};

use super::history::{History, Stored};
use crate::{Counts, Direction, IndexEntry, IndexedHead, Selection};

/// A history as of a position.
pub(super) struct Model<'a> {
    /// What shows.
    visible: Vec<&'a Stored>,
    /// What has been applied, shown or not.
    applied: &'a [Stored],
}

impl<'a> Model<'a> {
    pub(super) fn new(history: &'a History, applied: usize, as_of: Position) -> Self {
        let applied = &history.events[..applied];
        Self { visible: applied.iter().filter(|event| event.header.position < as_of).collect(), applied }
    }

    /// Everything a selection's cursor has before it, in its order, whether it matches or not.
    pub(super) fn ahead(&self, from: Position, direction: Direction) -> Vec<&'a Stored> {
        let visible = self.visible.iter().copied();
        match direction {
            Direction::Forwards => visible.filter(|event| event.header.position >= from).collect(),
            Direction::Backwards => visible.filter(|event| event.header.position < from).rev().collect(),
        }
    }

    /// Every match of a selection, in its order, without its limit.
    pub(super) fn matches(&self, selection: &Selection<'_>) -> Vec<IndexEntry> {
        let ahead = self.ahead(selection.from, selection.direction).into_iter();
        ahead.filter(|event| selection.region.matches(&event.header.facts())).map(Stored::entry).collect()
    }

    pub(super) fn head(&self, stream: &Coordinate) -> Option<IndexedHead> {
        let head = self.visible.iter().rfind(|event| event.header.coordinate == *stream)?;
        Some(IndexedHead {
            position: head.header.position,
            revision: head.header.revision,
            hlc: head.header.dag.hlc,
            location: head.location,
            hash: Some(head.hash),
        })
    }

    /// Whether an event is the newest applied of its stream.
    pub(super) fn is_newest(&self, stream: &Coordinate, position: Position) -> bool {
        let newest = self.applied.iter().rfind(|event| event.header.coordinate == *stream);
        newest.is_some_and(|event| event.header.position == position)
    }

    pub(super) fn lookup(&self, id: EventId) -> Option<IndexEntry> {
        self.visible.iter().find(|event| event.header.id == id).map(|event| event.entry())
    }

    pub(super) fn effects(&self, cause: EventId, from: Position, limit: usize) -> Vec<IndexEntry> {
        let effects = self.visible.iter().filter(|event| event.header.dag.causes.as_slice().contains(&cause));
        effects.filter(|event| event.header.position >= from).take(limit).map(|event| event.entry()).collect()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut streams: Vec<&Coordinate> =
            self.visible.iter().map(|event| &event.header.coordinate).collect();
        streams.sort_unstable();
        streams.dedup();
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Counts { events: count(self.visible.len()), streams: count(streams.len()) }
    }
}

impl Stored {
    pub(super) fn entry(&self) -> IndexEntry {
        IndexEntry {
            id: self.header.id,
            position: self.header.position,
            depth: self.header.dag.depth,
            location: self.location,
        }
    }
}
