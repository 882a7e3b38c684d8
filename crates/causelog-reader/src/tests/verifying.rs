//! Verification of logs whose checksums and roots are right and whose content is not.

use std::sync::Arc;

use causelog_io::MemoryStorage;
use causelog_types::{Causes, Depth, EventHash, Hlc, Payload, Position, Revision, Root, StoreHead};
use causelog_wire::hash;

use super::forge::{Forge, Forged, id};
use crate::{FindingKind, VerifyReport, verify, verify_against};

fn report(storage: &MemoryStorage) -> VerifyReport {
    verify(Arc::new(storage.clone())).unwrap()
}

/// Three right events of a stream, one made wrong, and two right ones of another stream: the wrong one is found,
/// with this name, and the others count.
#[track_caller]
fn check(name: &str, spoil: impl FnOnce(&mut Forged)) -> FindingKind {
    let mut forge = Forge::new();
    let last = forge.chain("door", 3);
    let mut wrong = forge.event(0, "door", Some(last));
    spoil(&mut wrong);
    forge.write(&[wrong]);
    forge.chain("siren", 2);
    assert!(forge.opens(), "what was forged is not what this test is about");
    let found = report(&forge.close());
    let kinds: Vec<&str> = found.findings.iter().map(|finding| finding.kind.name()).collect();
    assert_eq!(kinds, [name], "{:?}", found.findings);
    assert_eq!((found.events, found.groups, found.streams), (5, 6, 2));
    let finding = &found.findings[0];
    assert!(finding.file.ends_with("00000000000000000001.seg") && finding.offset.0 > 148, "{finding}");
    assert!(finding.to_string().starts_with(&finding.file), "{finding}");
    finding.kind.clone()
}

/// Spec: VERIFY-1, VERIFY-2, TYPE-9, HASH-3
#[test]
fn a_revision_or_a_previous_hash_that_does_not_follow_is_found() {
    let jumped = check("revision_broken", |event| event.header.revision = Revision(5));
    assert!(matches!(jumped, FindingKind::RevisionBroken { expected: Revision(3), found: Revision(5), .. }));
    check("revision_broken", |event| event.header.revision = Revision(2));
    check("revision_broken", |event| {
        (event.header.revision, event.header.previous_hash) = (Revision(0), None)
    });
    let broken = check("chain_broken", |event| event.header.previous_hash = Some(EventHash([7; 32])));
    assert!(matches!(broken, FindingKind::ChainBroken { revision: Revision(3), .. }));
}

/// Spec: VERIFY-1, TYPE-9
#[test]
fn a_stream_that_does_not_begin_at_its_beginning_is_found() {
    let mut forge = Forge::new();
    let event = forge.event(0, "door", Some((6, EventHash([1; 32]))));
    forge.write(&[event]);
    assert_eq!(report(&forge.close()).findings[0].kind.name(), "revision_broken");
}

/// Spec: VERIFY-1, VERIFY-2, FRAME-12
#[test]
fn a_payload_that_its_header_does_not_vouch_for_is_found() {
    let kind = check("payload_changed", |event| event.payload = Payload::encode("another").unwrap());
    assert_eq!(kind, FindingKind::PayloadChanged);
}

/// Spec: VERIFY-1, TYPE-4
#[test]
fn a_recorded_time_that_does_not_follow_is_found() {
    check("clock_broken", |event| event.header.dag.hlc = Hlc { wall_ms: 1002, counter: 0 });
    check("clock_broken", |event| event.header.dag.hlc.wall_ms = 5);
}

/// Spec: VERIFY-1, IDEM-1
#[test]
fn an_id_that_stands_twice_is_found() {
    let kind = check("id_twice", |event| {
        (event.header.id, event.header.dag.correlation_id) = (id(1), id(1));
    });
    assert_eq!(kind, FindingKind::IdTwice { id: id(1) });
}

/// Spec: VERIFY-1, TYPE-10
#[test]
fn a_cause_that_does_not_stand_before_and_a_wrong_depth_are_found() {
    let caused = |event: &mut Forged, causes: &[u64], depth| {
        event.header.dag.causes = Causes::new(causes.iter().map(|cause| id(*cause))).unwrap();
        event.header.dag.depth = Depth(depth);
    };
    let kind = check("cause_missing", |event| caused(event, &[0, 77], 1));
    assert_eq!(kind, FindingKind::CauseMissing { cause: id(77) });
    // The event that will stand behind it.
    check("cause_missing", |event| caused(event, &[4], 1));
    let kind = check("depth_broken", |event| caused(event, &[0, 2], 2));
    assert_eq!(kind, FindingKind::DepthBroken { expected: Depth(1), found: Depth(2) });
    let mut forge = Forge::new();
    forge.chain("door", 2);
    for (causes, depth) in [(vec![0], 1), (vec![1, 2], 2), (vec![0, 3, 1], 3)] {
        let mut event = forge.event(0, &format!("{depth}"), None);
        caused(&mut event, &causes, depth);
        forge.write(&[event]);
    }
    assert!(report(&forge.close()).is_sound());
}

