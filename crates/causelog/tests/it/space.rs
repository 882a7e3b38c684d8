//! A full disk, and room again; the published end that cannot be written.

use std::io::ErrorKind;

use causelog::{AppendErrorKind, LogError, MemoryStorage};
use causelog_io::{Fault, Operation};

use crate::helpers::{Lab, all, door, event, fill_segment, id, long_event, refusal};

/// What is taken now: the room that is left is then nothing.
fn fill_disk(disk: &MemoryStorage) {
    disk.set_space(0);
}

/// Spec: COMMIT-5, SEG-7
#[test]
fn a_full_disk_refuses_until_there_is_room_again() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    let mut written = 0;
    fill_disk(&disk);
    assert!(is_no_space(&refusal(store.append(long_event(&door(), 900).with_id(id(0))))));
    disk.set_space(3 * 4096);
    loop {
        match store.append(long_event(&door(), 900).with_id(id(written))) {
            Ok(_) => written += 1,
            Err(error) => {
                assert!(is_no_space(error.kind()), "{error}");
                break;
            }
        }
    }
    assert!(written >= 6, "{written} events");
    assert_eq!(all(&store).len(), usize::try_from(written).unwrap());
    disk.set_space(u64::MAX);
    let receipt = store.append(long_event(&door(), 900).with_id(id(written))).unwrap();
    assert_eq!(
        (receipt.position.0, receipt.revision.0),
        (u64::try_from(written).unwrap(), receipt.position.0)
    );
    assert!(store.verify().unwrap().is_sound());
    store.close().unwrap();
    assert_eq!(all(&lab.open(&disk.power_cut())).len(), usize::try_from(written).unwrap() + 1);
}

/// Lesson 28 (disk full, then the store would not open).
///
/// Spec: COMMIT-5, RECOVER-5
#[test]
fn lesson_28_a_store_opens_on_a_full_disk() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    fill_segment(&store);
    let events = all(&store);
    std::mem::forget(store);
    for left in [disk.kill(), disk.power_cut()] {
        fill_disk(&left);
        let store = lab.open(&left);
        assert_eq!(all(&store), events);
        drop(store);
        let store = lab.try_open_read_only(&left).unwrap();
        assert_eq!(all(&store), events);
        drop(store);
        left.set_space(u64::MAX);
        lab.open(&left).append(event(&door(), "room again")).unwrap();
    }
}

/// A closed store too: the mark of the clean close goes, and the refused append leaves nothing else behind.
///
/// Spec: COMMIT-5, CLOSE-4
#[test]
fn a_closed_store_on_a_full_disk_refuses_and_goes_on_later() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "kept")).unwrap();
    store.close().unwrap();
    let store = lab.open(&disk);
    fill_disk(&disk);
    assert!(is_no_space(&refusal(store.append(long_event(&door(), 3000)))));
    drop(store);
    disk.set_space(u64::MAX);
    for left in [disk.power_cut(), disk] {
        let store = lab.open(&left);
        assert_eq!(all(&store).len(), 1);
        assert_eq!(store.append(event(&door(), "more")).unwrap().position.0, 1);
    }
}

fn is_no_space(kind: &AppendErrorKind) -> bool {
    let AppendErrorKind::Refused(error) = kind else { return false };
    matches!(&**error, LogError::Io(error) if error.source.kind() == ErrorKind::StorageFull)
}

/// Lesson 37 (one EMFILE at rotation hid a whole segment): a rotation that finds no descriptor is refused, and
/// the next append rotates.
///
/// Spec: COMMIT-5, SEG-3
#[test]
fn lesson_37_a_rotation_without_a_descriptor_is_refused_and_tried_again() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    for _ in 0..3 {
        store.append(long_event(&door(), 900)).unwrap();
    }
    let before = all(&store);
    let opens = |operation: &Operation| matches!(operation, Operation::Open { name, .. } if name.ends_with(".seg.tmp"));
    disk.clear_trace();
    let copy = disk.kill();
    let twin = lab.open(&copy);
    copy.clear_trace();
    twin.append(long_event(&door(), 900)).unwrap();
    assert!(copy.trace().iter().any(opens), "the append does not rotate");

    // The judgement reads nothing, so the first operations of this append are the rotation's own.
    disk.fail(2, Fault::Error(ErrorKind::Other));
    let kind = refusal(store.append(long_event(&door(), 900).with_id(id(7))));
    assert!(matches!(kind, AppendErrorKind::Refused(_)), "{kind}");
    assert!(opens(disk.trace().last().unwrap()), "{:?}", disk.trace());
    assert_eq!(all(&store), before);
    let receipt = store.append(long_event(&door(), 900).with_id(id(7))).unwrap();
    assert_eq!(receipt.location.segment.0, 2);
    drop(store);
    assert_eq!(all(&lab.open(&disk)).len(), before.len() + 1);
}

/// Spec: SLOT-3, SLOT-4
#[test]
fn a_slot_that_cannot_be_written_fails_no_append_and_is_written_with_the_next() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let store = lab.open(&disk);
    store.append(event(&door(), "first")).unwrap();
    disk.clear_trace();
    store.append(event(&door(), "second")).unwrap();
    let is_slot =
        |operation: &Operation| matches!(operation, Operation::Write { name, .. } if name == "lock");
    let nth = disk.trace().iter().position(is_slot).unwrap();
    disk.fail(u64::try_from(nth).unwrap(), Fault::Error(ErrorKind::Other));
    let receipt = store.append(event(&door(), "third")).unwrap();
    assert_eq!((receipt.position.0, store.end().position.0), (2, 3));
    let beside = lab.try_open_read_only(&disk).unwrap();
    assert_eq!(all(&beside).len(), 2, "the slot was not to be written");
    store.append(event(&door(), "fourth")).unwrap();
    let beside = lab.try_open_read_only(&disk).unwrap();
    assert_eq!(all(&beside), all(&store));
}
