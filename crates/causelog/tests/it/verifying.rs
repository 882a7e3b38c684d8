//! Verification of stores that are whole, torn and damaged, and what an open says of the same damage.

use std::sync::Arc;

use causelog::{
    AppendErrorKind, AppendReceipt, DamageKind, Fate, FindingKind, Left, LogError, MemoryStorage, OpenError,
    Store, VerifyReport, verify,
};

use crate::helpers::{Lab, all, bytes_of, door, event, fill_segment, id, names, stream, with_file};

const FIRST: &str = "00000000000000000001.seg";

fn report(disk: &MemoryStorage) -> VerifyReport {
    verify(Arc::new(disk.clone())).unwrap()
}

/// A store with nine events in one segment, not closed; their receipts.
fn nine(lab: &Lab, disk: &MemoryStorage) -> Vec<AppendReceipt> {
    let store = lab.open(disk);
    let receipts = (0..9).map(|i| {
        let entity = if i % 3 == 0 { "siren" } else { "door" };
        store.append(event(&stream(entity, "home"), "x")).unwrap()
    });
    let receipts = receipts.collect();
    std::mem::forget(store);
    receipts
}

fn flipped(disk: &MemoryStorage, name: &str, at: u64) -> MemoryStorage {
    let mut bytes = bytes_of(disk, name);
    bytes[usize::try_from(at).unwrap()] ^= 0x40;
    with_file(disk, name, Some(bytes))
}

/// Spec: VERIFY-1, VERIFY-2
#[test]
fn a_whole_store_is_sound_and_counted() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    assert_eq!((report(&disk).events, report(&disk).segments), (0, 0));
    fill_segment(&store);
    store.append_batch(vec![event(&door(), "a"), event(&stream("b", "c"), "b")]).unwrap();
    let open = store.verify().unwrap();
    assert!(open.is_sound() && open.in_use);
    let head = store.end();
    store.close().unwrap();
    let closed = report(&disk);
    assert!(closed.is_sound() && !closed.in_use);
    assert_eq!((closed.head, closed.events, closed.streams, closed.segments), (head, head.position.0, 2, 2));
    assert_eq!((closed.groups, closed.torn_tail, closed.dead_bytes), (head.position.0 - 1, None, 0));
    let bytes: usize = names(&disk, ".seg").iter().map(|name| bytes_of(&disk, name).len()).sum();
    assert_eq!(closed.bytes, u64::try_from(bytes).unwrap());
    assert!(verify(Arc::new(MemoryStorage::new())).is_err(), "no store is not a sound store");
}

/// Spec: VERIFY-2, RECOVER-3
#[test]
fn a_torn_tail_is_told_from_damage() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let last = nine(&lab, &disk).pop().unwrap();
    // As a power cut leaves it: nobody was told of the last event, and its bytes are not all there.
    let torn = with_file(&flipped(&disk.kill(), FIRST, last.location.offset.0 + 20), "lock", None);
    let found = report(&torn);
    assert!(found.is_sound(), "{:?}", found.findings);
    assert_eq!((found.events, found.head.position.0), (8, 8));
    let tail = found.torn_tail.unwrap();
    assert!(tail.file.ends_with(FIRST) && tail.offset < last.location.offset && tail.bytes > 0, "{tail:?}");
    let store = lab.open(&torn);
    assert_eq!(store.report().torn_tail, Some(tail.clone()));
    assert_eq!(all(&store).len(), 8);
    // Nothing appended: the mark of a clean close would call the torn tail a part of the log.
    store.close().unwrap();
    assert!(names(&torn, "closed").is_empty());
    let store = lab.open(&torn);
    assert_eq!(store.report().left, Left::Unclosed);
    store.append(event(&door(), "goes on")).unwrap();
    store.close().unwrap();
    let found = report(&torn);
    assert_eq!((found.events, found.segments, found.torn_tail), (9, 2, None));
    assert_eq!(found.dead_bytes, tail.bytes);
}

/// An open reads the tail alone: damage inside a sealed segment shows where it is read, for a retry that has to be
/// compared with it, and in a verification.
///
/// Spec: RECOVER-7, RECOVER-8, IDEM-2, COMMIT-3
#[test]
fn damage_inside_a_sealed_segment_shows_where_it_is_read() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let first = store.append(event(&door(), "first").with_id(id(1))).unwrap();
    fill_segment(&store);
    store.close().unwrap();
    let damaged = flipped(&disk, FIRST, first.location.offset.0 + 20);

    let store = lab.open(&damaged);
    assert_eq!(store.report().left, Left::Closed);
    let here = |text: &str| text.contains(&format!("{FIRST}, offset {}: ", first.location.offset));
    let read = store.get(id(1)).unwrap_err();
    assert!(here(&read.to_string()), "{read}");
    let refused = store.append(event(&door(), "first").with_id(id(1))).unwrap_err();
    assert_eq!(refused.fate(), Fate::NotWritten);
    assert!(matches!(refused.kind(), AppendErrorKind::StoredUnreadable(_)), "{refused}");
    assert!(here(&refused.to_string()) && refused.to_string().contains("compared with"), "{refused}");
    store.append(event(&door(), "another")).unwrap();
    let report = store.verify().unwrap();
    assert!(report.findings.iter().any(|finding| finding.file.ends_with(FIRST)), "{:?}", report.findings);
}