/// Spec: VERIFY-1, GROUP-10
#[test]
fn a_batch_that_does_not_end_is_found() {
    for remaining in [[0, 1], [3, 0], [1, 1]] {
        let mut forge = Forge::new();
        let last = forge.chain("door", 1);
        let (mut first, mut second) = (forge.event(0, "door", Some(last)), forge.event(1, "siren", None));
        (first.header.batch_remaining, second.header.batch_remaining) = (remaining[0], remaining[1]);
        forge.write(&[first, second]);
        // A later group says that it was synced: so it is damage, and no torn tail.
        let later = forge.event(0, "lamp", None);
        forge.write(&[later]);
        let found = report(&forge.storage.kill());
        assert_eq!(found.findings[0].kind.name(), "batch_broken", "{remaining:?}: {:?}", found.findings);
        assert_eq!(found.events, 2, "{remaining:?}: half a batch counts");
    }
}

/// Spec: VERIFY-1, TYPE-8, GROUP-3
#[test]
fn a_position_that_is_not_due_is_found() {
    let mut forge = Forge::new();
    let last = forge.chain("door", 2);
    let mut event = forge.event(0, "door", Some(last));
    event.header.position.0 += 1;
    let hash = forge.write(&[event])[0];
    // A later group says that it was synced: so it is damage, and no torn tail.
    let event = forge.event(0, "door", Some((2, hash)));
    forge.write(&[event]);
    let found = report(&forge.storage.kill());
    assert_eq!(found.findings[0].kind.name(), "out_of_order", "{:?}", found.findings);
    assert_eq!(found.events, 3, "what follows is counted");
}

/// A salted payload is under its hash together with its salt.
///
/// Spec: HASH-2, FRAME-15
#[test]
fn a_salted_payload_is_right_with_its_salt() {
    let mut forge = Forge::new();
    let mut event = forge.event(0, "door", None);
    let stored = [&[0xc4, 16][..], &[9; 16], event.payload.as_bytes()].concat();
    event.header.payload_hash = hash::payload(&stored);
    event.header.salted = true;
    event.payload = Payload::from_stored(&stored);
    forge.write(&[event]);
    let reader = forge.reader(|index| Arc::new(index));
    assert_eq!(reader.get(id(0)).unwrap().unwrap().decode::<u64>().unwrap(), 0);
    assert!(report(&forge.close()).is_sound());
}

/// Whatever position a head has, inside a group too, it fits the log it was kept of and no other.
///
/// Spec: VERIFY-3, HASH-6
#[test]
fn a_kept_head_fits_its_log_alone() {
    let mut forge = Forge::new();
    let last = forge.chain("door", 2);
    let (first, second) = (forge.event(0, "door", Some(last)), forge.event(1, "siren", None));
    let hashes = forge.write(&[first, second]);
    let before = forge.snapshot().end.head();
    forge.chain("lamp", 3);
    let end = forge.snapshot().end.head();
    let storage = forge.close();
    let whole = report(&storage);
    let against = |kept| verify_against(Arc::new(storage.clone()), kept).unwrap();
    let inside = hash::next_root(root_at(&storage, Position(2)), hashes[0]);
    let heads = [end, before, StoreHead { position: Position(3), root: inside }];
    for kept in heads.into_iter().chain([root_0(&storage)]) {
        let found = against(kept);
        assert_eq!(found, VerifyReport { proven_from: Some(Position(0)), ..whole.clone() }, "{kept}");
        let other = StoreHead { root: Root([9; 32]), ..kept };
        let found = against(other);
        assert_eq!(found.findings[0].kind, FindingKind::HeadChanged(kept.position));
        assert_eq!((found.findings.len(), found.proven_from), (1, None));
    }
    let beyond = StoreHead { position: Position(end.position.0 + 1), ..end };
    let found = &against(beyond).findings[0];
    assert!(found.file.ends_with(".seg") && found.offset.0 > 148, "{found}");
    assert_eq!(found.kind, FindingKind::HeadCutOff { kept: beyond.position, found: end.position });
}

/// Spec: VERIFY-3
#[test]
fn a_kept_head_inside_damage_cannot_be_compared() {
    let mut forge = Forge::new();
    let (_, hash) = forge.chain("door", 1);
    let (first, second) = (forge.event(0, "door", Some((0, hash))), forge.event(1, "siren", None));
    forge.write(&[first, second]);
    forge.chain("lamp", 2);
    let kept = StoreHead { position: Position(2), root: Root([1; 32]) };
    let mut files = forge.close().files();
    let segment = files.iter_mut().find(|(name, _)| name.ends_with(".seg")).unwrap();
    let group = segment.1.windows(4).enumerate().filter(|(_, bytes)| bytes == b"CLGp").nth(1).unwrap().0;
    segment.1[group + 150] ^= 1;
    let found = verify_against(Arc::new(MemoryStorage::from_files(files)), kept).unwrap();
    assert!(found.findings.iter().any(|found| found.kind == FindingKind::HeadUnreadable(kept.position)));
}

fn root_at(storage: &MemoryStorage, position: Position) -> Root {
    let environment = causelog_io::Environment::real(Arc::new(storage.clone()));
    let (log, snapshot, _) = causelog_segment::open_reader(&environment).unwrap();
    log.root_at(&snapshot, position).unwrap().unwrap()
}

fn root_0(storage: &MemoryStorage) -> StoreHead {
    StoreHead { position: Position(0), root: root_at(storage, Position(0)) }
}
