//! Random histories and regions, as plain data that shrinks well and is built later.

use std::ops::Range;

use causelog_types::{
    Category, Clause, Coordinate, EntityMatch, EventKind, InvalidValue, KindMatch, Position, Region, Revision,
};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::{Just, Strategy};
use proptest::{option, prop_oneof};

/// Entities that are easily mixed up: prefixes of each other, the library's own, more than one byte a character.
pub(super) const ENTITIES: &[&str] =
    &["u", "user:", "user:1", "user:10", "user:2", "user;", "order:1", "ördnung", "öre", "$log"];
/// Scopes. The first two are also ends of entities.
pub(super) const SCOPES: &[&str] = &["1", "10", "home"];
const KINDS: &[u16] = &[0x1000, 0x1001, 0x1fff, 0x2000, 0x2001, 0xf000, 0xffff, 0x0001, 0xd001];
const TAGS: &[&str] = &["a", "ab", "b", "1", "order:1", "order:10"];
/// What no event bears.
const UNKNOWN: &str = "nobody";

/// A history to be built: its groups.
#[derive(Clone, Debug)]
pub(super) struct HistorySpec(pub(super) Vec<Vec<EventSpec>>);

/// An event to be built.
#[derive(Clone, Debug)]
pub(super) struct EventSpec {
    pub(super) entity: &'static str,
    pub(super) scope: &'static str,
    pub(super) kind: u16,
    pub(super) tags: Vec<&'static str>,
    /// Numbers of earlier events, to be brought into range.
    pub(super) causes: Vec<u16>,
    /// By how much the clock has moved on.
    pub(super) later_ms: u64,
    pub(super) bytes: u32,
}

/// A region to be built.
#[derive(Clone, Debug)]
pub(super) enum RegionSpec {
    Stream { entity: &'static str, scope: &'static str },
    AnyOf { clauses: Vec<ClauseSpec>, ranges: RangesSpec, library: Library },
}

/// A clause to be built.
#[derive(Clone, Debug)]
pub(super) struct ClauseSpec {
    entity: Option<EntityMatch>,
    scope: Option<&'static str>,
    kinds: Vec<KindMatch>,
    tags: Vec<&'static str>,
}

/// The ranges of a region.
#[derive(Clone, Debug)]
pub(super) struct RangesSpec {
    positions: Option<Range<u64>>,
    revisions: Option<Range<u64>>,
    recorded_ms: Option<Range<u64>>,
}

/// Whether a region shows library events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    Hidden,
    Shown,
}

/// The wall time of the first event, at the earliest.
pub(super) const START_MS: u64 = 1_000;

/// Histories of up to 40 groups of up to 6 events.
pub(super) fn history() -> impl Strategy<Value = HistorySpec> {
    vec(vec(event(), 1..=6), 0..=40).prop_map(HistorySpec)
}

fn event() -> impl Strategy<Value = EventSpec> {
    let cause = prop_oneof![0..4_u16, any::<u16>()];
    let coordinate = (select(ENTITIES), select(SCOPES));
    (coordinate, select(KINDS), texts(TAGS, 3), vec(cause, 0..=3), 0..3_u64, 40..300_u32).prop_map(
        |((entity, scope), kind, tags, causes, later_ms, bytes)| EventSpec {
            entity,
            scope,
            kind,
            tags,
            causes,
            later_ms,
            bytes,
        },
    )
}

/// Any region: mostly of one or two clauses, sometimes exactly one stream.
pub(super) fn region() -> impl Strategy<Value = RegionSpec> {
    let stream =
        (known(ENTITIES), known(SCOPES)).prop_map(|(entity, scope)| RegionSpec::Stream { entity, scope });
    let library = select(&[Library::Hidden, Library::Shown][..]);
    let any_of = (vec(clause(), 1..=3), ranges(), library)
        .prop_map(|(clauses, ranges, library)| RegionSpec::AnyOf { clauses, ranges, library });
    prop_oneof![1 => stream, 6 => any_of]
}

