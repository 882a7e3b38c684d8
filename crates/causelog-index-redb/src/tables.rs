//! What stands in the database: one table for each kind of question.
//!
//! Streams, scopes, kinds and tags are named by the numbers of their lists, which `NAMES` and `STREAMS` give.

use causelog_index::Watermark;
use causelog_types::{Position, Root, StoreId};
use redb::{ReadTransaction, TableDefinition, TableError, WriteTransaction};

/// Raised with every change of what the tables hold; a database of another layout is made anew.
pub(crate) const LAYOUT_VERSION: u32 = 1;

/// The layout's version under the name of every table's owner: what tells our database from another.
const LAYOUT: TableDefinition<'_, &str, u32> = TableDefinition::new("causelog-index");
const LAYOUT_KEY: &str = "layout";

/// Watermark and what is counted; empty while nothing is applied.
const STATE: TableDefinition<'_, u8, StateRow> = TableDefinition::new("state");
/// Store, next position and root of the watermark; the next list's number; streams.
type StateRow = (u128, u64, &'static [u8; 32], u32, u64);

/// Events by their positions: see `record`.
pub(crate) const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Positions by ids.
pub(crate) const IDS: TableDefinition<'_, u128, u64> = TableDefinition::new("ids");
/// Streams by entity and scope: number of the list, events, position and hash of the last.
pub(crate) const STREAMS: TableDefinition<'_, (&str, &str), StreamRow> = TableDefinition::new("streams");
pub(crate) type StreamRow = (u32, u64, u64, &'static [u8; 32]);
/// Scopes, kinds and tags: number of the list, events.
pub(crate) const NAMES: TableDefinition<'_, (u8, &[u8]), (u32, u64)> = TableDefinition::new("names");
/// The texts of streams (entity and scope) and tags (with an empty second) by their lists' numbers.
pub(crate) const TEXTS: TableDefinition<'_, u32, (&str, &str)> = TableDefinition::new("texts");
/// The lists: number, position.
pub(crate) const POSTINGS: TableDefinition<'_, (u32, u64), ()> = TableDefinition::new("postings");
/// Cause, position of the effect.
pub(crate) const EFFECTS: TableDefinition<'_, (u128, u64), ()> = TableDefinition::new("effects");
/// Where streams begin, and how many have begun by then.
pub(crate) const BEGUN: TableDefinition<'_, u64, u64> = TableDefinition::new("begun");
/// Where gaps begin and end, and how many positions all gaps up to this one take.
pub(crate) const GAPS: TableDefinition<'_, u64, (u64, u64)> = TableDefinition::new("gaps");

/// What has lists beside streams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name<'a> {
    Scope(&'a str),
    Kind([u8; 2]),
    Tag(&'a str),
}

impl Name<'_> {
    /// The key in `NAMES`. Kinds sort by category.
    pub(crate) fn key(&self) -> (u8, &[u8]) {
        match self {
            Self::Scope(text) => (0, text.as_bytes()),
            Self::Kind(bits) => (1, bits),
            Self::Tag(text) => (2, text.as_bytes()),
        }
    }
}

/// Up to where the index has been applied, and what is counted.
#[derive(Clone, Copy)]
pub(crate) struct State {
    pub(crate) watermark: Watermark,
    /// The number of the next list.
    pub(crate) lists: u32,
    pub(crate) streams: u64,
}

impl State {
    pub(crate) fn read(transaction: &ReadTransaction) -> Result<Option<Self>, redb::Error> {
        let Some(row) = transaction.open_table(STATE)?.get(0)? else { return Ok(None) };
        let (store, next, root, lists, streams) = row.value();
        let (store, next, root) = (StoreId::from_u128(store), Position(next), Root(*root));
        Ok(Some(Self { watermark: Watermark { store, next, root }, lists, streams }))
    }

    pub(crate) fn write(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let Watermark { store, next, root } = &self.watermark;
        let row = (store.as_u128(), next.0, &root.0, self.lists, self.streams);
        transaction.open_table(STATE)?.insert(0, row)?;
        Ok(())
    }
}

/// Which layout a database has; `None` if it has no table at all.
pub(crate) fn layout(transaction: &ReadTransaction) -> Result<Option<Layout>, redb::Error> {
    let table = match transaction.open_table(LAYOUT) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => {
            let others = transaction.list_tables()?.next().is_some();
            let others = others || transaction.list_multimap_tables()?.next().is_some();
            return Ok(others.then_some(Layout::Foreign));
        }
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(Some(Layout::Foreign)),
    };
    let version = table.get(LAYOUT_KEY)?.map(|version| version.value());
    Ok(Some(if version == Some(LAYOUT_VERSION) { Layout::Ours } else { Layout::Other }))
}

/// Whose tables a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Those of this version.
    Ours,
    /// Those of another version.
    Other,
    /// Another program's.
    Foreign,
}

/// Empties the database and makes its tables. One transaction, so that a crash leaves all of it or nothing.
pub(crate) fn make(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let old: Vec<_> = transaction.list_tables()?.collect();
    for table in old {
        transaction.delete_table(table)?;
    }
    transaction.open_table(LAYOUT)?.insert(LAYOUT_KEY, LAYOUT_VERSION)?;
    transaction.open_table(STATE)?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(IDS)?;
    transaction.open_table(STREAMS)?;
    transaction.open_table(NAMES)?;
    transaction.open_table(TEXTS)?;
    transaction.open_table(POSTINGS)?;
    transaction.open_table(EFFECTS)?;
    transaction.open_table(BEGUN)?;
    transaction.open_table(GAPS)?;
    Ok(())
}

/// Writes another version of the layout, as a later release would.
#[cfg(test)]
pub(crate) fn set_layout(transaction: &WriteTransaction, version: u32) {
    transaction.open_table(LAYOUT).unwrap().insert(LAYOUT_KEY, version).unwrap();
}
