//! Tests that read SPEC.md: its tables are the code's constants, and its rules are numbered and cited rightly.

use std::collections::{BTreeMap, BTreeSet};

use causelog_types::limits;
use rmpv::Value;

use super::samples::*;
use crate::layout::*;
use crate::*;

pub(super) const SPEC: &str = include_str!("../../../../SPEC.md");

/// The rows of the first table under a heading, without backticks, and without the row of its column names.
fn table(heading: &str, columns: &[&str]) -> Vec<Vec<&'static str>> {
    let mut lines = SPEC.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    assert!(lines.next().is_some_and(|line| line.starts_with('#')), "SPEC.md has no heading {heading:?}");
    let rows = lines.take_while(|line| !line.starts_with('#')).skip_while(|line| !line.starts_with('|'));
    let mut rows = rows.take_while(|line| line.starts_with('|')).map(cells);
    assert_eq!(rows.next().as_deref(), Some(columns), "the table under {heading:?}");
    rows.skip(1).collect()
}

fn cells(line: &'static str) -> Vec<&'static str> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
}

/// Spec: WIRE-1, FRAME-1, GROUP-1, SEG-2, STORE-2, CLOSE-2, SLOT-2, INDEX-2, INDEX-3
#[test]
fn byte_tables_are_the_layouts() {
    let layouts: [(&str, &[Field], usize); 8] = [
        ("Frame prefix", &FRAME_PREFIX, FRAME_PREFIX_BYTES),
        ("Group header", &GROUP_HEADER, GROUP_HEADER_BYTES),
        ("Segment header", &SEGMENT_HEADER, SEGMENT_HEADER_BYTES),
        ("Store file", &STORE_FILE, STORE_FILE_BYTES),
        ("Closed file", &CLOSED_FILE, CLOSED_FILE_BYTES),
        ("Slot", &SLOT, SLOT_BYTES),
        ("Index header", &INDEX_HEADER, INDEX_HEADER_BYTES),
        ("Index block header", &INDEX_BLOCK_HEADER, INDEX_BLOCK_HEADER_BYTES),
    ];
    for (heading, layout, whole_bytes) in layouts {
        let rows = table(heading, &["field", "offset", "bytes", "meaning"]);
        let number = |cell: &str| cell.parse::<usize>().unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row[0], number(row[1]), number(row[2]))).collect();
        let coded: Vec<_> = layout.iter().map(|field| (field.name, field.offset, field.bytes)).collect();
        assert_eq!(told, coded, "{heading}");
        assert!(rows.iter().all(|row| !row[3].is_empty()), "{heading}: a field without a meaning");
        let mut end = 0;
        for (name, offset, bytes) in coded {
            assert_eq!(offset, end, "{heading}: {name}");
            end += bytes;
        }
        assert_eq!(end, whole_bytes, "{heading}");
    }
    let in_code = include_str!("../layout.rs").matches(": [Field; ").count();
    let in_spec = SPEC.lines().filter(|line| line.starts_with("| field | offset |")).count();
    assert_eq!((in_code, in_spec), (layouts.len(), layouts.len()), "a layout without its table");
}

/// Spec: WIRE-7, WIRE-8, SLOT-1
#[test]
fn constants_are_the_codes() {
    let hex = |magic: &[u8]| magic.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let coded = [
        ("FORMAT_VERSION", FORMAT_VERSION.to_string()),
        ("SEGMENT_MAGIC", hex(&SEGMENT_MAGIC)),
        ("GROUP_MAGIC", hex(&GROUP_MAGIC)),
        ("STORE_MAGIC", hex(&STORE_MAGIC)),
        ("CLOSED_MAGIC", hex(&CLOSED_MAGIC)),
        ("SLOT_MAGIC", hex(&SLOT_MAGIC)),
        ("INDEX_MAGIC", hex(&INDEX_MAGIC)),
        ("FRAME_ERASED_BIT", format!("{FRAME_ERASED_BIT:#010x}")),
        ("FRAME_LENGTH_MASK", format!("{FRAME_LENGTH_MASK:#010x}")),
        ("SLOT_OFFSETS", SLOT_OFFSETS.map(|offset| offset.to_string()).join(", ")),
        ("INDEX_BLOCK_BYTES_MAX", INDEX_BLOCK_BYTES_MAX.to_string()),
    ];
    let told = table("Constants", &["constant", "value"]);
    assert_eq!(told, coded.iter().map(|(name, value)| vec![*name, value]).collect::<Vec<_>>());
}

