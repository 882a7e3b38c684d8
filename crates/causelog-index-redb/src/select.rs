//! Finds the next entries of a region.
//!
//! At first a few events are looked at in turn, as many as finding the lists' places would cost: what is frequent is
//! found there. The rest comes from the lists, merged as it is asked for.

use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::ops;

use causelog_index::{Direction, IndexEntry, Selection};
use causelog_types::{Facts, Position};
use redb::{Key, Range, ReadOnlyTable, ReadTransaction, ReadableTable as _, Value};

use crate::error::damaged;
use crate::plan::plan;
use crate::record::Record;
use crate::tables::{EVENTS, POSTINGS, TEXTS};

/// What finding the place in one list costs, counted in events looked at in turn.
const SEEK_EVENTS: usize = 4;
/// Most texts that one question remembers.
const TEXTS_MAX: usize = 16 * 1024;

/// Answers a selection.
pub(crate) fn select(
    transaction: &ReadTransaction,
    selection: &Selection<'_>,
) -> Result<Vec<IndexEntry>, redb::Error> {
    let events = transaction.open_table(EVENTS)?;
    let positions = positions(&events, selection)?;
    if selection.limit == 0 || positions.is_empty() {
        return Ok(Vec::new());
    }
    let texts = Texts { table: transaction.open_table(TEXTS)?, known: HashMap::new() };
    let mut search = Search { selection, events, texts, found: Vec::new() };
    match plan(transaction, selection.region)? {
        None => search.scan(positions, usize::MAX).map(drop)?,
        Some(lists) => {
            if let Some(rest) = search.scan(positions, lists.len().saturating_mul(SEEK_EVENTS))? {
                let postings = transaction.open_table(POSTINGS)?;
                search.merge(Merge::new(&postings, &lists, &rest, selection.direction)?)?;
            }
        }
    }
    Ok(search.found)
}

/// The positions that the region's ranges, cursor and `as_of` leave.
fn positions(
    events: &ReadOnlyTable<u64, &'static [u8]>,
    selection: &Selection<'_>,
) -> Result<ops::Range<u64>, redb::Error> {
    let bounds = selection.region.position_range();
    let (mut start, mut end) = (bounds.start.0, bounds.end.min(selection.as_of).0);
    match selection.direction {
        Direction::Forwards => start = start.max(selection.from.0),
        Direction::Backwards => end = end.min(selection.from.0),
    }
    let recorded = selection.region.recorded_ms_range();
    if recorded.start > 0 {
        start = recorded_from(events, start..end, recorded.start)?;
    }
    if recorded.end < u64::MAX {
        end = recorded_from(events, start..end, recorded.end)?;
    }
    Ok(start..end)
}

/// The first position that was recorded at a time or later. The recorded time rises with the positions.
fn recorded_from(
    events: &ReadOnlyTable<u64, &'static [u8]>,
    positions: ops::Range<u64>,
    ms: u64,
) -> Result<u64, redb::Error> {
    let (mut start, mut end) = (positions.start, positions.end.max(positions.start));
    if let Some((last, _)) = events.last()? {
        end = end.min(last.value().saturating_add(1)).max(start);
    }
    while start < end {
        let middle = start + (end - start) / 2;
        match events.range(middle..end)?.next().transpose()? {
            Some((position, record)) if Record::decode(record.value())?.hlc.wall_ms < ms => {
                start = position.value() + 1;
            }
            _ => end = middle,
        }
    }
    Ok(end)
}

/// A selection on its way.
struct Search<'a> {
    selection: &'a Selection<'a>,
    events: ReadOnlyTable<u64, &'static [u8]>,
    texts: Texts,
    found: Vec<IndexEntry>,
}

