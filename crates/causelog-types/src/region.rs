//! `Region`: the one predicate for queries, cursors, subscriptions, projections and append conditions.

use std::ops::{Bound, Range, RangeBounds};

use crate::error::check_text;
use crate::tags::check_tag;
use crate::{Category, Coordinate, EventKind, InvalidValue, Position, Revision, limits};

/// Which events: any of 1 to 16 clauses, within ranges of position, revision and recorded time.
///
/// A region is checked and complete when it is made, and [`Region::matches`] is the only matcher there is:
/// whatever answers a question about a region agrees with it.
///
/// Library events (entities that start with `$`, and reserved kinds) are hidden unless asked for by
/// [`Region::with_library_events`] or by naming one stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    clauses: Vec<Clause>,
    positions: Range<u64>,
    revisions: Range<u64>,
    recorded_ms: Range<u64>,
    with_library: bool,
}

/// One alternative of a region: all that is said in it must hold. An empty clause matches every event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clause {
    entity: Option<EntityMatch>,
    scope: Option<Box<str>>,
    kinds: Vec<KindMatch>,
    tags: Vec<Box<str>>,
}

/// How a clause names entities.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntityMatch {
    /// This entity alone: `user:1` is not `user:10`.
    Exact(Box<str>),
    /// Every entity that starts so.
    Prefix(Box<str>),
}

/// How a clause names kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KindMatch {
    /// This kind alone.
    Kind(EventKind),
    /// Every kind of a category.
    Category(Category),
}

/// What a region looks at in an event.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a, T> {
    /// The entity.
    pub entity: &'a str,
    /// The scope.
    pub scope: &'a str,
    /// The kind.
    pub kind: EventKind,
    /// The tags, in any order.
    pub tags: &'a [T],
    /// The position in the store.
    pub position: Position,
    /// The revision in the stream.
    pub revision: Revision,
    /// The recorded wall time, in milliseconds since 1970-01-01 UTC.
    pub recorded_ms: u64,
}

/// Ranges end before `u64::MAX`, which therefore stands for "no end" and is no position, revision or time.
const EVERYTHING: Range<u64> = 0..u64::MAX;

impl Region {
    /// Every event but the library's own.
    #[must_use]
    pub fn all() -> Self {
        Clause::new().into()
    }

    /// Exactly one stream, whatever it holds.
    #[must_use]
    pub fn stream(coordinate: &Coordinate) -> Self {
        let clause = Clause {
            entity: Some(EntityMatch::Exact(coordinate.entity().into())),
            scope: Some(coordinate.scope().into()),
            ..Clause::default()
        };
        Self { with_library: true, ..clause.into() }
    }

    /// One entity in **all** scopes. `Region::entity("user:1")` does not match `user:10`.
    ///
    /// # Errors
    /// A text that no entity can be.
    pub fn entity(entity: impl AsRef<str>) -> Result<Self, InvalidValue> {
        Ok(Clause::new().entity(entity)?.into())
    }

    /// Any of several clauses.
    ///
    /// # Errors
    /// No clause, or more than 16.
    pub fn any_of(clauses: impl IntoIterator<Item = Clause>) -> Result<Self, InvalidValue> {
        let clauses: Vec<Clause> = clauses.into_iter().collect();
        match clauses.len() {
            0 => Err(InvalidValue::Empty { what: "the list of a region's clauses" }),
            1..=limits::CLAUSES_MAX => Ok(Self { clauses, ..Self::all() }),
            count => Err(InvalidValue::TooMany { what: "clauses", count, limit: limits::CLAUSES_MAX }),
        }
    }

    /// Only positions in this range, in place of any range given before.
    ///
    /// # Errors
    /// A range that ends before it begins.
    pub fn positions(self, range: impl RangeBounds<Position>) -> Result<Self, InvalidValue> {
        let range = half_open("positions", range.start_bound(), range.end_bound(), |p: &Position| p.0)?;
        Ok(Self { positions: range, ..self })
    }

    /// Only revisions in this range, in place of any range given before.
    ///
    /// # Errors
    /// A range that ends before it begins.
    pub fn revisions(self, range: impl RangeBounds<Revision>) -> Result<Self, InvalidValue> {
        let range = half_open("revisions", range.start_bound(), range.end_bound(), |r: &Revision| r.0)?;
        Ok(Self { revisions: range, ..self })
    }

    /// Only events recorded in this range of milliseconds since 1970-01-01 UTC, in place of any given before.
    ///
    /// # Errors
    /// A range that ends before it begins.
    pub fn recorded_ms(self, range: impl RangeBounds<u64>) -> Result<Self, InvalidValue> {
        let range = half_open("recorded times", range.start_bound(), range.end_bound(), |ms: &u64| *ms)?;
        Ok(Self { recorded_ms: range, ..self })
    }

    /// Shows library events as well.
    #[must_use]
    pub fn with_library_events(self) -> Self {
        Self { with_library: true, ..self }
    }

    /// Whether an event lies in the region.
    #[must_use]
    pub fn matches<T: AsRef<str>>(&self, facts: &Facts<'_, T>) -> bool {
        self.positions.contains(&facts.position.0)
            && self.revisions.contains(&facts.revision.0)
            && self.recorded_ms.contains(&facts.recorded_ms)
            && (self.with_library || !(facts.kind.is_library() || facts.entity.starts_with('$')))
            && self.clauses.iter().any(|clause| clause.matches(facts))
    }

    /// Its clauses, of which any may hold.
    #[must_use]
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The positions it is bound to: from the first to before the second.
    #[must_use]
    pub fn position_range(&self) -> Range<Position> {
        Position(self.positions.start)..Position(self.positions.end)
    }

