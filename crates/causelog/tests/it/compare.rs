//! Compares all that a store can be asked with the model.

use std::collections::BTreeSet;

use causelog::{
    Category, Clause, Coordinate, Event, EventKind, MemoryStorage, Position, Query, Region, Revision, Store,
};

use crate::helpers::{all, bytes_of, id, read};
use crate::model::{Model, Stored};

/// A region in the model's words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) entity: Option<(bool, String)>,
    pub(crate) scope: Option<String>,
    pub(crate) kind: Option<EventKind>,
    pub(crate) category: Option<u8>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) positions: Option<(u64, u64)>,
    pub(crate) revisions: Option<(u64, u64)>,
    pub(crate) recorded_ms: Option<(u64, u64)>,
}

impl Ask {
    pub(crate) fn region(&self) -> Region {
        let mut clause = Clause::new();
        if let Some((prefix, entity)) = &self.entity {
            clause = if *prefix { clause.entity_prefix(entity) } else { clause.entity(entity) }.unwrap();
        }
        if let Some(scope) = &self.scope {
            clause = clause.scope(scope).unwrap();
        }
        if let Some(kind) = self.kind {
            clause = clause.kind(kind).unwrap();
        }
        if let Some(category) = self.category {
            clause = clause.category(Category::new(category).unwrap()).unwrap();
        }
        for tag in &self.tags {
            clause = clause.tag(tag).unwrap();
        }
        let mut region = Region::from(clause);
        if let Some((start, end)) = self.positions {
            region = region.positions(Position(start)..Position(end)).unwrap();
        }
        if let Some((start, end)) = self.revisions {
            region = region.revisions(Revision(start)..Revision(end)).unwrap();
        }
        if let Some((start, end)) = self.recorded_ms {
            region = region.recorded_ms(start..end).unwrap();
        }
        region
    }

    pub(crate) fn matches(&self, at: usize, stored: &Stored) -> bool {
        let offer = &stored.offer;
        let entity = offer.stream.entity();
        let named = match &self.entity {
            None => true,
            Some((true, prefix)) => entity.starts_with(prefix.as_str()),
            Some((false, exact)) => entity == exact,
        };
        let within =
            |range: Option<(u64, u64)>, value| range.is_none_or(|(start, end)| start <= value && value < end);
        let no_kind = self.kind.is_none() && self.category.is_none();
        let kind = self.kind == Some(offer.kind)
            || self.category.is_some_and(|category| u16::from(category) == offer.kind.bits() >> 12);
        named
            && self.scope.as_ref().is_none_or(|scope| scope == offer.stream.scope())
            && (no_kind || kind)
            && self.tags.is_subset(&offer.tags)
            && within(self.positions, u64::try_from(at).unwrap())
            && within(self.revisions, stored.revision)
            && within(self.recorded_ms, stored.recorded.0)
    }
}

/// Everything that can be asked for without a region.
#[track_caller]
pub(crate) fn check_store(store: &Store, disk: &MemoryStorage, model: &Model) {
    let events = all(store);
    assert_eq!(events.len(), model.events.len());
    let mut root = first_root(store);
    for (at, (event, stored)) in events.iter().zip(&model.events).enumerate() {
        check_event(event, at, stored);
        let previous = model.events[..at].iter().rfind(|before| before.offer.stream == stored.offer.stream);
        assert_eq!(event.header.previous_hash, previous.map(|before| before.receipt.hash), "event {at}");
        let hash = hash_on_disk(disk, stored);
        assert_eq!(event.hash().0, hash, "event {at}");
        root = next_root(root, hash);
    }
    assert_eq!(store.end().root.0, root);
    assert_eq!(store.end().position.0, u64::try_from(events.len()).unwrap());
    check_single(store, model);
    check_graph(store, model);
    check_verify(store, model);
}

#[track_caller]
fn check_event(event: &Event, at: usize, stored: &Stored) {
    let (header, offer) = (&event.header, &stored.offer);
    let got = (header.id, &header.coordinate, header.kind, header.payload_version, header.position.0);
    assert_eq!(got, (offer.id, &offer.stream, offer.kind, offer.version, u64::try_from(at).unwrap()));
    assert_eq!(
        (header.revision.0, header.batch_remaining),
        (stored.revision, stored.remaining),
        "event {at}"
    );
    let dag = &header.dag;
    assert_eq!(dag.causes.as_slice(), offer.causes, "event {at}");
    assert_eq!(dag.correlation_id, offer.correlation.unwrap_or(offer.id), "event {at}");
    let recorded = (dag.hlc.wall_ms, dag.hlc.counter);
    assert_eq!((dag.depth.0, recorded, dag.occurred_ms), (stored.depth, stored.recorded, offer.occurred_ms));
    assert!(header.tags.iter().eq(&offer.tags), "event {at}: {:?}", header.tags);
    assert_eq!(event.payload.as_ref().map(|payload| payload.as_bytes()), Some(&*offer.payload), "event {at}");
    let hash = blake3::derive_key("causelog 2026-11-22 payload hash v1", &offer.payload);
    assert_eq!(header.payload_hash.0, hash, "event {at}");
    let receipt = &stored.receipt;
    assert_eq!(
        (receipt.id, receipt.position, receipt.revision),
        (offer.id, header.position, header.revision)
    );
    assert_eq!(receipt.hash, event.hash(), "event {at}");
}