impl Search<'_> {
    /// Looks at so many events at most; what is left of the positions, unless there is nothing more to find.
    fn scan(
        &mut self,
        positions: ops::Range<u64>,
        events_max: usize,
    ) -> Result<Option<ops::Range<u64>>, redb::Error> {
        let mut events = self.events.range(positions.clone())?;
        for _ in 0..events_max {
            let Some(event) = next(&mut events, self.selection.direction) else { return Ok(None) };
            let (position, record) = event?;
            self.look_at(position.value(), record.value())?;
            if self.found.len() == self.selection.limit {
                return Ok(None);
            }
        }
        let Some(event) = next(&mut events, self.selection.direction) else { return Ok(None) };
        let position = event?.0.value();
        Ok(Some(match self.selection.direction {
            Direction::Forwards => position..positions.end,
            Direction::Backwards => positions.start..position.saturating_add(1),
        }))
    }

    fn merge(&mut self, mut merge: Merge) -> Result<(), redb::Error> {
        while self.found.len() < self.selection.limit
            && let Some(position) = merge.next()?
        {
            let record = self.events.get(position)?.ok_or_else(|| damaged("a listed event is missing"))?;
            self.look_at(position, record.value())?;
        }
        Ok(())
    }

    /// Keeps an event if it matches.
    fn look_at(&mut self, position: u64, bytes: &[u8]) -> Result<(), redb::Error> {
        let record = Record::decode(bytes)?;
        self.texts.learn(&record)?;
        let text = |number: &u32| self.texts.known.get(number);
        let Some((entity, scope)) = text(&record.stream) else { return Err(damaged("a stream has no name")) };
        let tags: Vec<&str> = record.tags.iter().filter_map(text).map(|(tag, _)| &**tag).collect();
        let facts = Facts {
            entity,
            scope,
            kind: record.kind,
            tags: &tags,
            position: Position(position),
            revision: record.revision,
            recorded_ms: record.hlc.wall_ms,
        };
        if self.selection.region.matches(&facts) {
            self.found.push(record.entry(position));
        }
        Ok(())
    }
}

/// The texts of streams and tags, as far as they were asked for.
struct Texts {
    table: ReadOnlyTable<u32, (&'static str, &'static str)>,
    known: HashMap<u32, (Box<str>, Box<str>)>,
}

impl Texts {
    /// Makes sure that the texts of an event's stream and tags are known.
    fn learn(&mut self, record: &Record) -> Result<(), redb::Error> {
        if self.known.len() > TEXTS_MAX {
            self.known.clear();
        }
        for number in record.tags.iter().chain([&record.stream]) {
            if let Entry::Vacant(entry) = self.known.entry(*number) {
                let row = self.table.get(number)?.ok_or_else(|| damaged("a name is missing"))?;
                let (first, second) = row.value();
                entry.insert((first.into(), second.into()));
            }
        }
        Ok(())
    }
}

/// Several lists as one, in order and each position once.
struct Merge {
    direction: Direction,
    lists: Vec<Range<'static, (u32, u64), ()>>,
    /// The next position of each list that has one, by its rank: the greatest rank comes first.
    next: BinaryHeap<(u64, usize)>,
    last: Option<u64>,
}

impl Merge {
    fn new(
        postings: &ReadOnlyTable<(u32, u64), ()>,
        numbers: &[u32],
        positions: &ops::Range<u64>,
        direction: Direction,
    ) -> Result<Self, redb::Error> {
        let mut merge = Self { direction, lists: Vec::new(), next: BinaryHeap::new(), last: None };
        for (list, number) in numbers.iter().enumerate() {
            merge.lists.push(postings.range((*number, positions.start)..(*number, positions.end))?);
            merge.take(list)?;
        }
        Ok(merge)
    }

    /// Takes the next position of a list among those to choose from.
    fn take(&mut self, list: usize) -> Result<(), redb::Error> {
        if let Some(posting) = next(&mut self.lists[list], self.direction) {
            let (_, position) = posting?.0.value();
            self.next.push((self.rank(position), list));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<u64>, redb::Error> {
        while let Some((rank, list)) = self.next.pop() {
            self.take(list)?;
            if self.last.replace(rank) != Some(rank) {
                return Ok(Some(self.rank(rank)));
            }
        }
        Ok(None)
    }

    /// The rank of a position, or the position of a rank: itself when they fall, its complement when they rise.
    fn rank(&self, position: u64) -> u64 {
        match self.direction {
            Direction::Forwards => !position,
            Direction::Backwards => position,
        }
    }
}

/// The next row of a range, from the end that the direction begins at.
fn next<K: Key + 'static, V: Value + 'static>(
    range: &mut Range<'static, K, V>,
    direction: Direction,
) -> Option<<Range<'static, K, V> as Iterator>::Item> {
    match direction {
        Direction::Forwards => range.next(),
        Direction::Backwards => range.next_back(),
    }
}
