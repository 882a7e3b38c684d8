//! One index file of several that follow each other.

use std::sync::Arc;

use causelog_segment::Directory;
use causelog_types::Position;
use causelog_wire::{IndexKey, IndexRow, StreamEntry, decode_positions};

use crate::file::Unusable;
use crate::names::RunRange;
use crate::run::Run;
use crate::table::{Entries, Keep};
use crate::write::{Binding, RunWriter};

/// Called again and again while a merge goes on: it may end it, and does what cannot wait.
pub(crate) type Between<'a> = &'a dyn Fn() -> Result<(), Unusable>;

/// After so many rows or entries.
const OFTEN: u32 = 1024;

/// Writes the index file of several runs, each of which begins where the one before it ends. At least one is given.
pub(crate) fn merge(
    directory: &Directory,
    runs: &[Arc<Run>],
    between: Between<'_>,
) -> Result<RunRange, Unusable> {
    let headers = || runs.iter().map(|run| *run.file().header());
    let (Some(first), Some(last)) = (headers().next(), headers().next_back()) else {
        return Err(Unusable::Missing);
    };
    let range = RunRange { base: first.base, next: last.next };
    let binding = Binding {
        store: first.store,
        range,
        root_before: first.root_before,
        root: last.root,
        first_segment: first.first_segment,
    };
    let mut writer = RunWriter::new(directory, &binding)?;
    let (numbers, streams) = number_streams(runs, between)?;
    for (run, numbers) in runs.iter().zip(&numbers) {
        copy_rows(run, numbers, first.first_segment.0, &mut writer, between)?;
    }
    writer.rows_end(streams)?;
    copy_table(runs, &mut writer, between)?;
    writer.finish()?;
    Ok(range)
}

/// For each run, the number that each of its streams gets; and how many streams there are.
fn number_streams(runs: &[Arc<Run>], between: Between<'_>) -> Result<(Vec<Vec<u32>>, u64), Unusable> {
    let heads = IndexKey::heads_of_prefix("");
    let mut merging = Merging::default();
    let mut numbers = Vec::with_capacity(runs.len());
    for run in runs {
        merging.add(Entries::first_from(run.file(), heads.as_bytes())?);
        let streams = usize::try_from(run.file().header().streams).map_err(|_| Unusable::NotWhole)?;
        numbers.push(vec![u32::MAX; streams]);
    }
    let (mut number, mut name, mut seen) = (0_u32, Vec::new(), 0_u32);
    while let Some(source) = merging.least() {
        let key = merging.key(source);
        if !IndexKey::is_head(key) {
            break;
        }
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(OFTEN) {
            between()?;
        }
        if key != name {
            number += u32::from(!name.is_empty());
            name.clear();
            name.extend_from_slice(key);
        }
        let entry = StreamEntry::decode(merging.value(source))?;
        let place = usize::try_from(entry.number).unwrap_or(usize::MAX);
        *numbers[source].get_mut(place).ok_or(Unusable::NotWhole)? = number;
        merging.step(source)?;
    }
    Ok((numbers, u64::from(number) + u64::from(!name.is_empty())))
}

fn copy_rows(
    run: &Run,
    numbers: &[u32],
    first_segment: u64,
    writer: &mut RunWriter<'_>,
    between: Between<'_>,
) -> Result<(), Unusable> {
    let header = run.file().header();
    let segments = header.first_segment.0.checked_sub(first_segment);
    let segments = segments.and_then(|distance| u32::try_from(distance).ok()).ok_or(Unusable::NotWhole)?;
    let mut rows = run.rows_kept(Keep::No);
    for row in 0..u32::try_from(header.events()).map_err(|_| Unusable::NotWhole)? {
        if row % OFTEN == 0 {
            between()?;
        }
        let found = rows.get(row)?;
        let stream = usize::try_from(found.stream).ok().and_then(|stream| numbers.get(stream));
        let stream = stream.copied().filter(|number| *number != u32::MAX).ok_or(Unusable::NotWhole)?;
        let segment = found.segment.checked_add(segments).ok_or(Unusable::NotWhole)?;
        writer.row(&IndexRow { stream, segment, ..found })?;
    }
    Ok(())
}

