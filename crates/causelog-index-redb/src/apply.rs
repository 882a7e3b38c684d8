//! Takes in a group, in one transaction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use causelog_index::{AppliedEvent, AppliedGroup, IndexError};
use causelog_types::{Coordinate, EventHash, Position, limits};
use redb::{ReadableTable as _, Table, WriteTransaction};

use crate::record::Record;
use crate::tables::{
    BEGUN, EFFECTS, EVENTS, GAPS, IDS, NAMES, Name, POSTINGS, STREAMS, State, StreamRow, TEXTS,
};

/// A stream, scope, kind and so many tags are what an event can be the first of.
const NEW_LISTS_MAX: usize = limits::TAGS_MAX + 3;

/// How many of a group's events are known already; what is refused is refused here.
pub(crate) fn check(group: &AppliedGroup<'_>, known: Option<&State>) -> Result<usize, IndexError> {
    if known.is_some_and(|known| known.watermark.store != group.after.store) {
        return Err(IndexError::OtherStore);
    }
    let due = known.map_or(Position(0), |known| known.watermark.next);
    let Some(first) = group.events.first().map(|event| event.position) else { return Ok(0) };
    if first > due {
        return Err(IndexError::OutOfOrder { expected: due, found: first });
    }
    let mut expected = first;
    for found in group.events.iter().map(|event| event.position).chain([group.after.next]) {
        if found != expected {
            return Err(IndexError::OutOfOrder { expected, found });
        }
        expected = expected.checked_add(1).ok_or(IndexError::Full { what: "positions" })?;
    }
    let new_lists = group.events.len().saturating_mul(NEW_LISTS_MAX);
    let lists = known.map_or(0, |known| known.lists);
    if u32::try_from(new_lists).ok().and_then(|new| lists.checked_add(new)).is_none() {
        return Err(IndexError::Full { what: "streams, scopes, kinds and tags" });
    }
    Ok(usize::try_from(due.0 - first.0).unwrap_or(usize::MAX).min(group.events.len()))
}

/// Adds the gap from a position to another, as one with a gap that it touches.
pub(crate) fn add_gap(transaction: &WriteTransaction, from: u64, to: u64) -> Result<(), redb::Error> {
    let mut gaps = transaction.open_table(GAPS)?;
    let last = gaps.last()?.map(|(start, gap)| (start.value(), gap.value()));
    let lost = last.map_or(0, |(_, (_, lost))| lost) + (to - from);
    let start = last.filter(|(_, (end, _))| *end == from).map_or(from, |(start, _)| start);
    gaps.insert(start, (to, lost))?;
    Ok(())
}

/// Adds events, and counts them in the state.
pub(crate) fn add_events<'a>(
    transaction: &WriteTransaction,
    state: &mut State,
    events: &'a [AppliedEvent<'a>],
) -> Result<(), redb::Error> {
    let mut lists = Lists::open(transaction, state)?;
    let mut rows = transaction.open_table(EVENTS)?;
    let mut ids = transaction.open_table(IDS)?;
    let mut effects = transaction.open_table(EFFECTS)?;
    let mut bytes = Vec::new();
    for event in events {
        let position = event.position.0;
        let stream = lists.extend_stream(event)?;
        lists.extend(Name::Scope(event.coordinate.scope()), position)?;
        lists.extend(Name::Kind(event.kind.bits().to_be_bytes()), position)?;
        let tags: Result<_, redb::Error> =
            event.tags.iter().map(|tag| lists.extend(Name::Tag(tag), position)).collect();
        Record::new(event, stream, tags?).encode(&mut bytes);
        rows.insert(position, &*bytes)?;
        // An id given twice stays the first.
        let id = event.id.as_u128();
        let first = ids.insert(id, position)?.map(|first| first.value());
        if let Some(first) = first {
            ids.insert(id, first)?;
        }
        for cause in event.causes.iter() {
            effects.insert((cause.as_u128(), position), ())?;
        }
    }
    lists.save()
}

/// The lists that a group's events stand in.
struct Lists<'a, 't> {
    state: &'t mut State,
    postings: Table<'t, (u32, u64), ()>,
    texts: Table<'t, u32, (&'static str, &'static str)>,
    begun: Table<'t, u64, u64>,
    streams: Table<'t, (&'static str, &'static str), StreamRow>,
    names: Table<'t, (u8, &'static [u8]), (u32, u64)>,
    /// Those of this group, written once at its end.
    of_streams: BTreeMap<&'a Coordinate, Stream>,
    of_names: BTreeMap<Name<'a>, (u32, u64)>,
}

/// What the table of streams holds.
struct Stream {
    number: u32,
    events: u64,
    last: u64,
    hash: EventHash,
}

impl<'a, 't> Lists<'a, 't> {
    fn open(transaction: &'t WriteTransaction, state: &'t mut State) -> Result<Self, redb::Error> {
        Ok(Self {
            state,
            postings: transaction.open_table(POSTINGS)?,
            texts: transaction.open_table(TEXTS)?,
            begun: transaction.open_table(BEGUN)?,
            streams: transaction.open_table(STREAMS)?,
            names: transaction.open_table(NAMES)?,
            of_streams: BTreeMap::new(),
            of_names: BTreeMap::new(),
        })
    }

    /// Adds an event to its stream's list, and returns the list's number.
    fn extend_stream(&mut self, event: &AppliedEvent<'a>) -> Result<u32, redb::Error> {
        let (last, hash) = (event.position.0, event.hash);
        let number = match self.of_streams.entry(event.coordinate) {
            Entry::Occupied(mut entry) => {
                let stream = entry.get_mut();
                *stream = Stream { number: stream.number, events: stream.events + 1, last, hash };
                stream.number
            }
            Entry::Vacant(entry) => {
                let key = (event.coordinate.entity(), event.coordinate.scope());
                let known = self.streams.get(key)?.map(|row| (row.value().0, row.value().1));
                let (number, events) = match known {
                    Some(known) => known,
                    None => {
                        self.state.streams += 1;
                        self.begun.insert(last, self.state.streams)?;
                        let number = next_list(self.state);
                        self.texts.insert(number, key)?;
                        (number, 0)
                    }
                };
                entry.insert(Stream { number, events: events + 1, last, hash });
                number
            }
        };
        self.postings.insert((number, last), ())?;
        Ok(number)
    }

    /// Adds a position to a name's list, and returns the list's number.
    fn extend(&mut self, name: Name<'a>, position: u64) -> Result<u32, redb::Error> {
        let number = match self.of_names.entry(name) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().1 += 1;
                entry.get().0
            }
            Entry::Vacant(entry) => {
                let known = self.names.get(name.key())?.map(|row| row.value());
                let (number, events) = known.unwrap_or_else(|| (next_list(self.state), 0));
                if let (Name::Tag(tag), None) = (name, known) {
                    self.texts.insert(number, (tag, ""))?;
                }
                entry.insert((number, events + 1));
                number
            }
        };
        self.postings.insert((number, position), ())?;
        Ok(number)
    }

    fn save(mut self) -> Result<(), redb::Error> {
        for (coordinate, stream) in &self.of_streams {
            let key = (coordinate.entity(), coordinate.scope());
            self.streams.insert(key, (stream.number, stream.events, stream.last, &stream.hash.0))?;
        }
        for (name, row) in &self.of_names {
            self.names.insert(name.key(), *row)?;
        }
        Ok(())
    }
}

/// That there is room for it was checked before.
fn next_list(state: &mut State) -> u32 {
    let number = state.lists;
    state.lists += 1;
    number
}
