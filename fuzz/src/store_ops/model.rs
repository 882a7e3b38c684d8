//! The model: a list of events, and what an append to it comes to.

use causelog::AppendErrorKind;
use causelog_types::{Coordinate, Event, EventHash, EventId, ExpectedRevision, NewEvent};

use crate::fixture::{kind, stream};
use crate::input::Input;
use crate::store_ops::expectation;

/// Longer payloads do not fit the limit that the store is opened with; others do, whatever stands around them.
const PAYLOAD_BYTES_MAX: usize = 500;

/// An event to be appended.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) id: EventId,
    pub(crate) stream: usize,
    pub(crate) kind: usize,
    pub(crate) payload: Vec<u8>,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) causes: Vec<EventId>,
    pub(crate) correlation: Option<EventId>,
    pub(crate) occurred_ms: Option<i64>,
    pub(crate) expected: ExpectedRevision,
}

/// An event that was acknowledged.
pub(crate) struct Stored {
    pub(crate) offer: Offer,
    pub(crate) position: u64,
    pub(crate) revision: u64,
    pub(crate) hash: EventHash,
}

/// What an append comes to.
#[derive(Debug)]
pub(crate) enum Expected {
    Written,
    Found(Vec<usize>),
    Refused(&'static str),
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) events: Vec<Stored>,
    /// How many ids have been given away.
    ids: u128,
}

impl Offer {
    pub(crate) fn event(&self) -> NewEvent {
        let event = NewEvent::new(&self.coordinate(), kind(self.kind), &self.payload);
        let event = event.expect("the payload can be encoded").with_id(self.id).expecting(self.expected);
        let event = event.caused_by(self.causes.iter().copied()).expect("the causes are distinct");
        let event = event.with_tags(&self.tags).expect("the tags are distinct");
        let event = self.correlation.into_iter().fold(event, NewEvent::with_correlation);
        self.occurred_ms.into_iter().fold(event, NewEvent::occurred_at_ms)
    }

    pub(crate) fn coordinate(&self) -> Coordinate {
        stream(self.stream)
    }

    /// Whether a retry with this offer is answered with the other's receipt.
    fn same_content(&self, other: &Self) -> bool {
        let content = |offer: &Self| {
            let correlation = offer.correlation.unwrap_or(offer.id);
            let lists = (offer.payload.clone(), offer.tags.clone(), offer.causes.clone());
            (offer.stream, offer.kind, lists, correlation, offer.occurred_ms)
        };
        content(self) == content(other)
    }
}

impl Model {
    /// The position of the next event.
    pub(crate) fn next(&self) -> u64 {
        u64::try_from(self.events.len()).expect("it fits")
    }

    pub(crate) fn streams(&self) -> u64 {
        (0..3).map(|stream| u64::from(self.last(stream).is_some())).sum()
    }

    /// The revision of a stream's last event.
    fn last(&self, stream: usize) -> Option<u64> {
        self.events.iter().rev().find(|stored| stored.offer.stream == stream).map(|stored| stored.revision)
    }

    /// Where an event would stand, in the store and in its stream.
    pub(crate) fn place(&self, offer: &Offer) -> (u64, u64) {
        (self.next(), self.last(offer.stream).map_or(0, |revision| revision + 1))
    }

    pub(crate) fn find(&self, id: EventId) -> Option<usize> {
        self.events.iter().position(|stored| stored.offer.id == id)
    }

    /// An event with an id that was never used.
    pub(crate) fn offer(&mut self, input: &mut Input<'_>) -> Offer {
        self.ids += 1;
        let stream = input.below(3);
        let shape = input.byte();
        let causes = self.causes(input, usize::from(shape & 3));
        Offer {
            id: EventId::from_u128(self.ids),
            stream,
            kind: input.below(4),
            payload: vec![shape; usize::from(input.byte()) + if shape >> 6 == 3 { 1_100 } else { 0 }],
            tags: ["loud", "night", "x"].into_iter().take(usize::from(shape >> 2 & 3)).collect(),
            causes,
            correlation: (shape & 16 != 0).then(|| EventId::from_u128(7)),
            occurred_ms: (shape & 32 != 0).then(|| input.draw()),
            expected: expectation(input, self.last(stream)),
        }
    }

    fn causes(&self, input: &mut Input<'_>, most: usize) -> Vec<EventId> {
        let mut causes = Vec::new();
        for _ in 0..most {
            let back = input.below(1 + self.events.len().min(200));
            // One too far back is an id that is not there.
            let cause = self.events.iter().rev().nth(back).map_or(EventId::from_u128(9_999), |s| s.offer.id);
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        causes
    }

    /// Some events; each may be caused by the one before it.
    pub(crate) fn batch(&mut self, input: &mut Input<'_>, count: usize) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        for _ in 0..count {
            let mut offer = self.offer(input);
            if let Some(before) = offers.last()
                && input.flag()
            {
                offer.causes.push(before.id);
            }
            offers.push(offer);
        }
        offers
    }

