//! Every limit: what is beyond it is refused with a typed error and nothing written, and what is at it is taken.

use causelog::{
    AppendErrorKind, Coordinate, EventId, Fate, InvalidValue, MemoryStorage, NewEvent, OpenError, Payload,
    RestartPolicy, Store, limits,
};

use crate::helpers::{Lab, OPENED, all, door, event, id, long_event, options, refusal, stream};

fn large(lab: &Lab, disk: &MemoryStorage) -> Store {
    Store::options().frame_bytes_max(limits::FRAME_BYTES_MAX).open_in(lab.environment(disk)).unwrap()
}

/// Spec: GROUP-10, COND-5, WIRE-12
#[test]
fn a_batch_has_1_to_16_384_events() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let batch = |count: usize| (0..count).map(|_| event(&door(), "x")).collect::<Vec<_>>();
    assert!(matches!(refusal(store.append_batch(Vec::new())), AppendErrorKind::EmptyBatch));
    let kind = refusal(store.append_batch(batch(16_385)));
    let expected =
        matches!(kind, AppendErrorKind::BatchTooLarge { what: "events", given: 16_385, limit: 16_384 });
    assert!(expected, "{kind}");
    assert_eq!((store.end().position.0, all(&store).len()), (0, 0));
    let receipts = store.append_batch(batch(16_384)).unwrap();
    assert_eq!(receipts.last().unwrap().revision.0, 16_383);
    assert!(receipts.iter().all(|receipt| receipt.location.segment.0 == 1), "a batch is not split");
    let first = store.get(receipts[0].id).unwrap().unwrap();
    assert_eq!(first.header.batch_remaining, 16_383);
    assert_eq!(store.append(event(&door(), "next")).unwrap().location.segment.0, 2);
    drop(store);
    assert_eq!(lab.open(&disk.power_cut()).end().position.0, 16_385);
}

/// Spec: FRAME-2, WIRE-12
#[test]
fn a_frame_is_at_most_as_long_as_configured() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = options().frame_bytes_max(2000).open_in(lab.environment(&disk)).unwrap();
    let shorter = store.append(long_event(&door(), 1500)).unwrap().location.bytes;
    // The second event of the stream has the hash of the first, and its revision.
    let second = store.append(long_event(&door(), 1500)).unwrap().location.bytes;
    assert!(shorter < second);
    let longest = 1501 + 2000 - usize::try_from(second).unwrap();
    assert_eq!(store.append(long_event(&door(), longest - 1)).unwrap().location.bytes, 2000);
    let end = store.end();
    match refusal(store.append_batch(vec![event(&stream("a", "b"), "x"), long_event(&door(), longest)])) {
        AppendErrorKind::EventTooLarge { index: 1, bytes: 2001, limit: 2000 } => {}
        other => panic!("{other}"),
    }
    assert_eq!(store.end(), end);
    let last = all(&store).pop().unwrap();
    assert_eq!(last.decode::<String>().unwrap().len(), longest - 1);
    drop(store);
    // The limit binds appends alone: what is there is read and found under a lower one.
    let store = options().frame_bytes_max(1024).open_in(lab.environment(&disk)).unwrap();
    assert_eq!(all(&store).last(), Some(&last));
    let again = long_event(&door(), longest - 1).with_id(last.header.id);
    assert_eq!(store.append(again).unwrap().hash, last.hash());
}

/// Spec: WIRE-6, WIRE-12
#[test]
fn a_batch_has_at_most_64_mib_of_frames() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = large(&lab, &disk);
    let long = Payload::encode(&"x".repeat(22 * 1024 * 1024)).unwrap();
    let of = |coordinate: &Coordinate| NewEvent::with_payload(coordinate, OPENED, long.clone());
    let kind = refusal(store.append_batch(vec![of(&door()), of(&door()), of(&door())]));
    assert!(matches!(
        kind,
        AppendErrorKind::BatchTooLarge { what: "bytes", limit: limits::BATCH_BYTES_MAX, .. }
    ));
    assert_eq!(store.end().position.0, 0);
    let receipts = store.append_batch(vec![of(&door()), of(&door())]).unwrap();
    assert_eq!(store.get(receipts[1].id).unwrap().unwrap().payload, Some(long));
    assert!(Payload::encode(&"x".repeat(limits::FRAME_BYTES_MAX)).is_err());
}

