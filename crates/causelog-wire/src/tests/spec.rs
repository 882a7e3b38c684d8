//! Tests that read SPEC.md: its tables are the code's constants and layouts.

use causelog_types::{Depth, EventHash, EventId, EventKind, Hlc, Revision, limits};
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

/// The parts of an item, each as its bytes stand, under the name that SPEC.md gives it.
type Parts = Vec<(&'static str, Vec<u8>)>;

/// Items whose numbers all differ, so that none could stand in another's place, in the order of the parts.
fn items() -> [(&'static str, Vec<u8>, Parts); 4] {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat();
    let (id, hash) = (EventId::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10), EventHash([0x55; 32]));
    let id_bytes = || id.as_u128().to_be_bytes().to_vec();
    let event = EventRow {
        id,
        offset: 0x11,
        bytes: 0x12,
        stream: 0x13,
        kind: EventKind::from_bits(0x1415),
        revision: Revision(0x16),
        depth: Depth(0x17),
        hlc: Hlc { wall_ms: 0x18, counter: 0x19 },
    };
    let encoded = |encode: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = Vec::new();
        encode(&mut bytes);
        bytes
    };
    let stream = StreamRow { entity: "door:1", scope: "home", last_hash: hash };
    let event_parts = vec![
        ("id", id_bytes()),
        ("offset of its frame", 0x11_u64.to_le_bytes().to_vec()),
        ("length of its frame", 0x12_u32.to_le_bytes().to_vec()),
        ("number of its stream", 0x13_u32.to_le_bytes().to_vec()),
        ("kind", 0x1415_u16.to_le_bytes().to_vec()),
        ("revision", 0x16_u64.to_le_bytes().to_vec()),
        ("depth", 0x17_u32.to_le_bytes().to_vec()),
        ("wall milliseconds", 0x18_u64.to_le_bytes().to_vec()),
        ("counter", 0x19_u32.to_le_bytes().to_vec()),
    ];
    let stream_parts = vec![
        ("entity text", text("door:1")),
        ("scope text", text("home")),
        ("hash of its last event in the segment", hash.0.to_vec()),
    ];
    let number = || ("number of the event", 0x20_u32.to_le_bytes().to_vec());
    let (cause, tag) = (CauseRow { event: 0x20, cause: id }, TagRow { event: 0x20, tag: "night" });
    [
        ("streams", encoded(&|out| stream.encode(out)), stream_parts),
        ("events", encoded(&|out| event.encode(out)), event_parts),
        ("causes", encoded(&|out| cause.encode(out)), vec![number(), ("id of the cause", id_bytes())]),
        ("tags", encoded(&|out| tag.encode(out)), vec![number(), ("tag text", text("night"))]),
    ]
}

/// Spec: WIRE-1, WIRE-2, WIRE-4
#[test]
fn index_items_are_the_rows() {
    let told = table("Index blocks", &["block", "item", "fields, in order"]);
    let coded = items();
    assert_eq!(told.len(), coded.len());
    for (row, (block, bytes, parts)) in told.iter().zip(coded) {
        let named = |(name, bytes): &(&str, Vec<u8>)| match name.ends_with("text") {
            true => (*name).to_owned(),
            false => format!("{name} ({})", bytes.len()),
        };
        assert_eq!((row[0], row[2]), (block, &*parts.iter().map(named).collect::<Vec<_>>().join(", ")));
        assert_eq!(parts.into_iter().flat_map(|(_, part)| part).collect::<Vec<_>>(), bytes, "{block}");
    }
}

/// Spec: HASH-1
#[test]
fn contexts_are_the_codes() {
    let told = table("Hashes", &["hash", "context", "input"]);
    let coded = [hash::PAYLOAD_CONTEXT, hash::EVENT_CONTEXT, hash::FIRST_ROOT_CONTEXT, hash::ROOT_CONTEXT];
    assert_eq!(told.iter().map(|row| row[1]).collect::<Vec<_>>(), coded);
}
