//! Reading through indexes that may be false, stale or gone, and walks over graphs of awkward shapes.

use std::sync::Arc;

use causelog_types::{Causes, Depth, Header, Payload, Position, Region, Revision};

use super::forge::{Forge, Forged, id, stream};
use super::indexes::{Change, Changed};
use crate::{Query, ReadError, Reader};

/// So many events of two streams in turn.
fn forge(count: u64) -> Forge {
    let mut forge = Forge::new();
    let mut last = [None, None];
    for number in 0..count {
        let turn = usize::from(number % 7 == 0);
        let event = forge.event(0, ["door", "siren"][turn], last[turn]);
        let revision = event.header.revision.0;
        last[turn] = Some((revision, forge.write(&[event])[0]));
    }
    forge
}

fn reader(forge: &Forge, change: Change) -> Reader {
    forge.reader(|index| Arc::new(Changed { index, change }))
}

fn positions(reader: &Reader, query: Query) -> Vec<u64> {
    reader.read(query).map(|event| event.unwrap().header.position.0).collect()
}

/// False matches of an index never show, and cost no limit.
///
/// Spec: REGION-5, INDEX-5, READ-5
#[test]
fn false_matches_do_not_show() {
    let forge = forge(150);
    let exact = forge.reader(|index| Arc::new(index));
    let vague = reader(&forge, Change::FalseMatches);
    let region = Region::entity("siren").unwrap();
    let due: Vec<u64> = (0..150).step_by(7).collect();
    for reader in [&exact, &vague] {
        let query = || Query::new(region.clone());
        assert_eq!(positions(reader, query()), due);
        assert_eq!(positions(reader, query().limit(5)), due[..5]);
        assert_eq!(positions(reader, query().from(Position(8)).limit(2)), [14, 21]);
        assert_eq!(positions(reader, query().backwards().limit(2)), [147, 140]);
        assert_eq!(positions(reader, query().backwards().from(Position(147)).limit(1)), [140]);
        assert_eq!(positions(reader, query().limit(0)), [0; 0]);
        assert_eq!(positions(reader, query().from(Position(u64::MAX))), [0; 0]);
        let narrow = region.clone().revisions(Revision(3)..Revision(5)).unwrap();
        assert_eq!(positions(reader, Query::new(narrow)), [21, 28]);
    }
}

/// Every boundary is the next position: of the end, of a query in either direction, of what an answer goes up to.
///
/// Spec: TYPE-12
#[test]
fn boundaries_are_next_positions() {
    let mut forge = Forge::new();
    let mut root = None;
    for number in 0..5 {
        let reader = forge.reader(|index| Arc::new(index));
        let end = reader.end();
        assert_eq!(end.position, Position(number));
        assert_ne!(root.replace(end.root), Some(end.root), "the root there, with all before it");
        let query = || Query::new(Region::all());
        assert_eq!(reader.read(query()).as_of(), end.position);
        // Nothing stands at the end yet; going back from there, the first is the one before it.
        assert_eq!(positions(&reader, query().from(end.position)), [0; 0]);
        let before: Vec<u64> = (0..number).rev().collect();
        assert_eq!(positions(&reader, query().backwards().from(end.position)), before);
        for from in 0..number {
            assert_eq!(positions(&reader, query().from(Position(from)).limit(1)), [from]);
        }
        let event = forge.event(0, "door", None);
        forge.write(&[Forged {
            header: Header { coordinate: stream(&number.to_string()), ..event.header },
            ..event
        }]);
        let later = forge.reader(|index| Arc::new(index));
        assert_eq!(positions(&later, query().from(end.position)), [number], "where the next reading begins");
    }
}

/// Spec: INDEX-5
#[test]
fn a_head_without_its_hash_takes_it_from_the_event() {
    let forge = forge(20);
    let due = forge.reader(|index| Arc::new(index)).head(&stream("door")).unwrap();
    assert_eq!(due.unwrap().revision, Revision(16));
    assert_eq!(reader(&forge, Change::NoHashes).head(&stream("door")).unwrap(), due);
}

/// Spec: INDEX-5
#[test]
fn an_index_that_names_another_place_is_an_error() {
    let forge = forge(5);
    let reader = reader(&forge, Change::WrongPlaces);
    let error = reader.get(id(3)).unwrap_err();
    assert!(matches!(error, ReadError::Stale { position: Position(3), .. }), "{error}");
    assert!(error.to_string().contains("index files"), "{error}");
    assert!(error.to_string().contains("00000000000000000001.seg, offset "), "{error}");
    let mut events = reader.read(Query::new(Region::all()));
    assert!(matches!(events.next(), Some(Err(ReadError::Stale { .. }))));
    assert!(events.next().is_none());
    assert!(reader.ancestors(id(3)).unwrap().next().unwrap().is_err());
}

