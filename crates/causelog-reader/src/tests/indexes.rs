//! Indexes that are allowed less than exact answers, and some that lie.

use std::ops::Range;

use causelog_index::{
    AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, MemoryIndex, Selection, Watermark,
};
use causelog_types::{Coordinate, EventId, Position, Region};

/// Answers through another index, with something changed.
pub(super) struct Changed {
    pub(super) index: MemoryIndex,
    pub(super) change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Selections hold every event of the range: false matches, as the contract allows.
    FalseMatches,
    /// Heads come without their hash, as the contract allows for older ones.
    NoHashes,
    /// Every entry names the place of another event.
    WrongPlaces,
    /// No question is answered.
    Fails,
    /// One answer is wrong, or lacks its last entry.
    Wrong(Answer),
}

/// An answer to be made wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Counts,
    Gaps,
    Lookups,
    Heads,
    Effects,
    Selections,
}

impl Changed {
    fn lacks(&self, answer: Answer) -> bool {
        self.change == Change::Wrong(answer)
    }

    fn entry(&self, entry: IndexEntry) -> IndexEntry {
        if self.change != Change::WrongPlaces {
            return entry;
        }
        let everything = Region::all();
        let selection = Selection {
            region: &everything,
            from: Position(0),
            direction: causelog_index::Direction::Forwards,
            limit: 2,
            as_of: Position(u64::MAX),
        };
        let others = self.index.select(&selection).unwrap();
        let other = others.into_iter().find(|other| other.id != entry.id).unwrap();
        IndexEntry { location: other.location, ..entry }
    }

    fn check(&self) -> Result<(), IndexError> {
        match self.change {
            Change::Fails => Err(IndexError::Backend("it is gone".into())),
            _ => Ok(()),
        }
    }
}

impl Index for Changed {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        self.index.watermark()
    }

    fn reset(&self) -> Result<(), IndexError> {
        self.index.reset()
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        self.index.apply(group)
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.check()?;
        let mut heads = self.index.heads(streams, as_of)?;
        if self.change == Change::NoHashes {
            heads.iter_mut().flatten().for_each(|head| head.hash = None);
        }
        if self.lacks(Answer::Heads) {
            heads.iter_mut().flatten().for_each(|head| head.revision.0 += 1);
        }
        Ok(heads)
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.check()?;
        let mut found = self.index.lookup(ids, as_of)?;
        if self.lacks(Answer::Lookups) {
            found[0] = None;
        }
        Ok(found.into_iter().map(|entry| entry.map(|entry| self.entry(entry))).collect())
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        self.check()?;
        let everything = Region::all().with_library_events();
        let mut found = match self.change {
            Change::FalseMatches => self.index.select(&Selection { region: &everything, ..*selection })?,
            _ => self.index.select(selection)?,
        };
        if self.lacks(Answer::Selections) {
            found.pop();
        }
        Ok(found.into_iter().map(|entry| self.entry(entry)).collect())
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        self.check()?;
        let mut effects = self.index.effects(cause, from, limit, as_of)?;
        if self.lacks(Answer::Effects) {
            effects.pop();
        }
        Ok(effects)
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.check()?;
        let mut counts = self.index.counts(as_of)?;
        counts.events += u64::from(self.lacks(Answer::Counts));
        Ok(counts)
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        self.check()?;
        let mut gaps = self.index.gaps(as_of)?;
        if self.lacks(Answer::Gaps) {
            gaps.pop();
        }
        Ok(gaps)
    }
}
