//! Comparing every answer of an index with a scan of the log.

use std::collections::BTreeMap;
use std::ops::Range;

use causelog_index::{Counts, Direction, Index, IndexEntry, IndexedHead, Selection};
use causelog_segment::{Group, LogError, StoredEvent};
use causelog_types::{
    ByteOffset, Clause, Coordinate, EventId, EventKind, InvalidValue, Position, Region, widen,
};

use crate::{Finding, FindingKind, ReadError};

/// So many entries are asked for at once.
const PAGE: usize = 1024;
/// So many differences are told; whatever there are more are of no more use.
const DIFFERENCES_MAX: usize = 100;

/// What a comparison of an index with its log has covered and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexReport {
    /// Questions that were asked.
    pub questions: u64,
    /// Those that were answered otherwise than the log says; at most the first 100.
    pub findings: Vec<Finding>,
}

/// A question that an index answers otherwise than its log says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexQuestion {
    /// How many events and streams there are.
    #[error("how many events and streams there are")]
    Counts,
    /// Which positions hold no event.
    #[error("which events are lost")]
    Gaps,
    /// Where an event stands.
    #[error("where event {0} stands")]
    Event(EventId),
    /// The last event of a stream.
    #[error("which event is the last of stream {0}")]
    Head(Coordinate),
    /// What an event led to.
    #[error("what event {0} led to")]
    Effects(EventId),
    /// The events of an entity, in whatever scopes.
    #[error("which events entity {0:?} has")]
    Entity(Box<str>),
    /// The events of a scope.
    #[error("which events scope {0:?} has")]
    Scope(Box<str>),
    /// The events of a kind.
    #[error("which events kind {0} has")]
    Kind(EventKind),
    /// The events with a tag.
    #[error("which events have tag {0:?}")]
    Tag(Box<str>),
    /// All events.
    #[error("which events there are")]
    All,
}

/// What a region is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Entity(Box<str>),
    Scope(Box<str>),
    Kind(EventKind),
    Tag(Box<str>),
}

/// What a scan of the log says.
#[derive(Default)]
struct Scanned {
    entries: Vec<IndexEntry>,
    heads: BTreeMap<Coordinate, IndexedHead>,
    effects: BTreeMap<EventId, Vec<IndexEntry>>,
    regions: BTreeMap<Sort, Vec<IndexEntry>>,
    gaps: Vec<Range<Position>>,
    /// Where what comes next is due.
    next: Position,
}

impl Scanned {
    fn group(&mut self, group: &Group) {
        self.missing(group.header.base);
        if group.is_gap() {
            self.missing(group.header.next());
        }
        self.next = group.header.next();
        group.events.iter().for_each(|event| self.event(event));
    }

    /// Takes all before `end` that was not scanned for lost.
    fn missing(&mut self, end: Position) {
        let start = self.next;
        if end <= start {
            return;
        }
        match self.gaps.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => self.gaps.push(start..end),
        }
        self.next = end;
    }

    fn event(&mut self, event: &StoredEvent) {
        let header = &event.header;
        let (position, depth, location) = (header.position, header.dag.depth, event.location);
        let entry = IndexEntry { id: header.id, position, depth, location };
        self.entries.push(entry);
        let (revision, hlc, hash) = (header.revision, header.dag.hlc, Some(event.hash));
        let head = IndexedHead { position, revision, hlc, location, hash };
        self.heads.insert(header.coordinate.clone(), head);
        for cause in header.dag.causes.iter() {
            self.effects.entry(cause).or_default().push(entry);
        }
        let (entity, scope) = (header.coordinate.entity().into(), header.coordinate.scope().into());
        let of = [Sort::Entity(entity), Sort::Scope(scope), Sort::Kind(header.kind)];
        let tags = header.tags.iter().map(|tag| Sort::Tag(tag.into()));
        for group in of.into_iter().chain(tags) {
            self.regions.entry(group).or_default().push(entry);
        }
    }
}

/// Asks an index of a log, given by its groups, everything that can be asked of single ids, streams, causes, entities, scopes, kinds and
/// tags, and compares each answer with a scan of the log.
///
/// It holds about 300 bytes an event in memory.
///
/// # Errors
/// The log is damaged, or the index does not answer.
pub(crate) fn compare(
    index: &dyn Index,
    groups: impl Iterator<Item = Result<Group, LogError>>,
    as_of: Position,
    directory: String,
) -> Result<IndexReport, ReadError> {
    let mut scanned = Scanned::default();
    for group in groups {
        scanned.group(&group?);
    }
    scanned.missing(as_of);
    let mut compare = Compare { index, as_of, directory, report: IndexReport::default() };
    compare.totals(&scanned)?;
    compare.events(&scanned)?;
    compare.heads(&scanned)?;
    for (group, entries) in &scanned.regions {
        let (region, question) = asked(group)?;
        compare.region(&region, Direction::Forwards, entries, question)?;
    }
    let all = Region::all().with_library_events();
    compare.region(&all, Direction::Forwards, &scanned.entries, IndexQuestion::All)?;
    scanned.entries.reverse();
    compare.region(&all, Direction::Backwards, &scanned.entries, IndexQuestion::All)?;
    Ok(compare.report)
}

