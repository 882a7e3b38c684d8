//! What counts as the same content, for payloads that are salted and events of other commands.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::MemoryStorage;
use causelog_segment::{AppenderSettings, open_writer};
use causelog_types::{
    Causes, DagPosition, Depth, EventKind, Evidence, ExpectedRevision, Header, Hlc, NewEvent, Position,
    Revision, Tags,
};
use causelog_wire::{GroupBuffer, hash};

use super::helpers::{append, command, door, environment, event, id, start};
use crate::{AppendErrorKind, Command, Outcome};

/// Each part of the content makes a conflict, and nothing else does.
///
/// Spec: IDEM-2, IDEM-3, IDEM-4
#[test]
fn every_part_of_the_content_is_compared_and_nothing_else() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    let full = || {
        let event = event(2, "x").with_payload_version(3).caused_by([id(1)]).unwrap().with_correlation(id(9));
        event.with_tags(["b", "a"]).unwrap().occurred_at_ms(-5)
    };
    let first = machine.append(&command(vec![full()])).unwrap();
    let elsewhere = causelog_types::Coordinate::new("door", "hom").unwrap();
    let kind = EventKind::of::<0x1002>();
    let moved = NewEvent::with_payload(&elsewhere, full().kind(), full().payload().clone());
    let without_correlation = event(2, "x").with_payload_version(3).caused_by([id(1)]).unwrap();
    let without_correlation = without_correlation.with_tags(["b", "a"]).unwrap().occurred_at_ms(-5);
    let others = [
        moved
            .with_id(id(2))
            .with_payload_version(3)
            .caused_by([id(1)])
            .unwrap()
            .with_correlation(id(9))
            .with_tags(["b", "a"])
            .unwrap()
            .occurred_at_ms(-5),
        NewEvent::with_payload(&door(), kind, full().payload().clone()).with_id(id(2)),
        full().with_payload_version(4),
        full().caused_by([]).unwrap(),
        full().with_correlation(id(2)),
        without_correlation,
        full().with_tags(["a"]).unwrap(),
        full().occurred_at_ms(-4),
        event(2, "y")
            .with_payload_version(3)
            .caused_by([id(1)])
            .unwrap()
            .with_correlation(id(9))
            .with_tags(["b", "a"])
            .unwrap()
            .occurred_at_ms(-5),
    ];
    for other in others {
        let error = machine.append(&command(vec![other.clone()])).unwrap_err();
        let conflict = matches!(error.kind(), AppendErrorKind::IdConflict { position: Position(1), .. });
        assert!(conflict, "{other:?}: {error}");
    }
    let environment = environment(&storage);
    let evidence = Some(Evidence::Admitted { gates: vec!["any".into()] });
    let same = [
        command(vec![full().expecting(ExpectedRevision::Empty)]),
        command(vec![full().with_tags(["a", "b"]).unwrap()]),
        Command::application(vec![full()], evidence, &*environment.clock, &*environment.random).unwrap(),
        Command::library(vec![full()], &*environment.clock, &*environment.random).unwrap(),
    ];
    for same in same {
        let again = machine.append(&same).unwrap();
        assert_eq!(
            (again[0].hash, again[0].position, again[0].outcome),
            (first[0].hash, Position(1), Outcome::Found)
        );
    }
}

/// The order of causes is part of the content.
///
/// Spec: IDEM-3, TYPE-5
#[test]
fn the_order_of_causes_is_compared() {
    let mut machine = start(&MemoryStorage::new(), Arc::new(MemoryIndex::new()));
    append(&mut machine, 1).unwrap();
    append(&mut machine, 2).unwrap();
    machine.append(&command(vec![event(3, "x").caused_by([id(1), id(2)]).unwrap()])).unwrap();
    let error = machine.append(&command(vec![event(3, "x").caused_by([id(2), id(1)]).unwrap()])).unwrap_err();
    assert!(matches!(error.kind(), AppendErrorKind::IdConflict { .. }), "{error}");
}

