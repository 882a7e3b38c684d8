//! `import`: what becomes of bad lines.

use crate::helpers::{Place, chain, events, import, run, run_with};

/// Lines, the exit codes that they stop with, and why.
const BAD: &[(&str, i32, &str)] = &[
    ("{\"id\":", 2, "not JSON"),
    ("nothing", 2, "not JSON"),
    ("[]", 2, "--id: there is nothing at /id"),
    ("{\"id\":\"x\",\"e\":[]}", 2, "--entity: an array"),
    ("{\"id\":\"x\",\"k\":\"0x0001\"}", 2, "reserved"),
    ("{\"id\":\"x\",\"c\":\"nobody\"}", 1, "its cause nobody is neither in the store nor on an earlier line"),
    ("{\"id\":\"x\",\"c\":\"x\"}", 1, "its cause x is neither"),
    ("{\"id\":\"n3\",\"more\":1}", 1, "event n3 is already stored at position 3 with other content"),
];

#[test]
fn a_bad_line_stops_with_its_number_and_leaves_all_lines_before_it() {
    for (bad, code, says) in BAD {
        for batch in ["1", "10", "1000"] {
            let place = Place::new();
            let lines = format!("{}\n{bad}\n{}", chain(25), "{\"id\":\"later\"}\n");
            let refused = import(&place, &lines, &["--batch", batch]);
            let said = ["standard input, line 27: ", says, "25 events before it were added"];
            refused.check_refused(*code, &said);
            assert_eq!(refused.out, "");
            assert_eq!(events(&place).len(), 25, "{bad}");

            // Mended, it goes on where it was.
            import(&place, &chain(26), &[]).fine();
            assert_eq!(events(&place).len(), 26);
        }
    }
}

/// Whatever the store judges first, and whatever else is bad behind it.
#[test]
fn the_first_bad_line_is_the_one_that_is_told() {
    let unknown = "{\"id\":\"u\",\"c\":\"nobody\"}";
    let conflict = "{\"id\":\"n0\",\"more\":1}";
    let long = format!("{{\"id\":\"l\",\"t\":\"{}\"}}", "x".repeat(64 * 1024 * 1024 - 100));
    for (first, second, code) in [
        (unknown, "no JSON", 1),
        (conflict, "no JSON", 1),
        (unknown, conflict, 1),
        (conflict, unknown, 1),
        (unknown, unknown, 1),
        ("no JSON", unknown, 2),
        (&long, unknown, 2),
        (unknown, &long, 1),
    ] {
        let place = Place::new();
        import(&place, &chain(1), &[]).fine();
        let lines = format!("{{\"id\":\"a\"}}\n{first}\n{{\"id\":\"b\"}}\n{second}\n");
        let refused = import(&place, &lines, &[]);
        let context = &first[..first.len().min(40)];
        assert!(refused.code == code && refused.err.contains("line 2: "), "{context}: {}", refused.err);
        assert!(refused.err.contains("1 event before it was added"), "{}", refused.err);
        assert_eq!(events(&place).len(), 2, "{context}");
    }
}

#[test]
fn an_import_that_stops_says_for_programs_how_far_it_came() {
    let place = Place::new();
    let lines = format!("{}{{\"id\":\"x\",\"c\":\"nobody\"}}\n", chain(3));
    let ran = import(&place, &lines, &["--format", "json"]);
    ran.check_refused(1, &["causelog: standard input, line 4: its cause nobody"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    for (field, count) in [("read", 4), ("added", 3), ("already_stored", 0), ("skipped", 0), ("causes", 2)] {
        assert_eq!(told[field], count, "{field}");
    }
    assert_eq!((&told["head"]["position"], &told["error"]["line"]), (&3.into(), &4.into()));
    assert_eq!(told["error"]["exit_code"], 1);
    assert!(told["error"]["message"].as_str().unwrap().contains("its cause nobody"), "{told}");
    assert_eq!(import(&place, &chain(3), &["--format", "json"]).json()["error"], serde_json::Value::Null);
}

/// A limit on the length of files stands for a full disk: the system refuses more room.
#[test]
fn an_import_that_the_system_stops_says_how_far_it_came() {
    let place = Place::new();
    let input = place.file("lines", chain(20_000));
    let store = place.store();
    let ran = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_causelog")])
        .args(["import", &store, &input, "--batch=500", "--format=json"])
        .args(["--entity==e", "--scope==s", "--kind==0x1001", "--id=/id", "--causes=/c"])
        .output()
        .unwrap();
    let err = String::from_utf8(ran.stderr).unwrap();
    let told: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let added = told["added"].as_u64().unwrap();
    assert!(ran.status.code() == Some(3) && added > 0 && added.is_multiple_of(500), "{err}\n{told}");
    let count = format!("{},{:03} events before it were added", added / 1000, added % 1000);
    let batch = format!("{input}, batch of lines {} to {}: ", added + 1, added + 500);
    for part in [&batch, "nothing of the batch was added; ", &count] {
        assert!(err.contains(part), "{part:?} is not in {err}");
    }
    assert_eq!(told["error"]["line"], added + 1);
    assert_eq!(u64::try_from(events(&place).len()).unwrap(), added);
}

#[test]
fn bad_lines_are_counted_and_named_where_they_are_to_be_skipped() {
    let place = Place::new();
    let bad: String = BAD[..7].iter().map(|(line, ..)| format!("{line}\n")).collect();
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
