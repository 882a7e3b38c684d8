//! `import`: what becomes of good lines.

use serde_json::{Value, json};

use crate::helpers::{Place, chain, events, import, run, run_with};

fn summary(told: &Value) -> [u64; 4] {
    ["read", "added", "already_stored", "skipped"].map(|name| told[name].as_u64().unwrap())
}

#[test]
fn a_large_import_is_whole_and_in_order() {
    let place = Place::new();
    let told = import(&place, &chain(5000), &["--format", "json"]).json();
    assert_eq!(summary(&told), [5000, 5000, 0, 0]);
    assert_eq!((&told["causes"], &told["head"]["position"]), (&json!(4999), &json!(5000)));
    let verified = run(&["verify", &place.store(), "--format", "json"]).json();
    assert_eq!(verified["events"], json!(5000));
    let groups = verified["groups"].as_u64().unwrap();
    assert!((3..=5).contains(&groups), "batches of 1,000, of which two may share a group: {groups}");
    assert_eq!(verified["head"], told["head"]);
    let trace = run(&["trace", &place.store(), "ancestors", "n4999", "--format=ids", "--label=/id"]).fine();
    let expected: String = (0..5000).rev().map(|n| format!("n{n}\n")).collect();
    assert_eq!(trace, expected);
}

/// Each batch is written while the next is read, whichever of the two is done first.
#[test]
fn lines_without_ids_are_added_once_each() {
    let place = Place::new();
    let store = place.store();
    let lines: String = (0..400).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    let fields = ["--entity==e", "--scope==s", "--kind==0x1001"];
    let args = [&["import", &store, "-"], &fields[..], &["--batch=1", "--format=json"]].concat();
    assert_eq!(summary(&run_with(lines.as_bytes(), &args).json()), [400, 400, 0, 0]);
    assert_eq!(events(&place).len(), 400);
}

#[test]
fn a_second_run_adds_nothing() {
    let place = Place::new();
    let lines = chain(25);
    import(&place, &lines, &["--batch", "10"]).fine();
    let before = run(&["stat", &place.store(), "--format=json"]).json();
    let again = import(&place, &lines, &["--batch", "7", "--format=json"]).json();
    assert_eq!(summary(&again), [25, 0, 25, 0]);
    let after = run(&["stat", &place.store(), "--format=json"]).json();
    assert_eq!(before["head"], after["head"]);

    // More lines among the old ones: only those are added.
    let more = import(&place, &chain(40), &["--batch", "16", "--format=json"]).json();
    assert_eq!(summary(&more), [40, 15, 25, 0]);
    assert_eq!(events(&place).len(), 40);
}

#[test]
fn a_table_sums_up_for_people() {
    let place = Place::new();
    let told = import(&place, &chain(1200), &[]).fine();
    for part in ["lines read      1,200", "events added    1,200", "next position   1,200"] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
}

#[test]
fn the_same_id_twice_in_the_input_is_one_event() {
    let place = Place::new();
    let lines = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"a\"}\n";
    assert_eq!(summary(&import(&place, lines, &["--format=json"]).json()), [3, 2, 1, 0]);
    let other = "{\"id\":\"c\"}\n{\"id\":\"d\"}\n{\"id\":\"c\",\"more\":1}\n";
    let refused = import(&place, other, &[]);
    refused.check_refused(1, &["standard input, line 3", "event c", "other content", "2 events"]);
    assert_eq!(events(&place).len(), 4);
}

#[test]
fn an_id_stored_with_other_content_stops_the_import_even_where_bad_lines_are_skipped() {
    let place = Place::new();
    import(&place, "{\"id\":\"a\",\"v\":1}\n", &[]).fine();
    let refused = import(&place, "{\"id\":\"z\"}\n{\"id\":\"a\",\"v\":2}\n", &["--skip-bad"]);
    refused.check_refused(
        1,
        &["line 2", "event a is already stored at position 0", "1 event before it was added"],
    );
    assert_eq!(events(&place).len(), 2, "what stands before the conflict is added");
}

#[test]
fn without_ids_every_run_adds() {
    let place = Place::new();
    let store = place.store();
    let file = place.file("lines.jsonl", "{\"e\":1}\n\n{\"e\":true}\n");
    let args = ["import", &store, &file, "--entity=/e", "--scope==s", "--kind==4097", "--format=json"];
    for run_number in 1..=2 {
        assert_eq!(summary(&run(&args).json()), [2, 2, 0, 0]);
        assert_eq!(events(&place).len(), 2 * run_number);
    }
    assert_eq!(events(&place)[1]["entity"], "true");
}

#[test]
fn uuids_are_taken_as_they_are_and_other_texts_are_hashed_everywhere_alike() {
    let place = Place::new();
    let uuid = "0192f0c1-2345-7abc-8def-0123456789ab";
    let lines = format!(
        "{{\"id\":\"{uuid}\"}}\n{{\"id\":\"x y\",\"c\":[\"{uuid}\"]}}\n{{\"id\":7,\"c\":[\"x y\"]}}\n"
    );
    import(&place, &lines, &[]).fine();
    let events = events(&place);
    assert_eq!(events[0]["id"], uuid);
    assert_eq!(events[1]["causes"], json!([uuid]));
    assert_eq!(events[2]["causes"], json!([events[1]["id"]]));
    for (given, event) in [(uuid, 0), ("x y", 1), ("7", 2), (events[2]["id"].as_str().unwrap(), 2)] {
        let found = run(&["get", &place.store(), given, "--format=json"]).json();
        assert_eq!(found["position"], event, "{given}");
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let place = Place::new();
    let store = place.store();
    let args = ["import", &store, "-", "--entity=/e", "--scope==s", "--kind==0x1001", "--format=json"];
    let told = run_with(b"\xef\xbb\xbf{\"e\":\"a\"}\r\n\r\n{\"e\":\"b\"}\r\n", &args).json();
    assert_eq!(summary(&told), [2, 2, 0, 0]);
}

#[test]
fn batches_are_made_durable_before_they_grow_too_large() {
    let place = Place::new();
    let text = "x".repeat(20 * 1024 * 1024);
    let lines: String = (0..4).map(|n| format!("{{\"id\":{n},\"t\":\"{text}\"}}\n")).collect();
    let told = import(&place, &lines, &["--format=json"]).json();
    assert_eq!(summary(&told), [4, 4, 0, 0]);
    let groups = run(&["verify", &place.store(), "--format=json"]).json()["groups"].clone();
    assert_eq!(groups, 2, "80 MiB are more than a batch may have");
}

#[test]
fn payloads_keep_their_shape_to_the_greatest_depth_of_a_line() {
    let place = Place::new();
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let numbers = "[18446744073709551615,-1,1.5,\"ü\"]";
    let line = |id: &str, levels| format!("{{\"id\":\"{id}\",\"v\":{},\"n\":{numbers}}}\n", nested(levels));
    import(&place, &line("deep", 125), &[]).fine();
    let payload: Value = serde_json::from_str(&line("deep", 125)).unwrap();
    assert_eq!(events(&place)[0]["payload"], payload);

    // Two levels more are the most that JSON is read to here, and beyond that a line is bad.
    import(&place, &line("deeper", 126), &[]).fine();
    let shown = run(&["get", &place.store(), "deeper", "--format=json"]).fine();
    assert!(shown.contains("\"n\": [") && shown.matches('[').count() == 126 + 3, "{shown}");
    import(&place, &line("deepest", 127), &[]).check_refused(2, &["line 1", "recursion limit"]);
}