/// With the published end kept in `lock`, the same loss is not a torn tail.
///
/// Spec: SLOT-6, VERIFY-2
#[test]
fn a_loss_of_what_was_published_is_damage() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let last = nine(&lab, &disk).pop().unwrap();
    let cut = flipped(&disk.kill(), FIRST, last.location.offset.0 + 20);
    let found = report(&cut);
    let kinds: Vec<&str> = found.findings.iter().map(|finding| finding.kind.name()).collect();
    assert_eq!(kinds, ["corrupt", "cut_off"]);
    let place = (&found.findings[0].file, found.findings[0].offset);
    assert!(place.0.ends_with(FIRST) && place.1 <= last.location.offset, "{:?}", found.findings);
    assert_eq!(found.torn_tail, None, "nobody may take it for bytes that nobody was told of");
    for error in [lab.try_open(&cut).unwrap_err(), lab.try_open_read_only(&cut).unwrap_err()] {
        let OpenError::Log(LogError::Damaged(damage)) = error else { panic!("{error}") };
        assert!(matches!(damage.kind, DamageKind::CutOff { .. }), "{damage}");
    }
}

/// Damage in the middle is named, hides nothing behind it, and keeps a strict open from serving anything.
///
/// Spec: VERIFY-2, RECOVER-2, RECOVER-7, RECOVER-9
#[test]
fn damage_in_the_middle_is_named_and_hides_nothing_else() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let receipts = nine(&lab, &disk);
    let disk = disk.kill();
    for (damaged, receipt) in receipts.iter().enumerate().take(7).skip(1) {
        let offset = receipt.location.offset.0;
        // Of the frame: its length, its checksum, its header, its payload.
        for at in [0, 5, 30, u64::from(receipt.location.bytes) - 1] {
            let disk = flipped(&disk, FIRST, offset + at);
            let found = report(&disk);
            assert_eq!(
                (found.events, found.groups),
                (8, 8),
                "event {damaged}, byte {at}: {:?}",
                found.findings
            );
            assert!(found.findings[0].file.ends_with(FIRST));
            assert_eq!(
                found.findings[0].offset.0, offset,
                "event {damaged}, byte {at}: {:?}",
                found.findings
            );
            assert_eq!(found.head.position.0, 9);
            let damage = match lab.try_open(&disk) {
                Err(OpenError::Log(LogError::Damaged(damage))) => damage,
                other => panic!("event {damaged}, byte {at}: {other:?}"),
            };
            assert_eq!(damage.offset.0, offset);
            assert!(damage.to_string().contains(FIRST), "{damage}");
        }
    }
}

/// In a sealed segment damage costs the events there; the index names them, and reading them is an error.
///
/// Spec: RECOVER-9, VERIFY-2, READ-4
#[test]
fn damage_in_a_sealed_segment_is_an_error_where_it_is_read() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    fill_segment(&store);
    let events = all(&store);
    let second = store.append(event(&door(), "last")).unwrap();
    store.close().unwrap();
    let damaged = flipped(&disk, FIRST, 148 + 112 + 400);
    let store = lab.open(&damaged);
    assert!(store.get(events[0].header.id).is_err());
    assert_eq!(store.get(events[1].header.id).unwrap().as_ref(), Some(&events[1]));
    assert_eq!(store.get(second.id).unwrap().unwrap().hash(), second.hash);
    let mut read = store.read(causelog::Region::all());
    assert!(read.next().unwrap().is_err());
    assert!(read.next().is_none(), "nothing follows an error");
    assert_eq!(store.append(event(&door(), "on")).unwrap().revision.0, second.revision.0 + 1);
    let found = store.verify().unwrap();
    assert_eq!((found.findings.len(), found.events), (1, store.end().position.0 - 1));
    assert!(matches!(found.findings[0].kind, FindingKind::Damage(_)), "{}", found.findings[0]);
}

/// Spec: SEG-9, STORE-4, VERIFY-2
#[test]
fn missing_foreign_and_renamed_segments_are_damage() {
    let (lab, disk, other) = (Lab::new(), MemoryStorage::new(), MemoryStorage::new());
    for disk in [&disk, &other] {
        let store = lab.open(disk);
        fill_segment(&store);
        fill_segment(&store);
        store.close().unwrap();
    }
    let segments = names(&disk, ".seg");
    let bytes = |name: &str| bytes_of(&disk, name);
    let cases = [
        ("segment_missing", with_file(&disk, &segments[0], None)),
        ("segment_missing", with_file(&disk, &segments[1], None)),
        ("segment_foreign", with_file(&disk, &segments[1], Some(bytes_of(&other, &segments[1])))),
        ("segment_misnamed", with_file(&disk, &segments[1], Some(bytes(&segments[0])))),
        ("segment_misnamed", with_file(&disk, "00000000000000000009.seg", Some(bytes(&segments[0])))),
        ("segment_short", with_file(&disk, &segments[0], Some(bytes(&segments[0])[..900].to_vec()))),
        ("identity_missing", with_file(&disk, "store", None)),
        ("changed_after_close", with_file(&disk, segments.last().unwrap(), None)),
    ];
    for (name, disk) in cases {
        let kinds: Vec<&str> = report(&disk).findings.iter().map(|finding| finding.kind.name()).collect();
        assert!(kinds.contains(&name), "{name}: {kinds:?}");
        let opened: Result<Store, _> = lab.try_open(&disk);
        assert!(matches!(opened, Err(OpenError::Log(LogError::Damaged(_)))), "{name}: {opened:?}");
        assert!(lab.try_open_read_only(&disk).is_err(), "{name}");
    }
}
