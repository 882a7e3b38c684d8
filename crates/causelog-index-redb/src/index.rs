//! The backend.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog_index::{
    AppliedGroup, Counts, Index, IndexEntry, IndexError, IndexedHead, Selection, Watermark,
};
use causelog_io::Storage;
use causelog_types::{Coordinate, EventHash, EventId, Position};
use redb::{Database, Durability, ReadTransaction, ReadableDatabase as _};

use crate::apply::{add_events, add_gap, check};
use crate::error::{RedbError, damaged};
use crate::open::{self, Check};
use crate::record::Record;
use crate::select::select;
use crate::tables::{self, BEGUN, EFFECTS, EVENTS, GAPS, IDS, POSTINGS, STREAMS, State};

/// How many groups and events may be applied after one sync before the next.
const UNSYNCED_MAX: u64 = 16 * 1024;

/// The index in one database file. It gives no false matches.
///
/// # Durability
/// Every group is one transaction, which moves the watermark too. Every 16,384 groups and events, and when the index
/// is dropped, the file is synced; a crash takes back what was applied since the last sync, and the watermark tells
/// the store from where to apply it again.
///
/// # Files
/// One file, which one index has open at a time. It belongs beside the store's directory, not into it: a store
/// reports names that it does not know. A damaged file is set aside under its name with `.damaged` behind it, in
/// place of any older one, and made anew; so is one of another layout. What is no database of an index is refused.
///
/// # Locking
/// Readers see the last whole group, share no lock with the writer, and keep none when a method returns.
pub struct RedbIndex {
    pub(crate) database: Database,
    /// Where it is, for messages.
    file: String,
    /// How many groups and events have been applied since the last sync.
    unsynced: AtomicU64,
    /// As many as that are followed by a sync.
    pub(crate) unsynced_max: u64,
}

impl RedbIndex {
    /// Opens a database file, or makes it; its directory must be there. Every page is checked.
    ///
    /// # Errors
    /// See [`RedbError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RedbError> {
        let (storage, name) = open::split(path.as_ref())?;
        Self::open_in(storage, name, Check::WholeFile)
    }

    /// As [`RedbIndex::open`], in a directory of any kind, with the check that is asked for.
    ///
    /// # Errors
    /// See [`RedbError`].
    pub fn open_in(storage: Arc<dyn Storage>, name: &str, check: Check) -> Result<Self, RedbError> {
        let database = open::open(&*storage, name, check)?;
        let file = format!("{}/{name}", storage.display());
        // The first group is synced too: what a crash leaves from then on is opened without reading all of it.
        Ok(Self { database, file, unsynced: AtomicU64::new(UNSYNCED_MAX), unsynced_max: UNSYNCED_MAX })
    }

    /// Puts a question to the last whole group.
    fn ask<T>(
        &self,
        question: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, IndexError> {
        let transaction = self.database.begin_read().map_err(|error| self.failed(error.into()))?;
        question(&transaction).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: redb::Error) -> IndexError {
        RedbError::Database { file: self.file.clone(), source: Box::new(error) }.into()
    }

    fn write(&self, group: &AppliedGroup<'_>, known: Option<State>, new: usize) -> Result<(), redb::Error> {
        let next = known.map_or(0, |known| known.watermark.next.0);
        let counted = known.map_or((0, 0), |known| (known.lists, known.streams));
        let mut state = State { watermark: group.after, lists: counted.0, streams: counted.1 };
        let events = group.events.get(new..).unwrap_or_default();
        let work = u64::try_from(events.len()).unwrap_or(u64::MAX).saturating_add(1);
        let unsynced = self.unsynced.load(Ordering::Relaxed).saturating_add(work);
        let sync = unsynced >= self.unsynced_max;
        let mut transaction = self.database.begin_write()?;
        if !sync {
            let set = transaction.set_durability(Durability::None);
            set.map_err(|error| damaged(&error.to_string()))?;
        } else {
            // What a crash leaves can then be used without reading all of it.
            transaction.set_quick_repair(true);
        }
        match events.is_empty() {
            true => add_gap(&transaction, next, group.after.next.0)?,
            false => add_events(&transaction, &mut state, events)?,
        }
        state.write(&transaction)?;
        transaction.commit()?;
        self.unsynced.store(if sync { 0 } else { unsynced }, Ordering::Relaxed);
        Ok(())
    }
}

