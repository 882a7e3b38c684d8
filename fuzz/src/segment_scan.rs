//! Opening and walking over a log whose bytes are hostile.
//!
//! Nothing panics. While the published end or the mark of a clean close is as it was, a store that opens and
//! reads to its end holds all of its events, unchanged; without them, a beginning of them. What an open or a read
//! refuses, a walk over everything reports; where that reports nothing, all of it opens and reads. A store that
//! opens takes one more event and keeps it.

use causelog::Query;
use causelog_io::MemoryStorage;
use causelog_segment::{Inspection, LogError, StoredEvent, inspect, open_reader, open_writer};
use causelog_types::{Event, EventId, NewEvent, Position, Region, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use std::sync::Arc;

use crate::fixture::{Ended, Files, Fixture, environment, kind, options, segment_header, stream};
use crate::input::Input;
use crate::mend::{self, GroupRepairs};

const CHANGES_MAX: usize = 8;
/// No file grows beyond this.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// How the bytes are hostile, and so what can be promised.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// Like an accident: a checksum stands in the way.
    Accident,
    /// Checksums were set right: only hashes stand in the way.
    Forgery,
}

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let ended = if mode & 1 == 0 { Ended::Killed } else { Ended::Closed };
    let fixture = Fixture::three_segments(ended);
    let mut files = fixture.files.clone();
    let attack = if mode & 2 == 0 { Attack::Accident } else { Attack::Forgery };
    match mode & 4 {
        0 => change(&mut files, &mut input, attack),
        _ => replace_segment(fixture, &mut files, &mut input, attack),
    }
    if mode & 8 != 0 {
        files.retain(|(name, _)| name != "lock");
    }
    examine(files, fixture, attack);
}

/// A few bytes of any files changed, cut off or put in.
fn change(files: &mut Files, input: &mut Input<'_>, attack: Attack) {
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        let which = input.below(files.len());
        let bytes = &mut files[which].1;
        let at = usize::from(input.draw::<u16>()) % (bytes.len() + 1);
        match input.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let new = input.byte();
                let new = input.bytes(usize::from(new));
                bytes.splice(at..at, new.iter().copied());
                bytes.truncate(FILE_BYTES_MAX);
            }
            2 => {
                let count = usize::from(input.byte()).min(bytes.len() - at);
                bytes[at..at + count].fill(0);
            }
            _ => {
                let mask = input.byte();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
        }
    }
    if attack == Attack::Forgery {
        for (_, bytes) in files.iter_mut().filter(|(name, _)| name.ends_with(".seg")) {
            mend::segment(bytes);
        }
    }
}

/// All behind the header of one segment.
fn replace_segment(fixture: &Fixture, files: &mut Files, input: &mut Input<'_>, attack: Attack) {
    let segments = fixture.segments();
    let segment = &mut files[segments[input.below(segments.len())]].1;
    let header = segment_header(segment);
    let repairs = input.byte();
    segment.truncate(SEGMENT_HEADER_BYTES);
    segment.extend_from_slice(input.rest());
    segment.truncate(FILE_BYTES_MAX);
    if attack == Attack::Forgery {
        let repairs =
            GroupRepairs { position: repairs & 1 == 0, roots: repairs & 2 == 0, count: repairs & 4 == 0 };
        mend::groups(segment, header.salt, header.base, header.base_root, repairs);
    }
}

/// Opens the files in every way, and holds what is served against what there was.
fn examine(files: Files, fixture: &Fixture, attack: Attack) {
    let published = is_published(&files, fixture);
    let walk = walk(&files);
    let read = read(&files);
    match (&walk, &read) {
        (Ok(walk), Ok(events)) => {
            if walk.findings.is_empty() {
                assert_eq!(widen(events.len()), walk.head.position.0, "a read and a walk differ");
            }
            held_against(events, &fixture.events, published, attack);
        }
        (Ok(walk), Err((error, events))) => {
            let no_store = matches!(error, LogError::NotAStore { .. });
            assert!(
                no_store || !walk.findings.is_empty(),
                "a walk does not report what a read does: {error}"
            );
            if attack == Attack::Accident {
                assert_beginning(events, &fixture.events);
            }
        }
        (Err(error), _) => assert!(matches!(error, LogError::NotAStore { .. }), "{error}"),
    }
    append(files, &read, fixture, attack);
}

