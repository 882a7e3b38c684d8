//! `verify`: sound stores, damaged stores, torn tails.

use std::fs;
use std::path::Path;

use causelog::{Coordinate, Durability, EventKind, NewEvent, Store};

use crate::helpers::{Place, demo, flip, run, segment};

#[test]
fn a_sound_store_is_covered_whole() {
    let place = demo();
    let told = run(&["verify", &place.store(), "--format", "json"]).json();
    assert_eq!(told["verdict"], "sound");
    for (name, count) in [("events", 7), ("groups", 6), ("segments", 1), ("streams", 5)] {
        assert_eq!(told[name], count, "{name}");
    }
    assert_eq!(told["bytes"], fs::metadata(segment(place.store())).unwrap().len());
    assert_eq!(told["findings"].as_array().map(Vec::len), Some(0));
    assert!(run(&["verify", &place.store()]).fine().contains("sound"));
}

/// Spec: VERIFY-3
#[test]
fn a_kept_head_shows_that_nothing_was_cut_off() {
    let place = demo();
    let stat = run(&["stat", &place.store()]).fine();
    let head = stat.lines().find_map(|line| line.strip_prefix("head")).unwrap().trim().to_owned();
    assert!(run(&["verify", &place.store()]).fine().contains(&head), "both print it");
    let verify = |head: &str| run(&["verify", &place.store(), "--expect-head", head, "--format", "json"]);
    assert_eq!(verify(&head).json()["proven_from"], 0);
    let (_, root) = head.split_once(':').unwrap();
    let told = |ran: &crate::helpers::Ran| -> serde_json::Value { serde_json::from_str(&ran.out).unwrap() };
    for (head, kind) in [(format!("8:{root}"), "head_cut_off"), (format!("6:{root}"), "head_changed")] {
        let ran = verify(&head);
        assert_eq!((ran.code, &told(&ran)["findings"][0]["kind"]), (1, &kind.into()), "{ran:?}");
        assert!(told(&ran)["proven_from"].is_null());
    }
    for wrong in ["7", "7:12", &format!("x:{root}")] {
        verify(wrong).check_refused(2, &["--expect-head", "64 hexadecimal digits"]);
    }
}

/// Spec: VERIFY-5
#[test]
fn the_index_is_compared_with_the_log() {
    let place = demo();
    let told = run(&["verify", &place.store(), "--deep", "--format", "json"]).json();
    assert_eq!(told["verdict"], "sound");
    assert!(told["index_questions"].as_u64().unwrap() > 30, "{told}");
    assert!(run(&["verify", &place.store(), "--deep"]).fine().contains("answers compared with the log"));
    flip(&segment(place.store()), 700);
    let damaged = run(&["verify", &place.store(), "--deep"]);
    assert!(damaged.code == 1 && damaged.out.contains("not compared"), "{damaged:?}");
}

#[test]
fn damage_is_named_by_file_offset_and_kind() {
    let place = demo();
    let file = segment(place.store());
    flip(&file, 700);
    let ran = run(&["verify", &place.store(), "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["verdict"], "damaged");
    let finding = &told["findings"][0];
    assert!(finding["file"].as_str().unwrap().ends_with("00000000000000000001.seg"), "{told}");
    assert!(finding["offset"].as_u64().unwrap() <= 700, "{told}");
    assert!(finding["kind"].is_string() && finding["message"].is_string(), "{told}");
    assert!(told["events"].as_u64().unwrap() < 7);
    let shown = run(&["verify", &place.store()]);
    assert!(shown.code == 1 && shown.out.contains("OFFSET") && shown.out.contains("damaged"), "{shown:?}");
}

/// Spec: VERIFY-8
#[test]
fn an_index_file_of_no_use_is_shown_and_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let open = Store::options().segment_bytes(4_096).open(&store).unwrap();
    let stream = Coordinate::new("door:1", "home").unwrap();
    for n in 0..8 {
        open.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), &(n, "x".repeat(1_000))).unwrap())
            .unwrap();
    }
    open.close().unwrap();
    let path = store.to_str().unwrap();
    let derived = || run(&["verify", path, "--format", "json"]).json()["derived"].clone();
    let sound = derived()["sound"].as_u64().unwrap();
    assert!(sound >= 2 && derived()["findings"].as_array().unwrap().is_empty(), "{}", derived());
    let mut names: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| name.to_str().unwrap().ends_with(".idx"));
    names.sort();
    let first = names[0].to_str().unwrap();
    flip(&store.join(first), 4_200);
    fs::create_dir(store.join("00000000000000000098-00000000000000000099.idx")).unwrap();
    // Told with exit code 0: the log is sound.
    let told = run(&["verify", path, "--format", "json"]).json();
    assert_eq!((&told["verdict"], &told["findings"]), (&"sound".into(), &serde_json::json!([])));
    assert_eq!(told["derived"]["sound"], sound - 1);
    let found = &told["derived"]["findings"];
    assert!(found[0]["file"].as_str().unwrap().ends_with(first), "{found}");
    assert_eq!((&found[0]["kind"], &found[0]["offset"]), (&"derived_damaged".into(), &4_096.into()));
    assert_eq!(found[1]["kind"], "derived_not_a_file");
    let shown = run(&["verify", path]).fine();
    assert!(shown.contains("2 of no use: no damage") && shown.contains("derived_damaged"), "{shown}");
    // What asks for it has it made anew.
    let open = Store::open(&store).unwrap();
    assert_eq!(open.read(causelog::Region::all()).count(), 8);
    open.close().unwrap();
    assert_eq!(derived()["sound"], sound);
}

