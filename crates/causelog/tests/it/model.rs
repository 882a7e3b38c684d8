//! The model: a vector of events and rules written down once more, too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use causelog::{
    AppendErrorKind, AppendReceipt, Coordinate, EventId, EventKind, ExpectedRevision, NewEvent, Outcome,
    Payload,
};

use crate::compare::Ask;

/// An event as a test offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) id: EventId,
    pub(crate) stream: Coordinate,
    pub(crate) kind: EventKind,
    pub(crate) version: u16,
    pub(crate) causes: Vec<EventId>,
    pub(crate) correlation: Option<EventId>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) occurred_ms: Option<i64>,
    pub(crate) payload: Vec<u8>,
}

/// An event as the model holds it. Its position is its place in the vector.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) offer: Offer,
    pub(crate) revision: u64,
    pub(crate) depth: u32,
    pub(crate) recorded: (u64, u32),
    pub(crate) remaining: u32,
    pub(crate) receipt: AppendReceipt,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) events: Vec<Stored>,
}

/// What an append must come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// All are written, with these revisions and depths.
    Written(Vec<(u64, u32)>),
    /// All stand in the store, at these positions.
    Found(Vec<usize>),
    Refused(Refusal),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Empty,
    Twice(EventId),
    Conflict(EventId),
    Partly(Vec<EventId>),
    Condition(EventId, usize),
    NoCause(usize, EventId),
    Revision(usize, Option<u64>),
    Other(String),
}

impl Offer {
    pub(crate) fn build(&self, expected: ExpectedRevision) -> NewEvent {
        let payload = Payload::from_msgpack(&self.payload).unwrap();
        let mut event = NewEvent::with_payload(&self.stream, self.kind, payload)
            .with_id(self.id)
            .with_payload_version(self.version)
            .caused_by(self.causes.iter().copied())
            .unwrap()
            .with_tags(&self.tags)
            .unwrap()
            .expecting(expected);
        if let Some(correlation) = self.correlation {
            event = event.with_correlation(correlation);
        }
        if let Some(occurred_ms) = self.occurred_ms {
            event = event.occurred_at_ms(occurred_ms);
        }
        event
    }
}

impl Model {
    pub(crate) fn find(&self, id: EventId) -> Option<usize> {
        self.events.iter().position(|stored| stored.offer.id == id)
    }

    pub(crate) fn of_stream<'a>(&'a self, stream: &'a Coordinate) -> impl Iterator<Item = &'a Stored> {
        self.events.iter().filter(move |stored| stored.offer.stream == *stream)
    }

    /// What appending this batch must come to, if no event of these regions may stand at these positions or later.
    pub(crate) fn judge(&self, batch: &[(Offer, ExpectedRevision)], conditions: &[(Ask, u64)]) -> Due {
        let refused = Due::Refused;
        if batch.is_empty() {
            return refused(Refusal::Empty);
        }
        for (i, (offer, _)) in batch.iter().enumerate() {
            if batch[..i].iter().any(|(other, _)| other.id == offer.id) {
                return refused(Refusal::Twice(offer.id));
            }
        }
        let mut found = Vec::new();
        for (offer, _) in batch {
            if let Some(at) = self.find(offer.id) {
                if !same_content(&self.events[at].offer, offer) {
                    return refused(Refusal::Conflict(offer.id));
                }
                found.push(at);
            }
        }
        if found.len() == batch.len() {
            return Due::Found(found);
        }
        if !found.is_empty() {
            return refused(Refusal::Partly(found.iter().map(|at| self.events[*at].offer.id).collect()));
        }
        let fails = |at: usize, stored: &Stored| {
            let applies = |from: u64| at >= usize::try_from(from).unwrap();
            conditions.iter().any(|(ask, from)| applies(*from) && ask.matches(at, stored))
        };
        if let Some((at, stored)) = self.events.iter().enumerate().find(|(at, stored)| fails(*at, stored)) {
            return refused(Refusal::Condition(stored.offer.id, at));
        }
        self.stage(batch)
    }

