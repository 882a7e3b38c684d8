//! Tests that read SPEC.md: its tables are the code's constants and layouts.

use causelog_types::{Coordinate, Depth, EventHash, EventId, EventKind, Hlc, Position, Revision, limits};
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
        ("Index row", &INDEX_ROW, INDEX_ROW_BYTES),
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
        ("INDEX_BLOCK_BYTES", INDEX_BLOCK_BYTES.to_string()),
        ("INDEX_CONTENT_BYTES", INDEX_CONTENT_BYTES.to_string()),
        ("INDEX_ROWS_PER_BLOCK", INDEX_ROWS_PER_BLOCK.to_string()),
        ("INDEX_VALUE_BYTES_MAX", INDEX_VALUE_BYTES_MAX.to_string()),
    ];
    let told = table("Constants", &["constant", "value"]);
    assert_eq!(told, coded.iter().map(|(name, value)| vec![*name, value]).collect::<Vec<_>>());
}

/// Spec: GROUP-8
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
    let (lost, dropped) = (GroupKind::Gap(GapReason::Lost), GroupKind::Gap(GapReason::Dropped));
    let coded = [
        ("group kind", group(GroupKind::Events).0, "events"),
        ("group kind", group(lost).0, "gap"),
        ("gap reason", group(GroupKind::Events).1, "not"),
        ("gap reason", group(lost).1, "lost"),
        ("gap reason", group(dropped).1, "dropped"),
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

/// The parts of something, each as its bytes stand, under the name that SPEC.md gives it.
type Parts = Vec<(&'static str, Vec<u8>)>;

/// What a cell of a table should say of these parts.
fn named(parts: &Parts) -> String {
    let named = |(name, bytes): &(&str, Vec<u8>)| match name.ends_with("text") {
        true => (*name).to_owned(),
        false => format!("{name} ({})", bytes.len()),
    };
    parts.iter().map(named).collect::<Vec<_>>().join(", ")
}

fn bytes_of(parts: &Parts) -> Vec<u8> {
    parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
}

/// Fields whose numbers all differ, so that none could stand in another's place.
///
/// Spec: WIRE-1, WIRE-2
#[test]
fn index_rows_are_the_layout() {
    let row = IndexRow {
        id: EventId::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
        offset: 0x11,
        bytes: 0x12,
        first_of_stream: true,
        segment: 0x13,
        stream: 0x14,
        kind: EventKind::from_bits(0x1516),
        revision: Revision(0x17),
        depth: Depth(0x18),
        hlc: Hlc { wall_ms: 0x19, counter: 0x1a },
    };
    let coded = [
        ("id", row.id.as_u128().to_be_bytes().to_vec()),
        ("offset", 0x11_u64.to_le_bytes().to_vec()),
        ("length", 0x8000_0012_u32.to_le_bytes().to_vec()),
        ("segment", 0x13_u32.to_le_bytes().to_vec()),
        ("stream", 0x14_u32.to_le_bytes().to_vec()),
        ("kind", 0x1516_u16.to_le_bytes().to_vec()),
        ("revision", 0x17_u64.to_le_bytes().to_vec()),
        ("depth", 0x18_u32.to_le_bytes().to_vec()),
        ("wall_ms", 0x19_u64.to_le_bytes().to_vec()),
        ("counter", 0x1a_u32.to_le_bytes().to_vec()),
    ];
    let bytes = row.encode();
    let found = INDEX_ROW.map(|field| (field.name, bytes[field.offset..field.offset + field.bytes].to_vec()));
    assert_eq!(found, coded);
    let later = IndexRow { first_of_stream: false, ..row };
    assert_eq!(later.encode(), *replaced(&bytes, 27, &[0]));
}

/// A key of each table and a value, in the order of the tables.
fn entries() -> [(&'static str, Vec<u8>, Parts, Option<Parts>); 7] {
    let id = EventId::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
    let stream = Coordinate::new("door:1", "home").unwrap();
    let at = |key: IndexKey| key.at(Position(0x1122)).as_bytes().to_vec();
    let whole = |key: IndexKey| key.as_bytes().to_vec();
    let id_as = |name| (name, id.as_u128().to_be_bytes().to_vec());
    let (zero, position) = (("zero", vec![0]), ("position", vec![0, 0, 0, 0, 0, 0, 0x11, 0x22]));
    let (entity, scope) = (("entity text", b"door:1".to_vec()), ("scope text", b"home".to_vec()));
    let kind = ("kind", vec![0x15, 0x16]);
    let head = vec![
        ("number of the stream", vec![0x21, 0, 0, 0]),
        ("row of its last event", vec![0x22, 0, 0, 0]),
        ("hash of that event", vec![0x55; 32]),
    ];
    let kinds = IndexKey::kind(EventKind::from_bits(0x1516));
    let both = vec![entity.clone(), zero.clone(), scope.clone()];
    let position = |parts: Parts| [parts, vec![position.clone()]].concat();
    [
        ("effects", at(IndexKey::effects(id)), position(vec![id_as("id of a cause")]), None),
        ("heads", whole(IndexKey::head(&stream)), both.clone(), Some(head)),
        ("ids", whole(IndexKey::id(id)), vec![id_as("id")], Some(vec![("row", vec![0x22, 0, 0, 0])])),
        ("kinds", at(kinds), position(vec![kind]), None),
        ("scopes", at(IndexKey::scope("home")), position(vec![scope, zero.clone()]), None),
        ("streams", at(IndexKey::stream(&stream)), position([both, vec![zero.clone()]].concat()), None),
        ("tags", at(IndexKey::tag("night")), position(vec![("tag text", b"night".to_vec()), zero]), None),
    ]
}

/// Spec: WIRE-1, WIRE-2
#[test]
fn index_keys_are_those_of_the_table() {
    let told = table("Index tables", &["table", "number", "key", "value"]);
    assert_eq!(told.len(), entries().len());
    for (row, (name, key, parts, value)) in told.iter().zip(entries()) {
        let number: u8 = row[1].parse().unwrap();
        assert_eq!((row[0], row[2]), (name, &*named(&parts)));
        assert_eq!(key, [vec![number], bytes_of(&parts)].concat(), "{name}");
        assert_eq!(IndexKey::holds_positions(&key), row[3] == "positions", "{name}");
        assert_eq!(row[3], value.map_or("positions".to_owned(), |parts| named(&parts)));
    }
    let head = StreamEntry { number: 0x21, last_row: 0x22, last_hash: EventHash([0x55; 32]) };
    let [_, (_, _, _, Some(parts)), ..] = entries() else { panic!("heads have values") };
    assert_eq!(head.encode()[..], bytes_of(&parts));
}

/// Spec: HASH-1
#[test]
fn contexts_are_the_codes() {
    let told = table("Hashes", &["hash", "context", "input"]);
    let coded = [
        hash::PAYLOAD_CONTEXT,
        hash::EVENT_CONTEXT,
        hash::FIRST_ROOT_CONTEXT,
        hash::ROOT_CONTEXT,
        hash::FILTER_CONTEXT,
    ];
    assert_eq!(told.iter().map(|row| row[1]).collect::<Vec<_>>(), coded);
}
