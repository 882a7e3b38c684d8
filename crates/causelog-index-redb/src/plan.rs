//! Which lists to look at for a region: for each clause those that are shortest together.

use causelog_types::{Clause, EntityMatch, KindMatch, Region};
use redb::{ReadOnlyTable, ReadTransaction};

use crate::tables::{NAMES, Name, STREAMS, StreamRow};

/// Most streams that are looked at for one clause; those of a broad prefix may be many more.
const STREAMS_MAX: usize = 4096;

/// Lists that together hold every event a clause matches.
#[derive(Default)]
struct Lists {
    numbers: Vec<u32>,
    events: u64,
}

/// The tables that say which lists there are.
struct Dictionary {
    names: ReadOnlyTable<(u8, &'static [u8]), (u32, u64)>,
    streams: ReadOnlyTable<(&'static str, &'static str), StreamRow>,
}

/// The lists of a region, each once; `None` when only a look at all events finds its matches.
pub(crate) fn plan(transaction: &ReadTransaction, region: &Region) -> Result<Option<Vec<u32>>, redb::Error> {
    let names = transaction.open_table(NAMES)?;
    let dictionary = Dictionary { names, streams: transaction.open_table(STREAMS)? };
    let mut numbers = Vec::new();
    for clause in region.clauses() {
        let Some(narrowest) = dictionary.narrowest(clause)? else { return Ok(None) };
        numbers.extend(narrowest.numbers);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(Some(numbers))
}

impl Lists {
    fn add(&mut self, (number, events): (u32, u64)) {
        self.numbers.push(number);
        self.events = self.events.saturating_add(events);
    }
}

impl Dictionary {
    fn narrowest(&self, clause: &Clause) -> Result<Option<Lists>, redb::Error> {
        let mut best = self.of_kinds(clause.kind_matches())?;
        let tags = clause.tag_matches().iter().map(|tag| Name::Tag(tag));
        for name in tags.chain(clause.scope_match().map(Name::Scope)) {
            let lists = self.of_name(name)?;
            if best.as_ref().is_none_or(|best| lists.events < best.events) {
                best = Some(lists);
            }
        }
        let events_max = best.as_ref().map_or(u64::MAX, |best| best.events);
        let Some(entities) = clause.entity_match() else { return Ok(best) };
        Ok(self.of_streams(entities, clause.scope_match(), events_max)?.or(best))
    }

    fn of_name(&self, name: Name<'_>) -> Result<Lists, redb::Error> {
        let mut lists = Lists::default();
        if let Some(row) = self.names.get(name.key())? {
            lists.add(row.value());
        }
        Ok(lists)
    }

    fn of_kinds(&self, kinds: &[KindMatch]) -> Result<Option<Lists>, redb::Error> {
        let mut lists = Lists::default();
        for kind in kinds {
            let (first, last) = match kind {
                KindMatch::Kind(kind) => (kind.bits(), kind.bits()),
                KindMatch::Category(category) => {
                    let first = u16::from(category.bits()) << 12;
                    (first, first | 0x0fff)
                }
            };
            let (first, last) = (Name::Kind(first.to_be_bytes()), Name::Kind(last.to_be_bytes()));
            for row in self.names.range(first.key()..=last.key())? {
                lists.add(row?.1.value());
            }
        }
        Ok((!kinds.is_empty()).then_some(lists))
    }

    /// The lists of the streams that a clause names, unless they are too many or hold more than `events_max`.
    fn of_streams(
        &self,
        entities: &EntityMatch,
        scope: Option<&str>,
        events_max: u64,
    ) -> Result<Option<Lists>, redb::Error> {
        let mut lists = Lists::default();
        let text = match entities {
            EntityMatch::Exact(text) | EntityMatch::Prefix(text) => &**text,
        };
        if let (EntityMatch::Exact(_), Some(scope)) = (entities, scope) {
            if let Some(row) = self.streams.get((text, scope))? {
                lists.add((row.value().0, row.value().1));
            }
            return Ok((lists.events <= events_max).then_some(lists));
        }
        for (looked, row) in self.streams.range((text, "")..)?.enumerate() {
            let (key, row) = row?;
            let (entity, of_scope) = key.value();
            let named = match entities {
                EntityMatch::Exact(_) => entity == text,
                EntityMatch::Prefix(_) => entity.starts_with(text),
            };
            if !named {
                break;
            }
            if looked == STREAMS_MAX || lists.events > events_max {
                return Ok(None);
            }
            if scope.is_none_or(|scope| scope == of_scope) {
                lists.add((row.value().0, row.value().1));
            }
        }
        Ok((lists.events <= events_max).then_some(lists))
    }
}