fn clause() -> impl Strategy<Value = ClauseSpec> {
    let prefixes = &["u", "user:1", "user:", "ö", "öre", "order:1", "$", "z"][..];
    let entity = prop_oneof![
        known(ENTITIES).prop_map(|entity| EntityMatch::Exact(entity.into())),
        select(prefixes).prop_map(|prefix| EntityMatch::Prefix(prefix.into())),
    ];
    let kind = prop_oneof![
        select(KINDS).prop_map(|bits| KindMatch::Kind(EventKind::from_bits(bits))),
        select(KINDS).prop_map(|bits| KindMatch::Category(EventKind::from_bits(bits).category())),
    ];
    let kinds = prop_oneof![2 => Just(Vec::new()), 1 => vec(kind, 1..=2)];
    let tags = prop_oneof![16 => Just(Vec::new()), 8 => texts(TAGS, 2), 1 => Just(vec![UNKNOWN])];
    let (entity, scope) = (option::of(entity), option::weighted(0.3, known(SCOPES)));
    let parts = (entity, scope, kinds, tags);
    parts.prop_map(|(entity, scope, kinds, tags)| ClauseSpec { entity, scope, kinds, tags })
}

fn ranges() -> impl Strategy<Value = RangesSpec> {
    let positions = option::weighted(0.3, range(0, 150));
    let revisions = option::weighted(0.2, range(0, 12));
    let recorded_ms = option::weighted(0.3, range(START_MS, 150));
    (positions, revisions, recorded_ms).prop_map(|(positions, revisions, recorded_ms)| RangesSpec {
        positions,
        revisions,
        recorded_ms,
    })
}

fn range(start: u64, length_max: u64) -> impl Strategy<Value = Range<u64>> {
    let length = prop_oneof![0..10_u64, 0..=length_max];
    (start..=start + length_max, length).prop_map(|(start, length)| start..start + length)
}

/// Up to so many different texts.
fn texts(all: &'static [&'static str], count_max: usize) -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(all, 0..=count_max)
}

/// One of these, or now and then one that no event bears.
fn known(all: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => select(all), 1 => Just(UNKNOWN)]
}

impl RegionSpec {
    pub(super) fn build(&self) -> Result<Region, InvalidValue> {
        match self {
            Self::Stream { entity, scope } => Ok(Region::stream(&Coordinate::new(entity, scope)?)),
            Self::AnyOf { clauses, ranges, library } => {
                let clauses: Result<Vec<Clause>, InvalidValue> =
                    clauses.iter().map(ClauseSpec::build).collect();
                let region = ranges.bind(Region::any_of(clauses?)?)?;
                Ok(match library {
                    Library::Hidden => region,
                    Library::Shown => region.with_library_events(),
                })
            }
        }
    }
}

impl ClauseSpec {
    fn build(&self) -> Result<Clause, InvalidValue> {
        let mut clause = Clause::new();
        clause = match &self.entity {
            None => clause,
            Some(EntityMatch::Exact(entity)) => clause.entity(entity)?,
            Some(EntityMatch::Prefix(prefix)) => clause.entity_prefix(prefix)?,
        };
        if let Some(scope) = self.scope {
            clause = clause.scope(scope)?;
        }
        for kind in &self.kinds {
            clause = match kind {
                KindMatch::Kind(kind) => clause.kind(*kind)?,
                KindMatch::Category(category) => clause.category(Category::new(category.bits())?)?,
            };
        }
        self.tags.iter().try_fold(clause, |clause, tag| clause.tag(tag))
    }
}

impl RangesSpec {
    fn bind(&self, mut region: Region) -> Result<Region, InvalidValue> {
        if let Some(range) = &self.positions {
            region = region.positions(Position(range.start)..Position(range.end))?;
        }
        if let Some(range) = &self.revisions {
            region = region.revisions(Revision(range.start)..Revision(range.end))?;
        }
        if let Some(range) = &self.recorded_ms {
            region = region.recorded_ms(range.clone())?;
        }
        Ok(region)
    }
}
