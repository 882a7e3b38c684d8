//! Tests of what a header must not be: every other form of the same content, and content that is not allowed.

use causelog_types::*;

use super::samples::*;
use crate::msgpack::{Reader, Writer};
use crate::*;

type Entries = Vec<(String, Vec<u8>)>;

/// The keys of a header with the bytes of their values.
fn entries(bytes: &[u8]) -> Entries {
    let mut reader = Reader::new(bytes, ByteOffset(0));
    let mut entries = Vec::new();
    for _ in 0..reader.map().unwrap() {
        let key = reader.text().unwrap().to_owned();
        let start = reader.consumed();
        reader.skip(16).unwrap();
        entries.push((key, bytes[start..reader.consumed()].to_vec()));
    }
    entries
}

fn put_together(entries: &Entries) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer(&mut bytes).map(entries.len());
    for (key, value) in entries {
        Writer(&mut bytes).text(key);
        bytes.extend_from_slice(value);
    }
    bytes
}

/// Edits the full header's entries and checks what reading it then says.
fn check(expect: Result<(), Rule>, edit: impl FnOnce(&mut Entries)) {
    let mut edited = entries(&encoded(&full()));
    edit(&mut edited);
    let found = decode_header(&put_together(&edited), OFFSET).map(|_| ()).map_err(|flaw| flaw.rule);
    assert_eq!(found, expect, "{edited:02x?}");
}

/// Puts an entry where it belongs, in place of one with its key.
fn set(entries: &mut Entries, key: &str, value: &[u8]) {
    entries.retain(|(known, _)| known != key);
    let at = entries.partition_point(|(known, _)| known.as_str() < key);
    entries.insert(at, (key.to_owned(), value.to_vec()));
}

fn check_value(key: &str, value: &[u8], expect: Result<(), Rule>) {
    check(expect, |entries| set(entries, key, value));
}

fn remove(entries: &mut Entries, keys: &[&str]) {
    entries.retain(|(key, _)| !keys.contains(&key.as_str()));
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Writer(&mut bytes).text(text);
    bytes
}

const DEFAULT_STORED: Rule = Rule::NotCanonical("a default is stored");
const NOT_ASCENDING: Rule = Rule::NotCanonical("its keys do not ascend");

/// Spec: FRAME-6
#[test]
fn keys_ascend_strictly() {
    check(Ok(()), |_| ());
    for at in 1..entries(&encoded(&full())).len() {
        check(Err(NOT_ASCENDING), |entries| entries.swap(at - 1, at));
        check(Err(NOT_ASCENDING), |entries| entries.insert(at, entries[at - 1].clone()));
    }
    check(Err(NOT_ASCENDING), |entries| entries.push(("unknown".into(), vec![0xc0])));
}

/// Spec: FRAME-8
#[test]
fn stored_defaults_are_refused() {
    for key in ["b", "c", "d", "n", "r", "t", "v"] {
        let zero = if matches!(key, "c" | "t") { 0x90 } else { 0x00 };
        check_value(key, &[zero], Err(DEFAULT_STORED));
    }
    let id = entries(&encoded(&full())).into_iter().find(|(key, _)| key == "i").unwrap().1;
    check_value("x", &id, Err(DEFAULT_STORED));
    check_value("z", &[0xc2], Err(Rule::Malformed));
    check_value("o", &[0x00], Ok(()));
}

/// Spec: FRAME-9
#[test]
fn missing_keys_are_refused() {
    for key in ["e", "h", "i", "k", "q", "s", "w"] {
        check(Err(Rule::MissingKey(key)), |entries| remove(entries, &[key]));
    }
    for keys in [&["b"][..], &["c", "d"], &["g"], &["n"], &["o"], &["p", "r"], &["t"], &["v"], &["x"], &["z"]]
    {
        check(Ok(()), |entries| remove(entries, keys));
    }
    check(Err(Rule::MissingKey("i")), Vec::clear);
}