fn copy_table(runs: &[Arc<Run>], writer: &mut RunWriter<'_>, between: Between<'_>) -> Result<(), Unusable> {
    let mut merging = Merging::default();
    for run in runs {
        merging.add(Some(Entries::first(run.file(), Keep::No)?));
    }
    let base = runs.first().map_or(Position(0), |run| run.range().base);
    // How many rows the earlier runs have.
    let before = |source: usize| {
        let rows = runs.get(source).map(|run| run.range().base.0.saturating_sub(base.0));
        rows.and_then(|rows| u32::try_from(rows).ok()).ok_or(Unusable::NotWhole)
    };
    let mut heads = Heads::default();
    let (mut positions, mut entries) = (Vec::new(), 0_u32);
    while let Some(source) = merging.least() {
        let (key, value) = (merging.key(source), merging.value(source));
        entries = entries.wrapping_add(1);
        if entries.is_multiple_of(OFTEN) {
            between()?;
        }
        if IndexKey::is_head(key) {
            let entry = StreamEntry::decode(value)?;
            let last_row = entry.last_row.checked_add(before(source)?).ok_or(Unusable::NotWhole)?;
            heads.take(key, StreamEntry { last_row, ..entry }, writer)?;
        } else {
            heads.end(writer)?;
            if IndexKey::holds_positions(key) {
                let (about, first) = IndexKey::split_position(key).ok_or(Unusable::NotWhole)?;
                decode_positions(first, value, &mut positions)?;
                positions.iter().try_for_each(|position| writer.position(about, Position(*position)))?;
            } else if IndexKey::is_id(key) {
                let row: [u8; 4] = value.try_into().map_err(|_| Unusable::NotWhole)?;
                let row = u32::from_le_bytes(row).checked_add(before(source)?).ok_or(Unusable::NotWhole)?;
                writer.entry(key, &row.to_le_bytes())?;
            } else {
                return Err(Unusable::NotWhole);
            }
        }
        merging.step(source)?;
    }
    heads.end(writer)
}

/// The head of the stream whose entries are being gone through: that of the last run counts.
#[derive(Default)]
struct Heads {
    key: Vec<u8>,
    entry: Option<StreamEntry>,
    number: u32,
}

impl Heads {
    fn take(&mut self, key: &[u8], entry: StreamEntry, writer: &mut RunWriter<'_>) -> Result<(), Unusable> {
        if self.key != key {
            self.end(writer)?;
            self.key.extend_from_slice(key);
        }
        self.entry = Some(entry);
        Ok(())
    }

    fn end(&mut self, writer: &mut RunWriter<'_>) -> Result<(), Unusable> {
        if let Some(entry) = self.entry.take() {
            writer.entry(&self.key, &StreamEntry { number: self.number, ..entry }.encode())?;
            self.number += 1;
        }
        self.key.clear();
        Ok(())
    }
}

/// The entries of several tables, the least key first; of equal ones, that of the earliest table.
#[derive(Default)]
struct Merging<'a> {
    sources: Vec<Option<Entries<'a>>>,
    keys: Vec<Vec<u8>>,
}

impl<'a> Merging<'a> {
    fn add(&mut self, entries: Option<Entries<'a>>) {
        let mut key = Vec::new();
        if let Some(entries) = &entries {
            entries.key_into(&mut key);
        }
        self.sources.push(entries);
        self.keys.push(key);
    }

    fn least(&self) -> Option<usize> {
        let there = (0..self.sources.len()).filter(|i| self.sources[*i].is_some());
        there.min_by(|a, b| self.keys[*a].cmp(&self.keys[*b]))
    }

    fn key(&self, source: usize) -> &[u8] {
        &self.keys[source]
    }

    fn value(&self, source: usize) -> &[u8] {
        self.sources[source].as_ref().map_or(&[], |entries| entries.value())
    }

    fn step(&mut self, source: usize) -> Result<(), Unusable> {
        let Some(entries) = &mut self.sources[source] else { return Ok(()) };
        if entries.step()? {
            entries.key_into(&mut self.keys[source]);
        } else {
            self.sources[source] = None;
        }
        Ok(())
    }
}