/// Whether the end that had been published still stands.
fn is_published(files: &Files, fixture: &Fixture) -> bool {
    let same = |name: &str| {
        let of =
            |files: &Files| files.iter().find(|(other, _)| other == name).map(|(_, bytes)| bytes.clone());
        of(files).is_some_and(|bytes| Some(bytes) == of(&fixture.files))
    };
    same("lock") && same("store")
}

fn walk(files: &Files) -> Result<Inspection, LogError> {
    inspect(Arc::new(MemoryStorage::from_files(files.clone())), &mut |_| {}, &mut |_| {})
}

/// The events of a log from its beginning to its end, or up to an error.
fn read(files: &Files) -> Result<Vec<StoredEvent>, (LogError, Vec<StoredEvent>)> {
    let storage = MemoryStorage::from_files(files.clone());
    let opened = open_reader(&environment(&storage, 2));
    let (log, snapshot, report) = opened.map_err(|error| (error, Vec::new()))?;
    let mut events = Vec::new();
    for group in log.groups(&snapshot, Position(0)) {
        match group {
            Ok(group) => events.extend(group.events),
            Err(error) => return Err((error, events)),
        }
    }
    assert_eq!(widen(events.len()), report.head.position.0, "a log does not end where its report says");
    assert_eq!(storage.files(), *files, "a reader changed something");
    Ok(events)
}

/// A whole read.
fn held_against(events: &[StoredEvent], original: &[Event], published: bool, attack: Attack) {
    if published {
        assert!(events.len() >= original.len(), "{} of {} events are left", events.len(), original.len());
        let hashes = events.iter().zip(original).position(|(event, original)| event.hash != original.hash());
        assert_eq!(hashes, None, "an event that had been published was changed");
    }
    if attack == Attack::Accident {
        assert_beginning(events, original);
    }
}

fn assert_beginning(events: &[StoredEvent], original: &[Event]) {
    assert!(events.len() <= original.len(), "there are {} events out of nothing", events.len());
    for (event, original) in events.iter().zip(original) {
        assert_eq!((&event.header, event.hash), (&original.header, original.hash()));
    }
}

/// A log that opens to be written takes an event, and keeps what it had; no payload is served but the event's own.
fn append(
    files: Files,
    read: &Result<Vec<StoredEvent>, (LogError, Vec<StoredEvent>)>,
    fixture: &Fixture,
    attack: Attack,
) {
    let storage = MemoryStorage::from_files(files);
    let writer = open_writer(&environment(&storage, 3), Default::default());
    if let Err(error) = writer {
        assert!(
            read.is_err() || matches!(error, LogError::Io(_)),
            "a writer refuses what a reader takes: {error}"
        );
        return;
    }
    drop(writer);
    let store = match options().open_in(environment(&storage, 4)) {
        Ok(store) => store,
        Err(error) => return assert!(read.is_err(), "a store refuses what its log takes: {error}"),
    };
    let before = store.end().position;
    let id = EventId::from_u128(u128::MAX);
    let event =
        NewEvent::new(&stream(0), kind(0), "one more").expect("the payload can be encoded").with_id(id);
    let Ok(receipt) = store.append(event) else { return assert!(read.is_err() || before.0 > 0) };
    assert_eq!(receipt.position, before);
    drop(store);
    let store = options().open_in(environment(&storage.power_cut(), 5)).expect("what was appended is kept");
    assert_eq!(store.end().position, Position(before.0 + 1));
    let events: Vec<Event> =
        store.read(Query::new(Region::all().with_library_events()).hashed()).map_while(Result::ok).collect();
    for (event, original) in events.iter().zip(&fixture.events) {
        assert!(event.hash() != original.hash() || event == original, "a payload is not the event's own");
    }
    if let Ok(read) = read {
        let hashes: Vec<_> = read.iter().map(|event| event.hash).chain([receipt.hash]).collect();
        // A payload that was forged is refused when it is read, and what follows is not read then.
        assert!(attack == Attack::Forgery || events.len() == hashes.len(), "an append hides events");
        assert!(
            events.iter().zip(hashes).all(|(event, hash)| event.hash() == hash),
            "an append changed events"
        );
    }
}
