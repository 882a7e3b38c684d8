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
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| format!("{name} `{value}`")).collect();
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let lines: Vec<_> = bytes.chunks(16).map(line).collect();
    format!("Parameters: {}.\n\n```hex {name}\n{}\n```\n", parameters.join(", "), lines.join("\n"))
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

/// Spec: INDEX-2, INDEX-3
#[test]
fn the_index_file() {
    let (segment, hashes) = segment();
    let header = IndexFileHeader {
        store: STORE,
        segment: SegmentNumber(1),
        segment_length: widen(segment.len()),
        base: Position(0),
        next: Position(2),
        root: hashes.iter().fold(hash::first_root(STORE), |root, event| hash::next_root(root, *event)),
        blocks: 1,
    };
    let block = IndexBlock { kind: BlockKind::Tags, items: 0, content: &[] };
    let mut made = header.encode(SALT).to_vec();
    encode_block(&block, SALT, &mut made);
    let bytes = check_example("index", &[("salt", salt_text())], &made);
    assert_eq!(IndexFileHeader::decode(&bytes, SALT), Decoded::Whole(header));
    let (head, rest) = bytes.split_at(INDEX_HEADER_BYTES);
    let decoded = decode_block(rest, SALT, ByteOffset(100)).whole().unwrap();
    assert_eq!(decoded, (block, rest.len()));
    let mut again = head.to_vec();
    encode_block(&decoded.0, SALT, &mut again);
    assert_eq!(again, bytes);
}

/// The index file of the segment above, as a writer makes it: a block for the streams, the events, the causes and
/// the tags.
///
/// Spec: INDEX-2, INDEX-3, WIRE-4
#[test]
fn the_index_file_with_items() {
    let (segment, hashes) = segment();
    let events = [first_event().0, second_event().0];
    let mut contents = [const { Vec::new() }; 4];
    let [streams, rows, causes, tags] = &mut contents;
    let stream = &events[0].coordinate;
    StreamRow { entity: stream.entity(), scope: stream.scope(), last_hash: hashes[1] }.encode(streams);
    let mut at = SEGMENT_HEADER_BYTES + GROUP_HEADER_BYTES;
    for (number, event) in (0..).zip(&events) {
        let frame = decode_frame(&segment[at..], SALT, ByteOffset(widen(at))).whole().unwrap();
        let bytes = u32::try_from(frame.bytes).unwrap();
        let (kind, revision, DagPosition { depth, hlc, .. }) =
            (event.kind, event.revision, event.dag.clone());
        let row = EventRow { id: event.id, offset: widen(at), bytes, stream: 0, kind, revision, depth, hlc };
        row.encode(rows);
        event.dag.causes.iter().for_each(|cause| CauseRow { event: number, cause }.encode(causes));
        event.tags.iter().for_each(|tag| TagRow { event: number, tag }.encode(tags));
        at += frame.bytes;
    }
    let header = IndexFileHeader {
        store: STORE,
        segment: SegmentNumber(1),
        segment_length: widen(segment.len()),
        base: Position(0),
        next: Position(2),
        root: hashes.iter().fold(hash::first_root(STORE), |root, event| hash::next_root(root, *event)),
        blocks: 4,
    };
    let kinds = [BlockKind::Streams, BlockKind::Events, BlockKind::Causes, BlockKind::Tags];
    let mut made = header.encode(SALT).to_vec();
    for ((kind, items), content) in kinds.into_iter().zip([1, 2, 1, 1]).zip(&contents) {
        encode_block(&IndexBlock { kind, items, content }, SALT, &mut made);
    }
    let bytes = check_example("index-with-items", &[("salt", salt_text())], &made);
    assert_eq!(IndexFileHeader::decode(&bytes, SALT), Decoded::Whole(header));
    let mut at = INDEX_HEADER_BYTES;
    for content in &contents {
        let (block, length) = decode_block(&bytes[at..], SALT, ByteOffset(widen(at))).whole().unwrap();
        assert_eq!(block.content, content);
        at += length;
    }
    assert_eq!(at, bytes.len());
}

/// Every example of SPEC.md is one of those above.
#[test]
fn no_example_is_left_out() {
    let names = ["closed", "erased-frame", "frame", "index", "index-with-items", "segment", "slot", "store"];
    assert_eq!(examples().into_keys().collect::<Vec<_>>(), names);
}
