//! What an index is made of: parts that follow each other, each about the events from one position to before another.

use std::ops::Range;
use std::sync::Arc;

use causelog_index::{
    AppliedEvent, Counts, Direction, Index, IndexEntry, IndexError, IndexedHead, Selection, Watermark,
};
use causelog_types::{Coordinate, EventId, Position, Revision};
use hashbrown::HashSet;

use crate::file::Unusable;
use crate::names::RunRange;
use crate::run::Run;
use crate::tail::Tail;

/// A part of an index.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// An index file.
    Run(Arc<Run>),
    /// Events in memory, up to where a watermark stands; no more are added to them.
    Frozen(Arc<Tail>, Watermark),
    /// Positions whose events were lost.
    Gap(RunRange),
}

/// All parts of an index, in order. A list of parts never changes: a new one takes its place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) earlier: Vec<Part>,
    /// Events in memory to which more are added.
    pub(crate) active: Option<Arc<Tail>>,
}

/// Why the parts cannot answer.
#[derive(Debug)]
pub(crate) enum Broken {
    /// An index file is of no use.
    Run(RunRange, Unusable),
    /// The index in memory has failed.
    Memory(IndexError),
}

impl From<IndexError> for Broken {
    fn from(error: IndexError) -> Self {
        Self::Memory(error)
    }
}

type Answer<T> = Result<T, Broken>;

impl Part {
    pub(crate) fn range(&self) -> RunRange {
        match self {
            Self::Run(run) => run.range(),
            Self::Frozen(tail, _) => tail.range(),
            Self::Gap(range) => *range,
        }
    }
}

/// What can be asked: an index file, or events in memory.
enum Asked<'a> {
    Run(&'a Run),
    Memory(&'a Tail),
}

impl Parts {
    /// The parts that hold events, from the first on.
    fn asked(&self) -> impl DoubleEndedIterator<Item = Asked<'_>> {
        let earlier = self.earlier.iter().filter_map(|part| match part {
            Part::Run(run) => Some(Asked::Run(run)),
            Part::Frozen(tail, _) => Some(Asked::Memory(tail)),
            Part::Gap(_) => None,
        });
        earlier.chain(self.active.iter().map(|tail| Asked::Memory(tail)))
    }

    /// For each of the next events, which are about to be added to a tail, whether it is the first of its stream that is
    /// there.
    pub(crate) fn firsts(&self, events: &[AppliedEvent<'_>], tail: &Tail) -> Answer<Vec<bool>> {
        let base = self.earlier.first().map_or(tail.range().base, |part| part.range().base);
        let known = tail.events.read();
        if base == Position(0) && !self.earlier.iter().any(|part| matches!(part, Part::Gap(_))) {
            return Ok(events.iter().map(|event| event.revision == Revision(0)).collect());
        }
        // What began a stream may be lost.
        let mut added = HashSet::new();
        let mut first = |event: &AppliedEvent<'_>| -> Answer<bool> {
            let is_new = !known.knows(event.coordinate) && added.insert(event.coordinate.clone());
            if !is_new || event.revision == Revision(0) {
                return Ok(is_new);
            }
            let earlier = Self { earlier: self.earlier.clone(), active: None };
            Ok(earlier.head(event.coordinate, tail.range().base)?.is_none())
        };
        events.iter().map(&mut first).collect()
    }

    pub(crate) fn lookup(&self, id: EventId, as_of: Position) -> Answer<Option<IndexEntry>> {
        for part in self.asked().rev() {
            let found = match part {
                Asked::Run(run) => run.find(id).map_err(broken(run))?,
                Asked::Memory(tail) => tail.memory.lookup(&[id], as_of)?.pop().flatten(),
            };
            if found.is_some() {
                return Ok(found.filter(|entry| entry.position < as_of));
            }
        }
        Ok(None)
    }

    pub(crate) fn head(&self, stream: &Coordinate, as_of: Position) -> Answer<Option<IndexedHead>> {
        for part in self.asked().rev() {
            let found = match part {
                Asked::Run(run) if run.range().base >= as_of => None,
                Asked::Run(run) => run.head(stream, as_of).map_err(broken(run))?,
                Asked::Memory(tail) => tail.memory.heads(&[stream], as_of)?.pop().flatten(),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    pub(crate) fn select(&self, selection: &Selection<'_>) -> Answer<Vec<IndexEntry>> {
        let mut found = Vec::new();
        let mut ask = |part: Asked<'_>| -> Answer<bool> {
            match part {
                Asked::Run(run) => run.select(selection, &mut found).map_err(broken(run))?,
                Asked::Memory(tail) => {
                    let limit = selection.limit - found.len();
                    found.extend(tail.memory.select(&Selection { limit, ..*selection })?);
                }
            }
            Ok(found.len() < selection.limit)
        };
        let more = match selection.direction {
            Direction::Forwards => self.asked().map(&mut ask).find(|more| !matches!(more, Ok(true))),
            Direction::Backwards => self.asked().rev().map(&mut ask).find(|more| !matches!(more, Ok(true))),
        };
        more.transpose()?;
        Ok(found)
    }

    pub(crate) fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Answer<Vec<IndexEntry>> {
        let mut found = Vec::new();
        for part in self.asked() {
            match part {
                Asked::Run(run) => {
                    run.effects(cause, from, limit, as_of, &mut found).map_err(broken(run))?;
                }
                Asked::Memory(tail) => {
                    found.extend(tail.memory.effects(cause, from, limit - found.len(), as_of)?);
                }
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    pub(crate) fn counts(&self, as_of: Position) -> Answer<Counts> {
        let mut counts = Counts::default();
        for part in self.asked() {
            let (range, new_streams) = match part {
                Asked::Run(run) if run.range().base >= as_of => break,
                Asked::Run(run) => (run.range(), run.new_streams(as_of).map_err(broken(run))?),
                Asked::Memory(tail) => (tail.range(), tail.new_streams(as_of)),
            };
            counts.events += as_of.min(range.next).0.saturating_sub(range.base.0);
            counts.streams += new_streams;
        }
        Ok(counts)
    }

    pub(crate) fn gaps(&self, as_of: Position) -> Vec<Range<Position>> {
        let mut gaps: Vec<Range<Position>> = Vec::new();
        for part in &self.earlier {
            let Part::Gap(range) = part else { continue };
            let (start, end) = (range.base, range.next.min(as_of));
            match gaps.last_mut() {
                _ if start >= end => break,
                Some(last) if last.end == start => last.end = end,
                _ => gaps.push(start..end),
            }
        }
        gaps
    }
}

fn broken(run: &Run) -> impl FnOnce(Unusable) -> Broken {
    let range = run.range();
    move |reason| Broken::Run(range, reason)
}
