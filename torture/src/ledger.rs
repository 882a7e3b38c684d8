//! The log as a plain list, and whether each append was allowed: conditions, expected revisions and causes, judged
//! without an index.
//!
//! What stands where is taken from acknowledgements and from what a recovery finds. Where an append of unknown fate
//! leaves a hole, the judgement waits for the next recovery.

use anyhow::{Context, Result, ensure};
use causelog_types::{
    Coordinate, Event, EventId, EventKind, ExpectedRevision, Facts, NewEvent, Position, Region, Revision,
    Tags,
};
use causelog_writer::{AppendError, AppendErrorKind, AppendReceipt, Outcome, Place};

use crate::offers::Offer;

/// An offer, and the end that was visible when it was made; nothing at all for a request that is no append.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What was offered.
    pub offer: Offer,
    /// The end then: the writer judges against what stands there and what is staged behind it.
    pub end: Position,
}

/// The answer to an append.
pub type Answer = Result<Vec<AppendReceipt>, AppendError>;

/// What stands at a position.
#[derive(Clone, Debug)]
struct Stood {
    id: EventId,
    stream: Coordinate,
    kind: EventKind,
    tags: Tags,
}

/// How many appends were judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Appends that were acknowledged, and allowed.
    pub allowed: u64,
    /// Appends that were refused, and rightly so.
    pub refused: u64,
    /// Appends that nobody can judge: what they rest on was lost with a weaker durability.
    pub open: u64,
}

/// The log as a plain list.
#[derive(Debug, Default)]
pub struct Ledger {
    slots: Vec<Option<Stood>>,
    /// Answers that rest on positions of which it is not known what stands there.
    later: Vec<(Asked, Answer)>,
    /// What was judged so far.
    pub judged: Judged,
}

impl Ledger {
    /// The revision of a stream's last event, as far as is known.
    #[must_use]
    pub fn last_revision(&self, stream: &Coordinate) -> Option<Revision> {
        self.last_before(stream, self.slots.len()).map(|(_, revision)| revision)
    }

    /// Takes note of where an acknowledged append has put its events.
    ///
    /// # Errors
    /// Something else was said to stand there.
    pub fn note(&mut self, asked: &Asked, answer: &Answer) -> Result<()> {
        let Ok(receipts) = answer else { return Ok(()) };
        for (event, receipt) in asked.offer.events.iter().zip(receipts) {
            let at = usize::try_from(receipt.position.0)?;
            if self.slots.len() <= at {
                self.slots.resize(at + 1, None);
            }
            let slot = &mut self.slots[at];
            let known = slot.as_ref().map(|known| known.id);
            ensure!(
                known.is_none_or(|known| known == receipt.id),
                "{known:?} stands at {at}, and {receipt:?}"
            );
            *slot = Some(Stood::offered(receipt.id, event));
        }
        Ok(())
    }

    /// Judges an answer, once all that were given with it are noted; or at the next recovery.
    ///
    /// # Errors
    /// The append was allowed and refused, or the other way round.
    pub fn judge(&mut self, asked: Asked, answer: Answer) -> Result<()> {
        if !self.judge_now(&asked, &answer)? {
            self.later.push((asked, answer));
        }
        Ok(())
    }

    /// Takes what a recovery has found for the log, and judges what has waited for it; refusals only if nothing that
    /// they may rest on `can_be_gone`.
    ///
    /// # Errors
    /// As [`Ledger::judge`].
    pub fn recovered(&mut self, events: &[Event], can_be_gone: bool) -> Result<()> {
        self.slots = events.iter().map(|event| Some(Stood::there(event))).collect();
        for (asked, answer) in std::mem::take(&mut self.later) {
            let lost = match &answer {
                Ok(receipts) => !receipts.iter().all(|receipt| self.stands(receipt.id, receipt.position)),
                Err(_) => can_be_gone,
            };
            let judged = !lost && self.judge_now(&asked, &answer)?;
            self.judged.open += u64::from(!judged);
        }
        Ok(())
    }