/// Spec: VERIFY-7
#[test]
fn what_is_too_much_to_list_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let open = Store::options().durability(Durability::Os).open(&store).unwrap();
    let stream = Coordinate::new("door:1", "home").unwrap();
    for n in 0..1_004 {
        open.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), &n).unwrap()).unwrap();
    }
    open.close().unwrap();
    // A byte of the first frame of every group but the last.
    let file = segment(store.to_str().unwrap());
    let mut bytes = fs::read(&file).unwrap();
    let groups: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"CLGp")).collect();
    groups[..1_003].iter().for_each(|at| bytes[at + 120] ^= 1);
    fs::write(&file, bytes).unwrap();
    let (store, new) = (store.to_str().unwrap(), directory.path().join("new"));
    for args in [&["verify", store][..], &["salvage", store, new.to_str().unwrap()]] {
        let shown = run(args);
        assert!(shown.code == 1 && shown.out.contains("\nand 3 more\n"), "{args:?}");
        fs::remove_dir_all(&new).ok();
        let told: serde_json::Value =
            serde_json::from_str(&run(&[args, &["--format", "json"]].concat()).out).unwrap();
        assert_eq!(
            (told["findings"].as_array().map(Vec::len), &told["more_findings"]),
            (Some(1_000), &3.into())
        );
    }
}

/// A store as a killed process leaves it, with bytes behind its end that were never synced.
fn torn(place: &Place) -> String {
    let living = place.path("living");
    let store = Store::open(&living).unwrap();
    let stream = Coordinate::new("e", "s").unwrap();
    for n in 0..3 {
        store.append(NewEvent::new(&stream, EventKind::of::<0x1001>(), &n).unwrap()).unwrap();
    }
    let torn = place.path("store");
    copy(&living, &torn);
    store.close().unwrap();
    let end = usize::try_from(fs::metadata(segment(&living)).unwrap().len()).unwrap();
    let mut bytes = fs::read(segment(&torn)).unwrap();
    bytes.resize(bytes.len().max(end + 100), 0);
    bytes[end..end + 100].fill(0xab);
    fs::write(segment(&torn), bytes).unwrap();
    place.store()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_torn_tail_is_reported_and_no_damage() {
    let place = Place::new();
    let store = torn(&place);
    let told = run(&["verify", &store, "--format", "json"]).json();
    assert_eq!((&told["verdict"], &told["events"]), (&"sound".into(), &3.into()), "{told}");
    assert!(told["torn_tail"]["bytes"].as_u64().unwrap() >= 100, "{told}");
    assert!(run(&["verify", &store]).fine().contains("torn tail"));
    let stat = run(&["stat", &store, "--format", "json"]).json();
    assert_eq!(stat["report"]["torn_tail"]["offset"], told["torn_tail"]["offset"]);
    assert_eq!(stat["report"]["left"], "unclosed");
    let shown = run(&["stat", &store]).fine();
    for part in ["nothing shows to have been synced", "the end of the log was recovered"] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }

    // What is appended next makes the tail dead bytes, still no damage.
    run(&["append", &store, "3", "--entity", "e", "--scope", "s", "--kind", "0x1001"]).fine();
    let told = run(&["verify", &store, "--format", "json"]).json();
    assert_eq!((&told["events"], &told["segments"]), (&4.into(), &2.into()), "{told}");
    assert!(told["dead_bytes"].as_u64().unwrap() >= 100, "{told}");
}

#[test]
fn a_loss_of_what_was_published_is_not_called_a_torn_tail() {
    let place = Place::new();
    let store = torn(&place);
    // Into the last event, which the published end in `lock` covers.
    let bytes = fs::read(segment(&store)).unwrap();
    let end = bytes.windows(100).position(|bytes| bytes == [0xab; 100]).unwrap();
    flip(&segment(&store), end - 2);
    let ran = run(&["verify", &store, "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let kinds: Vec<_> =
        told["findings"].as_array().unwrap().iter().map(|found| found["kind"].clone()).collect();
    assert_eq!((ran.code, kinds), (1, vec!["corrupt".into(), "cut_off".into()]), "{told}");
    assert_eq!(told["torn_tail"], serde_json::Value::Null);
    let shown = run(&["verify", &store]);
    assert!(
        shown.code == 1 && shown.out.contains("cut_off") && !shown.out.contains("no damage"),
        "{shown:?}"
    );
}

#[test]
fn what_is_no_regular_file_is_a_finding_and_the_rest_is_covered() {
    for name in ["closed", "store", "lock"] {
        let place = demo();
        let file = place.path("store").join(name);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let ran = run(&["verify", &place.store(), "--format", "json"]);
        let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &told["events"]), (1, &7.into()), "{name}: {told}");
        let finding = &told["findings"][0];
        assert_eq!(finding["kind"], "not_a_file", "{told}");
        assert!(finding["file"].as_str().unwrap().ends_with(name), "{told}");
        let store = place.store();
        run(&["read", &store]).check_refused(1, &[name, "not a regular file"]);
        run(&["append", &store, "3", "--entity", "e", "--scope", "s", "--kind", "0x1001"])
            .check_refused(1, &[name, "not a regular file"]);
    }
}

#[test]
fn a_store_in_use_is_covered_as_far_as_published() {
    let place = demo();
    let living = Store::open(place.store()).unwrap();
    let told = run(&["verify", &place.store(), "--format", "json"]).json();
    assert_eq!((&told["in_use"], &told["events"]), (&true.into(), &7.into()));
    living.close().unwrap();
}
