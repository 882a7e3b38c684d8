//! The streams: their names, their rows, and the hash of the newest event of each.

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound;

use causelog_types::{Coordinate, EntityMatch, EventHash};
use hashbrown::{DefaultHashBuilder, HashTable};

use super::list::RowList;
use super::names::{NameNumber, Names};
use super::row::Row;
use crate::IndexError;

/// The number of a stream: 0 for the first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamNumber(pub(super) u32);

/// Every stream, numbered by its first event.
#[derive(Default)]
pub(super) struct Streams {
    /// By name, which stands in the stream.
    numbers: HashTable<StreamNumber>,
    hasher: DefaultHashBuilder,
    all: Vec<Stream>,
    /// The streams of each entity, sorted by entity, so that a prefix is a range.
    entities: BTreeMap<Box<str>, Vec<StreamNumber>>,
}

/// One stream.
pub(super) struct Stream {
    pub(super) coordinate: Coordinate,
    pub(super) scope: NameNumber,
    pub(super) rows: RowList,
    /// The hash of its last row's event.
    pub(super) head_hash: EventHash,
}

impl Streams {
    /// The number of a stream, which is given one when it is new. Allocates only then.
    pub(super) fn number(
        &mut self,
        coordinate: &Coordinate,
        head_hash: EventHash,
        scopes: &mut Names,
    ) -> Result<StreamNumber, IndexError> {
        let hash = self.hasher.hash_one(coordinate);
        if let Some(number) = self.known(coordinate, hash) {
            return Ok(number);
        }
        let full = |_| IndexError::Full { what: "streams" };
        let number = StreamNumber(u32::try_from(self.all.len()).map_err(full)?);
        let scope = scopes.number(coordinate.scope(), "scopes")?;
        self.entities.entry(coordinate.entity().into()).or_default().push(number);
        self.all.push(Stream { coordinate: coordinate.clone(), scope, rows: RowList::default(), head_hash });
        let again = |known: &StreamNumber| self.hasher.hash_one(&self.all[known.index()].coordinate);
        self.numbers.insert_unique(hash, number, again);
        Ok(number)
    }

    /// Notes the next row of a stream.
    pub(super) fn extend(&mut self, number: StreamNumber, row: Row, hash: EventHash) -> NameNumber {
        let stream = &mut self.all[number.index()];
        stream.rows.push(row);
        stream.head_hash = hash;
        stream.scope
    }

    /// The stream of a number.
    pub(super) fn get(&self, number: StreamNumber) -> &Stream {
        &self.all[number.index()]
    }

    /// The stream of a name.
    pub(super) fn find(&self, coordinate: &Coordinate) -> Option<&Stream> {
        self.known(coordinate, self.hasher.hash_one(coordinate)).map(|number| self.get(number))
    }

    fn known(&self, coordinate: &Coordinate, hash: u64) -> Option<StreamNumber> {
        self.numbers.find(hash, |known| self.get(*known).coordinate == *coordinate).copied()
    }

    /// The streams of the entities matched, in the order of their entities.
    pub(super) fn of_entities<'a>(&'a self, entities: &'a EntityMatch) -> impl Iterator<Item = &'a Stream> {
        let (EntityMatch::Exact(start) | EntityMatch::Prefix(start)) = entities;
        let from = (Bound::Included(&**start), Bound::Unbounded);
        self.entities
            .range::<str, _>(from)
            .take_while(move |(entity, _)| match entities {
                EntityMatch::Exact(only) => *entity == only,
                EntityMatch::Prefix(prefix) => entity.starts_with(&**prefix),
            })
            .flat_map(|(_, numbers)| numbers.iter().map(|number| self.get(*number)))
    }

    /// How many streams have a row before this one. Their first rows rise with their numbers.
    pub(super) fn begun_before(&self, row: Row) -> usize {
        self.all.partition_point(|stream| stream.rows.first().is_some_and(|first| first < row))
    }
}

impl StreamNumber {
    fn index(self) -> usize {
        super::row::index(self.0)
    }
}