/// A salted event, as a later release may write it: the offered payload is hashed with the stored salt.
///
/// Spec: IDEM-6, FRAME-15, HASH-2
#[test]
fn a_salted_payload_is_compared_with_its_salt() {
    let storage = MemoryStorage::new();
    let (_, _, mut appender, _) = open_writer(&environment(&storage), AppenderSettings::default()).unwrap();
    let offered = event(1, "secret");
    let stored = [&[0xc4, 16][..], &[9; 16], offered.payload().as_bytes()].concat();
    let hlc = Hlc { wall_ms: 5, counter: 0 };
    let header = Header {
        id: id(1),
        coordinate: door(),
        kind: offered.kind(),
        payload_version: 0,
        position: Position(0),
        revision: Revision(0),
        previous_hash: None,
        payload_hash: hash::payload(&stored),
        dag: DagPosition {
            correlation_id: id(1),
            causes: Causes::none(),
            depth: Depth(0),
            hlc,
            occurred_ms: None,
        },
        tags: Tags::none(),
        evidence: None,
        batch_remaining: 0,
        salted: true,
    };
    let mut group = GroupBuffer::new();
    let hash = group.push(&header, &stored).unwrap().hash;
    appender.place(group.len()).unwrap();
    appender.write(&mut group, hlc).unwrap();
    appender.sync().unwrap();
    appender.close().unwrap();

    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    let again = machine.append(&command(vec![offered])).unwrap();
    assert_eq!((again[0].hash, again[0].outcome), (hash, Outcome::Found));
    let error = machine.append(&command(vec![event(1, "guess")])).unwrap_err();
    assert!(matches!(error.kind(), AppendErrorKind::IdConflict { .. }), "{error}");
    assert_eq!(append(&mut machine, 2).unwrap()[0].revision, Revision(1));
}

/// What the application cannot say, the library can, beside ordinary events.
///
/// Spec: TYPE-1, TYPE-2
#[test]
fn reserved_kinds_and_entities_need_a_command_of_the_library() {
    let storage = MemoryStorage::new();
    let mut machine = start(&storage, Arc::new(MemoryIndex::new()));
    let environment = environment(&storage);
    let system = causelog_types::Coordinate::new("$system", "home").unwrap();
    let of_entity = NewEvent::new(&system, EventKind::of::<0x1001>(), "x").unwrap();
    let of_kind = NewEvent::new(&door(), EventKind::from_bits(0xD000), "x").unwrap();
    for reserved in [&of_entity, &of_kind] {
        let error = machine.append(&command(vec![event(1, "x"), reserved.clone()])).unwrap_err();
        assert!(matches!(error.kind(), AppendErrorKind::Reserved { index: 1 }), "{error}");
    }
    let batch = vec![event(1, "x"), of_entity, of_kind];
    let command = Command::library(batch, &*environment.clock, &*environment.random).unwrap();
    assert_eq!(command.ids()[0], id(1));
    assert_eq!(machine.append(&command).unwrap().len(), 3);
    assert_eq!(machine.append(&command).unwrap()[2].outcome, Outcome::Found);
}

/// Spec: TYPE-10, FRAME-11
#[test]
fn a_cause_stands_before_its_effect() {
    let mut machine = start(&MemoryStorage::new(), Arc::new(MemoryIndex::new()));
    let of = |number, cause| event(number, "x").caused_by([id(cause)]).unwrap();
    for batch in [vec![of(1, 1)], vec![of(1, 9)], vec![of(1, 2), event(2, "x")]] {
        let cause = batch[0].causes().as_slice()[0];
        let error = machine.append(&command(batch)).unwrap_err();
        let unknown = matches!(error.kind(), AppendErrorKind::UnknownCause { index: 0, cause: found } if *found == cause);
        assert!(unknown, "{error}");
    }
    let receipts = machine.append(&command(vec![event(1, "x"), of(2, 1)])).unwrap();
    assert_eq!(receipts.len(), 2);
}