/// The hash of the header as it stands on disk, where the receipt says.
fn hash_on_disk(disk: &MemoryStorage, stored: &Stored) -> [u8; 32] {
    let place = stored.receipt.location;
    let file = bytes_of(disk, &format!("{:020}.seg", place.segment.0));
    let start = usize::try_from(place.offset.0).unwrap();
    let frame = &file[start..start + usize::try_from(place.bytes).unwrap()];
    let header = frame.strip_suffix(&*stored.offer.payload).unwrap();
    blake3::derive_key("causelog 2026-11-22 event hash v1", &header[8..])
}

fn first_root(store: &Store) -> [u8; 32] {
    blake3::derive_key("causelog 2026-11-22 first root v1", &store.id().as_u128().to_be_bytes())
}

fn next_root(root: [u8; 32], hash: [u8; 32]) -> [u8; 32] {
    blake3::derive_key("causelog 2026-11-22 next root v1", &[root, hash].concat())
}

/// Events by id, heads, counts.
#[track_caller]
fn check_single(store: &Store, model: &Model) {
    let mut streams: Vec<&Coordinate> = Vec::new();
    for (at, stored) in model.events.iter().enumerate() {
        let event = store.get(stored.offer.id).unwrap().unwrap();
        check_event(&event, at, stored);
        if !streams.contains(&&stored.offer.stream) {
            streams.push(&stored.offer.stream);
        }
    }
    for stream in &streams {
        let last = model.of_stream(stream).last().unwrap();
        let head = store.head(stream).unwrap().unwrap();
        assert_eq!((head.position, head.revision.0), (last.receipt.position, last.revision), "{stream}");
        assert_eq!(head.hash, last.receipt.hash, "{stream}");
        assert_eq!((head.hlc.wall_ms, head.hlc.counter), last.recorded, "{stream}");
        check_ask(store, model, &Query::new(Region::stream(stream)), |_, stored| {
            stored.offer.stream == **stream
        });
    }
    let counts = store.counts().unwrap();
    let (events, streams) = (model.events.len(), streams.len());
    assert_eq!(
        (counts.events, counts.streams),
        (u64::try_from(events).unwrap(), u64::try_from(streams).unwrap())
    );
    assert_eq!(store.get(id(u128::MAX)).unwrap(), None);
    assert_eq!(store.head(&Coordinate::new("nobody", "home").unwrap()).unwrap(), None);
}

#[track_caller]
fn check_graph(store: &Store, model: &Model) {
    let positions = |events: Vec<Event>| -> Vec<usize> {
        events.iter().map(|event| usize::try_from(event.header.position.0).unwrap()).collect()
    };
    for (at, stored) in model.events.iter().enumerate() {
        let found: Vec<Event> = store.ancestors(stored.offer.id).unwrap().collect::<Result<_, _>>().unwrap();
        let due: Vec<usize> = model.ancestors(at).into_iter().rev().collect();
        assert_eq!(positions(found), due, "ancestors of {at}");
        let found: Vec<Event> =
            store.descendants(stored.offer.id).unwrap().collect::<Result<_, _>>().unwrap();
        let due: Vec<usize> = model.descendants(at).into_iter().collect();
        assert_eq!(positions(found), due, "descendants of {at}");
    }
}

#[track_caller]
fn check_verify(store: &Store, model: &Model) {
    let report = store.verify().unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.head, store.end());
    let batches = model.events.iter().filter(|stored| stored.remaining == 0).count();
    assert_eq!((report.events, report.groups), (store.end().position.0, u64::try_from(batches).unwrap()));
}

/// A region asked every way: forwards and backwards, from positions on, with limits.
#[track_caller]
pub(crate) fn check_ask(
    store: &Store,
    model: &Model,
    query: &Query,
    matches: impl Fn(usize, &Stored) -> bool,
) {
    let due: Vec<u64> = (0..)
        .zip(&model.events)
        .enumerate()
        .filter(|(at, (_, stored))| matches(*at, stored))
        .map(|(_, (position, _))| position)
        .collect();
    let ask = |query: Query| -> Vec<u64> {
        read(store, query).iter().map(|event| event.header.position.0).collect()
    };
    let forwards: Vec<u64> = due.clone();
    let backwards: Vec<u64> = due.iter().rev().copied().collect();
    assert_eq!(ask(query.clone()), forwards, "{query:?}");
    assert_eq!(ask(query.clone().backwards()), backwards, "{query:?}");
    let end = store.end().position.0;
    for from in [0, 1, end / 2, end, end + 1, u64::MAX] {
        let later: Vec<u64> = due.iter().copied().filter(|at| *at >= from).collect();
        let earlier: Vec<u64> = backwards.iter().copied().filter(|at| *at < from).collect();
        assert_eq!(ask(query.clone().from(Position(from))), later, "{query:?} from {from}");
        assert_eq!(
            ask(query.clone().backwards().from(Position(from))),
            earlier,
            "{query:?} back from {from}"
        );
        for limit in [0, 1, 3] {
            let few = usize::try_from(limit).unwrap();
            let asked = ask(query.clone().from(Position(from)).limit(limit));
            assert_eq!(asked, later[..few.min(later.len())], "{query:?} from {from}, {limit} at most");
            let asked = ask(query.clone().backwards().from(Position(from)).limit(limit));
            assert_eq!(
                asked,
                earlier[..few.min(earlier.len())],
                "{query:?} back from {from}, {limit} at most"
            );
        }
    }
}
