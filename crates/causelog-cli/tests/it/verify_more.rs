//! `verify`: what it says beside its findings, and where a reader goes on from damage.

use std::fs;
use std::path::{Path, PathBuf};

use causelog::{Coordinate, EventKind, NewEvent, Store};
use serde_json::Value;

use crate::helpers::{Place, demo, flip, run};

fn append(store: &Path, numbers: std::ops::Range<u32>) {
    let open = Store::options().segment_bytes(4_096).open(store).unwrap();
    let stream = Coordinate::new("door:1", "home").unwrap();
    for n in numbers {
        let payload = (n, "x".repeat(1_000));
        open.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), &payload).unwrap()).unwrap();
    }
    open.close().unwrap();
}

/// A store of nine events in three segments, closed.
fn nine() -> Place {
    let place = Place::new();
    append(&place.path("store"), 0..9);
    assert_eq!(files(&place, ".seg").len(), 3);
    place
}

fn files(place: &Place, ending: &str) -> Vec<PathBuf> {
    files_of(&place.path("store"), ending)
}

fn files_of(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    files_of(from, "").iter().for_each(|file| {
        fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
    });
}

fn verify(place: &Place, code: i32) -> (Value, String) {
    let told = run(&["verify", &place.store(), "--format", "json"]);
    let shown = run(&["verify", &place.store()]);
    assert_eq!((told.code, shown.code), (code, code), "{shown:?}");
    (serde_json::from_str(&told.out).unwrap(), shown.out)
}

/// Spec: VERIFY-2
#[test]
fn of_a_damaged_store_it_says_what_is_missing_and_where_to_go_on() {
    let place = nine();
    let (sound, shown) = verify(&place, 0);
    assert_eq!((&sound["missing"], &sound["head"]["position"]), (&serde_json::json!([]), &9.into()));
    assert!(!shown.contains("salvage") && !shown.contains("missing"), "{shown}");
    let segments = files(&place, ".seg");
    fs::remove_file(&segments[1]).unwrap();
    fs::remove_file(&segments[2]).unwrap();
    let (told, shown) = verify(&place, 1);
    let kinds: Vec<_> = told["findings"].as_array().unwrap().iter().map(|found| &found["kind"]).collect();
    assert_eq!(kinds, ["changed_after_close", "cut_off"]);
    let events = told["events"].as_u64().unwrap();
    assert_eq!(told["missing"], serde_json::json!([{ "from": events, "to": 9 }]));
    assert_eq!(told["missing_positions"], 9 - events);
    assert!(told["head"].is_null() && told["read_up_to"]["position"] == events, "{told}");
    for part in ["causelog salvage DIR NEWDIR", "--damaged", "no head to keep", " to 8"] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    let root = told["read_up_to"]["root"].as_str().unwrap();
    assert!(!shown.contains(root), "{shown}");
    run(&["read", &place.store()]).check_refused(1, &["causelog salvage DIR NEWDIR", "--damaged"]);
}

/// Spec: VERIFY-2, SLOT-6
#[test]
fn a_lost_end_is_named_beside_other_damage() {
    let place = nine();
    let segments = files(&place, ".seg");
    flip(&segments[1], 700);
    fs::remove_file(&segments[2]).unwrap();
    let (told, _) = verify(&place, 1);
    let kinds: Vec<_> = told["findings"].as_array().unwrap().iter().map(|found| &found["kind"]).collect();
    assert_eq!(kinds, ["corrupt", "changed_after_close", "cut_off"]);
}

/// Spec: VERIFY-8, INDEX-7
#[test]
fn index_files_that_the_log_does_not_confirm_are_of_no_use() {
    let place = nine();
    let other = place.path("other");
    copy(&place.path("store"), &other);
    append(&place.path("store"), 10..13);
    append(&other, 20..23);
    let theirs = files_of(&other, ".idx").pop().unwrap();
    let (sound, _) = verify(&place, 0);
    assert_eq!(sound["derived"]["findings"], serde_json::json!([]));
    fs::copy(&theirs, place.path("store").join(theirs.file_name().unwrap())).unwrap();
    let (told, shown) = verify(&place, 0);
    assert_eq!(told["derived"]["findings"][0]["kind"], "derived_stale", "{told}");
    assert!(shown.contains("of no use"), "{shown}");
    // Nothing but the name of the store is left.
    for file in files(&place, "") {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name != "store" && !name.ends_with(".idx") {
            fs::remove_file(&file).unwrap();
        }
    }
    let (told, _) = verify(&place, 0);
    assert_eq!((&told["events"], &told["derived"]["sound"]), (&0.into(), &0.into()), "{told}");
}

/// Spec: VERIFY-2
#[test]
fn what_is_no_damage_is_said_too() {
    let place = nine();
    fs::write(place.path("store").join("notes.txt"), "mine").unwrap();
    let lock = place.path("store").join("lock");
    fs::write(&lock, vec![0xA7; fs::read(&lock).unwrap().len()]).unwrap();
    let first = &files(&place, ".seg")[0];
    fs::write(first, [fs::read(first).unwrap(), vec![7; 100]].concat()).unwrap();
    let (told, shown) = verify(&place, 0);
    assert_eq!((&told["lock_is_unreadable"], &told["dead_bytes"]), (&true.into(), &100.into()));
    assert_eq!(told["unknown_names"], serde_json::json!(["notes.txt"]));
    assert!(told["dead_files"][0].as_str().unwrap().ends_with("00000000000000000001.seg"), "{told}");
    for part in ["100 in 00000000000000000001.seg", "notes.txt", "no published end that can be read"] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    assert_eq!(verify(&demo(), 0).0["lock_is_unreadable"], false);
}

/// Spec: VERIFY-5
#[test]
fn the_help_says_that_no_index_is_compared_with_a_damaged_log() {
    let help = run(&["verify", "--help"]).fine();
    assert!(help.contains("damaged log nothing is compared"), "{help}");
}
