//! Several groups that claim one place: of another life of the store, of a copy, of a gap.

use std::sync::Arc;

use causelog::{Coordinate, Durability, Event, EventKind, Left, MemoryStorage, NewEvent, Options, verify};
use causelog_io::{Environment, ManualClock, SeededRandom};
use causelog_types::{ByteOffset, Position, Root};
use causelog_wire::layout::SLOT_OFFSETS;
use causelog_wire::{SegmentHeader, Slot};

use super::lab;
use crate::{Salvage, SalvageReport};

type Files = Vec<(String, Vec<u8>)>;

fn environment(storage: &MemoryStorage, seed: u64) -> Environment {
    Environment {
        storage: Arc::new(storage.clone()),
        clock: Arc::new(ManualClock::new(1_700_000_000_000)),
        random: Arc::new(SeededRandom::new(seed)),
    }
}

fn event(text: &str, number: u64) -> NewEvent {
    let stream = Coordinate::new("door:1", "home").unwrap();
    let payload = (format!("{text}{number}"), "x".repeat(1000));
    NewEvent::new(&stream, EventKind::of::<0x1001>(), &payload).unwrap()
}

fn append(store: &causelog::Store, text: &str, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| _ = store.append(event(text, number)).unwrap());
}

/// A store that was closed, and its events.
fn closed(seed: u64, text: &str, count: u64, segment_bytes: u64) -> (Files, Vec<Event>) {
    let disk = MemoryStorage::new();
    let store = Options::default().segment_bytes(segment_bytes).open_in(environment(&disk, seed)).unwrap();
    append(&store, text, 0..count);
    store.close().unwrap();
    (disk.files(), lab::events(&disk))
}

fn segment(number: u64) -> String {
    format!("{number:020}.seg")
}

fn without(files: &Files, name: &str) -> Files {
    files.iter().filter(|(other, _)| other != name).cloned().collect()
}

fn changed(files: &Files, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Files {
    let mut files = files.clone();
    change(&mut files.iter_mut().find(|(other, _)| other == name).unwrap().1);
    files
}

/// What is saved of a directory; it must verify.
#[track_caller]
fn salvaged(files: Files) -> (SalvageReport, MemoryStorage) {
    let new = MemoryStorage::new();
    let found = Salvage::read(Arc::new(MemoryStorage::from_files(files))).unwrap();
    let report = found.write(&environment(&new, 999)).unwrap();
    let verified = verify(Arc::new(new.kill())).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.findings);
    (report, new)
}

/// A segment whose sixth group is torn, with whole groups behind it that were never synced and never adopted; the
/// store was opened again and has other events in their places.
fn with_dead_groups() -> (Files, Vec<Event>) {
    let disk = MemoryStorage::new();
    let weak = Options::default().durability(Durability::Os).segment_bytes(1 << 20);
    let store = weak.open_in(environment(&disk, 1)).unwrap();
    append(&store, "dead", 0..5);
    let torn = store.append(event("torn", 5)).unwrap();
    append(&store, "dead", 6..12);
    let at = usize::try_from(torn.location.offset.0).unwrap() + 100;
    let files = changed(&disk.files(), &segment(1), |bytes| bytes[at] ^= 1);
    drop(store);
    let disk = MemoryStorage::from_files(files);
    let store = Options::default().segment_bytes(4096).open_in(environment(&disk, 2)).unwrap();
    assert_eq!(store.end().position, Position(5));
    append(&store, "live", 5..20);
    store.close().unwrap();
    let events = lab::events(&disk);
    (disk.files(), events)
}

/// Spec: SALVAGE-2
#[test]
fn dead_groups_stay_dead() {
    let (files, events) = with_dead_groups();
    let (report, new) = salvaged(changed(&files, &segment(2), |bytes| bytes[9] ^= 1));
    assert!(report.lost.is_empty() && lab::events(&new) == events, "{report:?}");
    let (report, new) = salvaged(without(&files, &segment(2)));
    assert!(!report.lost.is_empty());
    let saved = lab::events(&new);
    let is_right = |event: &Event| events[usize::try_from(event.header.position.0).unwrap()] == *event;
    assert!(saved.len() > 15 && saved.iter().all(is_right), "{report:?}");
}

