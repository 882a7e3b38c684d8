//! Exit codes: 0 fine, 1 damaged or not found, 2 misuse, 3 could not be answered.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use causelog::{Coordinate, EventKind, NewEvent, Store};

use crate::helpers::{Place, Ran, chain, command, demo, flip, import, run, segment};

fn append(store: &str) -> Ran {
    run(&["append", store, "0", "--entity", "e", "--scope", "s", "--kind", "0x1001"])
}

/// Every command that only reads.
fn readers(store: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["read", store],
        vec!["get", store, "door-opened"],
        vec!["trace", store, "ancestors", "door-opened"],
        vec!["stat", store],
        vec!["verify", store],
    ]
}

#[test]
fn a_store_that_is_not_there_is_not_found_and_not_made() {
    let place = Place::new();
    let store = place.store();
    for args in readers(&store) {
        run(&args).check_refused(1, &[&store, "does not exist"]);
    }
    assert!(!place.path("store").exists());

    fs::create_dir(place.path("store")).unwrap();
    for args in readers(&store) {
        run(&args).check_refused(1, &["no causelog store"]);
    }
    assert_eq!(fs::read_dir(place.path("store")).unwrap().count(), 0);
}

#[test]
fn readers_change_nothing() {
    let place = demo();
    let state = || {
        let entries = fs::read_dir(place.store()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
        files.sort();
        files
    };
    let before = state();
    for args in readers(&place.store()) {
        run(&args).fine();
    }
    assert!(before == state());
}

#[test]
fn an_event_that_is_not_there_is_not_found() {
    let place = demo();
    run(&["get", &place.store(), "nobody"]).check_refused(1, &["no event nobody"]);
    let uuid = "0192f0c1-2345-7abc-8def-0123456789ab";
    let refused = run(&["get", &place.store(), uuid]);
    refused.check_refused(1, &[uuid]);
    assert!(!refused.err.contains("as an id"), "{}", refused.err);
}

#[test]
fn a_locked_store_can_be_read_but_not_written() {
    let place = demo();
    let store = place.store();
    let living = Store::open(&store).unwrap();
    append(&store).check_refused(3, &["locked", &store]);
    import(&place, "{\"id\":1}\n", &[]).check_refused(3, &["locked"]);
    for args in readers(&store) {
        run(&args).fine();
    }
    living.close().unwrap();
    append(&store).fine();
}

#[test]
fn a_damaged_store_is_told_with_file_and_offset() {
    // Within the log it is found by whoever reads it, and by verification.
    let place = demo();
    let store = place.store();
    flip(&segment(&store), 300);
    for args in [vec!["read", &store], vec!["get", &store, "door-opened"]] {
        run(&args).check_refused(1, &["00000000000000000001.seg, offset "]);
    }
    assert_eq!(run(&["verify", &store]).code, 1);

    // At its end it is found by every open.
    let place = demo();
    let store = place.store();
    let bytes = fs::read(segment(&store)).unwrap();
    flip(&segment(&store), bytes.iter().rposition(|byte| *byte != 0).unwrap());
    for args in readers(&store) {
        let ran = run(&args);
        assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
        if args[0] != "verify" {
            ran.check_refused(1, &["00000000000000000001.seg, offset "]);
        }
    }
    append(&store)
        .check_refused(1, &["00000000000000000001.seg, offset ", "`causelog verify DIR` lists all"]);
    run(&["demo", &store]).check_refused(1, &["offset"]);
}

/// Turns over a byte of the payload of a store's only event and mends the frame's checksum; gives its offset.
fn tamper(store: &str) -> u64 {
    let living = Store::open(store).unwrap();
    let event =
        NewEvent::new(&Coordinate::new("e", "s").unwrap(), EventKind::of::<0x1001>(), "payload").unwrap();
    let location = living
        .append(event.with_id("0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap()))
        .unwrap()
        .location;
    living.close().unwrap();
    let path = segment(store);
    let mut bytes = fs::read(&path).unwrap();
    let start = usize::try_from(location.offset.0).unwrap();
    let end = start + usize::try_from(location.bytes).unwrap();
    bytes[end - 1] ^= 1;
    // Over the segment's salt, the frame's offset, the length word, and what stands behind the checksum.
    let (salt, offset) = (&bytes[88..96], location.offset.0.to_le_bytes());
    let sum = crc32fast::hash(&[salt, &offset, &bytes[start..start + 4], &bytes[start + 8..end]].concat());
    bytes[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    location.offset.0
}

#[test]
fn tampering_is_damage_named_by_file_and_offset_wherever_it_is_read() {
    let place = Place::new();
    let store = place.store();
    let id = "0192f0c1-2345-7abc-8def-0123456789ab";
    let here = format!("00000000000000000001.seg, offset {}: the payload of event {id}", tamper(&store));
    for args in [
        vec!["read", &store],
        vec!["get", &store, id],
        vec!["trace", &store, "ancestors", id],
        vec!["trace", &store, "descendants", id],
    ] {
        run(&args).check_refused(1, &[&here, "`causelog verify DIR` lists all damage"]);
    }
    let verified = run(&["verify", &store, "--format=json"]);
    assert!(verified.code == 1 && verified.out.contains("payload_changed"), "{verified:?}");
}

#[test]
fn an_unsupported_version_could_not_be_answered() {
    let place = demo();
    let store = place.store();
    let file = place.path("store").join("store");
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] = 2;
    // The checksum's salt and offset are zeros there.
    let sum = crc32fast::hash(&[&[0; 16], &bytes[..36]].concat());
    bytes[36..].copy_from_slice(&sum.to_le_bytes());
    fs::write(&file, bytes).unwrap();
    for args in readers(&store) {
        let ran = run(&args);
        assert_eq!(ran.code, 3, "{args:?}: {ran:?}");
        assert!(format!("{}{}", ran.out, ran.err).contains("newer release"), "{args:?}: {ran:?}");
    }
    append(&store).check_refused(3, &["version 2 is not supported"]);
}

#[test]
fn what_the_system_refuses_could_not_be_answered() {
    let place = Place::new();
    let file = place.file("file", "no directory");
    for args in readers(&file) {
        run(&args).check_refused(3, &["cannot open", &file]);
    }
    let orphan = place.path("gone").join("store");
    append(orphan.to_str().unwrap()).check_refused(3, &["parent"]);
}

#[test]
fn misuse_is_told_from_everything_else() {
    let place = demo();
    let store = place.store();
    for args in [
        vec![],
        vec!["dance"],
        vec!["read"],
        vec!["read", &store, "--positions", "5"],
        vec!["read", &store, "--positions", "5..3"],
        vec!["read", &store, "--entity", ""],
        vec!["read", &store, "--entity", "a", "--entity-prefix", "b"],
        vec!["read", &store, "--since", "noon"],
        vec!["read", &store, "--kind", "0x10000"],
        vec!["read", &store, "--category", "16"],
        vec!["read", &store, "--format", "xml"],
        vec!["trace", &store, "ancestors"],
        vec!["get", &store, ""],
        vec!["trace", &store, "ancestors", ""],
    ] {
        let ran = run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}: {ran:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn a_value_that_begins_with_a_hyphen_is_refused_as_a_value() {
    let place = demo();
    let store = place.store();
    let append = ["append", &store, "0", "--entity=e", "--scope=s"];
    let import = ["import", &store, "-", "--entity==e", "--scope==s", "--kind==0x1001"];
    for (args, option) in [
        (&["read", &store][..], "--from"),
        (&["read", &store], "--limit"),
        (&["read", &store], "--kind"),
        (&["read", &store], "--category"),
        (&["read", &store], "--positions"),
        (&["read", &store], "--since"),
        (&["read", &store], "--until"),
        (&append, "--kind"),
        (&append, "--expect"),
        (&import, "--batch"),
    ] {
        let refused = run(&[args, &[option, "-1"]].concat());
        refused.check_refused(2, &["invalid value '-1'", option]);
    }
}

#[test]
fn nothing_that_is_told_can_steer_a_terminal() {
    let place = Place::new();
    let (store, evil) = (place.store(), "\u{1b}[2J\u{9b}5m");
    let line = "{\"id\":\"x\",\"c\":\"\\u001b[2J\"}\n";
    let stream = ["--entity=e", "--scope=s", "--kind=0x1001"];
    let cause = format!("--cause={evil}");
    for ran in [
        import(&place, line, &[]),
        import(&place, line, &["--skip-bad"]),
        run(&["get", &store, evil]),
        run(&[&["append", &store, "0", &cause], &stream[..]].concat()),
        run(&["get", &format!("{store}{evil}"), "x"]),
        run(&["read", &store, "--kind", evil]),
        run(&[evil]),
    ] {
        assert!(!ran.err.is_empty() && !ran.err.contains(['\u{1b}', '\u{9b}']), "{ran:?}");
    }
    assert!(import(&place, line, &[]).err.contains("\\u{1b}[2J"), "it is shown, and not left out");
}

#[test]
fn help_and_version_are_fine() {
    for args in [vec!["--help"], vec!["-V"], vec!["import", "--help"], vec!["help", "trace"]] {
        assert!(!run(&args).fine().is_empty());
    }
    for command in ["demo", "import", "append", "read", "get", "trace", "stat", "verify", "bench"] {
        assert!(run(&[command, "--help"]).fine().contains("--format"), "{command}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_output_quietly() {
    let place = Place::new();
    import(&place, &chain(5000), &[]).fine();
    for args in [
        vec!["read", "--format=jsonl"],
        vec!["read", "--format=json"],
        vec!["read"],
        vec!["trace", "ancestors", "n4999", "--format=ids"],
        vec!["trace", "ancestors", "n4999"],
    ] {
        let mut command = command();
        command.arg(args[0]).arg(place.store()).args(&args[1..]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""), "{args:?}");
        assert!(!line.is_empty());
    }
}