    /// Events that are there already, some changed, some with new ones among them.
    pub(crate) fn retry(&mut self, input: &mut Input<'_>) -> Vec<Offer> {
        let (first, count) = (input.below(self.events.len()), 1 + input.below(3));
        let again = self.events.iter().skip(first).take(count);
        let mut offers: Vec<Offer> = again.map(|stored| stored.offer.clone()).collect();
        match input.below(8) {
            0 => offers.push(self.offer(input)),
            1 => offers.extend(offers.first().cloned()),
            2 => offers.iter_mut().take(1).for_each(|offer| offer.payload.push(1)),
            3 => offers.iter_mut().take(1).for_each(|offer| offer.kind = (offer.kind + 1) % 4),
            4 => offers.iter_mut().take(1).for_each(|offer| offer.occurred_ms = Some(-1)),
            5 => offers.iter_mut().take(1).for_each(|offer| offer.expected = ExpectedRevision::Empty),
            _ => {}
        }
        offers
    }

    /// What an append of these comes to.
    pub(crate) fn expect(&self, offers: &[Offer]) -> Expected {
        if offers.is_empty() {
            return Expected::Refused("empty batch");
        }
        if (1..offers.len()).any(|i| offers[..i].iter().any(|offer| offer.id == offers[i].id)) {
            return Expected::Refused("duplicate id");
        }
        let mut found = Vec::new();
        for offer in offers {
            if let Some(position) = self.find(offer.id) {
                if !offer.same_content(&self.events[position].offer) {
                    return Expected::Refused("id conflict");
                }
                found.push(position);
            }
        }
        match found.len() {
            0 => self.judge(offers),
            all if all == offers.len() => Expected::Found(found),
            _ => Expected::Refused("partly stored"),
        }
    }

    fn judge(&self, offers: &[Offer]) -> Expected {
        for (i, offer) in offers.iter().enumerate() {
            let earlier = &offers[..i];
            let known =
                |id: &EventId| self.find(*id).is_some() || earlier.iter().any(|offer| offer.id == *id);
            if !offer.causes.iter().all(known) {
                return Expected::Refused("unknown cause");
            }
            let staged = earlier.iter().filter(|other| other.stream == offer.stream).count();
            let staged = u64::try_from(staged).expect("it fits");
            let next = self.last(offer.stream).map_or(0, |revision| revision + 1) + staged;
            let holds = match offer.expected {
                ExpectedRevision::Any => true,
                ExpectedRevision::Empty => next == 0,
                ExpectedRevision::Exists => next > 0,
                ExpectedRevision::Exactly(revision) => next.checked_sub(1) == Some(revision.0),
            };
            if !holds {
                return Expected::Refused("wrong revision");
            }
            if offer.payload.len() > PAYLOAD_BYTES_MAX {
                return Expected::Refused("too large");
            }
        }
        Expected::Written
    }

    /// The store holds exactly these events.
    pub(crate) fn assert_same(&self, events: &[Event]) {
        assert_eq!(events.len(), self.events.len());
        self.assert_begins(events);
    }

    /// The model begins with these events.
    pub(crate) fn assert_begins(&self, events: &[Event]) {
        assert!(events.len() <= self.events.len());
        let mut before = None;
        for (event, stored) in events.iter().zip(&self.events) {
            assert_event(event, stored);
            assert!(before < Some(event.header.dag.hlc), "the recorded time does not grow");
            before = Some(event.header.dag.hlc);
            let mut same_stream = self.events[..usize::try_from(stored.position).expect("it fits")].iter();
            let previous = same_stream.rfind(|other| other.offer.stream == stored.offer.stream);
            assert_eq!(event.header.previous_hash, previous.map(|previous| previous.hash));
        }
    }
}

/// An event is the one that was acknowledged.
pub(crate) fn assert_event(event: &Event, stored: &Stored) {
    let (header, offer) = (&event.header, &stored.offer);
    assert_eq!((header.id, event.hash()), (offer.id, stored.hash));
    assert_eq!((header.position.0, header.revision.0), (stored.position, stored.revision));
    assert_eq!((&header.coordinate, header.kind), (&offer.coordinate(), kind(offer.kind)));
    assert_eq!(header.dag.causes.as_slice(), offer.causes);
    assert_eq!(header.dag.correlation_id, offer.correlation.unwrap_or(offer.id));
    assert_eq!(header.dag.occurred_ms, offer.occurred_ms);
    assert!(header.tags.iter().eq(offer.tags.iter().copied()));
    assert_eq!(event.decode::<Vec<u8>>().as_ref(), Ok(&offer.payload));
}

/// The name that the model has for an error.
pub(crate) fn name(kind: &AppendErrorKind) -> &'static str {
    match kind {
        AppendErrorKind::EmptyBatch => "empty batch",
        AppendErrorKind::DuplicateId { .. } => "duplicate id",
        AppendErrorKind::IdConflict { .. } => "id conflict",
        AppendErrorKind::PartlyStored { .. } => "partly stored",
        AppendErrorKind::UnknownCause { .. } => "unknown cause",
        AppendErrorKind::WrongRevision { .. } => "wrong revision",
        AppendErrorKind::EventTooLarge { .. } => "too large",
        _ => "another",
    }
}