/// The region of all events of something, the library's too.
fn asked(group: &Sort) -> Result<(Region, IndexQuestion), ReadError> {
    let clause = |clause: Result<Clause, InvalidValue>| clause.map_err(index_failed);
    let (clause, question) = match group.clone() {
        Sort::Entity(entity) => (clause(Clause::new().entity(&entity))?, IndexQuestion::Entity(entity)),
        Sort::Scope(scope) => (clause(Clause::new().scope(&scope))?, IndexQuestion::Scope(scope)),
        Sort::Kind(kind) => (clause(Clause::new().kind(kind))?, IndexQuestion::Kind(kind)),
        Sort::Tag(tag) => (clause(Clause::new().tag(&tag))?, IndexQuestion::Tag(tag)),
    };
    Ok((Region::from(clause).with_library_events(), question))
}

fn index_failed(error: InvalidValue) -> ReadError {
    ReadError::Index(causelog_index::IndexError::Backend(Box::new(error)))
}

struct Compare<'a> {
    index: &'a dyn Index,
    as_of: Position,
    directory: String,
    report: IndexReport,
}

impl Compare<'_> {
    /// Notes an answer.
    fn answered(&mut self, is_right: bool, question: impl FnOnce() -> IndexQuestion) {
        self.report.questions += 1;
        if !is_right && self.report.findings.len() < DIFFERENCES_MAX {
            let (file, offset) = (self.directory.clone(), ByteOffset(0));
            self.report.findings.push(Finding { file, offset, kind: FindingKind::IndexDiffers(question()) });
        }
    }

    fn totals(&mut self, scanned: &Scanned) -> Result<(), ReadError> {
        let due = Counts { events: widen(scanned.entries.len()), streams: widen(scanned.heads.len()) };
        let found = self.index.counts(self.as_of)?;
        self.answered(found == due, || IndexQuestion::Counts);
        let found = self.index.gaps(self.as_of)?;
        self.answered(found == scanned.gaps, || IndexQuestion::Gaps);
        Ok(())
    }

    fn events(&mut self, scanned: &Scanned) -> Result<(), ReadError> {
        for page in scanned.entries.chunks(PAGE) {
            let ids: Vec<EventId> = page.iter().map(|entry| entry.id).collect();
            let found = self.index.lookup(&ids, self.as_of)?;
            for (i, due) in page.iter().enumerate() {
                let found = found.get(i).copied().flatten();
                self.answered(found == Some(*due), || IndexQuestion::Event(due.id));
            }
        }
        // Causes that are lost have effects too.
        for (id, due) in &scanned.effects {
            let is_right = self.effects(*id)? == *due;
            self.answered(is_right, || IndexQuestion::Effects(*id));
        }
        for entry in scanned.entries.iter().filter(|entry| !scanned.effects.contains_key(&entry.id)) {
            let is_right = self.effects(entry.id)?.is_empty();
            self.answered(is_right, || IndexQuestion::Effects(entry.id));
        }
        Ok(())
    }

    fn effects(&self, cause: EventId) -> Result<Vec<IndexEntry>, ReadError> {
        let (mut all, mut from) = (Vec::new(), Position(0));
        loop {
            let page = self.index.effects(cause, from, PAGE, self.as_of)?;
            all.extend_from_slice(&page);
            match page.last() {
                Some(last) if page.len() == PAGE && last.position >= from => {
                    from = Position(last.position.0.saturating_add(1));
                }
                _ => return Ok(all),
            }
        }
    }

    fn heads(&mut self, scanned: &Scanned) -> Result<(), ReadError> {
        for (stream, due) in &scanned.heads {
            let found = self.index.heads(&[stream], self.as_of)?.first().copied().flatten();
            // A head may come without its hash; whoever asks then takes it from the frame.
            let hash = found.and_then(|head| head.hash).or(due.hash);
            let found = found.map(|head| IndexedHead { hash, ..head });
            self.answered(found == Some(*due), || IndexQuestion::Head(stream.clone()));
        }
        Ok(())
    }

    /// Whether an index names every event of a region, in order, where it stands. It may name others too, which
    /// whoever reads them tells from the events themselves.
    fn region(
        &mut self,
        region: &Region,
        direction: Direction,
        due: &[IndexEntry],
        question: IndexQuestion,
    ) -> Result<(), ReadError> {
        let mut from = match direction {
            Direction::Forwards => Position(0),
            Direction::Backwards => self.as_of,
        };
        let mut due = due.iter().peekable();
        loop {
            let selection = Selection { region, from, direction, limit: PAGE, as_of: self.as_of };
            let page = self.index.select(&selection)?;
            for found in &page {
                due.next_if(|due| *due == found);
            }
            let moved = |last: &IndexEntry| match direction {
                Direction::Forwards => (last.position >= from).then(|| last.position.0.saturating_add(1)),
                Direction::Backwards => (last.position < from).then_some(last.position.0),
            };
            match page.last().and_then(moved) {
                Some(next) if page.len() == PAGE => from = Position(next),
                _ => break,
            }
        }
        let is_right = due.next().is_none();
        self.answered(is_right, || question);
        Ok(())
    }
}
