//! Tests that decode the examples of SPEC.md and encode them again byte for byte.

use std::collections::BTreeMap;

use causelog_types::*;

use super::samples::{SALT, STORE, full};
use super::spec::SPEC;
use crate::layout::*;
use crate::*;

/// An example: what is said of it, and its bytes.
#[derive(Debug, PartialEq)]
struct Example {
    parameters: BTreeMap<String, String>,
    bytes: Vec<u8>,
}

fn examples() -> BTreeMap<&'static str, Example> {
    let mut examples = BTreeMap::new();
    let (mut parameters, mut lines) = (BTreeMap::new(), SPEC.lines());
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("Parameters: ") {
            let pairs = words.trim_end_matches('.').split(", ").map(|pair| pair.split_once(' ').unwrap());
            parameters = pairs.map(|(name, value)| (name.into(), value.trim_matches('`').into())).collect();
        }
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let mut bytes = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            bytes.extend(line.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
        let example = Example { parameters: std::mem::take(&mut parameters), bytes };
        assert!(examples.insert(name, example).is_none(), "two examples named {name}");
    }
    examples
}

/// The text of an example as it stands in SPEC.md, to be put there when the format changes.
fn as_text(name: &str, parameters: &[(&str, String)], bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let lines: Vec<_> = bytes.chunks(16).map(line).collect();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name} `{value}`")).collect();
    let before = match parameters.is_empty() {
        true => String::new(),
        false => format!("Parameters: {}.\n\n", parameters.join(", ")),
    };
    format!("{before}```hex {name}\n{}\n```\n", lines.join("\n"))
}

/// Checks that SPEC.md holds this example, which is what the code makes of the same values, and gives its bytes.
fn check_example(name: &str, parameters: &[(&str, String)], made: &[u8]) -> Vec<u8> {
    let expected = Example {
        parameters: parameters.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
        bytes: made.to_vec(),
    };
    let text = as_text(name, parameters, made);
    let found = examples().remove(name);
    assert_eq!(found.as_ref(), Some(&expected), "SPEC.md should say:\n\n{text}");
    assert!(SPEC.contains(&text), "the example {name} has another form than the others");
    expected.bytes
}

fn salt_text() -> String {
    format!("{:#018x}", SALT.0)
}

const GROUP_AT: ByteOffset = ByteOffset(148);

fn first_event() -> (Header, Vec<u8>) {
    let payload = b"\x81\xa5state\xa6opened".to_vec();
    let id = EventId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00a1);
    let header = Header {
        id,
        coordinate: Coordinate::new("door:1", "home").unwrap(),
        kind: EventKind::of::<0x1001>(),
        payload_version: 0,
        position: Position(0),
        revision: Revision(0),
        previous_hash: None,
        payload_hash: hash::payload(&payload),
        dag: DagPosition {
            correlation_id: id,
            causes: Causes::none(),
            depth: Depth(0),
            hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 0 },
            occurred_ms: None,
        },
        tags: Tags::none(),
        evidence: None,
        batch_remaining: 1,
        salted: false,
    };
    (header, payload)
}

fn second_event() -> (Header, Vec<u8>) {
    let (first, _) = first_event();
    let payload = b"\x81\xa5state\xa6closed".to_vec();
    let mut first_bytes = Vec::new();
    encode_header(&first, &mut first_bytes);
    let header = Header {
        id: EventId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_00a2),
        kind: EventKind::of::<0x1002>(),
        position: Position(1),
        revision: Revision(1),
        previous_hash: Some(hash::event(&first_bytes)),
        payload_hash: hash::payload(&payload),
        dag: DagPosition {
            correlation_id: first.id,
            causes: Causes::new([first.id]).unwrap(),
            depth: Depth(1),
            hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 1 },
            occurred_ms: Some(1_699_999_999_000),
        },
        tags: Tags::new(["night"]).unwrap(),
        evidence: Some(Evidence::Admitted { gates: vec!["hours".into()] }),
        batch_remaining: 0,
        ..first
    };
    (header, payload)
}