/// Spec: FRAME-10
#[test]
fn unknown_keys_are_told_apart() {
    for key in ["a", "ba", "qq", "", "y", "zz", "later", "a key"] {
        let expect = if key.is_empty() { Err(Rule::KeyName) } else { Ok(()) };
        check_value(key, &[0x93, 0xc0, 0xca, 0, 0, 0, 0, 0xcd, 0, 1], expect);
    }
    for key in ["A", "Z", "Critical"] {
        check_value(key, &[0xc0], Err(Rule::Unsupported("header key")));
    }
    for key in ["0", "_", "$", "{", "é", "\u{0}", "@", "["] {
        check_value(key, &[0xc0], Err(Rule::KeyName));
    }
    let nested = |levels: usize| [&vec![0x91; levels][..], &[0x01]].concat();
    check_value("y", &nested(16), Ok(()));
    check_value("y", &nested(17), Err(Rule::Malformed));
    check_value("y", &[0xc1], Err(Rule::Malformed));
    assert!(Rule::Unsupported("header key").is_unsupported());
    assert!(!Rule::KeyName.is_unsupported());
}

/// Spec: FRAME-10, HASH-3. An unknown key is not in the decoded header, but in the bytes that are hashed.
#[test]
fn unknown_keys_stay_under_the_hash() {
    let mut with_unknown = entries(&encoded(&full()));
    set(&mut with_unknown, "later", &[0x2a]);
    let bytes = put_together(&with_unknown);
    assert_eq!(decode_header(&bytes, OFFSET), Ok((full(), bytes.len())));
    let stored = stored_payload(&full());
    let frame = with_frame_checksum(&bytes, &stored, 0);
    let frame = decode_frame(&frame, SALT, OFFSET).whole().unwrap();
    assert_eq!((&frame.header, frame.header_bytes), (&full(), &bytes[..]));
    assert_eq!(frame.hash(), hash::event(&bytes));
    assert_ne!(frame.hash(), hash::event(&encoded(&full())));
}

/// Spec: FRAME-5. Each key has one type.
#[test]
fn values_of_other_types_are_refused() {
    for (key, value) in entries(&encoded(&full())) {
        for other in
            [&[0xc0][..], &[0x01], &[0xa1, b'x'], &[0xc4, 1, 0], &[0x91, 0x01], &[0x81, 1, 1], &[0xc3]]
        {
            if other[0] == value[0] || other == [0x01] && value[0] < 0x80 {
                continue;
            }
            let mut edited = entries(&encoded(&full()));
            set(&mut edited, &key, other);
            let refused = decode_header(&put_together(&edited), OFFSET).is_err();
            let a_number = matches!(&*key, "b" | "d" | "k" | "n" | "o" | "q" | "r" | "v" | "w");
            let allowed = a_number && other == [0x01] || matches!(&*key, "e" | "s") && other[0] == 0xa1;
            assert_eq!(refused, !allowed, "{key}: {other:02x?}");
        }
    }
    for key in ["h", "p", "i", "x"] {
        let length = if matches!(key, "h" | "p") { 32 } else { 16 };
        for wrong in [length - 1, length + 1] {
            let value = [&[0xc4, wrong][..], &vec![0x55; wrong.into()]].concat();
            check_value(key, &value, Err(Rule::Malformed));
        }
    }
}