    /// Whether it could be judged; an error where it was judged wrong.
    fn judge_now(&mut self, asked: &Asked, answer: &Answer) -> Result<bool> {
        let shown = || format!("{:?} behind {:?}, answered by {answer:?}", asked.offer, asked.end);
        match answer {
            Ok(receipts) => {
                if receipts.iter().any(|receipt| receipt.outcome != Outcome::Written) {
                    // A retry: the conditions were judged the first time.
                    return Ok(true);
                }
                let Some(first) = receipts.first() else { return Ok(true) };
                let base = usize::try_from(first.position.0)?;
                if self.slots.iter().take(base).any(Option::is_none) {
                    return Ok(false);
                }
                self.check_allowed(&asked.offer, base, receipts).with_context(shown)?;
                self.judged.allowed += 1;
                Ok(true)
            }
            Err(error) => {
                let Some(right) = self.check_refused(asked, error.kind()).with_context(shown)? else {
                    return Ok(false);
                };
                self.judged.refused += u64::from(right);
                Ok(true)
            }
        }
    }

    /// An append that was written from `base` on must have been allowed there.
    fn check_allowed(&self, offer: &Offer, base: usize, receipts: &[AppendReceipt]) -> Result<()> {
        if let Some(condition) = &offer.condition {
            let from = usize::try_from(condition.from.0)?;
            let hit = self.first_match(&condition.region, from, base);
            ensure!(hit.is_none(), "its condition does not hold: {hit:?}");
        }
        for (index, (event, receipt)) in offer.events.iter().zip(receipts).enumerate() {
            let at = base + index;
            ensure!(receipt.position.0 == u64::try_from(at)?, "its events do not stand side by side");
            ensure!(self.place_of(receipt.id, at).is_none(), "its id stands in the store already");
            // The events of its own batch are in the list as well.
            let last = self.last_before(event.coordinate(), at).map(|(_, revision)| revision);
            ensure!(holds(event.expected(), last), "{:?} is expected, and it is {last:?}", event.expected());
            let due = last.map_or(0, |last| last.0 + 1);
            ensure!(receipt.revision.0 == due, "its revision is {}, and not {due}", receipt.revision);
            for cause in event.causes().as_slice() {
                ensure!(self.place_of(*cause, at).is_some(), "its cause {cause} is not there");
            }
        }
        Ok(())
    }

    /// Whether a refusal was right; `None` where what it rests on is not known yet, `false` where it says nothing that
    /// can be judged.
    fn check_refused(&self, asked: &Asked, kind: &AppendErrorKind) -> Result<Option<bool>> {
        match kind {
            AppendErrorKind::ConditionFailed { region, from, id, position, .. } => {
                let condition = asked.offer.condition.as_ref().context("it had no condition")?;
                ensure!(
                    (&condition.region, condition.from) == (&**region, *from),
                    "it had another condition"
                );
                let (from, at) = (usize::try_from(from.0)?, usize::try_from(position.0)?);
                let Some(Some(stood)) = self.slots.get(at) else { return Ok(None) };
                ensure!(stood.id == *id, "{} stands there", stood.id);
                let first = self.first_match(region, from, at + 1);
                ensure!(first == Some(at), "the first event of its region is at {first:?}");
                Ok(Some(true))
            }
            AppendErrorKind::WrongRevision { index, stream, expected, actual, place } => {
                let event = asked.offer.events.get(*index).context("there is no such event")?;
                ensure!((event.coordinate(), event.expected()) == (stream, *expected), "it expected another");
                ensure!(!holds(*expected, *actual), "it is as expected");
                self.check_actual(asked, *index, *actual, *place)
            }
            AppendErrorKind::UnknownCause { index, cause } => {
                let events = &asked.offer.events;
                let event = events.get(*index).context("there is no such event")?;
                ensure!(event.causes().as_slice().contains(cause), "it has another cause");
                let earlier = events.iter().take(*index).any(|earlier| earlier.id() == Some(*cause));
                let there = self.place_of(*cause, usize::try_from(asked.end.0)?);
                ensure!(!earlier && there.is_none(), "the cause is there: {there:?}");
                Ok(Some(true))
            }
            _ => Ok(Some(false)),
        }
    }