fn segment_header() -> SegmentHeader {
    SegmentHeader {
        store: STORE,
        number: SegmentNumber(1),
        base: Position(0),
        base_root: hash::first_root(STORE),
        base_hlc: Hlc::default(),
        salt: SALT,
        previous: None,
    }
}

/// The whole segment, and the hashes of its events.
fn segment() -> (Vec<u8>, Vec<EventHash>) {
    let mut group = GroupBuffer::new();
    for (header, payload) in [first_event(), second_event()] {
        group.push(&header, &payload).unwrap();
    }
    let meta = GroupMeta {
        epoch: 1,
        base: Position(0),
        root_before: hash::first_root(STORE),
        synced_to: Position(0),
    };
    let sealed = group.seal(SALT, GROUP_AT, &meta).unwrap().to_vec();
    let hashes = group.frames().iter().map(|frame| frame.hash).collect();
    ([&segment_header().encode()[..], &sealed].concat(), hashes)
}

/// Spec: SEG-2, GROUP-1, GROUP-3, GROUP-5, GROUP-10, HASH-5
#[test]
fn the_segment() {
    let bytes = check_example("segment", &[("store", STORE.to_string())], &segment().0);
    let header = SegmentHeader::decode(&bytes).whole().unwrap();
    assert_eq!(header, segment_header());
    let (head, body) = bytes.split_at(SEGMENT_HEADER_BYTES);
    assert_eq!(header.encode(), head);
    let group = GroupHeader::decode(body, header.salt, GROUP_AT).whole().unwrap();
    assert_eq!(group.encode(header.salt, GROUP_AT), body[..GROUP_HEADER_BYTES]);
    assert_eq!((group.count, group.total_bytes()), (2, widen(body.len())));
    let (mut at, mut again, mut root) = (GROUP_HEADER_BYTES, GroupBuffer::new(), header.base_root);
    for (expected, payload) in [first_event(), second_event()] {
        let frame = decode_frame(&body[at..], header.salt, GROUP_AT.plus(at)).whole().unwrap();
        assert_eq!((&frame.header, frame.payload()), (&expected, Some(&payload[..])));
        assert!(frame.payload_is_right());
        again.push(&frame.header, frame.stored_payload).unwrap();
        root = hash::next_root(root, frame.hash());
        at += frame.bytes;
    }
    assert_eq!((at, root), (body.len(), group.root_after));
    let meta = GroupMeta {
        epoch: group.epoch,
        base: group.base,
        root_before: group.root_before,
        synced_to: group.synced_to,
    };
    assert_eq!(again.seal(header.salt, GROUP_AT, &meta).unwrap(), body);
}

/// Spec: HASH-2, HASH-3, HASH-4, HASH-5
#[test]
fn the_hashes_of_the_segment() {
    let hashes = segment().1;
    let first_root = hash::first_root(STORE);
    let second_root = hash::next_root(first_root, hashes[0]);
    let rows = [
        ("payload hash of the first event", first_event().0.payload_hash.to_string()),
        ("payload hash of the second event", second_event().0.payload_hash.to_string()),
        ("event hash of the first event", hashes[0].to_string()),
        ("event hash of the second event", hashes[1].to_string()),
        ("first root", first_root.to_string()),
        ("root after the first event", second_root.to_string()),
        ("root after the second event", hash::next_root(second_root, hashes[1]).to_string()),
    ];
    let text: String = rows.iter().map(|(what, value)| format!("| {what} | `{value}` |\n")).collect();
    assert!(SPEC.contains(&text), "SPEC.md should say:\n\n{text}");
}

fn every_key() -> (Header, Vec<u8>) {
    let payload = [&[0xc4, 16][..], &[0x5a; 16], b"\xa6opened"].concat();
    (Header { payload_hash: hash::payload(&payload), ..full() }, payload)
}

