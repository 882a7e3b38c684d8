//! The ids of the rows, and the rows by id.
//!
//! The tables hold row numbers alone and compare the ids in their column. Beside each row stands half of its hash,
//! so that a table that grows reads nothing else, and there are many tables, so that each grows by little: readers
//! wait for that.

use std::array;
use std::hash::BuildHasher;

use causelog_types::EventId;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::row::Row;

const TABLES: usize = 64;

/// The ids of all rows, and the rows by id.
pub(super) struct Ids {
    column: Vec<EventId>,
    tables: [HashTable<Known>; TABLES],
    hasher: DefaultHashBuilder,
}

struct Known {
    row: Row,
    hash: HalfHash,
}

/// The half of an id's hash that finds its place in a table. The other half chooses the table.
#[derive(Clone, Copy, PartialEq, Eq)]
struct HalfHash(u32);

impl Default for Ids {
    fn default() -> Self {
        let tables = array::from_fn(|_| HashTable::new());
        Self { column: Vec::new(), tables, hasher: DefaultHashBuilder::default() }
    }
}

impl Ids {
    /// Adds the next row's id. Ids are unique in a store; should a forged log hold one twice, the first stays the
    /// one that is found.
    pub(super) fn push(&mut self, row: Row, id: EventId) {
        let (table, hash) = self.place(id);
        let same = |known: &Known| known.hash == hash && self.column[known.row.index()] == id;
        if let Entry::Vacant(vacant) =
            self.tables[table].entry(hash.whole(), same, |known| known.hash.whole())
        {
            vacant.insert(Known { row, hash });
        }
        self.column.push(id);
    }

    /// The id of a row.
    pub(super) fn get(&self, row: Row) -> EventId {
        self.column[row.index()]
    }

    /// The row of an id.
    pub(super) fn find(&self, id: EventId) -> Option<Row> {
        let (table, hash) = self.place(id);
        let same = |known: &Known| known.hash == hash && self.column[known.row.index()] == id;
        self.tables[table].find(hash.whole(), same).map(|known| known.row)
    }

    fn place(&self, id: EventId) -> (usize, HalfHash) {
        let [a, b, c, d, rest @ ..] = self.hasher.hash_one(id).to_be_bytes();
        let table = usize::from(rest[0]) % TABLES;
        (table, HalfHash(u32::from_be_bytes([a, b, c, d])))
    }
}

impl HalfHash {
    /// As long as the tables expect it. They look at the lowest bits and at the highest.
    fn whole(self) -> u64 {
        (u64::from(self.0) << 32) | u64::from(self.0)
    }
}
