//! `salvage`: what is saved, what is told, what is left alone.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use causelog::{Coordinate, EventId, EventKind, NewEvent, Store};
use serde_json::Value;

use crate::helpers::{Place, demo, events, flip, run, segment};

/// All of a directory: names, bytes, and when they were last changed.
fn all_of(directory: &Path) -> Vec<(String, Vec<u8>, SystemTime)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let changed = fs::metadata(&path).unwrap().modified().unwrap();
        (path.display().to_string(), fs::read(&path).unwrap(), changed)
    });
    let mut all: Vec<_> = entries.collect();
    all.sort();
    all
}

fn set_read_only(directory: &Path, read_only: bool) {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([directory.to_path_buf()]) {
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(read_only);
        fs::set_permissions(&path, permissions).unwrap();
    }
}

fn id(n: u128) -> EventId {
    EventId::from_u128(n + 100)
}

/// A store of ten events, each caused by the one before it, of which the fifth is damaged.
fn damaged() -> Place {
    let place = Place::new();
    let store = Store::open(place.store()).unwrap();
    let stream = Coordinate::new("e", "s").unwrap();
    for n in 0..10 {
        let event = NewEvent::new(&stream, EventKind::of::<0x1001>(), &n).unwrap().with_id(id(n));
        let event = event.caused_by((n > 0).then(|| id(n - 1))).unwrap();
        store.append(event).unwrap();
    }
    store.close().unwrap();
    let file = segment(place.store());
    let groups = fs::read(&file).unwrap();
    let fifth = groups.windows(4).enumerate().filter(|(_, bytes)| bytes == b"CLGp").nth(4).unwrap().0;
    flip(&file, fifth + 140);
    place
}

/// Spec: SALVAGE-1, SALVAGE-4, SALVAGE-5, READ-6
#[test]
fn a_damaged_store_is_saved_and_left_as_it_was() {
    let place = damaged();
    let (store, saved) = (place.path("store"), place.path("saved"));
    let (before, directory) = (all_of(&store), fs::metadata(&store).unwrap().modified().unwrap());
    set_read_only(&store, true);
    let ran = run(&["salvage", &place.store(), saved.to_str().unwrap(), "--format", "json"]);
    set_read_only(&store, false);
    assert_eq!((all_of(&store), fs::metadata(&store).unwrap().modified().unwrap()), (before, directory));

    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["events"], &told["lost_events"], &told["head"]["position"]),
        (&9.into(), &1.into(), &10.into())
    );
    assert_eq!(told["lost"], serde_json::json!([{ "from": 4, "to": 5 }]));
    assert_eq!(told["streams"][0]["from"], 4, "{told}");
    assert!(told["findings"][0]["file"].as_str().unwrap().ends_with(".seg"), "{told}");

    let verified = run(&["verify", saved.to_str().unwrap(), "--format", "json"]).json();
    assert_eq!(
        (&verified["verdict"], &verified["lost"], &verified["gaps"]),
        (&"sound".into(), &1.into(), &1.into())
    );
    let read = run(&["read", saved.to_str().unwrap(), "--format", "jsonl"]);
    assert_eq!((read.code, read.out.lines().count()), (0, 9), "{read:?}");
    assert!(read.err.contains("the event at position 4 is lost"), "{read:?}");
    let traced = run(&["trace", saved.to_str().unwrap(), "ancestors", &id(9).to_string(), "--format", "ids"]);
    assert_eq!((traced.code, traced.out.lines().count()), (0, 5), "{traced:?}");
    assert!(traced.err.contains("events were lost"), "{traced:?}");
}

/// Spec: RECOVER-7
#[test]
fn a_damaged_store_can_be_read_as_far_as_it_is_good() {
    let place = damaged();
    run(&["read", &place.store()]).check_refused(1, &["causelog verify DIR"]);
    let read = run(&["read", &place.store(), "--damaged", "--format", "jsonl"]);
    assert_eq!((read.code, read.out.lines().count()), (0, 9), "{read:?}");
    assert!(read.err.contains("the event at position 4 is lost"), "{read:?}");
    let id = id(7).to_string();
    assert!(run(&["get", &place.store(), &id, "--damaged"]).fine().contains(&id));
    let stat = run(&["stat", &place.store(), "--damaged"]).fine();
    assert!(
        stat.contains("events lost") && stat.contains("damage") && stat.contains(".seg, offset"),
        "{stat}"
    );
}

/// Spec: SALVAGE-5
#[test]
fn only_an_empty_directory_is_written_to() {
    let place = damaged();
    place.file("other", "");
    let taken = place.path("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("note"), "mine").unwrap();
    let into = |name: &str| run(&["salvage", &place.store(), place.path(name).to_str().unwrap()]);
    into("taken").check_refused(2, &["taken", "is not empty"]);
    into("store").check_refused(2, &["store", "is not empty"]);
    into("store/new").check_refused(2, &["store/new", "inside the damaged store"]);
    assert!(!place.path("store").join("new").exists());
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);
    let nowhere =
        run(&["salvage", place.path("nowhere").to_str().unwrap(), place.path("new").to_str().unwrap()]);
    nowhere.check_refused(1, &["nowhere"]);
    assert!(!place.path("new").exists());
    let shown = into("saved");
    for part in ["events lost", "LOST FROM", "OF STREAM", "corrupt"] {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
}

#[test]
fn of_a_sound_store_nothing_is_lost() {
    let place = demo();
    let saved = place.path("saved");
    let ran = run(&["salvage", &place.store(), saved.to_str().unwrap()]).fine();
    assert!(ran.contains("the new store verifies") && !ran.contains("LOST FROM"), "{ran}");
    let before = events(&place);
    fs::remove_dir_all(place.path("store")).unwrap();
    fs::rename(&saved, place.path("store")).unwrap();
    assert_eq!(events(&place), before);
}
