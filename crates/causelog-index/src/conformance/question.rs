//! Questions to an index, and whether it answers as the model does.

use causelog_types::{Coordinate, EventId, Position, Region};
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::test_runner::TestCaseError;
use proptest::{option, prop_assert, prop_assert_eq, prop_oneof};

use super::Answers;
use super::draw::{self, ENTITIES, RegionSpec, SCOPES};
use super::history::{History, id};
use super::model::Model;
use crate::{Direction, Index, IndexEntry, Selection};

/// A question as of the end of a group.
#[derive(Clone, Debug)]
pub(super) struct Question {
    ask: Ask,
    /// The group, to be brought into range; the last one unless given.
    as_of: Option<u16>,
}

/// What is asked.
#[derive(Clone, Debug)]
enum Ask {
    Select {
        region: RegionSpec,
        /// The end that the direction begins at, unless given.
        from: Option<u64>,
        direction: Direction,
        limit: usize,
    },
    Pages {
        region: RegionSpec,
        direction: Direction,
        limit: usize,
    },
    Heads,
    Lookups,
    Effects {
        cause: usize,
        from: u64,
        limit: usize,
    },
    Counts,
}

pub(super) fn selects() -> impl Strategy<Value = Question> {
    let from = option::of(0..200_u64);
    as_of(
        (draw::region(), from, direction(), limit())
            .prop_map(|(region, from, direction, limit)| Ask::Select { region, from, direction, limit }),
    )
}

pub(super) fn pages() -> impl Strategy<Value = Question> {
    as_of((draw::region(), direction(), limit()).prop_map(|(region, direction, limit)| Ask::Pages {
        region,
        direction,
        limit,
    }))
}

pub(super) fn heads() -> impl Strategy<Value = Question> {
    as_of(select(&[Ask::Heads][..]))
}

pub(super) fn lookups() -> impl Strategy<Value = Question> {
    as_of(select(&[Ask::Lookups][..]))
}

pub(super) fn effects() -> impl Strategy<Value = Question> {
    let cause = prop_oneof![0..4_usize, 0..250_usize];
    let from = prop_oneof![select(&[0_u64][..]), 0..200_u64];
    as_of((cause, from, limit()).prop_map(|(cause, from, limit)| Ask::Effects { cause, from, limit }))
}

pub(super) fn counts() -> impl Strategy<Value = Question> {
    as_of(select(&[Ask::Counts][..]))
}

/// Any question.
pub(super) fn any_question() -> impl Strategy<Value = Question> {
    prop_oneof![4 => selects(), 1 => pages(), 1 => heads(), 1 => lookups(), 2 => effects(), 1 => counts()]
}

fn as_of(ask: impl Strategy<Value = Ask>) -> impl Strategy<Value = Question> {
    (ask, option::of(any::<u16>())).prop_map(|(ask, as_of)| Question { ask, as_of })
}

fn direction() -> impl Strategy<Value = Direction> {
    select(&[Direction::Forwards, Direction::Backwards][..])
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![1..6_usize, select(&[1_000, usize::MAX][..])]
}

impl Question {
    /// Asks the index and the model, when so many groups have been applied.
    pub(super) fn check(
        &self,
        index: &impl Index,
        answers: Answers,
        history: &History,
        groups: usize,
    ) -> Result<(), TestCaseError> {
        let group = self.as_of.map_or(groups, |drawn| usize::from(drawn) % (groups + 1));
        let as_of = history.end(history.start(group));
        let model = Model::new(history, history.start(groups), as_of);
        let begin = |direction| match direction {
            Direction::Forwards => Position(0),
            Direction::Backwards => as_of,
        };
        match &self.ask {
            Ask::Select { region, from, direction, limit } => {
                let from = from.map_or(begin(*direction), Position);
                let (direction, limit) = (*direction, *limit);
                let selection = Selection { region: &region.build()?, from, direction, limit, as_of };
                check_select(index, answers, &model, &selection).map(drop)
            }
            Ask::Pages { region, direction, limit } => {
                let (from, direction, limit) = (begin(*direction), *direction, *limit);
                let selection = Selection { region: &region.build()?, from, direction, limit, as_of };
                check_pages(index, answers, &model, &selection)
            }
            Ask::Heads => check_heads(index, &model, as_of),
            Ask::Lookups => check_lookups(index, &model, history, as_of),
            Ask::Effects { cause, from, limit } => {
                let (cause, from) = (id(*cause), Position(*from));
                prop_assert_eq!(
                    index.effects(cause, from, *limit, as_of)?,
                    model.effects(cause, from, *limit)
                );
                Ok(())
            }
            Ask::Counts => {
                prop_assert_eq!(index.counts(as_of)?, model.counts());
                Ok(())
            }
        }
    }
}

