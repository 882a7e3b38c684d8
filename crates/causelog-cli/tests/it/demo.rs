//! `demo`: the story, and what it leaves.

use std::fs;

use crate::helpers::{Place, demo, run};

#[test]
fn the_story_fits_two_screens_and_leaves_nothing() {
    let told = run(&["demo"]).fine();
    assert!(told.lines().count() <= 50, "{told}");
    for part in [
        "caused by door-opened and motion-seen",
        "admitted by gates armed and volume",
        "denied by gate volume: too_loud",
        "bypassed the gates: emergency",
        "was expected at revision 0, but it is at revision 2",
        "closed in order",
        "└─ motion-seen (see above)",
        "sound: 7 events",
        "`causelog demo DIR`",
    ] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
}

#[test]
fn the_story_is_there_for_programs_too() {
    let place = Place::new();
    let told = run(&["demo", &place.store(), "--format", "json"]).json();
    assert_eq!(told["directory"], place.store());
    assert_eq!((&told["events"], &told["verdict"]), (&7.into(), &"sound".into()));
    let chapters = told["chapters"].as_array().unwrap();
    assert_eq!(chapters.len(), 8);
    assert!(chapters.iter().all(|chapter| chapter["title"].is_string() && chapter["lines"].is_null()));
    let event = |name: &str| run(&["get", &place.store(), name, "--format", "json"]).json();
    for told in chapters.iter().filter_map(|chapter| chapter["events"].as_array()).flatten() {
        if told["outcome"] == "rejected" {
            assert_eq!((&told["expected_revision"], &told["actual_revision"]), (&0.into(), &2.into()));
            continue;
        }
        let stored = event(told["name"].as_str().unwrap());
        for field in ["id", "entity", "scope", "position", "revision", "hash"] {
            assert_eq!(told[field], stored[field], "{field} of {told}");
        }
    }
    let outcomes: Vec<_> = chapters.iter().map(|chapter| chapter["events"][0]["outcome"].as_str()).collect();
    let expected = ["written", "written", "written", "rejected", "already_stored"].map(Some);
    assert_eq!(outcomes, [&expected[..], &[None; 3]].concat());
    let bypassed = &chapters[2]["events"][1];
    assert_eq!(bypassed["denied_by"][0]["code"], "too_loud");
    assert_eq!(bypassed["evidence"], event("siren-loudest")["evidence"]);
    assert_eq!((&chapters[5]["left"], &chapters[5]["head"]), (&"closed".into(), &told["head"]));
    assert_eq!(chapters[6]["ancestors"].as_array().map(Vec::len), Some(6));
    assert_eq!(chapters[7]["verification"]["verdict"], "sound");
    assert_eq!(run(&["stat", &place.store(), "--format=json"]).json()["head"], told["head"]);
}

#[test]
fn the_commands_that_it_ends_with_work() {
    let place = Place::new();
    let told = run(&["demo", &place.store()]).fine();
    let commands: Vec<&str> = told.lines().filter_map(|line| line.trim().strip_prefix("causelog ")).collect();
    assert_eq!(commands.len(), 4, "{told}");
    for command in commands {
        let shown = run(&command.split_whitespace().collect::<Vec<_>>()).fine();
        assert!(shown.contains("siren") || shown.contains("events"), "{command}: {shown}");
    }
}

#[test]
fn what_is_there_stays_as_it_is() {
    let place = demo();
    let before = run(&["stat", &place.store(), "--format=json"]).fine();
    let refused = run(&["demo", &place.store()]);
    refused.check_refused(2, &["already holds a store with 7 events", "a new or an empty directory"]);
    assert_eq!(run(&["stat", &place.store(), "--format=json"]).fine(), before);

    let other = place.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter"), "dear").unwrap();
    run(&["demo", other.to_str().unwrap()]).check_refused(2, &["holds other files"]);
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn an_empty_directory_and_an_empty_store_are_free() {
    let place = Place::new();
    fs::create_dir(place.path("store")).unwrap();
    run(&["demo", &place.store()]).fine();
    let empty = place.path("empty");
    causelog::Store::open(&empty).unwrap().close().unwrap();
    let told = run(&["demo", empty.to_str().unwrap()]).fine();
    assert!(told.contains("sound: 7 events"), "{told}");
}
