//! Reads, each against a loop over the model.

use std::collections::BTreeSet;

use causelog::{Query, Store};
use causelog_io::Environment;
use causelog_types::{Clause, Event, EventId, Position, Region, Revision};

use crate::fixture::{kind, options, stream};
use crate::input::Input;
use crate::store_ops::model::{Model, Stored, assert_event};

/// A region, and the same question asked of the model.
type Asked = (Region, Matches);

/// Whether an event of the model is meant.
type Matches = Box<dyn Fn(&Stored) -> bool>;

/// Events of a region, single events, heads.
pub(crate) fn query(store: &Store, model: &Model, input: &mut Input<'_>) {
    let (region, matches) = region(input);
    let mut expected: Vec<&Stored> = model.events.iter().filter(|stored| matches(stored)).collect();
    let mut query = Query::new(region);
    let from = input.flag().then(|| u64::from(input.byte()));
    if input.flag() {
        query = query.backwards();
        expected.retain(|stored| from.is_none_or(|from| stored.position < from));
        expected.reverse();
    } else {
        expected.retain(|stored| from.is_none_or(|from| stored.position >= from));
    }
    query = from.into_iter().fold(query, |query, from| query.from(Position(from)));
    if input.flag() {
        let limit = input.byte();
        query = query.limit(limit.into());
        expected.truncate(limit.into());
    }
    let events: Vec<Event> = store.read(query).collect::<Result<_, _>>().expect("the log can be read");
    assert_eq!(events.len(), expected.len());
    events.iter().zip(expected).for_each(|(event, stored)| assert_event(event, stored));
    one(store, model, input);
}

fn one(store: &Store, model: &Model, input: &mut Input<'_>) {
    let id = EventId::from_u128(input.byte().into());
    let event = store.get(id).expect("the log can be read");
    assert_eq!(event.is_some(), model.find(id).is_some());
    if let (Some(event), Some(position)) = (event, model.find(id)) {
        assert_event(&event, &model.events[position]);
    }
    let which = input.below(3);
    let head = store.head(&stream(which)).expect("the log can be read");
    let last = model.events.iter().rfind(|stored| stored.offer.stream == which);
    let place = head.map(|head| (head.position.0, head.revision.0, head.hash));
    assert_eq!(place, last.map(|last| (last.position, last.revision, last.hash)));
}

fn region(input: &mut Input<'_>) -> Asked {
    let which = input.below(3);
    let (region, matches): (_, Matches) = match input.below(9) {
        0 => (Ok(Region::stream(&stream(which))), Box::new(move |stored| stored.offer.stream == which)),
        1 => (Region::entity("user:1"), Box::new(|stored| stored.offer.stream != 1)),
        2 => (Clause::new().entity_prefix("user:1").map(Region::from), Box::new(|_| true)),
        3 => (Clause::new().scope("room").map(Region::from), Box::new(|stored| stored.offer.stream != 2)),
        4 => (
            Clause::new().kind(kind(which)).map(Region::from),
            Box::new(move |stored| stored.offer.kind == which),
        ),
        5 => (
            Clause::new().category(kind(0).category()).map(Region::from),
            Box::new(|stored| stored.offer.kind < 2),
        ),
        6 => (
            Clause::new().tag("loud").and_then(|clause| clause.tag("night")).map(Region::from),
            Box::new(|stored| stored.offer.tags.len() > 1),
        ),
        7 => (
            Clause::new()
                .tag("x")
                .and_then(|tagged| Region::any_of([tagged, Clause::new().kind(kind(which))?])),
            Box::new(move |stored| stored.offer.tags.contains(&"x") || stored.offer.kind == which),
        ),
        _ => (Ok(Region::all()), Box::new(|_| true)),
    };
    within(region.expect("the region is allowed"), matches, input)
}

/// Within a range of positions or of revisions.
fn within(region: Region, matches: Matches, input: &mut Input<'_>) -> Asked {
    let (first, count) = (u64::from(input.byte() % 32), u64::from(input.byte()));
    let end = first + count;
    match input.below(4) {
        0 => (
            region.positions(Position(first)..Position(end)).expect("the range is in order"),
            Box::new(move |stored| matches(stored) && (first..end).contains(&stored.position)),
        ),
        1 => (
            region.revisions(Revision(first)..Revision(end)).expect("the range is in order"),
            Box::new(move |stored| matches(stored) && (first..end).contains(&stored.revision)),
        ),
        _ => (region, matches),
    }
}

/// Causes of causes, and effects of effects.
pub(crate) fn graph(store: &Store, model: &Model, input: &mut Input<'_>) {
    let id = EventId::from_u128(input.byte().into());
    let Some(start) = model.find(id) else {
        assert!(store.ancestors(id).is_err() && store.descendants(id).is_err());
        return;
    };
    let causes = |i: usize| model.events[i].offer.causes.iter().filter_map(|id| model.find(*id));
    let mut earlier = BTreeSet::from([start]);
    for i in (0..=start).rev() {
        if earlier.contains(&i) {
            earlier.extend(causes(i));
        }
    }
    let mut later = BTreeSet::from([start]);
    for i in start..model.events.len() {
        if causes(i).any(|cause| later.contains(&cause)) {
            later.insert(i);
        }
    }
    let ancestors = store.ancestors(id).expect("it is there").map(|event| place(event.expect("it reads")));
    assert!(ancestors.eq(earlier.into_iter().rev()));
    let descendants =
        store.descendants(id).expect("it is there").map(|event| place(event.expect("it reads")));
    assert!(descendants.eq(later));
}

fn place(event: Event) -> usize {
    usize::try_from(event.header.position.0).expect("it fits")
}

/// A reader beside the writer sees all that was acknowledged, but for so many events that it was not told of.
pub(crate) fn beside(environment: &Environment, model: &Model, untold: usize) {
    let store = options().open_read_only_in(environment.clone()).expect("a reader opens beside a writer");
    let all = Region::all().with_library_events();
    let events: Vec<Event> = store.read(&all).collect::<Result<_, _>>().expect("the log can be read");
    let least = model.events.len().saturating_sub(untold);
    assert!(events.len() >= least, "{} of {} events show", events.len(), model.events.len());
    model.assert_begins(&events);
}