impl fmt::Debug for RedbIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbIndex").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Index for RedbIndex {
    fn watermark(&self) -> Result<Option<Watermark>, IndexError> {
        self.ask(|transaction| Ok(State::read(transaction)?.map(|state| state.watermark)))
    }

    fn reset(&self) -> Result<(), IndexError> {
        let made = || -> Result<(), redb::Error> {
            let transaction = self.database.begin_write()?;
            tables::make(&transaction)?;
            Ok(transaction.commit()?)
        };
        made().map_err(|error| self.failed(error))
    }

    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError> {
        let known = self.ask(State::read)?;
        let new = check(group, known.as_ref())?;
        if known.is_some_and(|known| group.after.next <= known.watermark.next)
            || group.after.next == Position(0)
        {
            return Ok(());
        }
        self.write(group, known, new).map_err(|error| self.failed(error))
    }

    fn heads(
        &self,
        streams: &[&Coordinate],
        as_of: Position,
    ) -> Result<Vec<Option<IndexedHead>>, IndexError> {
        self.ask(|transaction| streams.iter().map(|stream| head(transaction, stream, as_of)).collect())
    }

    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError> {
        self.ask(|transaction| {
            let positions = transaction.open_table(IDS)?;
            let found = ids.iter().map(|id| {
                let position = positions.get(id.as_u128())?.map(|position| position.value());
                let visible = position.filter(|position| *position < as_of.0);
                visible.map(|position| entry(transaction, position)).transpose()
            });
            found.collect()
        })
    }

    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError> {
        self.ask(|transaction| select(transaction, selection))
    }

    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError> {
        if from >= as_of {
            return Ok(Vec::new());
        }
        self.ask(|transaction| {
            let cause = cause.as_u128();
            let effects = transaction.open_table(EFFECTS)?.range((cause, from.0)..(cause, as_of.0))?;
            effects.take(limit).map(|effect| entry(transaction, effect?.0.value().1)).collect()
        })
    }

    fn counts(&self, as_of: Position) -> Result<Counts, IndexError> {
        self.ask(|transaction| {
            let next = State::read(transaction)?.map_or(0, |state| state.watermark.next.0);
            let end = next.min(as_of.0);
            let last = transaction.open_table(GAPS)?.range(..end)?.next_back().transpose()?;
            let lost = last.map_or(0, |(_, gap)| {
                let (gap_end, lost) = gap.value();
                lost - gap_end.saturating_sub(end)
            });
            let begun = transaction.open_table(BEGUN)?.range(..end)?.next_back().transpose()?;
            Ok(Counts { events: end - lost, streams: begun.map_or(0, |(_, streams)| streams.value()) })
        })
    }

    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError> {
        self.ask(|transaction| {
            let gaps = transaction.open_table(GAPS)?.range(..as_of.0)?;
            let clipped = gaps.map(|gap| {
                let (start, gap) = gap?;
                Ok(Position(start.value())..Position(gap.value().0).min(as_of))
            });
            clipped.collect()
        })
    }
}

fn entry(transaction: &ReadTransaction, position: u64) -> Result<IndexEntry, redb::Error> {
    Ok(record(transaction, position)?.entry(position))
}

fn record(transaction: &ReadTransaction, position: u64) -> Result<Record, redb::Error> {
    let record = transaction.open_table(EVENTS)?.get(position)?;
    Record::decode(record.ok_or_else(|| damaged("an event is missing"))?.value())
}

fn head(
    transaction: &ReadTransaction,
    stream: &Coordinate,
    as_of: Position,
) -> Result<Option<IndexedHead>, redb::Error> {
    let key = (stream.entity(), stream.scope());
    let Some(row) = transaction.open_table(STREAMS)?.get(key)? else { return Ok(None) };
    let (number, _, last, hash) = row.value();
    if last < as_of.0 {
        return Ok(Some(record(transaction, last)?.head(last, Some(EventHash(*hash)))));
    }
    let older = transaction.open_table(POSTINGS)?.range((number, 0)..(number, as_of.0))?.next_back();
    let Some((posting, ())) = older.transpose()?.map(|(posting, value)| (posting, value.value())) else {
        return Ok(None);
    };
    let (_, position) = posting.value();
    record(transaction, position).map(|record| Some(record.head(position, None)))
}