    /// Whether a stream was what a refusal says, when it was judged: at the end that was visible then, or behind it.
    fn check_actual(
        &self,
        asked: &Asked,
        index: usize,
        actual: Option<Revision>,
        place: Option<Place>,
    ) -> Result<Option<bool>> {
        let events = &asked.offer.events;
        let stream = events.get(index).map(NewEvent::coordinate).context("there is no such event")?;
        let in_batch = |n: &usize| events.get(*n).is_some_and(|event| event.coordinate() == stream);
        let before = (0..index).rfind(in_batch);
        let visible = usize::try_from(asked.end.0)?;
        match place {
            Some(Place::Batch(n)) => {
                ensure!(before == Some(n), "the last event of the stream in the batch is {before:?}");
                Ok(Some(true))
            }
            Some(Place::Store(position)) => {
                let at = usize::try_from(position.0)?;
                let Some(Some(stood)) = self.slots.get(at) else { return Ok(None) };
                ensure!(before.is_none() && stood.stream == *stream, "{stood:?} is not its last event");
                if self.slots.iter().take(at).any(Option::is_none) {
                    return Ok(None);
                }
                let found = self.last_before(stream, visible.max(at + 1).min(self.slots.len()));
                ensure!(found.is_some_and(|(last, _)| last == at), "the last event is at {found:?}");
                let revision = self.last_before(stream, at + 1).map(|(_, revision)| revision);
                ensure!(revision == actual, "the revision there is {revision:?}");
                Ok(Some(true))
            }
            None => {
                let found = self.last_before(stream, visible);
                ensure!(
                    before.is_none() && actual.is_none() && found.is_none(),
                    "it is not empty: {found:?}"
                );
                Ok(Some(true))
            }
        }
    }

    fn stands(&self, id: EventId, position: Position) -> bool {
        let at = usize::try_from(position.0).unwrap_or(usize::MAX);
        self.slots.get(at).is_some_and(|slot| slot.as_ref().is_some_and(|stood| stood.id == id))
    }

    /// What stands before a position, with its place.
    fn before(&self, end: usize) -> impl Iterator<Item = (usize, &Stood)> {
        self.slots.iter().take(end).enumerate().filter_map(|(at, slot)| Some((at, slot.as_ref()?)))
    }

    fn place_of(&self, id: EventId, end: usize) -> Option<usize> {
        self.before(end).find(|(_, stood)| stood.id == id).map(|(at, _)| at)
    }

    fn first_match(&self, region: &Region, from: usize, end: usize) -> Option<usize> {
        let mut matching = self.before(end).filter(|(at, stood)| *at >= from && stood.lies_in(region));
        matching.next().map(|(at, _)| at)
    }

    /// The last event of a stream before a position: its place, and its revision by counting.
    fn last_before(&self, stream: &Coordinate, end: usize) -> Option<(usize, Revision)> {
        let of_stream = self.before(end).filter(|(_, stood)| stood.stream == *stream);
        (0..).zip(of_stream).last().map(|(revision, (at, _))| (at, Revision(revision)))
    }
}

impl Stood {
    fn offered(id: EventId, event: &NewEvent) -> Self {
        Self { id, stream: event.coordinate().clone(), kind: event.kind(), tags: event.tags().clone() }
    }

    fn there(event: &Event) -> Self {
        let header = &event.header;
        Self {
            id: header.id,
            stream: header.coordinate.clone(),
            kind: header.kind,
            tags: header.tags.clone(),
        }
    }

    /// The regions of the offers ask for nothing else.
    fn lies_in(&self, region: &Region) -> bool {
        region.matches(&Facts {
            entity: self.stream.entity(),
            scope: self.stream.scope(),
            kind: self.kind,
            tags: self.tags.as_slice(),
            position: Position(0),
            revision: Revision(0),
            recorded_ms: 0,
        })
    }
}

/// Whether a stream whose last event has this revision is as expected.
fn holds(expected: ExpectedRevision, last: Option<Revision>) -> bool {
    match expected {
        ExpectedRevision::Any => true,
        ExpectedRevision::Empty => last.is_none(),
        ExpectedRevision::Exists => last.is_some(),
        ExpectedRevision::Exactly(revision) => last == Some(revision),
    }
}