    fn stage(&self, batch: &[(Offer, ExpectedRevision)]) -> Due {
        let mut depths: BTreeMap<EventId, u32> =
            self.events.iter().map(|stored| (stored.offer.id, stored.depth)).collect();
        let mut due = Vec::new();
        for (i, (offer, expected)) in batch.iter().enumerate() {
            let mut depth = 0;
            for cause in &offer.causes {
                match depths.get(cause) {
                    Some(of_cause) => depth = depth.max(of_cause + 1),
                    None => return Due::Refused(Refusal::NoCause(i, *cause)),
                }
            }
            let staged = batch[..i].iter().filter(|(other, _)| other.stream == offer.stream).count();
            let count = u64::try_from(self.of_stream(&offer.stream).count() + staged).unwrap();
            let last = count.checked_sub(1);
            let holds = match expected {
                ExpectedRevision::Any => true,
                ExpectedRevision::Empty => count == 0,
                ExpectedRevision::Exists => count > 0,
                ExpectedRevision::Exactly(revision) => last == Some(revision.0),
            };
            if !holds {
                return Due::Refused(Refusal::Revision(i, last));
            }
            depths.insert(offer.id, depth);
            due.push((count, depth));
        }
        Due::Written(due)
    }

    /// Takes in a batch that was written when the clock showed `now_ms`.
    pub(crate) fn write(
        &mut self,
        batch: Vec<Offer>,
        due: &[(u64, u32)],
        got: &[AppendReceipt],
        now_ms: u64,
    ) {
        let mut remaining = u32::try_from(batch.len()).unwrap();
        for ((offer, (revision, depth)), receipt) in batch.into_iter().zip(due).zip(got) {
            remaining -= 1;
            let recorded = match self.events.last() {
                Some(last) if now_ms <= last.recorded.0 => (last.recorded.0, last.recorded.1 + 1),
                _ => (now_ms, 0),
            };
            let (revision, depth, receipt) = (*revision, *depth, *receipt);
            self.events.push(Stored { offer, revision, depth, recorded, remaining, receipt });
        }
    }

    /// The positions of all events that led to one, by asking again and again.
    pub(crate) fn ancestors(&self, at: usize) -> BTreeSet<usize> {
        let mut known = BTreeSet::from([at]);
        loop {
            let causes = known.iter().flat_map(|at| &self.events[*at].offer.causes);
            let grown: BTreeSet<usize> = causes.filter_map(|cause| self.find(*cause)).collect();
            if grown.is_subset(&known) {
                return known;
            }
            known.extend(grown);
        }
    }

    pub(crate) fn descendants(&self, at: usize) -> BTreeSet<usize> {
        (0..self.events.len()).filter(|other| self.ancestors(*other).contains(&at)).collect()
    }
}

fn same_content(a: &Offer, b: &Offer) -> bool {
    let correlation = |offer: &Offer| offer.correlation.unwrap_or(offer.id);
    correlation(a) == correlation(b)
        && Offer { correlation: None, ..a.clone() } == Offer { correlation: None, ..b.clone() }
}

/// A typed error in the model's words.
pub(crate) fn refusal_of(kind: &AppendErrorKind) -> Refusal {
    match kind {
        AppendErrorKind::EmptyBatch => Refusal::Empty,
        AppendErrorKind::DuplicateId { id } => Refusal::Twice(*id),
        AppendErrorKind::IdConflict { id, .. } => Refusal::Conflict(*id),
        AppendErrorKind::PartlyStored { stored } => Refusal::Partly(stored.clone()),
        AppendErrorKind::ConditionFailed { id, position, .. } => {
            Refusal::Condition(*id, usize::try_from(position.0).unwrap())
        }
        AppendErrorKind::UnknownCause { index, cause } => Refusal::NoCause(*index, *cause),
        AppendErrorKind::WrongRevision { index, actual, .. } => {
            Refusal::Revision(*index, actual.map(|revision| revision.0))
        }
        other => Refusal::Other(other.to_string()),
    }
}

/// A receipt as a retry gives it.
pub(crate) fn found(receipt: &AppendReceipt) -> AppendReceipt {
    AppendReceipt { outcome: Outcome::Found, ..*receipt }
}
