//! The writer once more, as a vector and two groups, too simple to be wrong.

use std::collections::BTreeSet;

use causelog_types::{
    Clause, Coordinate, EventHash, EventKind, ExpectedRevision, NewEvent, Region, Revision,
};

use super::super::helpers::{command, id};
use crate::{AppendCondition, AppendErrorKind, Command};

/// An event as it is offered.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) id: u128,
    pub(super) stream: usize,
    pub(super) kind: usize,
    pub(super) night: bool,
    pub(super) payload: usize,
    pub(super) causes: Vec<u128>,
    pub(super) expected: ExpectedRevision,
}

/// Which events a condition is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    All,
    Stream(usize),
    Kind(usize),
    Night,
}

/// What is offered together.
#[derive(Clone, Debug)]
pub(super) struct Offers {
    pub(super) events: Vec<Offer>,
    pub(super) conditions: Vec<(Scope, u64)>,
    pub(super) durable: bool,
}

/// An event with its place. Its position is its place in the sequence of all.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) offer: Offer,
    pub(super) revision: u64,
    pub(super) depth: u32,
    /// Once a receipt has told it.
    pub(super) hash: Option<EventHash>,
}

/// Why nothing was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Empty,
    Twice(u128),
    Conflict(u128, usize),
    Partly(BTreeSet<u128>),
    Condition(u128, usize),
    NoCause(usize, u128),
    Revision(usize, Option<u64>),
    /// The log took nothing, and may another time.
    NotNow,
    /// The log failed.
    Failed,
    Poisoned,
    Other(String),
}

/// What offered events come to.
#[derive(Debug)]
pub(super) enum Verdict {
    Staged(Vec<Stored>),
    /// All are there, at these positions.
    Found(Vec<usize>),
    /// For one of these reasons, each with the event that it rests on.
    Refused(Vec<(Refusal, Option<usize>)>),
}

pub(super) fn stream(number: usize) -> Coordinate {
    Coordinate::new(["door", "siren", "lamp"][number], "home").unwrap()
}

pub(super) fn kind(number: usize) -> EventKind {
    [EventKind::of::<0x1001>(), EventKind::of::<0x1002>()][number]
}

impl Offer {
    fn build(&self) -> NewEvent {
        let event = NewEvent::new(&stream(self.stream), kind(self.kind), &"x".repeat(self.payload)).unwrap();
        let event = event.with_id(id(self.id)).caused_by(self.causes.iter().map(|cause| id(*cause))).unwrap();
        event.with_tags(self.night.then_some("night")).unwrap().expecting(self.expected)
    }

    fn has_content_of(&self, other: &Self) -> bool {
        let content = |offer: &Self| (offer.id, offer.stream, offer.kind, offer.night, offer.payload);
        content(self) == content(other) && self.causes == other.causes
    }
}

impl Scope {
    fn region(self) -> Region {
        match self {
            Self::All => Region::all(),
            Self::Stream(number) => Region::stream(&stream(number)),
            Self::Kind(number) => Region::from(Clause::new().kind(kind(number)).unwrap()),
            Self::Night => Region::from(Clause::new().tag("night").unwrap()),
        }
    }

    fn matches(self, offer: &Offer) -> bool {
        match self {
            Self::All => true,
            Self::Stream(number) => offer.stream == number,
            Self::Kind(number) => offer.kind == number,
            Self::Night => offer.night,
        }
    }
}

impl Offers {
    pub(super) fn build(&self) -> Command {
        let command = command(self.events.iter().map(Offer::build).collect());
        let condition = |(scope, from): &(Scope, u64)| AppendCondition {
            region: scope.region(),
            from: causelog_types::Position(*from),
        };
        let command = self.conditions.iter().map(condition).fold(command, Command::on_condition);
        if self.durable { command.durable() } else { command }
    }
}