    /// The recorded times it is bound to, in milliseconds: from the first to before the second.
    #[must_use]
    pub fn recorded_ms_range(&self) -> Range<u64> {
        self.recorded_ms.clone()
    }

    /// The revisions it is bound to: from the first to before the second.
    #[must_use]
    pub fn revision_range(&self) -> Range<Revision> {
        Revision(self.revisions.start)..Revision(self.revisions.end)
    }

    /// Whether library events show.
    #[must_use]
    pub fn has_library_events(&self) -> bool {
        self.with_library
    }
}

impl From<Clause> for Region {
    fn from(clause: Clause) -> Self {
        Self {
            clauses: vec![clause],
            positions: EVERYTHING,
            revisions: EVERYTHING,
            recorded_ms: EVERYTHING,
            with_library: false,
        }
    }
}

impl Clause {
    /// A clause that matches every event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This entity alone, in place of any named before.
    ///
    /// # Errors
    /// A text that no entity can be.
    pub fn entity(self, entity: impl AsRef<str>) -> Result<Self, InvalidValue> {
        check_text("entity", entity.as_ref(), limits::ENTITY_BYTES_MAX)?;
        Ok(Self { entity: Some(EntityMatch::Exact(entity.as_ref().into())), ..self })
    }

    /// Every entity that starts so, in place of any named before.
    ///
    /// # Errors
    /// A text that no entity can start with.
    pub fn entity_prefix(self, prefix: impl AsRef<str>) -> Result<Self, InvalidValue> {
        check_text("entity prefix", prefix.as_ref(), limits::ENTITY_BYTES_MAX)?;
        Ok(Self { entity: Some(EntityMatch::Prefix(prefix.as_ref().into())), ..self })
    }

    /// This scope alone, in place of any named before.
    ///
    /// # Errors
    /// A text that no scope can be.
    pub fn scope(self, scope: impl AsRef<str>) -> Result<Self, InvalidValue> {
        check_text("scope", scope.as_ref(), limits::SCOPE_BYTES_MAX)?;
        Ok(Self { scope: Some(scope.as_ref().into()), ..self })
    }

    /// This kind, or any other kind or category named in the clause.
    ///
    /// # Errors
    /// More than 16 kinds and categories.
    pub fn kind(self, kind: EventKind) -> Result<Self, InvalidValue> {
        self.any_kind(KindMatch::Kind(kind))
    }

    /// Every kind of this category, or any other kind or category named in the clause.
    ///
    /// # Errors
    /// More than 16 kinds and categories.
    pub fn category(self, category: Category) -> Result<Self, InvalidValue> {
        self.any_kind(KindMatch::Category(category))
    }

    /// With this tag, and every other tag named in the clause.
    ///
    /// # Errors
    /// A text that no tag can be, or more than 16 tags.
    pub fn tag(mut self, tag: impl AsRef<str>) -> Result<Self, InvalidValue> {
        check_tag(tag.as_ref())?;
        if !self.tags.iter().any(|known| **known == *tag.as_ref()) {
            self.tags.push(tag.as_ref().into());
        }
        match self.tags.len() {
            0..=limits::TAGS_MAX => Ok(self),
            count => Err(InvalidValue::TooMany { what: "tags", count, limit: limits::TAGS_MAX }),
        }
    }

    /// Which entities it names, if any.
    #[must_use]
    pub fn entity_match(&self) -> Option<&EntityMatch> {
        self.entity.as_ref()
    }

    /// Which scope it names, if any.
    #[must_use]
    pub fn scope_match(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Which kinds and categories it names; none means all.
    #[must_use]
    pub fn kind_matches(&self) -> &[KindMatch] {
        &self.kinds
    }

    /// Which tags it asks for.
    #[must_use]
    pub fn tag_matches(&self) -> &[Box<str>] {
        &self.tags
    }

    fn any_kind(mut self, kind: KindMatch) -> Result<Self, InvalidValue> {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        match self.kinds.len() {
            0..=limits::KINDS_MAX => Ok(self),
            count => Err(InvalidValue::TooMany { what: "kinds", count, limit: limits::KINDS_MAX }),
        }
    }

    fn matches<T: AsRef<str>>(&self, facts: &Facts<'_, T>) -> bool {
        let entity = match &self.entity {
            None => true,
            Some(EntityMatch::Exact(entity)) => **entity == *facts.entity,
            Some(EntityMatch::Prefix(prefix)) => facts.entity.starts_with(&**prefix),
        };
        entity
            && self.scope.as_ref().is_none_or(|scope| **scope == *facts.scope)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.matches(facts.kind)))
            && self.tags.iter().all(|tag| facts.tags.iter().any(|has| *has.as_ref() == **tag))
    }
}

impl KindMatch {
    /// Whether it names this kind.
    #[must_use]
    pub fn matches(self, kind: EventKind) -> bool {
        match self {
            Self::Kind(only) => only == kind,
            Self::Category(category) => category == kind.category(),
        }
    }
}

fn half_open<T>(
    what: &'static str,
    start: Bound<&T>,
    end: Bound<&T>,
    number: impl Fn(&T) -> u64,
) -> Result<Range<u64>, InvalidValue> {
    let start = match start {
        Bound::Included(first) => number(first),
        Bound::Excluded(before) => number(before).saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match end {
        Bound::Included(last) => number(last).saturating_add(1),
        Bound::Excluded(after) => number(after),
        Bound::Unbounded => u64::MAX,
    };
    match start <= end {
        true => Ok(start..end),
        false => Err(InvalidValue::ReversedRange { what, start, end }),
    }
}
