//! `import`: what becomes of bad lines.

use crate::helpers::{Place, chain, events, import, run, run_with};

const BAD: &[(&str, &str)] = &[
    ("{\"id\":", "not JSON"),
    ("nothing", "not JSON"),
    ("[]", "--id: there is nothing at /id"),
    ("{\"id\":\"x\",\"e\":[]}", "--entity: an array"),
    ("{\"id\":\"x\",\"k\":\"0x0001\"}", "reserved"),
    ("{\"id\":\"x\",\"c\":\"nobody\"}", "its cause nobody is neither in the store nor on an earlier line"),
    ("{\"id\":\"x\",\"c\":\"x\"}", "its cause x is neither"),
];

#[test]
fn a_bad_line_stops_with_its_number_and_leaves_the_complete_batches_before_it() {
    for (bad, says) in BAD {
        let place = Place::new();
        let lines = format!("{}\n{bad}\n{}", chain(25), "{\"id\":\"later\"}\n");
        let refused = import(&place, &lines, &["--batch", "10"]);
        let code = 2;
        refused
            .check_refused(code, &["standard input, line 27: ", says, "20 events of the complete batches"]);
        assert_eq!(refused.out, "");
        assert_eq!(events(&place).len(), 20, "{bad}");

        // Mended, it goes on where it was.
        import(&place, &chain(25), &[]).fine();
        assert_eq!(events(&place).len(), 25);
    }
}

#[test]
fn bad_lines_are_counted_and_named_where_they_are_to_be_skipped() {
    let place = Place::new();
    let bad: String = BAD.iter().map(|(line, _)| format!("{line}\n")).collect();
    let lines = format!("{}{bad}{{\"id\":\"y\",\"c\":\"x\"}}\n{{\"id\":\"z\",\"c\":\"n4\"}}\n", chain(5));
    let ran = import(&place, &lines, &["--skip-bad", "--format=json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["read"], &told["added"], &told["skipped"]), (&14.into(), &6.into(), &8.into()));
    for line in 6..=13 {
        assert!(ran.err.contains(&format!("skipped line {line}: ")), "{}", ran.err);
    }
    assert_eq!(events(&place)[5]["payload"]["id"], "z", "its cause was there");
}

#[test]
fn many_skipped_lines_are_not_all_named() {
    let place = Place::new();
    let ran = import(&place, &"bad\n".repeat(500), &["--skip-bad", "--format=json"]);
    assert!(ran.out.contains("\"skipped\": 500"), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 21);
}

#[test]
fn a_line_that_is_not_utf8_or_too_long_is_bad() {
    let place = Place::new();
    let store = place.store();
    let args = ["import", &store, "-", "--entity==e", "--scope==s", "--kind==0x1001"];
    let refused = run_with(b"{\"a\":1}\n{\"a\":\"\xff\"}\n", &args);
    refused.check_refused(2, &["line 2", "not UTF-8"]);
    let long = [b"{\"a\":\"".to_vec(), vec![b'x'; 64 * 1024 * 1024], b"\"}\n1\n".to_vec()].concat();
    let refused = run_with(&long, &args);
    refused.check_refused(2, &["line 1", "longer than 67108864 bytes"]);
    let skipped = run_with(&long, &[&args[..], &["--skip-bad", "--format=json"]].concat());
    assert!(skipped.code == 0 && skipped.out.contains("\"added\": 1"), "{skipped:?}");
}

#[test]
fn wrong_fields_are_misuse_and_make_no_store() {
    let place = Place::new();
    let store = place.store();
    let good = ["--entity=/e", "--scope==s", "--kind==0x1001"];
    for (wrong, says) in [
        ("--id=id", "`/id` "),
        ("--time==noon", "RFC 3339"),
        ("--id==same", "every line the same id"),
        ("--batch=0", "--batch"),
        ("--batch=16385", "--batch"),
    ] {
        let says = says.trim_end();
        run(&[&["import", &store, "-"], &good[..], &[wrong]].concat()).check_refused(2, &[says]);
    }
    run(&["import", &store, "-", "--entity=/e", "--scope==s", "--kind==0x0001"])
        .check_refused(2, &["reserved"]);
    run(&["import", &store, "-", "--entity=/e"]).check_refused(2, &["--scope", "--kind"]);
    assert!(!place.path("store").exists());
}

#[test]
fn an_input_that_is_not_there_makes_no_store() {
    let place = Place::new();
    let (store, gone) = (place.store(), place.path("gone.jsonl"));
    let gone = gone.to_str().unwrap();
    let refused = run(&["import", &store, gone, "--entity=/e", "--scope==s", "--kind==0x1001"]);
    refused.check_refused(3, &["cannot read", gone]);
    assert!(!place.path("store").exists());
}