#[test]
fn an_index_that_fails_is_an_error_of_its_own() {
    let forge = forge(5);
    let reader = reader(&forge, Change::Fails);
    assert!(matches!(reader.get(id(0)), Err(ReadError::Index(_))));
    assert!(matches!(reader.head(&stream("door")), Err(ReadError::Index(_))));
    assert!(matches!(reader.counts(), Err(ReadError::Index(_))));
    assert!(matches!(reader.ancestors(id(0)), Err(ReadError::Index(_))));
    let mut events = reader.read(Query::new(Region::all()));
    assert!(matches!(events.next(), Some(Err(ReadError::Index(_)))));
    assert!(events.next().is_none());
    assert_eq!(reader.end().position, Position(5));
}

/// A payload that was changed with its checksum mended is not served.
///
/// Spec: READ-4, FRAME-12
#[test]
fn a_changed_payload_is_not_served() {
    let mut forge = forge(3);
    let mut event = forge.event(0, "lamp", None);
    event.payload = Payload::encode("changed").unwrap();
    forge.write(&[event]);
    let reader = forge.reader(|index| Arc::new(index));
    let error = reader.get(id(3)).unwrap_err();
    assert!(matches!(error, ReadError::PayloadChanged { position: Position(3), .. }), "{error}");
    assert!(error.to_string().contains("00000000000000000001.seg, offset "), "{error}");
    let good = |query| reader.read(query).map(|event| event.is_ok()).collect::<Vec<bool>>();
    assert_eq!(good(Query::new(Region::all()).hashed()), [true, true, true, false]);
    assert_eq!(good(Query::new(Region::all())), [true; 4], "the checksum fits");
    assert!(reader.descendants(id(3)).unwrap().next().unwrap().is_err());
}

/// A graph in which every event has all events before it as causes, as far as it may: each comes once.
///
/// Spec: READ-5, TYPE-10
#[test]
fn a_dense_graph_yields_each_event_once_in_order() {
    let mut forge = Forge::new();
    for number in 0..300_u64 {
        let mut event = forge.event(0, &format!("s{number}"), None);
        let first = number.saturating_sub(256);
        event.header.dag.causes = Causes::new((first..number).map(id)).unwrap();
        event.header.dag.depth = Depth(u32::try_from(number).unwrap());
        forge.write(&[event]);
    }
    let reader = forge.reader(|index| Arc::new(index));
    let found = |events: Vec<u64>| events;
    let ancestors =
        reader.ancestors(id(299)).unwrap().map(|event| event.unwrap().header.position.0).collect();
    assert_eq!(found(ancestors), (0..300).rev().collect::<Vec<_>>());
    let descendants =
        reader.descendants(id(0)).unwrap().map(|event| event.unwrap().header.position.0).collect();
    assert_eq!(found(descendants), (0..300).collect::<Vec<_>>());
    assert!(matches!(reader.ancestors(id(400)), Err(ReadError::NotFound { .. })));
    assert!(matches!(reader.descendants(id(400)), Err(ReadError::NotFound { .. })));
}

/// One event with more effects than are asked for at once.
///
/// Spec: READ-5
#[test]
fn effects_are_followed_page_by_page() {
    let mut forge = Forge::new();
    forge.chain("root", 1);
    for number in 1..=600_u64 {
        let mut event = forge.event(0, &format!("s{number}"), None);
        event.header.dag.causes = Causes::new([id(0)]).unwrap();
        event.header.dag.depth = Depth(1);
        forge.write(&[event]);
    }
    let reader = forge.reader(|index| Arc::new(index));
    let found: Vec<u64> =
        reader.descendants(id(0)).unwrap().map(|event| event.unwrap().header.position.0).collect();
    assert_eq!(found, (0..=600).collect::<Vec<_>>());
}

/// An index is applied before its end is published: what it holds beyond that never shows.
///
/// Spec: READ-1, COMMIT-7
#[test]
fn nothing_beyond_the_published_end_is_served() {
    let mut forge = Forge::new();
    let last = forge.chain("door", 3);
    let published = forge.snapshot();
    let mut event = forge.event(0, "door", Some(last));
    event.header.dag.causes = Causes::new([id(2)]).unwrap();
    event.header.dag.depth = Depth(1);
    forge.write(&[event]);
    forge.chain("siren", 1);
    for change in [Change::FalseMatches, Change::NoHashes] {
        let reader = forge.reader_as_of(published.clone(), |index| Arc::new(Changed { index, change }));
        assert_eq!(reader.end().position, Position(3));
        assert_eq!(positions(&reader, Query::new(Region::all())), [0, 1, 2]);
        assert_eq!(positions(&reader, Query::new(Region::all()).backwards()), [2, 1, 0]);
        assert_eq!(positions(&reader, Query::new(Region::all()).backwards().from(Position(9))), [2, 1, 0]);
        assert_eq!(reader.get(id(3)).unwrap(), None);
        assert_eq!(reader.head(&stream("door")).unwrap().unwrap().revision, Revision(2));
        assert_eq!(reader.head(&stream("siren")).unwrap(), None);
        assert_eq!((reader.counts().unwrap().events, reader.counts().unwrap().streams), (3, 1));
        assert_eq!(reader.descendants(id(2)).unwrap().count(), 1);
        assert!(matches!(reader.ancestors(id(3)), Err(ReadError::NotFound { .. })));
    }
}
