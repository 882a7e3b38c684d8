//! What gates admit, committed and read back.

use causelog::{
    AppendErrorKind, Denial, EventKind, Evidence, GateSet, MemoryStorage, Mode, NewEvent, Pipeline, Proposal,
    Receipt, Region, gate_fn, limits,
};
use causelog_writer::{Command, Machine, WriterSettings};

use crate::helpers::{Lab, all, door, event, id, read, refusal, stream};

fn pipeline() -> Pipeline<bool> {
    let open = gate_fn("open", |open: &bool, _: &Proposal| match open {
        true => Ok(()),
        false => Err(Denial::new("closed", "the gate is closed")),
    });
    let small = gate_fn("small", |_: &bool, proposal: &Proposal| match proposal.events().len() {
        0..4 => Ok(()),
        _ => Err(Denial::new("large", "too many events")),
    });
    Pipeline::new(GateSet::builder().push(open).push(small).build().unwrap(), Mode::FailFast)
}

fn admitted(events: Vec<NewEvent>) -> Receipt {
    pipeline().admit(&true, Proposal::batch(events).unwrap()).unwrap()
}

/// Spec: GATE-11, GATE-13, COMMIT-9
#[test]
fn the_names_of_the_gates_stand_in_every_event_of_the_batch() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "by itself")).unwrap();
    let receipts =
        store.commit(admitted(vec![event(&door(), "1"), event(&stream("siren", "home"), "2")])).unwrap();
    assert_eq!(receipts.len(), 2);
    drop(store);
    let evidence = Evidence::Admitted { gates: vec!["open".into(), "small".into()] };
    for disk in [disk.power_cut(), disk] {
        let events = all(&lab.open(&disk));
        let found: Vec<_> = events.iter().map(|event| event.header.evidence.clone()).collect();
        assert_eq!(found, [None, Some(evidence.clone()), Some(evidence.clone())]);
    }
}

/// Spec: GATE-14
#[test]
fn a_bypass_is_recorded_with_its_reason() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    assert!(pipeline().admit(&false, Proposal::new(event(&door(), "x"))).is_err());
    let receipt = pipeline().bypass(Proposal::new(event(&door(), "x")), "fire", "the house burns").unwrap();
    let id = store.commit(receipt).unwrap()[0].id;
    let due = Evidence::Bypassed { reason: "fire".into(), justification: "the house burns".into() };
    assert_eq!(store.get(id).unwrap().unwrap().header.evidence, Some(due));
}

/// Evidence is no part of the content: a retry with another verdict, or none, finds the first receipt.
///
/// Spec: IDEM-3
#[test]
fn evidence_is_not_compared_by_a_retry() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let offered = || event(&door(), "x").with_id(id(1));
    let first = store.commit(admitted(vec![offered()])).unwrap();
    let again = store.append(offered()).unwrap();
    assert_eq!((again.hash, again.position), (first[0].hash, first[0].position));
    let bypass = pipeline().bypass(Proposal::new(offered()), "again", "by hand").unwrap();
    assert_eq!(store.commit(bypass).unwrap(), [again]);
    assert_eq!(all(&store).len(), 1);
}

/// The evidence stands in the header of every event, and counts there.
///
/// Spec: TYPE-6, FRAME-16, WIRE-12
#[test]
fn evidence_counts_in_the_limits() {
    let lab = Lab::new();
    let disk = MemoryStorage::new();
    let environment = lab.environment(&disk);
    let store = causelog::Store::options().frame_bytes_max(1024).open_in(environment).unwrap();
    let text = "j".repeat(limits::EVIDENCE_BYTES_MAX - 4);
    let bypass =
        |justification: &str| pipeline().bypass(Proposal::new(event(&door(), "x")), "fire", justification);
    let kind = refusal(store.commit(bypass(&text).unwrap()));
    assert!(matches!(kind, AppendErrorKind::EventTooLarge { index: 0, limit: 1024, .. }), "{kind}");
    store.commit(bypass("short").unwrap()).unwrap();
    drop(store);
    let store = lab.open(&disk);
    store.commit(bypass(&text).unwrap()).unwrap();
    assert!(bypass(&format!("{text}!")).is_err());
    assert_eq!(all(&store).len(), 2);
}

/// Spec: TYPE-1, TYPE-2, REGION-2
#[test]
fn library_events_come_only_by_a_command_of_the_library() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let reserved = [
        event(&stream("$system", "home"), "x"),
        NewEvent::new(&door(), EventKind::from_bits(0x0001), "x").unwrap(),
        NewEvent::new(&door(), EventKind::from_bits(0xD001), "x").unwrap(),
    ];
    for library in &reserved {
        let kind = refusal(store.append_batch(vec![event(&door(), "x"), library.clone()]));
        assert!(matches!(kind, AppendErrorKind::Reserved { index: 1 }), "{kind}");
        let kind = refusal(store.commit(admitted(vec![library.clone()])));
        assert!(matches!(kind, AppendErrorKind::Reserved { index: 0 }), "{kind}");
    }
    assert_eq!(store.end().position.0, 0);
    drop(store);

    let environment = lab.environment(&disk);
    let settings = causelog_segment::AppenderSettings::default();
    let (log, snapshot, appender, _) = causelog_segment::open_writer(&environment, settings).unwrap();
    let index = std::sync::Arc::new(causelog::MemoryIndex::new());
    let limits = WriterSettings::default();
    let mut writer: Machine = Machine::start(&environment, log, snapshot, appender, index, limits).unwrap();
    let batch: Vec<_> = [event(&door(), "ordinary")].into_iter().chain(reserved).collect();
    let command = Command::library(batch, &*environment.clock, &*environment.random).unwrap();
    assert_eq!(writer.append(&command).unwrap().len(), 4);
    writer.close().unwrap();

    let store = lab.open(&disk);
    assert_eq!(read(&store, Region::all()).len(), 1);
    assert_eq!(all(&store).len(), 4);
    assert_eq!(read(&store, Region::stream(&stream("$system", "home"))).len(), 1);
    assert_eq!(read(&store, Region::stream(&door())).len(), 3);
    assert!(store.verify().unwrap().is_sound());
}
