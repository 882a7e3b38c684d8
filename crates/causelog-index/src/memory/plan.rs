//! Which rows to look at for a region: the lists that are shortest, or all rows.
//!
//! A plan may name rows that do not match, but never leaves out one that does.

use std::ops::Range;

use causelog_types::{Clause, EntityMatch, EventKind, KindMatch, Region};

use super::list::RowList;
use super::row::Row;
use super::state::State;

/// The rows to look at.
pub(super) enum Plan<'a> {
    /// All of them.
    Scan,
    /// Those in any of these lists.
    Merge(Vec<&'a RowList>),
}

/// Lists that together hold every row a clause matches.
#[derive(Default)]
struct Lists<'a> {
    lists: Vec<&'a RowList>,
    rows: usize,
}

/// What finding the place in one list costs, counted in rows looked at.
const SEEK_ROWS: usize = 4;
/// Most lists that are put together for one clause; the streams of a broad prefix may be many more.
const LISTS_MAX: usize = 4096;

/// Plans the search for the next `limit` matches among `rows`.
pub(super) fn plan<'a>(state: &'a State, region: &'a Region, rows: &Range<Row>, limit: usize) -> Plan<'a> {
    let mut merged = Lists::default();
    for clause in region.clauses() {
        let Some(narrowest) = narrowest(state, clause) else { return Plan::Scan };
        merged.rows = merged.rows.saturating_add(narrowest.rows);
        merged.lists.extend(narrowest.lists);
    }
    // What a scan looks at until it has met `limit` of the listed rows, if they are spread evenly.
    let left = rows.end.index().saturating_sub(rows.start.index());
    let scanned = left.min(limit.saturating_mul(state.columns.end().index()) / merged.rows.max(1));
    let looked_up = merged.lists.len().saturating_mul(SEEK_ROWS).saturating_add(limit.min(merged.rows));
    match scanned <= looked_up {
        true => Plan::Scan,
        false => Plan::Merge(merged.lists),
    }
}

/// The lists with the fewest rows for a clause; `None` when nothing is better than all rows.
fn narrowest<'a>(state: &'a State, clause: &'a Clause) -> Option<Lists<'a>> {
    let tags = clause.tag_matches().iter().map(|tag| state.tags.rows(tag));
    let single = tags.chain(clause.scope_match().map(|scope| state.scopes.rows(scope))).map(Lists::of);
    let best = single.chain(of_kinds(state, clause.kind_matches())).min_by_key(|lists| lists.rows);
    let rows_max = best.as_ref().map_or(state.columns.end().index(), |lists| lists.rows);
    of_streams(state, clause, rows_max).or(best)
}

fn of_kinds<'a>(state: &'a State, kinds: &[KindMatch]) -> Option<Lists<'a>> {
    let mut lists = Lists::default();
    for kind in kinds {
        match kind {
            KindMatch::Kind(kind) => state.kinds.get(kind).into_iter().for_each(|rows| lists.add(rows)),
            KindMatch::Category(category) => {
                let first = u16::from(category.bits()) << 12;
                let range = EventKind::from_bits(first)..=EventKind::from_bits(first | 0x0fff);
                state.kinds.range(range).for_each(|(_, rows)| lists.add(rows));
            }
        }
    }
    (!kinds.is_empty()).then_some(lists)
}

/// The lists of the streams a clause names, unless they are too many or hold more than `rows_max` rows.
fn of_streams<'a>(state: &'a State, clause: &'a Clause, rows_max: usize) -> Option<Lists<'a>> {
    let entities: &EntityMatch = clause.entity_match()?;
    let mut lists = Lists::default();
    let scope = match clause.scope_match() {
        None => None,
        Some(scope) => match state.scopes.known(scope) {
            Some(number) => Some(number),
            None => return Some(lists),
        },
    };
    for (looked, stream) in state.streams.of_entities(entities).enumerate() {
        if looked == LISTS_MAX || lists.rows > rows_max {
            return None;
        }
        if scope.is_none_or(|only| only == stream.scope) {
            lists.add(&stream.rows);
        }
    }
    (lists.rows <= rows_max).then_some(lists)
}

impl<'a> Lists<'a> {
    fn of(rows: Option<&'a RowList>) -> Self {
        let mut lists = Self::default();
        rows.into_iter().for_each(|rows| lists.add(rows));
        lists
    }

    fn add(&mut self, rows: &'a RowList) {
        self.rows = self.rows.saturating_add(rows.len());
        self.lists.push(rows);
    }
}