/// Spec: GROUP-8, INDEX-3
#[test]
fn enumerations_are_the_codes() {
    let header = GroupHeader {
        kind: GroupKind::Events,
        length: 0,
        count: 1,
        base: meta().base,
        epoch: 1,
        synced_to: meta().base,
        root_before: meta().root_before,
        root_after: meta().root_before,
    };
    let group = |kind| {
        let bytes = GroupHeader { kind, ..header }.encode(SALT, OFFSET);
        (bytes[4].to_string(), bytes[6].to_string())
    };
    let block = |kind| {
        let mut bytes = Vec::new();
        encode_block(&IndexBlock { kind, items: 0, content: &[] }, SALT, &mut bytes);
        u16::from_le_bytes([bytes[0], bytes[1]]).to_string()
    };
    let (lost, dropped) = (GroupKind::Gap(GapReason::Lost), GroupKind::Gap(GapReason::Dropped));
    let coded = [
        ("group kind", group(GroupKind::Events).0, "events"),
        ("group kind", group(lost).0, "gap"),
        ("gap reason", group(GroupKind::Events).1, "not"),
        ("gap reason", group(lost).1, "lost"),
        ("gap reason", group(dropped).1, "dropped"),
        ("index block kind", block(BlockKind::Streams), "streams"),
        ("index block kind", block(BlockKind::Events), "events"),
        ("index block kind", block(BlockKind::Causes), "causes"),
        ("index block kind", block(BlockKind::Tags), "tags"),
    ];
    let told = table("Enumerations", &["enumeration", "number", "meaning"]);
    assert_eq!(told.len(), coded.len());
    for (row, (enumeration, number, meaning)) in told.iter().zip(coded) {
        let first_word = row[2].split([' ', ':']).next().unwrap();
        assert_eq!((row[0], row[1], first_word), (enumeration, &*number, meaning));
    }
}

/// Spec: WIRE-12
#[test]
fn limits_are_the_codes() {
    macro_rules! named {
        ($($name:ident)*) => { [$((stringify!($name), limits::$name.to_string())),*] };
    }
    let coded = named!(
        ENTITY_BYTES_MAX SCOPE_BYTES_MAX CAUSES_MAX TAGS_MAX TAG_BYTES_MAX CLAUSES_MAX KINDS_MAX
        EVIDENCE_BYTES_MAX EVIDENCE_GATES_MAX HEADER_BYTES_MAX FRAME_BYTES_MAX FRAME_BYTES_DEFAULT
        BATCH_EVENTS_MAX CONDITIONS_MAX BATCH_BYTES_MAX GROUP_BYTES_MAX NESTING_MAX PAYLOAD_NESTING_MAX
    );
    let told = table("Limits", &["limit", "value", "meaning"]);
    let told: Vec<_> = told.iter().map(|row| (row[0], row[1].to_owned())).collect();
    assert_eq!(told, coded);
    let in_code = include_str!("../../../causelog-types/src/limits.rs").matches("pub const ").count();
    assert_eq!(in_code, coded.len(), "a limit without its row");
}

