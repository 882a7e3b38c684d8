//! The next entries of a region in one index file, by what the region says most narrowly.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use causelog_index::{Direction, IndexEntry, Selection};
use causelog_types::{Clause, Coordinate, EntityMatch, EventKind, KindMatch, Position, Region};
use causelog_wire::{IndexKey, IndexRow, StreamEntry};

use crate::file::{IndexFile, Unusable};
use crate::run::{Rows, Run};
use crate::table::{Entries, Positions, turned};

/// Most streams whose positions are put together for a clause; of more, all rows are looked at.
const STREAMS_MAX: u64 = 1024;
/// Where there is nothing more.
const END: u64 = u64::MAX;

impl Run {
    /// Adds the next entries of a region to those found, until there are `selection.limit`.
    pub(crate) fn select(
        &self,
        selection: &Selection<'_>,
        found: &mut Vec<IndexEntry>,
    ) -> Result<(), Unusable> {
        let mut rows = self.rows();
        let within = self.positions_of(selection, &mut rows)?;
        if within.is_empty() || found.len() >= selection.limit {
            return Ok(());
        }
        let falling = selection.direction == Direction::Backwards;
        let (mut rank, end) = match falling {
            false => (within.start, within.end),
            true => (turned(within.end - 1), turned(within.start).saturating_add(1)),
        };
        let filter = Filter::of(self.file(), selection.region)?;
        let clauses = selection.region.clauses().iter();
        let mut searches = Vec::new();
        for clause in clauses {
            searches.extend(Search::of(self, clause, falling)?);
        }
        while rank < end && found.len() < selection.limit {
            let mut next = END;
            for search in &mut searches {
                next = next.min(search.next_from(rank, end.min(next), &mut rows)?);
            }
            if next >= end {
                break;
            }
            let row =
                self.row_at(Position(if falling { turned(next) } else { next })).ok_or(Unusable::NotWhole)?;
            let event = rows.get(row)?;
            if filter.passes(&event) {
                found.push(self.entry(row, &event));
            }
            rank = next + 1;
        }
        Ok(())
    }

    /// The positions that the region's ranges, the cursor and `as_of` leave.
    fn positions_of(&self, selection: &Selection<'_>, rows: &mut Rows<'_>) -> Result<Range<u64>, Unusable> {
        let asked = selection.region.position_range();
        let (start, end) = match selection.direction {
            Direction::Forwards => (asked.start.max(selection.from), asked.end),
            Direction::Backwards => (asked.start, asked.end.min(selection.from)),
        };
        let here = self.range();
        let (start, end) = (start.max(here.base), end.min(selection.as_of).min(here.next));
        let recorded = selection.region.recorded_ms_range();
        if start >= end || recorded == (0..u64::MAX) {
            return Ok(start.0..end.0);
        }
        // The recorded time rises with the positions.
        let mut first_from = |time: u64| {
            let (mut low, mut high) = (start.0, end.0);
            while low < high {
                let middle = low.midpoint(high);
                let row = self.row_at(Position(middle)).ok_or(Unusable::NotWhole)?;
                match rows.get(row)?.hlc.wall_ms < time {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            Ok::<u64, Unusable>(low)
        };
        Ok(first_from(recorded.start)?..first_from(recorded.end)?)
    }
}

/// What a row must be like, whatever clause has found it.
struct Filter<'a> {
    region: &'a Region,
    /// The numbers of the streams that do not show: the library's own, unless they are asked for.
    hidden_streams: Range<u32>,
}

impl<'a> Filter<'a> {
    fn of(file: &IndexFile, region: &'a Region) -> Result<Self, Unusable> {
        let hidden_streams = match region.has_library_events() {
            true => 0..0,
            false => numbers_from(file, &IndexKey::heads_of_prefix("$"))?,
        };
        Ok(Self { region, hidden_streams })
    }

