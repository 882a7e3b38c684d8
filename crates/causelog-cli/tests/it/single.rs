//! `append`, `get` and `stat`.

use serde_json::{Value, json};

use crate::helpers::{Place, demo, events, run, run_with};

fn append(place: &Place, payload: &str, options: &[&str]) -> crate::helpers::Ran {
    let store = place.store();
    let stream = ["--entity", "e", "--scope", "s", "--kind", "0x1001"];
    run(&[&["append", &store, payload], &stream[..], options].concat())
}

#[test]
fn an_event_is_appended_with_all_that_can_be_said_of_it() {
    let place = Place::new();
    append(&place, "1", &["--id", "first"]).fine();
    let told = append(
        &place,
        r#"{"a":[1,null,"x"],"b":-2.5}"#,
        &[
            "--id=0192f0c1-2345-7abc-8def-0123456789ab",
            "--cause=first",
            "--tag=t1",
            "--tag=t2",
            "--correlation=first",
            "--time=2024-01-01T01:00:00+01:00",
            "--expect=0",
            "--format=json",
        ],
    )
    .json();
    assert_eq!(told["id"], "0192f0c1-2345-7abc-8def-0123456789ab");
    assert_eq!((&told["position"], &told["revision"]), (&json!(1), &json!(1)));
    assert_eq!(told["outcome"], "written");

    let store = place.store();
    let first = run(&["get", &store, "first", "--format", "json"]).json();
    let event = run(&["get", &store, "0192F0C1-2345-7ABC-8DEF-0123456789AB", "--format", "json"]).json();
    assert_eq!(event["hash"], told["hash"]);
    assert_eq!(event["previous_hash"], first["hash"]);
    assert_eq!(event["payload"], json!({ "a": [1, null, "x"], "b": -2.5 }));
    assert_eq!(event["causes"], json!([first["id"]]));
    assert_eq!(event["correlation"], first["id"]);
    assert_eq!(event["tags"], json!(["t1", "t2"]));
    assert_eq!(event["occurred_ms"], 1_704_067_200_000_i64);
    assert_eq!(event["occurred_at"], "2024-01-01T00:00:00.000Z");
    assert_eq!(
        (&event["entity"], &event["scope"], &event["kind"]),
        (&json!("e"), &json!("s"), &json!("0x1001"))
    );
    assert_eq!((&event["depth"], &first["payload"]), (&json!(1), &json!(1)));
}

#[test]
fn an_append_again_with_the_same_id_is_found() {
    let place = Place::new();
    let first = append(&place, "{}", &["--id=x", "--format=json"]).json();
    let again = append(&place, "{}", &["--id=x", "--format=json", "--expect=empty"]).json();
    assert_eq!((&first["outcome"], &again["outcome"]), (&json!("written"), &json!("already_stored")));
    assert_eq!(first["hash"], again["hash"]);
    append(&place, "[]", &["--id=x"])
        .check_refused(1, &["event x (as", "other content", "this append wrote nothing"]);
    assert_eq!(events(&place).len(), 1);
}

#[test]
fn an_expectation_that_does_not_hold_is_answered_with_no() {
    let place = Place::new();
    append(&place, "0", &["--expect=exists"]).check_refused(1, &["e in s", "is empty"]);
    append(&place, "0", &["--expect=empty"]).fine();
    append(&place, "1", &["--expect=empty"]).check_refused(1, &["at revision 0"]);
    append(&place, "1", &["--expect=1"]).check_refused(1, &["at revision 0", "this append wrote nothing"]);
    append(&place, "1", &["--expect=0"]).fine();
    append(&place, "2", &["--expect=exists"]).fine();
    append(&place, "3", &["--expect=any"]).fine();
    append(&place, "4", &["--expect=never"]).check_refused(2, &["--expect"]);
    let id = "d82cfae3-f143-075b-e6b9-ae8e37077271";
    let unknown = append(&place, "4", &["--cause=abc"]);
    unknown.check_refused(
        1,
        &[&format!("no cause abc (as an id it is {id}) is in the store"), "this append wrote nothing"],
    );
    assert!(!unknown.err.contains("batch"), "{}", unknown.err);
    let unknown = append(&place, "4", &["--cause", id]);
    unknown.check_refused(1, &[&format!("no cause {id} is in the store")]);
    assert_eq!(events(&place).len(), 4);
}

#[test]
fn a_payload_comes_from_standard_input_or_is_refused() {
    let place = Place::new();
    let store = place.store();
    let stream = ["--entity", "e", "--scope", "s", "--kind", "0x1001"];
    run_with(b"{\"n\": 7}\n", &[&["append", &store, "-"], &stream[..]].concat()).fine();
    append(&place, "-3", &[]).fine();
    append(&place, "text", &[]).check_refused(2, &["not JSON", "quotes"]);
    let payloads: Vec<Value> = events(&place).into_iter().map(|event| event["payload"].clone()).collect();
    assert_eq!(payloads, [json!({ "n": 7 }), json!(-3)]);
}

#[test]
fn values_that_the_data_model_does_not_allow_are_misuse() {
    let place = Place::new();
    let store = place.store();
    for (entity, scope, kind, says) in [
        ("", "s", "0x1001", "entity is empty"),
        ("e", "s", "0xd001", "reserved"),
        ("$e", "s", "0x1001", "entity \"$e\" begins with $, which is the library's own"),
        ("e", "s", "click", "event kind"),
    ] {
        let args = ["append", &store, "0", "--entity", entity, "--scope", scope, "--kind", kind];
        run(&args).check_refused(2, &[says]);
    }
    append(&place, "0", &["--cause=a", "--cause=a"]).check_refused(2, &["given twice"]);
    for option in ["--id=", "--cause=", "--correlation="] {
        append(&place, "0", &[option]).check_refused(2, &["an id must not be empty"]);
    }
    assert!(!place.path("store").exists());
}

#[test]
fn get_shows_an_event_whole() {
    let place = demo();
    let shown = run(&["get", &place.store(), "siren-loudest"]).fine();
    for part in ["siren in home", "0x2002", "emergency: the neighbours", "\"volume\": 11", "depth"] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
    let event = run(&["get", &place.store(), "siren-louder", "--format=json"]).json();
    assert_eq!(event["evidence"], json!({ "admitted_by": ["armed", "volume"] }));
}

#[test]
fn stat_counts_and_reports() {
    let place = demo();
    let stat = run(&["stat", &place.store(), "--format", "json"]).json();
    assert_eq!((&stat["events"], &stat["streams"], &stat["segments"]), (&json!(7), &json!(5), &json!(1)));
    assert_eq!(stat["head"]["position"], 7);
    assert_eq!(stat["head"]["root"].as_str().unwrap().len(), 64);
    assert!(stat["bytes"].as_u64().unwrap() > 1000);
    assert_eq!((&stat["report"]["left"], &stat["report"]["torn_tail"]), (&json!("closed"), &Value::Null));
    let shown = run(&["stat", &place.store()]).fine();
    for part in ["events", "closed in order", stat["head"]["root"].as_str().unwrap()] {
        assert!(shown.contains(part), "{part} is not in:\n{shown}");
    }
}