/// Everything that can be asked of a region, streams, ids and counts as of the end of a group.
pub(super) fn check_everything(
    index: &impl Index,
    answers: Answers,
    history: &History,
    applied: usize,
    as_of: Position,
) -> Result<(), TestCaseError> {
    let model = Model::new(history, applied, as_of);
    let region = Region::all().with_library_events();
    let (from, direction, limit) = (Position(0), Direction::Forwards, usize::MAX);
    check_select(index, answers, &model, &Selection { region: &region, from, direction, limit, as_of })?;
    check_heads(index, &model, as_of)?;
    check_lookups(index, &model, history, as_of)?;
    prop_assert_eq!(index.effects(id(0), from, limit, as_of)?, model.effects(id(0), from, limit));
    prop_assert_eq!(index.counts(as_of)?, model.counts());
    Ok(())
}

/// Asks for one page and returns it.
pub(super) fn check_select(
    index: &impl Index,
    answers: Answers,
    model: &Model<'_>,
    selection: &Selection<'_>,
) -> Result<Vec<IndexEntry>, TestCaseError> {
    let answer = index.select(selection)?;
    let mut expected = model.matches(selection);
    if answers == Answers::Exact {
        expected.truncate(selection.limit);
        prop_assert_eq!(&answer, &expected, "{:?}", selection);
        return Ok(answer);
    }
    prop_assert!(answer.len() <= selection.limit, "{} entries for {:?}", answer.len(), selection);
    let mut ahead = model.ahead(selection.from, selection.direction).into_iter();
    for entry in &answer {
        // A false match must be an event all the same, ahead of the cursor and in its turn.
        prop_assert!(ahead.any(|event| event.entry() == *entry), "{:?} for {:?}", entry, selection);
    }
    if let Some(last) = answer.last().filter(|_| answer.len() == selection.limit) {
        expected.retain(|entry| match selection.direction {
            Direction::Forwards => entry.position <= last.position,
            Direction::Backwards => entry.position >= last.position,
        });
    }
    let found: Vec<IndexEntry> = answer.iter().filter(|entry| expected.contains(entry)).copied().collect();
    prop_assert_eq!(found, expected, "{:?}", selection);
    Ok(answer)
}

/// Asks page by page until there is no more.
fn check_pages(
    index: &impl Index,
    answers: Answers,
    model: &Model<'_>,
    first: &Selection<'_>,
) -> Result<(), TestCaseError> {
    let mut selection = *first;
    loop {
        let page = check_select(index, answers, model, &selection)?;
        match page.last() {
            Some(last) if page.len() == selection.limit => {
                selection.from = match selection.direction {
                    Direction::Forwards => Position(last.position.0 + 1),
                    Direction::Backwards => last.position,
                };
            }
            _ => return Ok(()),
        }
    }
}

/// Asks for the heads of every stream there could be.
fn check_heads(index: &impl Index, model: &Model<'_>, as_of: Position) -> Result<(), TestCaseError> {
    let mut streams = vec![Coordinate::new("nobody", "nowhere")?];
    for (entity, scope) in ENTITIES.iter().flat_map(|entity| SCOPES.iter().map(move |scope| (entity, scope)))
    {
        streams.push(Coordinate::new(entity, scope)?);
    }
    let asked: Vec<&Coordinate> = streams.iter().collect();
    let answer = index.heads(&asked, as_of)?;
    prop_assert_eq!(answer.len(), asked.len());
    for (stream, found) in asked.into_iter().zip(answer) {
        let mut expected = model.head(stream);
        if let (Some(expected), Some(found)) = (&mut expected, &found) {
            // The hash of an older head may be missing, but not that of the newest.
            if found.hash.is_none() && !model.is_newest(stream, expected.position) {
                expected.hash = None;
            }
        }
        prop_assert_eq!(found, expected, "{:?} as of {}", stream, as_of);
    }
    Ok(())
}

/// Looks up every id of the history, those not applied too, and one that is never given.
fn check_lookups(
    index: &impl Index,
    model: &Model<'_>,
    history: &History,
    as_of: Position,
) -> Result<(), TestCaseError> {
    let known = history.events.iter().map(|event| event.header.id).rev();
    let ids: Vec<EventId> = known.chain([EventId::from_u128(0)]).collect();
    let expected: Vec<Option<IndexEntry>> = ids.iter().map(|id| model.lookup(*id)).collect();
    prop_assert_eq!(index.lookup(&ids, as_of)?, expected, "as of {}", as_of);
    Ok(())
}
