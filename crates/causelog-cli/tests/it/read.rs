//! `read`: the region's fields, the direction, and the forms.

use serde_json::Value;

use crate::helpers::{Place, demo, import, run};

/// The ids that imports hash, as the payloads show them.
fn names(place: &Place, options: &[&str]) -> Vec<String> {
    let store = place.store();
    let args = [&["read", &store, "--format", "json"], options].concat();
    let events = run(&args).json();
    events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["payload"]["id"].as_str().unwrap().to_owned())
        .collect()
}

fn place() -> Place {
    let place = Place::new();
    let lines = r#"{"id":"a","e":"user:1","k":"0x1001","t":"red"}
{"id":"b","e":"user:10","k":"0x1002","t":"red big"}
{"id":"c","e":"user:1","k":"0x2001","t":["big"]}
{"id":"d","e":"order","k":"0x2002"}
{"id":"f","e":"user:1","k":"0x1001"}
"#;
    import(&place, lines, &["--tags", "/t"]).fine();
    place
}

#[test]
fn every_field_of_the_region_narrows_it() {
    let place = place();
    let check =
        |options: &[&str], expected: &[&str]| assert_eq!(names(&place, options), expected, "{options:?}");
    check(&[], &["a", "b", "c", "d", "f"]);
    check(&["--entity", "user:1"], &["a", "c", "f"]);
    check(&["--entity-prefix", "user:"], &["a", "b", "c", "f"]);
    check(&["--scope", "s", "--entity", "order"], &["d"]);
    check(&["--scope", "elsewhere"], &[]);
    check(&["--kind", "0x1001"], &["a", "f"]);
    check(&["--kind", "0x1002", "--kind", "8193"], &["b", "c"]);
    check(&["--category", "0x2"], &["c", "d"]);
    check(&["--category", "2", "--kind", "0x1002"], &["b", "c", "d"]);
    check(&["--tag", "big"], &["b", "c"]);
    check(&["--tag", "big", "--tag", "red"], &["b"]);
    check(&["--positions", "1..3"], &["b", "c"]);
    check(&["--positions", "3.."], &["d", "f"]);
    check(&["--entity", "user:1", "--revisions", "..2"], &["a", "c"]);
    check(&["--library"], &["a", "b", "c", "d", "f"]);
    check(
        &["--since", "2000-01-01T00:00:00Z", "--until", "9000-01-01T00:00:00Z"],
        &["a", "b", "c", "d", "f"],
    );
    check(&["--until", "946684800000"], &[]);
    check(&["--since", "9000-01-01T00:00:00Z"], &[]);
}

#[test]
fn direction_start_and_limit_are_kept() {
    let place = place();
    assert_eq!(names(&place, &["--reverse"]), ["f", "d", "c", "b", "a"]);
    assert_eq!(names(&place, &["--limit", "2"]), ["a", "b"]);
    assert_eq!(names(&place, &["--limit", "0"]), [""; 0]);
    assert_eq!(names(&place, &["--from", "3"]), ["d", "f"]);
    assert_eq!(names(&place, &["--reverse", "--from", "3", "--limit", "2"]), ["c", "b"]);
    assert_eq!(names(&place, &["--reverse", "--entity", "user:1", "--limit", "1"]), ["f"]);
}

#[test]
fn a_table_has_a_row_for_each_event() {
    let place = demo();
    let shown = run(&["read", &place.store()]).fine();
    assert_eq!(shown.lines().count(), 8, "{shown}");
    assert!(shown.starts_with("POSITION"), "{shown}");
    assert!(shown.lines().all(|line| line == line.trim_end()), "{shown}");
    assert_eq!(run(&["read", &place.store(), "--entity", "nobody"]).fine(), "no events\n");
    assert_eq!(run(&["read", &place.store(), "--entity", "nobody", "--format=json"]).fine(), "[]\n");
    assert_eq!(run(&["read", &place.store(), "--entity", "nobody", "--format=jsonl"]).fine(), "");
}

#[test]
fn what_a_store_gives_is_what_import_takes() {
    let (from, to) = (demo(), Place::new());
    let lines = run(&["read", &from.store(), "--format", "jsonl"]).fine();
    let store = to.store();
    let fields = ["--entity=/entity", "--scope=/scope", "--kind=/kind", "--id=/id", "--causes=/causes"];
    let more = ["--payload=/payload", "--time=/occurred_ms", "--tags=/tags", "--format=json"];
    let args = [&["import", &store, "-"], &fields[..], &more[..]].concat();
    let summary: Value = crate::helpers::run_with(lines.as_bytes(), &args).json();
    assert_eq!(summary["added"], 7);
    let trace =
        |place: &Place| run(&["trace", &place.store(), "ancestors", "siren-loudest", "--format=json"]).fine();
    assert_eq!(trace(&from), trace(&to));
}

#[test]
fn payloads_cannot_steer_a_terminal() {
    let place = Place::new();
    import(&place, "{\"id\":\"x\",\"t\":\"\\u001b[2J\\u009b5m\"}\n", &[]).fine();
    let (store, label) = (place.store(), ["--label", "/t"]);
    for args in [
        vec!["read", &store],
        vec!["get", &store, "x"],
        [&["trace", &store, "ancestors", "x"], &label[..]].concat(),
        [&["trace", &store, "ancestors", "x", "--format=ids"], &label[..]].concat(),
    ] {
        let shown = run(&args).fine();
        assert!(!shown.contains(['\u{1b}', '\u{9b}']), "{args:?}: {shown:?}");
    }
}