/// Spec: TYPE-1, TYPE-5, TYPE-6, FRAME-17, WIRE-11. What no caller could append is refused from disk as well.
#[test]
fn values_out_of_range_are_refused() {
    for (key, bytes_max) in [("e", 512), ("s", 255)] {
        check_value(key, &text(""), Err(Rule::Value("e")));
        check_value(key, &text("a\u{7f}"), Err(Rule::Value("e")));
        check_value(key, &text(&"x".repeat(bytes_max + 1)), Err(Rule::Value("e")));
        check_value(key, &text(&"x".repeat(bytes_max)), Ok(()));
    }
    for (key, too_much) in [("b", 16_384_u64), ("d", 1 << 32), ("k", 1 << 16), ("n", 1 << 32), ("v", 1 << 16)]
    {
        check_value(key, &value(|w| w.uint_at(b'k', too_much)), Err(Rule::Value(key)));
        check_value(key, &value(|w| w.uint_at(b'k', too_much - 1)), Ok(()));
    }
    for key in ["q", "r", "w"] {
        let most = [&[0xcf][..], &[0xff; 8]].concat();
        check_value(key, &most, Err(Rule::Value(key)));
        check_value(key, &[&most[..8], &[0xfe]].concat(), Ok(()));
    }
    let id = |n: u8| [&[0xc4, 16][..], &[0; 15], &[n]].concat();
    check_value("c", &[&[0x92][..], &id(3), &id(3)].concat(), Err(Rule::Value("c")));
    check_value("c", &[&[0x91][..], &id(7)].concat(), Err(Rule::Value("c")));
    check_value("c", &[0xdc, 1, 1], Err(Rule::Value("c")));
    check_value("t", &[0xdc, 0, 17], Err(Rule::Value("t")));
    check_value("t", &[&[0x91][..], &text("")].concat(), Err(Rule::Value("t")));
    let unsorted = Rule::NotCanonical("its tags do not ascend");
    check_value("t", &[&[0x92][..], &text("b"), &text("a")].concat(), Err(unsorted));
    check_value("t", &[&[0x92][..], &text("a"), &text("a")].concat(), Err(unsorted));
}

/// Spec: FRAME-11
#[test]
fn values_that_contradict_each_other_are_refused() {
    check(Err(Rule::Value("p")), |entries| remove(entries, &["p"]));
    check(Err(Rule::Value("p")), |entries| remove(entries, &["r"]));
    check(Err(Rule::Value("d")), |entries| remove(entries, &["c"]));
    check(Err(Rule::Value("d")), |entries| remove(entries, &["d"]));
}

/// Spec: TYPE-6, FRAME-7
#[test]
fn evidence_has_one_form() {
    let refused = Err(Rule::Value("g"));
    let gates = |names: &[&str]| {
        let mut bytes = [&[0x81][..], &text("gates")].concat();
        Writer(&mut bytes).array(names.len());
        names.iter().for_each(|name| bytes.extend(text(name)));
        bytes
    };
    check_value("g", &gates(&["a"]), Ok(()));
    check_value("g", &gates(&["a"; 64]), Ok(()));
    check_value("g", &gates(&["a"; 65]), refused);
    check_value("g", &gates(&[]), Err(DEFAULT_STORED));
    check_value("g", &gates(&[&"a".repeat(4097)]), refused);
    let map = |pairs: &[(&str, &str)]| {
        let mut bytes = Vec::new();
        Writer(&mut bytes).map(pairs.len());
        pairs.iter().for_each(|(key, value)| bytes.extend([text(key), text(value)].concat()));
        bytes
    };
    check_value("g", &map(&[("justification", "j"), ("reason", "r")]), Ok(()));
    check_value("g", &map(&[("reason", "r"), ("justification", "j")]), refused);
    check_value("g", &map(&[("justification", "j"), ("reasons", "r")]), refused);
    check_value("g", &map(&[("justification", "j")]), refused);
    check_value("g", &map(&[("justification", ""), ("reason", "r")]), refused);
    check_value("g", &map(&[("justification", "j"), ("reason", "")]), refused);
    check_value("g", &[0x80], refused);
}

/// Spec: FRAME-16. The limit is held although unknown keys could make a header longer.
#[test]
fn headers_have_a_greatest_length() {
    let with_padding = |padding: usize| {
        let mut longer = entries(&encoded(&full()));
        set(&mut longer, "y", &text(&"x".repeat(padding)));
        put_together(&longer)
    };
    let room = limits::HEADER_BYTES_MAX - with_padding(1000).len() + 1000;
    let fits = with_padding(room);
    assert_eq!(fits.len(), limits::HEADER_BYTES_MAX);
    assert_eq!(decode_header(&fits, OFFSET), Ok((full(), fits.len())));
    for longer in [1, 2, 1000] {
        let rule = decode_header(&with_padding(room + longer), OFFSET).unwrap_err().rule;
        assert!(matches!(rule, Rule::HeaderLength | Rule::Malformed), "{rule}");
    }
}

/// What is written behind a key of one letter.
fn value(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Writer(&mut bytes));
    bytes.split_off(2)
}
