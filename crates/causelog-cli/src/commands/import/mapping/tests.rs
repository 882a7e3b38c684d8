//! Lines and options, and the events or refusals they give.

use causelog::{EventKind, NewEvent};
use clap::Parser;
use serde_json::Value;

use super::{Mapping, MappingArgs};
use crate::id::event_id;

#[derive(Parser)]
struct Given {
    #[command(flatten)]
    args: MappingArgs,
}

/// The mapping of options, with stream and kind given unless they are among them.
fn mapping(options: &str) -> Result<Mapping, String> {
    let mut words = vec!["import"];
    for default in ["--entity=/e|=someone", "--scope==repo", "--kind==0x1001"] {
        if !options.contains(default.split('=').next().unwrap()) {
            words.push(default);
        }
    }
    words.extend(options.split_whitespace());
    Mapping::new(Given::try_parse_from(words).unwrap().args)
}

fn event(options: &str, line: &str) -> Result<NewEvent, String> {
    mapping(options).unwrap().event(line).map(|mapped| mapped.event)
}

fn check_refused(options: &str, line: &str, reason: &str) {
    let refused = event(options, line).unwrap_err();
    assert!(refused.contains(reason), "{options} {line}: {refused}");
}

#[test]
fn fields_come_from_pointers_constants_and_fallbacks() {
    let line = r#"{"e":"ada","t":"2024-01-01T00:00:00Z","p":{"z":1,"a":[null,2.5]},"k":4098,"n":7}"#;
    let found = event("--kind=/k --time=/t --payload=/p --id=/n --tags==x", line).unwrap();
    assert_eq!((found.coordinate().entity(), found.coordinate().scope()), ("ada", "repo"));
    assert_eq!(found.kind(), EventKind::of::<0x1002>());
    assert_eq!(found.occurred_ms(), Some(1_704_067_200_000));
    assert_eq!(found.id(), Some(event_id("7")), "a number is taken as its text");
    assert_eq!(found.tags().iter().collect::<Vec<_>>(), ["x"]);
    let payload: Value = found.payload().decode().unwrap();
    assert_eq!(payload.to_string(), r#"{"z":1,"a":[null,2.5]}"#, "the order of keys is kept");

    let bare = event("", "[1]").unwrap();
    assert_eq!(bare.coordinate().entity(), "someone");
    assert_eq!(bare.payload().decode::<Vec<u8>>(), Ok(vec![1]), "the whole line");
    assert_eq!((bare.id(), bare.occurred_ms()), (None, None));
}

#[test]
fn causes_are_an_array_or_a_text_and_each_counts_once() {
    for list in [r#"["a","b","a"]"#, r#""a b  a""#] {
        let found = event("--causes=/c", &format!(r#"{{"c":{list}}}"#)).unwrap();
        assert_eq!(found.causes().as_slice(), [event_id("a"), event_id("b")], "{list}");
    }
    let uuid = "0192f0c1-2345-7abc-8def-0123456789ab";
    let twice = event("--causes=/c", &format!(r#"{{"c":["{uuid}","{}"]}}"#, uuid.to_uppercase())).unwrap();
    assert_eq!(twice.causes().len(), 1);
    for none in [r#"{"c":""}"#, r#"{"c":" "}"#, r#"{"c":[]}"#, r#"{"c":null}"#, "{}"] {
        assert!(event("--causes=/c", none).unwrap().causes().is_empty(), "{none}");
    }
}

#[test]
fn tags_of_an_array_are_taken_as_they_are() {
    let tags = |list: &str| {
        let found = event("--tags=/t", &format!(r#"{{"t":{list}}}"#)).unwrap();
        found.tags().iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(tags(r#"["new door","red"]"#), ["new door", "red"]);
    assert_eq!(tags(r#""new door red""#), ["door", "new", "red"]);
}

#[test]
fn times_are_texts_numbers_or_not_there() {
    let ms = |line: &str| event("--time=/t", line).unwrap().occurred_ms();
    assert_eq!(ms(r#"{"t":1500}"#), Some(1500));
    assert_eq!(ms(r#"{"t":"-1500"}"#), Some(-1500));
    assert_eq!(ms(r#"{"t":"2024-05-01T12:00:00+02:00"}"#), Some(1_714_557_600_000));
    assert_eq!([ms("{}"), ms(r#"{"t":null}"#), ms(r#"{"t":""}"#)], [None; 3]);
    check_refused("--time=/t", r#"{"t":1.5}"#, "--time");
    check_refused("--time=/t", r#"{"t":"noon"}"#, "RFC 3339");
}

#[test]
fn a_line_that_is_no_event_says_why() {
    check_refused("", "{\"e\":", "not JSON: EOF while parsing a value at column 5");
    check_refused("", "{} {}", "not JSON: trailing characters at column 4");
    check_refused("--entity=/e", "{}", "--entity: there is nothing at /e");
    check_refused("--entity=/e", r#"{"e":""}"#, "--entity: the text is empty");
    check_refused("--entity=/e", r#"{"e":["x"]}"#, "--entity: an array stands at /e");
    check_refused("--entity=/e", r#"{"e":"a\nb"}"#, "control character");
    check_refused("--entity=/e", r#"{"e":"$sys"}"#, "the library's own");
    check_refused("--kind=/k", r#"{"k":"click"}"#, "--kind");
    check_refused("--kind=/k", r#"{"k":"0xd001"}"#, "reserved");
    check_refused("--causes=/c", r#"{"c":[{}]}"#, "--causes: the array holds");
    check_refused("--tags=/t", &format!(r#"{{"t":"{}"}}"#, "x".repeat(129)), "--tags: tag has 129 bytes");
    check_refused("--id=/i", "{}", "--id: there is nothing at /i");
    check_refused("--payload=/p", "{}", "--payload: there is nothing at /p");
}

#[test]
fn wrong_constants_are_found_before_any_line() {
    let refused = |options: &str| mapping(options).err().unwrap_or_default();
    assert!(refused("--kind==0x0001").contains("reserved"));
    assert!(refused("--kind==big").contains("event kind"));
    assert!(refused("--entity==$sys").contains("library"));
    assert!(refused("--scope==").contains("--scope: the text is empty"));
    assert!(refused("--time==noon").contains("RFC 3339"));
    assert!(refused("--id==one").contains("--id"));
    assert_eq!(refused("--time==1500 --tags==x"), "");
}