    fn passes(&self, row: &IndexRow) -> bool {
        let hidden = row.kind.is_library() || self.hidden_streams.contains(&row.stream);
        self.region.revision_range().contains(&row.revision) && (self.region.has_library_events() || !hidden)
    }
}

/// A search for the rows of a clause: where all of its sources agree, and the row is of the right kind and stream.
struct Search<'a> {
    run: &'a Run,
    falling: bool,
    sources: Vec<Source<'a>>,
    kinds: &'a [KindMatch],
    numbers: Option<Range<u32>>,
}

impl<'a> Search<'a> {
    /// `None` when nothing here can be of the clause.
    fn of(run: &'a Run, clause: &'a Clause, falling: bool) -> Result<Option<Self>, Unusable> {
        let file = run.file();
        let positions = |key: &IndexKey| Positions::new(file, key.as_bytes(), falling);
        let mut search = Self { run, falling, sources: Vec::new(), kinds: &[], numbers: None };
        for tag in clause.tag_matches() {
            search.sources.push(Source::One(positions(&IndexKey::tag(tag))));
        }
        let scope = clause.scope_match();
        if let Some(entity) = clause.entity_match() {
            let key = match entity {
                EntityMatch::Exact(entity) => IndexKey::heads_of_entity(entity),
                EntityMatch::Prefix(prefix) => IndexKey::heads_of_prefix(prefix),
            };
            let numbers = numbers_from(file, &key)?;
            if numbers.is_empty() {
                return Ok(None);
            }
            if u64::from(numbers.end - numbers.start) <= STREAMS_MAX {
                let streams = streams_from(file, &key, scope)?;
                search.sources.push(Source::any_of(streams.iter().map(positions)));
            } else {
                search.numbers = Some(numbers);
                search.sources.extend(scope.map(|scope| Source::One(positions(&IndexKey::scope(scope)))));
            }
        } else if let Some(scope) = scope {
            search.sources.push(Source::One(positions(&IndexKey::scope(scope))));
        }
        match clause.kind_matches() {
            kinds if !kinds.is_empty() && search.sources.is_empty() => {
                let keys = kinds_of(file, kinds)?;
                search.sources.push(Source::any_of(keys.iter().map(positions)));
            }
            kinds => search.kinds = kinds,
        }
        Ok(Some(search))
    }

    /// The least rank of a match from this one on, or [`END`] when it is not before `end`.
    fn next_from(&mut self, from: u64, end: u64, rows: &mut Rows<'_>) -> Result<u64, Unusable> {
        let mut rank = from;
        while rank < end {
            rank = self.agreed_from(rank)?;
            if rank >= end || (self.kinds.is_empty() && self.numbers.is_none()) {
                break;
            }
            let position = Position(if self.falling { turned(rank) } else { rank });
            let row = rows.get(self.run.row_at(position).ok_or(Unusable::NotWhole)?)?;
            let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.matches(row.kind));
            if of_kind && self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&row.stream)) {
                break;
            }
            rank += 1;
        }
        Ok(if rank < end { rank } else { END })
    }

    /// The least rank from this one on that all sources have.
    fn agreed_from(&mut self, from: u64) -> Result<u64, Unusable> {
        let mut rank = from;
        loop {
            let mut greatest = rank;
            for source in &mut self.sources {
                greatest = source.next_from(greatest)?;
                if greatest == END {
                    return Ok(END);
                }
            }
            if greatest == rank || self.sources.len() == 1 {
                return Ok(greatest);
            }
            rank = greatest;
        }
    }
}

/// Ranks that can be asked for from any one on.
enum Source<'a> {
    One(Positions<'a>),
    Any(Union<'a>),
}

impl<'a> Source<'a> {
    fn any_of(all: impl Iterator<Item = Positions<'a>>) -> Self {
        let mut all: Vec<Positions<'a>> = all.collect();
        match (all.pop(), all.is_empty()) {
            (Some(one), true) => Self::One(one),
            (last, _) => {
                all.extend(last);
                let next = (0..all.len()).map(|i| Reverse((0, i))).collect();
                Self::Any(Union { all, next })
            }
        }
    }

    fn next_from(&mut self, rank: u64) -> Result<u64, Unusable> {
        match self {
            Self::One(positions) => Ok(positions.next_from(rank)?.unwrap_or(END)),
            Self::Any(union) => union.next_from(rank),
        }
    }
}

/// The ranks of several, each of which is asked again only when the ranks have gone past its last answer.
struct Union<'a> {
    all: Vec<Positions<'a>>,
    /// A lower bound of the next rank of each, the least first.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Union<'_> {
    fn next_from(&mut self, rank: u64) -> Result<u64, Unusable> {
        while let Some(mut top) = self.next.peek_mut() {
            let Reverse((known, i)) = *top;
            if known >= rank && known > 0 {
                return Ok(known);
            }
            match self.all[i].next_from(rank)? {
                // 0 stands for a list that was never asked.
                Some(0) => return Ok(0),
                Some(next) => *top = Reverse((next, i)),
                None => drop(std::collections::binary_heap::PeekMut::pop(top)),
            }
        }
        Ok(END)
    }
}

