//! The rows by id.
//!
//! The tables hold row numbers alone; ids are compared and hashed anew in their column. There are many tables, so
//! that each grows by little: readers wait for that. Their shares of the ids rise from one to nearly two, evenly on
//! a logarithmic scale, so that they do not grow at the same time: at any count of ids some are nearly full and some
//! half empty, and the whole takes as much per id.

use std::hash::BuildHasher;

use causelog_types::EventId;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::columns::Columns;
use super::row::Row;

const TABLES: usize = 256;

/// The rows by id.
pub(super) struct Ids {
    tables: Vec<HashTable<Row>>,
    hasher: DefaultHashBuilder,
}

impl Default for Ids {
    fn default() -> Self {
        let tables = (0..TABLES).map(|_| HashTable::new()).collect();
        Self { tables, hasher: DefaultHashBuilder::default() }
    }
}

impl Ids {
    /// Adds the next row's id, which is not in the column yet. Ids are unique in a store; should a forged log hold
    /// one twice, the first stays the one that is found.
    pub(super) fn push(&mut self, row: Row, id: EventId, columns: &Columns) {
        let hash = self.hasher.hash_one(id);
        let same = |known: &Row| columns.id(*known) == id;
        let again = |known: &Row| self.hasher.hash_one(columns.id(*known));
        if let Entry::Vacant(vacant) = self.tables[table(hash)].entry(hash, same, again) {
            vacant.insert(row);
        }
    }

    /// The row of an id.
    pub(super) fn find(&self, id: EventId, columns: &Columns) -> Option<Row> {
        let hash = self.hasher.hash_one(id);
        self.tables[table(hash)].find(hash, |known| columns.id(*known) == id).copied()
    }
}

/// The table of a hash, by bits that the tables do not look at: they take the lowest and the highest.
fn table(hash: u64) -> usize {
    const WHOLE: usize = 1 << 16;
    let [_, _, high, low, ..] = hash.to_be_bytes();
    let part = usize::from(u16::from_be_bytes([high, low]));
    // The logarithm to base 2 of 1 + part, both as fractions, to within a hundredth.
    let bend = part * (WHOLE - part) / WHOLE;
    let logarithm = part + bend * 11 / 32;
    logarithm * TABLES / WHOLE
}