/// Every field of a header at its limit at once.
///
/// Spec: FRAME-16, TYPE-1, TYPE-5, TYPE-6
#[test]
fn the_longest_header_is_taken_and_read_back() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let causes: Vec<EventId> = (0..2)
        .flat_map(|_| store.append_batch((0..128).map(|_| event(&door(), "x")).collect::<Vec<_>>()).unwrap())
        .map(|receipt| receipt.id)
        .collect();
    assert_eq!(causes.len(), limits::CAUSES_MAX);
    let longest = Coordinate::new("é".repeat(256), "s".repeat(255)).unwrap();
    let tags: Vec<String> = (0..16).map(|i| format!("{i:0128}")).collect();
    let event = |payload: &str| {
        let event = NewEvent::new(&longest, OPENED, payload).unwrap().with_tags(&tags).unwrap();
        event
            .caused_by(causes.iter().copied())
            .unwrap()
            .with_correlation(id(u128::MAX))
            .occurred_at_ms(i64::MIN)
            .with_payload_version(u16::MAX)
    };
    let text = "t".repeat(limits::EVIDENCE_BYTES_MAX - 1);
    let gates = causelog::GateSet::<()>::builder()
        .push(causelog::gate_fn("any", |_: &(), _: &causelog::Proposal| Ok(())));
    let pipeline = causelog::Pipeline::new(gates.build().unwrap(), causelog::Mode::FailFast);
    let receipt = pipeline
        .bypass(causelog::Proposal::batch(vec![event("1"), event("2")]).unwrap(), "r", text.as_str())
        .unwrap();
    let receipts = store.commit(receipt).unwrap();
    drop(store);
    let store = lab.open(&disk);
    let read = store.get(receipts[1].id).unwrap().unwrap();
    assert_eq!((read.header.dag.causes.as_slice(), read.header.tags.len()), (&*causes, 16));
    assert_eq!((read.header.dag.depth.0, read.header.revision.0), (1, 1));
    assert_eq!(store.ancestors(receipts[1].id).unwrap().count(), 257);
    assert!(store.verify().unwrap().is_sound());
    let one_more = causes.iter().copied().chain([id(3)]);
    let refused = NewEvent::new(&longest, OPENED, "x").unwrap().caused_by(one_more).unwrap_err();
    assert_eq!(refused, InvalidValue::TooMany { what: "causes", count: 257, limit: 256 });
}

/// What could not be read back is not written, and the error says why.
///
/// Spec: FRAME-12, FRAME-18
#[test]
fn an_empty_payload_is_refused() {
    let lab = Lab::new();
    let store = lab.open(&MemoryStorage::new());
    let empty = NewEvent::with_payload(&door(), OPENED, Payload::from_stored(b""));
    let kind = refusal(store.append_batch(vec![event(&door(), "x"), empty]));
    assert!(!matches!(kind, AppendErrorKind::EventTooLarge { .. }), "{kind}");
    assert!(kind.to_string().contains("event 1"), "{kind}");
    assert_eq!(store.end().position.0, 0);
    assert_eq!(store.append(event(&door(), "x")).unwrap().position.0, 0);
}

/// The recorded time cannot go on for ever: an error, no wrap.
///
/// Spec: TYPE-4, WIRE-11
#[test]
fn the_end_of_time_is_an_error() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    lab.clock.set(u64::MAX);
    let error = store.append(event(&door(), "never")).unwrap_err();
    assert_eq!(error.fate(), Fate::NotWritten);
    assert!(error.to_string().contains("the clock, which must be set right,"), "{error}");
    lab.clock.set(u64::MAX - 1);
    store.append(event(&door(), "the last millisecond")).unwrap();
    lab.clock.set(5);
    store.append(event(&door(), "after it")).unwrap();
    drop(store);
    let events = all(&lab.open(&disk));
    assert_eq!((events[1].header.dag.hlc.wall_ms, events[1].header.dag.hlc.counter), (u64::MAX - 1, 1));
}

#[test]
fn options_out_of_range_are_refused_before_anything_is_made() {
    let lab = Lab::new();
    let disk = MemoryStorage::new();
    let bad = [
        Store::options().segment_bytes(4095),
        Store::options().segment_bytes(u64::MAX),
        Store::options().restart_policy(RestartPolicy::Bounded { max_restarts: 1, within_ms: 0 }),
        Store::options().frame_bytes_max(1023),
        Store::options().frame_bytes_max(limits::FRAME_BYTES_MAX + 1),
    ];
    for options in bad {
        let error = options.clone().open_in(lab.environment(&disk)).unwrap_err();
        assert!(matches!(error, OpenError::Option { .. }), "{error}");
        assert!(options.open_read_only_in(lab.environment(&disk)).is_err());
    }
    assert_eq!(disk.operations(), 0);
}
