//! `trace`: its forms, on the store that the demo leaves.

use serde_json::json;

use crate::helpers::{Place, chain, demo, import, run};

fn trace(place: &Place, along: &str, id: &str, options: &[&str]) -> String {
    let store = place.store();
    run(&[&["trace", &store, along, id], options].concat()).fine()
}

#[test]
fn a_tree_shows_each_event_once_and_names_it_later() {
    let place = demo();
    let tree = trace(&place, "ancestors", "siren-loudest", &["--label", "/id"]);
    let expected = "\
siren-loudest  0x2002 siren in home, position 6
├─ siren-louder  0x2002 siren in home, position 5
│  siren-on  0x2002 siren in home, position 3
│  alarm-raised  0x2001 alarm in home, position 2
│  ├─ door-opened  0x1001 door:front in home, position 0
│  └─ motion-seen  0x1002 hall in home, position 1
└─ motion-seen (see above)
";
    assert_eq!(tree, expected);
    let tree = trace(&place, "descendants", "motion-seen", &["--label", "/id"]);
    let expected = "\
motion-seen  0x1002 hall in home, position 1
├─ alarm-raised  0x2001 alarm in home, position 2
│  ├─ siren-on  0x2002 siren in home, position 3
│  │  siren-louder  0x2002 siren in home, position 5
│  │  siren-loudest  0x2002 siren in home, position 6
│  └─ lights-on  0x2003 lights in home, position 4
└─ siren-loudest (see above)
";
    assert_eq!(tree, expected);
}

#[test]
fn ids_are_given_once_each_in_the_order_of_the_walk() {
    let place = demo();
    let ids = |along: &str, id: &str| trace(&place, along, id, &["--format=ids", "--label=/id"]);
    assert_eq!(
        ids("ancestors", "siren-loudest").lines().collect::<Vec<_>>(),
        ["siren-loudest", "siren-louder", "siren-on", "alarm-raised", "motion-seen", "door-opened"]
    );
    assert_eq!(
        ids("descendants", "alarm-raised").lines().collect::<Vec<_>>(),
        ["alarm-raised", "siren-on", "lights-on", "siren-louder", "siren-loudest"]
    );
    let plain = trace(&place, "ancestors", "door-opened", &["--format=ids"]);
    let found = run(&["get", &place.store(), plain.trim(), "--format=json"]).json();
    assert_eq!(found["payload"]["id"], "door-opened");
}

#[test]
fn json_has_position_depth_id_causes_and_label() {
    let place = demo();
    let text = trace(&place, "ancestors", "alarm-raised", &["--format=json", "--label=/by|/seconds"]);
    let nodes: serde_json::Value = serde_json::from_str(&text).unwrap();
    let door = run(&["get", &place.store(), "door-opened", "--format=json"]).json()["id"].clone();
    let motion = run(&["get", &place.store(), "motion-seen", "--format=json"]).json()["id"].clone();
    assert_eq!(nodes.as_array().unwrap().len(), 3);
    assert_eq!((&nodes[0]["position"], &nodes[0]["depth"]), (&json!(2), &json!(1)));
    assert_eq!(nodes[0]["causes"], json!([door, motion]));
    assert_eq!(nodes[0]["label"], nodes[0]["id"], "where the field is not there, the id stands");
    assert_eq!((&nodes[1]["id"], &nodes[1]["label"]), (&motion, &json!("4")));
    assert_eq!((&nodes[2]["id"], &nodes[2]["label"], &nodes[2]["depth"]), (&door, &json!("key"), &json!(0)));
}

#[test]
fn where_the_label_is_null_the_id_stands() {
    let place = Place::new();
    import(&place, "{\"id\":\"a\",\"l\":null}\n{\"id\":\"b\",\"l\":[],\"c\":\"a\"}\n", &[]).fine();
    let id = run(&["get", &place.store(), "a", "--format=json"]).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(trace(&place, "descendants", "a", &["--format=ids", "--label=/l"]), format!("{id}\n[]\n"));
}

#[test]
fn dot_points_from_causes_to_effects_within_the_trace() {
    let place = demo();
    import(&place, "{\"id\":\"a \\\"b\\\\\",\"c\":\"lights-on\"}\n", &[]).fine();
    let dot = trace(&place, "descendants", "lights-on", &["--format=dot", "--label=/id"]);
    assert!(dot.starts_with("digraph causes {\n") && dot.ends_with("}\n"), "{dot}");
    assert_eq!(dot.matches(" -> ").count(), 1, "its own cause is not in the trace:\n{dot}");
    assert!(dot.contains(r#"[label="a \"b\\"];"#), "{dot}");
    let dot = trace(&place, "ancestors", "siren-loudest", &["--format=dot"]);
    assert_eq!(dot.matches(" -> ").count(), 6, "{dot}");
    assert_eq!(dot.matches("[label=").count(), 6, "{dot}");
}

#[test]
fn a_long_chain_stays_at_the_left_edge() {
    let place = Place::new();
    import(&place, &chain(3000), &[]).fine();
    let tree = trace(&place, "descendants", "n0", &["--label=/id"]);
    assert_eq!(tree.lines().count(), 3000);
    assert!(tree.lines().all(|line| line.starts_with('n')));
}

#[test]
fn deep_branches_stay_within_bounds() {
    let place = Place::new();
    // Each event is caused by the two before it: every one of them divides.
    let lines: String = (0..400)
        .map(|n: u32| match n {
            0 | 1 => format!("{{\"id\":\"m{n}\"}}\n"),
            n => format!("{{\"id\":\"m{n}\",\"c\":\"m{} m{}\"}}\n", n - 1, n - 2),
        })
        .collect();
    import(&place, &lines, &[]).fine();
    let tree = trace(&place, "ancestors", "m399", &["--label=/id"]);
    let shown = tree.lines().filter(|line| !line.ends_with("(see above)")).count();
    assert_eq!(shown, 400);
    assert_eq!(tree.lines().count(), 1 + 2 * 398, "a line for each mention");
    assert!(tree.lines().all(|line| line.chars().count() < 120));
}

#[test]
fn an_event_that_is_not_there_is_named_as_it_was_given() {
    let place = demo();
    for along in ["ancestors", "descendants"] {
        let refused = run(&["trace", &place.store(), along, "nobody"]);
        refused.check_refused(1, &["nobody", "as an id it is"]);
    }
    run(&["trace", &place.store(), "cousins", "door-opened"]).check_refused(2, &["cousins"]);
    run(&["trace", &place.store(), "ancestors", "door-opened", "--label=id"]).check_refused(2, &["/id"]);
}