fn frame_parameters() -> [(&'static str, String); 2] {
    [("salt", salt_text()), ("offset", (GROUP_AT.0 + 112).to_string())]
}

/// Spec: FRAME-5, FRAME-14, FRAME-15
#[test]
fn the_frames() {
    let (header, payload) = every_key();
    let offset = GROUP_AT.plus(GROUP_HEADER_BYTES);
    let mut group = GroupBuffer::new();
    group.push(&header, &payload).unwrap();
    let meta = GroupMeta {
        epoch: 1,
        base: header.position,
        root_before: hash::first_root(STORE),
        synced_to: Position(0),
    };
    let sealed = group.seal(SALT, GROUP_AT, &meta).unwrap();
    let bytes = check_example("frame", &frame_parameters(), &sealed[GROUP_HEADER_BYTES..]);
    let frame = decode_frame(&bytes, SALT, offset).whole().unwrap();
    assert_eq!((&frame.header, frame.payload()), (&header, Some(&b"\xa6opened"[..])));
    assert!(frame.payload_is_right());

    let mut erased = bytes.clone();
    let payload_at = bytes.len() - payload.len();
    erased[payload_at..].fill(0);
    erased[3] |= 0x80;
    let sum = crate::checksum::checksum(SALT, offset, &[&erased[..4], &erased[8..]]);
    erased[4..8].copy_from_slice(&sum.to_le_bytes());
    let erased = check_example("erased-frame", &frame_parameters(), &erased);
    let after = decode_frame(&erased, SALT, offset).whole().unwrap();
    assert_eq!((after.header_bytes, after.hash(), after.payload()), (frame.header_bytes, frame.hash(), None));
}

/// Spec: STORE-2
#[test]
fn the_store_file() {
    let identity = StoreIdentity { store: STORE, created_ms: 1_700_000_000_000 };
    let bytes = check_example("store", &[("salt", "0".into())], &identity.encode());
    assert_eq!(StoreIdentity::decode(&bytes), Decoded::Whole(identity));
}

/// Spec: CLOSE-2
#[test]
fn the_closed_file() {
    let (segment, hashes) = segment();
    let closed = CleanClose {
        store: STORE,
        position: Position(2),
        root: hashes.iter().fold(hash::first_root(STORE), |root, event| hash::next_root(root, *event)),
        hlc: second_event().0.dag.hlc,
        segment: Some(SegmentNumber(1)),
        segment_length: widen(segment.len()),
    };
    let bytes = check_example("closed", &[("store", STORE.to_string())], &closed.encode());
    assert_eq!(CleanClose::decode(&bytes), Decoded::Whole(closed));
}

/// Spec: SLOT-1, SLOT-2
#[test]
fn the_slot() {
    let (segment, hashes) = segment();
    let slot = Slot {
        epoch: 1,
        segment: Some(SegmentNumber(1)),
        offset: ByteOffset(widen(segment.len())),
        group: ByteOffset(widen(SEGMENT_HEADER_BYTES)),
        position: Position(2),
        root: hashes.iter().fold(hash::first_root(STORE), |root, event| hash::next_root(root, *event)),
    };
    let place = ByteOffset(SLOT_OFFSETS[1]);
    let parameters = [("store", STORE.to_string()), ("offset", place.to_string())];
    let bytes = check_example("slot", &parameters, &slot.encode(STORE, place));
    assert_eq!(Slot::decode(&bytes, STORE, place), Decoded::Whole(slot));
}

/// The header of the index file of the segment above.
fn index_header(hashes: &[EventHash]) -> IndexFileHeader {
    let root = hash::first_root(STORE);
    IndexFileHeader {
        store: STORE,
        base: Position(0),
        next: Position(2),
        root_before: root,
        root: hashes.iter().fold(root, |root, event| hash::next_root(root, *event)),
        first_segment: SegmentNumber(1),
        streams: 1,
        new_streams: 1,
        first_id: first_event().0.id,
        last_id: second_event().0.id,
        filter_blocks: 1,
        leaf_blocks: 1,
        node_blocks: 0,
        levels: 0,
    }
}

/// Spec: INDEX-2
#[test]
fn the_index_header() {
    let header = index_header(&segment().1);
    let bytes = check_example("index-header", &[], &header.encode());
    assert_eq!(IndexFileHeader::decode(&bytes), Decoded::Whole(header));
    assert_eq!(bytes[76..84], header.salt().0.to_le_bytes());
    assert_eq!(header.file_bytes(), 4 * 4096);
}

/// Spec: INDEX-3, WIRE-2
#[test]
fn the_index_rows() {
    let (segment, _) = segment();
    let (mut made, mut at) = (Vec::new(), SEGMENT_HEADER_BYTES + GROUP_HEADER_BYTES);
    for event in [first_event().0, second_event().0] {
        let frame = decode_frame(&segment[at..], SALT, ByteOffset(widen(at))).whole().unwrap();
        let row = IndexRow {
            id: event.id,
            offset: widen(at),
            bytes: u32::try_from(frame.bytes).unwrap(),
            first_of_stream: event.revision == Revision(0),
            segment: 0,
            stream: 0,
            kind: event.kind,
            revision: event.revision,
            depth: event.dag.depth,
            hlc: event.dag.hlc,
        };
        made.extend(row.encode());
        assert_eq!(IndexRow::decode(made.last_chunk().unwrap()), row);
        at += frame.bytes;
    }
    check_example("index-rows", &[], &made);
}

/// The entries of the index file of the segment above.
fn index_entries(hashes: &[EventHash]) -> Vec<(IndexKey, Vec<u8>)> {
    let [first, second] = [first_event().0, second_event().0];
    let stream = &first.coordinate;
    let head = StreamEntry { number: 0, last_row: 1, last_hash: hashes[1] };
    vec![
        (IndexKey::effects(first.id).at(Position(1)), vec![]),
        (IndexKey::head(stream), head.encode().to_vec()),
        (IndexKey::id(first.id), vec![0, 0, 0, 0]),
        (IndexKey::id(second.id), vec![1, 0, 0, 0]),
        (IndexKey::kind(first.kind).at(Position(0)), vec![]),
        (IndexKey::kind(second.kind).at(Position(1)), vec![]),
        (IndexKey::scope(stream.scope()).at(Position(0)), vec![1]),
        (IndexKey::stream(stream).at(Position(0)), vec![1]),
        (IndexKey::tag("night").at(Position(1)), vec![]),
    ]
}

/// Spec: INDEX-3, INDEX-6
#[test]
fn the_index_leaf() {
    let (_, hashes) = segment();
    let mut leaf = NodeBuilder::default();
    for (key, value) in index_entries(&hashes) {
        assert!(leaf.add(key.as_bytes(), &value));
    }
    let mut block = [0; INDEX_BLOCK_BYTES];
    leaf.finish(&mut block[..INDEX_CONTENT_BYTES]);
    let offset = index_block_offset(2);
    seal_index_block(&mut block, index_header(&hashes).salt(), offset);
    let used = block[..INDEX_CONTENT_BYTES].iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = u32::from_le_bytes(*block.last_chunk().unwrap());
    let parameters = [("offset", offset.to_string()), ("checksum", format!("{end:#010x}"))];
    let bytes = check_example("index-leaf", &parameters, &block[..used]);

    let mut content = bytes;
    content.resize(INDEX_CONTENT_BYTES, 0);
    assert_eq!(IndexNode::check(&content), Ok(()));
    let node = IndexNode::of(&content);
    let mut key = Vec::new();
    for (i, (known, value)) in index_entries(&hashes).into_iter().enumerate() {
        node.key_into(i, &mut key);
        assert_eq!((&*key, node.value(i)), (known.as_bytes(), &*value));
    }
    assert_eq!(node.count(), 9);
}

/// Spec: HASH-1
#[test]
fn the_index_filter() {
    let row = |blocks: u32| {
        let (block, bits) = filter_bits(first_event().0.id, blocks);
        let bits = bits.map(|bit| bit.to_string()).join(", ");
        format!("| {blocks} | {block} | {bits} |\n")
    };
    let text: String = [1, 7].map(row).concat();
    assert!(SPEC.contains(&text), "SPEC.md should say:\n\n{text}");
}

/// Every example of SPEC.md is one of those above.
#[test]
fn no_example_is_left_out() {
    let names = [
        "closed",
        "erased-frame",
        "frame",
        "index-header",
        "index-leaf",
        "index-rows",
        "segment",
        "slot",
        "store",
    ];
    assert_eq!(examples().into_keys().collect::<Vec<_>>(), names);
}