/// Spec: SALVAGE-2
#[test]
fn a_stray_file_of_another_history_takes_no_place() {
    let (files, events) = closed(7, "ours", 12, 1 << 20);
    let (others, _) = closed(7, "theirs", 5, 1 << 20);
    let theirs = others.into_iter().find(|(name, _)| *name == segment(1)).unwrap().1;
    let (report, new) = salvaged([files, vec![(segment(99), theirs)]].concat());
    assert!(report.lost.is_empty() && lab::events(&new) == events, "{report:?}");
}

/// Spec: SALVAGE-2
#[test]
fn what_was_lost_comes_back_from_a_copy() {
    let (files, events) = closed(7, "a", 30, 8000);
    let copy = files.iter().find(|(name, _)| *name == segment(2)).unwrap().1.clone();
    let (report, new) = salvaged(without(&files, &segment(2)));
    assert!(!report.lost.is_empty());
    let (report, again) = salvaged([new.files(), vec![(segment(50), copy.clone())]].concat());
    assert!(report.lost.is_empty() && lab::events(&again) == events, "{report:?}");
    // A part of it is better than the gap that stands for it.
    let mut part = copy;
    part[400] ^= 1;
    let (report, again) = salvaged([new.files(), vec![(segment(50), part)]].concat());
    assert_eq!((report.lost_events(), lab::events(&again).len()), (1, 29));
}

/// Spec: SALVAGE-4, RECOVER-7
#[test]
fn an_end_that_is_gone_is_named() {
    let (files, events) = closed(7, "a", 12, 4096);
    let last = files.iter().rfind(|(name, _)| name.ends_with(".seg")).unwrap().0.clone();
    let files = without(&files, &last);
    let (report, _) = salvaged(files.clone());
    assert!(report.findings.iter().any(|found| found.kind.name() == "cut_off"));
    let disk = MemoryStorage::from_files(files);
    let store = Options::default().open_damaged_in(environment(&disk, 5)).unwrap();
    assert!(!store.report().damage.is_empty() && store.report().left == Left::Unclosed);
    assert!(store.end().position.0 == 12 && events.len() == 12);
}

/// Spec: SALVAGE-2
#[test]
fn a_store_file_that_no_segment_agrees_with_is_not_believed() {
    let (files, events) = closed(7, "a", 5, 8000);
    let (others, _) = closed(8, "b", 5, 8000);
    let foreign = others.into_iter().find(|(name, _)| name == "store").unwrap().1;
    let (report, new) = salvaged(changed(&files, "store", |bytes| *bytes = foreign));
    assert!(!report.findings.is_empty() && lab::events(&new) == events, "{report:?}");
}

/// Spec: SALVAGE-2
#[test]
fn a_published_end_beyond_all_reason_is_not_believed() {
    for position in [u64::MAX, u64::MAX - 1, 1 << 63] {
        let (files, events) = closed(7, "a", 5, 8000);
        let first = &files.iter().find(|(name, _)| *name == segment(1)).unwrap().1;
        let header = SegmentHeader::decode(first).whole().unwrap();
        let slot = Slot {
            epoch: 50,
            segment: Some(header.number),
            offset: ByteOffset(148),
            group: ByteOffset(148),
            position: Position(position),
            root: Root([9; 32]),
        };
        let slot = slot.encode(header.store, ByteOffset(SLOT_OFFSETS[0]));
        let files = changed(&files, "lock", |bytes| bytes[..slot.len()].copy_from_slice(&slot));
        let (report, new) = salvaged(without(&files, "closed"));
        assert!(report.lost.is_empty() && lab::events(&new) == events, "{report:?}");
        let store = Options::default().open_in(environment(&new, 3)).unwrap();
        append(&store, "more", 0..3);
        store.close().unwrap();
    }
}