/// The numbers of the streams whose keys begin so: they follow each other.
fn numbers_from(file: &IndexFile, beginning: &IndexKey) -> Result<Range<u32>, Unusable> {
    let number = |entry: Option<Entries<'_>>| -> Result<u32, Unusable> {
        let all = u32::try_from(file.header().streams).unwrap_or(u32::MAX);
        let Some(entry) = entry else { return Ok(all) };
        let mut key = Vec::new();
        entry.key_into(&mut key);
        if !IndexKey::is_head(&key) {
            return Ok(all);
        }
        Ok(StreamEntry::decode(entry.value())?.number)
    };
    let first = Entries::first_from(file, beginning.as_bytes())?;
    if !first.as_ref().is_some_and(|first| first.key_begins_with(beginning.as_bytes())) {
        return Ok(0..0);
    }
    let mut after = beginning.as_bytes().to_vec();
    // UTF-8 has no byte 255, and no table's number is that.
    if let Some(last) = after.last_mut() {
        *last = last.saturating_add(1);
    }
    Ok(number(first)?..number(Entries::first_from(file, &after)?)?)
}

/// The keys of the positions of the streams whose heads begin so, in one scope or all.
fn streams_from(
    file: &IndexFile,
    beginning: &IndexKey,
    scope: Option<&str>,
) -> Result<Vec<IndexKey>, Unusable> {
    let mut streams = Vec::new();
    let mut entry = Entries::first_from(file, beginning.as_bytes())?;
    let mut key = Vec::new();
    while let Some(at) = entry.as_mut().filter(|at| at.key_begins_with(beginning.as_bytes())) {
        at.key_into(&mut key);
        let (entity, found) = IndexKey::stream_in(&key).ok_or(Unusable::NotWhole)?;
        if scope.is_none_or(|scope| scope == found) {
            let stream = Coordinate::new(entity, found).map_err(|_| Unusable::NotWhole)?;
            streams.push(IndexKey::stream(&stream));
        }
        if !at.step()? {
            break;
        }
    }
    Ok(streams)
}

/// The keys of the positions of those kinds that are there.
fn kinds_of(file: &IndexFile, kinds: &[KindMatch]) -> Result<Vec<IndexKey>, Unusable> {
    let mut found: Vec<EventKind> = Vec::new();
    for kind in kinds {
        match kind {
            KindMatch::Kind(kind) => found.push(*kind),
            KindMatch::Category(category) => {
                let first = u16::from(category.bits()) << 12;
                let mut next = Some(first);
                while let Some(bits) = next.filter(|bits| *bits <= first | 0x0fff) {
                    let there = kind_from(file, bits)?.filter(|kind| kind.bits() <= first | 0x0fff);
                    found.extend(there);
                    next = there.and_then(|kind| kind.bits().checked_add(1));
                }
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(IndexKey::kind).collect())
}

/// The first kind from this one on that any event has.
fn kind_from(file: &IndexFile, bits: u16) -> Result<Option<EventKind>, Unusable> {
    let Some(entry) = Entries::first_from(file, IndexKey::kind(EventKind::from_bits(bits)).as_bytes())?
    else {
        return Ok(None);
    };
    let mut key = Vec::new();
    entry.key_into(&mut key);
    Ok(IndexKey::kind_in(&key))
}
