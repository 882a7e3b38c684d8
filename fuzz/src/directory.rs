//! Opening a directory in which anything may have happened to the files.
//!
//! Files are missing, doubled, renamed, cut, changed, or hold anything; checksums of the small ones may have been set
//! right. Nothing panics, and neither an open nor a salvage changes what is there. Whatever is served, by a strict
//! open, by one of a damaged store, or after a salvage, is what was appended, in its place; and what was salvaged
//! verifies and takes further events.

use std::sync::Arc;

use causelog::{Query, ReadError, Store, verify};
use causelog_io::{Environment, MemoryStorage};
use causelog_salvage::Salvage;
use causelog_types::{ByteOffset, Event, NewEvent, Region};
use causelog_wire::Salt;

use crate::fixture::{Ended, Files, Fixture, environment, kind, options, segment_header, stream};
use crate::input::Input;
use crate::mend;

const CHANGES_MAX: usize = 6;
/// No file grows beyond this.
const FILE_BYTES_MAX: usize = 32 * 1024;
/// What files are called, or nearly.
const NAMES: [&str; 10] = [
    "store",
    "closed",
    "lock",
    "00000000000000000001.seg",
    "00000000000000000002.seg",
    "00000000000000000004.seg",
    "18446744073709551615.seg",
    "00000000000000000000-00000000000000000009.idx",
    "00000000000000000001.seg.tmp",
    "1.seg",
];
const SMALL: [&str; 3] = ["store", "closed", "lock"];

/// Checks one input as changes to a whole directory.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = start(&mut input);
    for _ in 0..CHANGES_MAX {
        if input.is_empty() || files.is_empty() {
            break;
        }
        change(&mut files, &mut input);
    }
    examine(&files);
}

/// Checks one input as the bytes of a small file.
pub fn check_small(data: &[u8]) {
    let mut input = Input::new(data);
    let mut files = start(&mut input);
    let name = SMALL[input.below(SMALL.len())];
    let mended = input.flag();
    put(&mut files, name, input.rest().to_vec());
    if mended {
        mend_small(&mut files, name);
    }
    examine(&files);
}

fn start(input: &mut Input<'_>) -> Files {
    let ended = if input.flag() { Ended::Closed } else { Ended::Killed };
    Fixture::three_segments(ended).files.clone()
}

fn put(files: &mut Files, name: &str, mut bytes: Vec<u8>) {
    bytes.truncate(FILE_BYTES_MAX);
    files.retain(|(other, _)| other != name);
    files.push((name.to_owned(), bytes));
}

fn change(files: &mut Files, input: &mut Input<'_>) {
    let (what, which) = (input.below(8), input.below(files.len()));
    let name = NAMES[input.below(NAMES.len())];
    let bytes = &mut files[which].1;
    let at = usize::from(input.draw::<u16>()) % (bytes.len() + 1);
    match what {
        0 => _ = files.remove(which),
        1 => {
            let copy = files[which].1.clone();
            put(files, name, copy);
        }
        2 => {
            let (_, moved) = files.remove(which);
            put(files, name, moved);
        }
        3 => bytes.truncate(at),
        4 => {
            let count = usize::from(input.byte());
            let new = input.bytes(count).to_vec();
            bytes.splice(at..at, new);
            bytes.truncate(FILE_BYTES_MAX);
        }
        5 => {
            let count = usize::from(input.byte());
            let new = input.bytes(count).to_vec();
            put(files, name, new);
        }
        6 => {
            let name = SMALL[input.below(SMALL.len())];
            flip(files, name, at, input.byte());
            mend_small(files, name);
        }
        _ => {
            let mask = input.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
    }
}

fn flip(files: &mut Files, name: &str, at: usize, mask: u8) {
    let Some((_, bytes)) = files.iter_mut().find(|(other, _)| other == name) else { return };
    let length = bytes.len().max(1);
    if let Some(byte) = bytes.get_mut(at % length) {
        *byte ^= mask;
    }
}

/// Sets the checksum of a small file right.
fn mend_small(files: &mut Files, name: &str) {
    let fixture = Fixture::three_segments(Ended::Closed);
    let store = segment_header(&fixture.files[fixture.segments()[0]].1).store;
    let [_, _, _, _, _, _, _, _, low @ ..] = store.as_u128().to_be_bytes();
    let own = Salt(u64::from_be_bytes(low));
    let Some((_, bytes)) = files.iter_mut().find(|(other, _)| other == name) else { return };
    match name {
        "store" if bytes.len() >= 4 => mend::fixed(bytes, Salt(0), ByteOffset(0)),
        "closed" if bytes.len() >= 4 => mend::fixed(bytes, own, ByteOffset(0)),
        "lock" => {
            for offset in causelog_wire::layout::SLOT_OFFSETS {
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                let slot =
                    bytes.get_mut(at..).and_then(|rest| rest.get_mut(..causelog_wire::layout::SLOT_BYTES));
                if let Some(slot) = slot {
                    mend::fixed(slot, own, ByteOffset(offset));
                }
            }
        }
        _ => {}
    }
}

/// The events of both fixtures are the same but for what a store's own id goes into.
fn known(event: &Event) -> bool {
    [Ended::Closed, Ended::Killed].into_iter().any(|ended| {
        let events = &Fixture::three_segments(ended).events;
        let at = usize::try_from(event.header.position.0).unwrap_or(usize::MAX);
        events.get(at) == Some(event)
    })
}

fn examine(files: &Files) {
    let storage = MemoryStorage::from_files(files.clone());
    let before = storage.files();
    let _ = verify(Arc::new(storage.clone()));
    let strict = options().open_read_only_in(environment(&storage, 2));
    let damaged = options().open_damaged_in(environment(&storage, 3));
    for store in [strict, damaged].into_iter().flatten() {
        served(&store);
    }
    salvage(&storage);
    assert!(storage.files() == before, "a reader has changed something");
}

/// Reads everything over gaps; how many events that were.
fn served(store: &Store) -> usize {
    let mut count = 0;
    for event in store.read(Query::new(Region::all().with_library_events())) {
        match event {
            Ok(event) => {
                assert!(known(&event), "an event is served that was not appended");
                count += 1;
            }
            Err(ReadError::Lost { .. }) => {}
            Err(_) => break,
        }
    }
    count
}

fn salvage(storage: &MemoryStorage) {
    let Ok(found) = Salvage::read(Arc::new(storage.clone())) else { return };
    let new = MemoryStorage::new();
    let to: Environment = environment(&new, 4);
    if found.write(&to).is_err() {
        return;
    }
    let report = verify(Arc::new(new.clone())).expect("a salvaged store is one");
    assert!(report.is_sound(), "a salvaged store does not verify: {:?}", report.findings);
    let store = options().open_in(environment(&new, 5)).expect("a salvaged store opens");
    let before = served(&store);
    let event = NewEvent::new(&stream(0), kind(0), &"more").expect("the event is allowed");
    let receipt = store.append(event).expect("a salvaged store takes events");
    store.close().expect("a salvaged store closes");
    let store = options().open_in(environment(&new, 6)).expect("a salvaged store opens again");
    assert!(store.get(receipt.id).is_ok_and(|found| found.is_some()), "what was appended is not there");
    drop(store);
    let report = verify(Arc::new(new)).expect("it is still a store");
    assert!(report.is_sound() && u64::try_from(before).is_ok_and(|before| report.events > before));
}