/// Judges what is offered against everything that is committed or staged, in order.
pub(super) fn judge(all: &[Stored], offers: &Offers) -> Verdict {
    if offers.events.is_empty() {
        return Verdict::Refused(vec![(Refusal::Empty, None)]);
    }
    // By ids, in whatever order they are looked at.
    let (mut refusals, mut found) = (Vec::new(), Vec::new());
    for (number, offer) in offers.events.iter().enumerate() {
        if offers.events[..number].iter().any(|other| other.id == offer.id) {
            refusals.push((Refusal::Twice(offer.id), None));
        }
        if let Some(at) = all.iter().position(|stored| stored.offer.id == offer.id) {
            match all[at].offer.has_content_of(offer) {
                true => found.push(at),
                false => refusals.push((Refusal::Conflict(offer.id, at), Some(at))),
            }
        }
    }
    if !refusals.is_empty() {
        return Verdict::Refused(refusals);
    }
    if found.len() == offers.events.len() {
        return Verdict::Found(found);
    }
    if let Some(last) = found.iter().max() {
        let ids = found.iter().map(|at| all[*at].offer.id).collect();
        return Verdict::Refused(vec![(Refusal::Partly(ids), Some(*last))]);
    }
    let fails = |at: usize, stored: &Stored| {
        let applies = |from: u64| at >= usize::try_from(from).unwrap();
        offers.conditions.iter().any(|(scope, from)| applies(*from) && scope.matches(&stored.offer))
    };
    if let Some((at, stored)) = all.iter().enumerate().find(|(at, stored)| fails(*at, stored)) {
        return Verdict::Refused(vec![(Refusal::Condition(stored.offer.id, at), Some(at))]);
    }
    stage(all, offers)
}

fn stage(all: &[Stored], offers: &Offers) -> Verdict {
    let mut then = all.to_vec();
    for (number, offer) in offers.events.iter().enumerate() {
        let mut depth = 0;
        for cause in &offer.causes {
            match then.iter().find(|stored| stored.offer.id == *cause) {
                Some(stored) => depth = depth.max(stored.depth + 1),
                None => return Verdict::Refused(vec![(Refusal::NoCause(number, *cause), None)]),
            }
        }
        let last = then.iter().rposition(|stored| stored.offer.stream == offer.stream);
        let revision = last.map(|at| then[at].revision);
        let holds = match offer.expected {
            ExpectedRevision::Any => true,
            ExpectedRevision::Empty => revision.is_none(),
            ExpectedRevision::Exists => revision.is_some(),
            ExpectedRevision::Exactly(Revision(expected)) => revision == Some(expected),
        };
        if !holds {
            return Verdict::Refused(vec![(Refusal::Revision(number, revision), last)]);
        }
        let revision = revision.map_or(0, |revision| revision + 1);
        then.push(Stored { offer: offer.clone(), revision, depth, hash: None });
    }
    Verdict::Staged(then.split_off(all.len()))
}

/// A typed error in the model's words.
pub(super) fn refusal_of(error: &AppendErrorKind) -> Refusal {
    let place = |position: &causelog_types::Position| usize::try_from(position.0).unwrap();
    match error {
        AppendErrorKind::EmptyBatch => Refusal::Empty,
        AppendErrorKind::DuplicateId { id } => Refusal::Twice(id.as_u128()),
        AppendErrorKind::IdConflict { id, position } => Refusal::Conflict(id.as_u128(), place(position)),
        AppendErrorKind::PartlyStored { stored } => {
            Refusal::Partly(stored.iter().map(|id| id.as_u128()).collect())
        }
        AppendErrorKind::ConditionFailed { id, position, .. } => {
            Refusal::Condition(id.as_u128(), place(position))
        }
        AppendErrorKind::UnknownCause { index, cause } => Refusal::NoCause(*index, cause.as_u128()),
        AppendErrorKind::WrongRevision { index, actual, .. } => {
            Refusal::Revision(*index, actual.map(|revision| revision.0))
        }
        AppendErrorKind::Refused(_) => Refusal::NotNow,
        AppendErrorKind::LogFailed(_) => Refusal::Failed,
        AppendErrorKind::Poisoned(_) => Refusal::Poisoned,
        other => Refusal::Other(other.to_string()),
    }
}
