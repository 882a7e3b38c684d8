//! Readers beside a writer.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use causelog_types::{Clause, Position, Region};
use proptest::prop_assert_eq;
use proptest::test_runner::TestCaseError;

use super::Answers;
use super::draw::{ENTITIES, EventSpec, HistorySpec, SCOPES};
use super::history::{History, id, position};
use super::model::Model;
use super::question::check_select;
use crate::{Direction, Index, Selection};

const GROUPS: usize = 400;
const READERS: usize = 3;

/// What the writer has said.
#[derive(Default)]
struct Published {
    /// How many events may be asked for.
    count: AtomicUsize,
    /// Whether there will be no more.
    over: AtomicBool,
}

/// Ends the readers, however the writer ends.
struct Over<'a>(&'a Published);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

/// Applies a history in one thread, while others ask as of what it has published.
pub(super) fn check(index: &impl Index, answers: Answers) -> Result<(), TestCaseError> {
    let history = history().build()?;
    let published = Published::default();
    thread::scope(|scope| {
        let readers: Vec<_> =
            (0..READERS).map(|_| scope.spawn(|| read(index, answers, &history, &published))).collect();
        let written = write(index, &history, &published);
        let mut outcomes = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|_| Err(TestCaseError::fail("a reader panicked"))));
        written.and(outcomes.try_for_each(|outcome| outcome))
    })
}

fn write(index: &impl Index, history: &History, published: &Published) -> Result<(), TestCaseError> {
    let _over = Over(published);
    for group in 0..history.groups() {
        history.apply(index, history.group(group))?;
        // Readers get a turn while a group is applied and not yet published.
        thread::yield_now();
        published.count.store(history.group(group).end, Ordering::Release);
    }
    Ok(())
}

/// Asks until the writer is done, and once more.
fn read(
    index: &impl Index,
    answers: Answers,
    history: &History,
    published: &Published,
) -> Result<(), TestCaseError> {
    let regions = [
        Region::all().with_library_events(),
        Clause::new().entity_prefix("user:1")?.into(),
        Clause::new().tag("b")?.into(),
        Clause::new().scope("home")?.into(),
    ];
    loop {
        let over = published.over.load(Ordering::Acquire);
        let as_of = position(published.count.load(Ordering::Acquire));
        for region in &regions {
            check_at(index, answers, history, region, as_of)?;
        }
        if over {
            prop_assert_eq!(index.counts(as_of)?, Model::new(history, history.events.len(), as_of).counts());
            return Ok(());
        }
    }
}

/// Asks as of a published position. The writer may be further, so heads may come without their hashes.
fn check_at(
    index: &impl Index,
    answers: Answers,
    history: &History,
    region: &Region,
    as_of: Position,
) -> Result<(), TestCaseError> {
    let model = Model::new(history, history.events.len(), as_of);
    for (direction, from) in [(Direction::Forwards, Position(0)), (Direction::Backwards, as_of)] {
        let limit = 50;
        check_select(index, answers, &model, &Selection { region, from, direction, limit, as_of })?;
    }
    let last = history.events.iter().map(|event| &event.header).take_while(|header| header.position < as_of);
    if let Some(header) = last.last() {
        let head = index.heads(&[&header.coordinate], as_of)?.into_iter().flatten().next();
        prop_assert_eq!(head.map(|head| head.position), Some(header.position));
        prop_assert_eq!(index.lookup(&[header.id], as_of)?, [model.lookup(header.id)]);
    }
    let (from, limit) = (Position(0), usize::MAX);
    prop_assert_eq!(index.effects(id(0), from, limit, as_of)?, model.effects(id(0), from, limit));
    prop_assert_eq!(index.counts(as_of)?, model.counts());
    Ok(())
}

/// The same history each time: groups of 1 to 5 events, spread over all streams.
fn history() -> HistorySpec {
    let event = |number: usize| EventSpec {
        entity: ENTITIES[number % ENTITIES.len()],
        scope: SCOPES[number / 7 % SCOPES.len()],
        kind: 0x1001,
        tags: if number.is_multiple_of(3) { vec!["a", "b"] } else { Vec::new() },
        causes: if number.is_multiple_of(4) { vec![0] } else { Vec::new() },
        later_ms: 1,
        bytes: 100,
    };
    let groups = (0..GROUPS).map(|group| (0..=group % 5).map(|at| event(group * 3 + at)).collect());
    HistorySpec(groups.collect())
}