fn type_of(value: &Value) -> String {
    match value {
        Value::Integer(number) if number.is_u64() => "uint".into(),
        Value::Integer(_) => "int".into(),
        Value::String(_) => "str".into(),
        Value::Binary(bytes) => format!("bin {}", bytes.len()),
        Value::Array(items) => format!("array of {}", type_of(&items[0])),
        Value::Map(_) => "map".into(),
        Value::Boolean(value) => value.to_string(),
        other => panic!("no value of a header is like {other}"),
    }
}

fn keys_of(bytes: &[u8]) -> Vec<(String, String)> {
    let value = rmpv::decode::read_value(&mut &*bytes).unwrap();
    let map = value.as_map().unwrap();
    map.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), type_of(value))).collect()
}

/// Spec: FRAME-5, FRAME-9
#[test]
fn header_keys_are_those_that_are_written() {
    let told = table("Header keys", &["key", "meaning", "type", "when left out"]);
    let types = told.iter().map(|row| {
        let type_name = row[2].split(',').next().unwrap();
        (row[0].to_owned(), type_name.to_owned())
    });
    assert_eq!(types.collect::<Vec<_>>(), keys_of(&encoded(&full())));
    let always = told.iter().filter(|row| row[3] == "never").map(|row| row[0].to_owned());
    let shortest = keys_of(&encoded(&plain())).into_iter().map(|(key, _)| key);
    assert_eq!(always.collect::<Vec<_>>(), shortest.collect::<Vec<_>>());
}

/// Spec: HASH-1
#[test]
fn contexts_are_the_codes() {
    let told = table("Hashes", &["hash", "context", "input"]);
    let coded = [hash::PAYLOAD_CONTEXT, hash::EVENT_CONTEXT, hash::FIRST_ROOT_CONTEXT, hash::ROOT_CONTEXT];
    assert_eq!(told.iter().map(|row| row[1]).collect::<Vec<_>>(), coded);
}

fn rules_of_spec() -> BTreeSet<&'static str> {
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    let mut rules = BTreeSet::new();
    for line in SPEC.lines().filter_map(|line| line.strip_prefix("- **")) {
        let rule = line.split("**").next().unwrap();
        let (area, number) = rule.split_once('-').unwrap();
        let due = last.get(area).map_or(1, |last| last + 1);
        assert_eq!(number.parse(), Ok(due), "rule {rule} is out of order");
        last.insert(area, due);
        rules.insert(rule);
    }
    rules
}

/// The rules of an area have the numbers 1, 2, 3; whatever cites a rule cites one that is there.
#[test]
fn cited_rules_are_there() {
    let rules = rules_of_spec();
    let sources = [
        include_str!("../../../causelog-types/src/tests.rs"),
        include_str!("fixed_layouts.rs"),
        include_str!("frame.rs"),
        include_str!("group.rs"),
        include_str!("hash.rs"),
        include_str!("header.rs"),
        include_str!("header_form.rs"),
        include_str!("hostile.rs"),
        include_str!("msgpack.rs"),
        include_str!("spec.rs"),
        include_str!("spec_examples.rs"),
    ];
    let mut cited = BTreeSet::new();
    for line in sources.iter().flat_map(|source| source.lines()) {
        let Some(names) = line.trim().strip_prefix("/// Spec: ") else { continue };
        let names = names.split(". ").next().unwrap().trim_end_matches('.');
        cited.extend(names.split(", "));
    }
    assert!(cited.len() > 30, "only {} rules are cited", cited.len());
    let unknown: Vec<_> = cited.difference(&rules).collect();
    assert!(unknown.is_empty(), "cited, but not in SPEC.md: {unknown:?}");
    let referred = SPEC.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let area = |word: &str| {
        word.split_once('-').is_some_and(|(area, number)| {
            rules.contains(format!("{area}-1").as_str()) && number.parse::<u32>().is_ok()
        })
    };
    let dangling: Vec<_> = referred.filter(|word| area(word) && !rules.contains(word)).collect();
    assert!(dangling.is_empty(), "referred to, but not there: {dangling:?}");
}
