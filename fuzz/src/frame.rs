//! Decoding: any bytes as a frame or as one of the fixed layouts, and encoding read back.
//!
//! Nothing panics; what is decoded is written again as the same bytes; what is written is read again as the same
//! thing; a flaw lies within the bytes, and *incomplete* asks for more than there is.

use causelog_types::{ByteOffset, Header, Payload, Position, Root, StoreId, limits, widen};
use causelog_wire::layout::{
    CLOSED_FILE_BYTES, CLOSED_MAGIC, FRAME_PREFIX_BYTES, GROUP_HEADER_BYTES, GROUP_MAGIC,
    INDEX_CONTENT_BYTES, INDEX_HEADER_BYTES, INDEX_MAGIC, INDEX_ROW_BYTES, INDEX_VALUE_BYTES_MAX,
    SEGMENT_HEADER, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SLOT_BYTES, SLOT_MAGIC, STORE_FILE_BYTES,
    STORE_MAGIC,
};
use causelog_wire::{
    CleanClose, Decoded, EncodeError, Frame, GroupBuffer, GroupHeader, GroupMeta, IndexFileHeader, IndexNode,
    IndexRow, NodeBuilder, Salt, SegmentHeader, Slot, StoreIdentity, StreamEntry, decode_frame,
    decode_header, decode_positions, encode_header, push_position,
};
use serde::de::IgnoredAny;

use crate::headers::header;
use crate::input::Input;
use crate::mend;

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => bytes_as_they_are(&mut input),
        1 => bytes_with_checksum(&mut input),
        2 => encoded(&mut input),
        _ => fixed_layout(&mut input),
    }
}

fn bytes_as_they_are(input: &mut Input<'_>) {
    let (salt, offset) = (Salt(input.draw()), ByteOffset(input.draw()));
    let bytes = input.rest();
    decode(bytes, salt, offset);
    let _ = decode_header(bytes, offset);
    if let Ok(payload) = Payload::from_msgpack(bytes) {
        assert_eq!(payload.as_bytes(), bytes);
        let _ = payload.decode::<IgnoredAny>();
    }
}

fn bytes_with_checksum(input: &mut Input<'_>) {
    let (salt, offset) = (Salt(input.draw()), ByteOffset(input.draw()));
    let mut bytes = input.rest().to_vec();
    if bytes.len() > FRAME_PREFIX_BYTES {
        mend::whole_frame(&mut bytes, salt, offset);
    }
    decode(&bytes, salt, offset);
}

/// Decodes a frame, and holds it against what it must be like.
fn decode(bytes: &[u8], salt: Salt, offset: ByteOffset) {
    match decode_frame(bytes, salt, offset) {
        Decoded::Incomplete { need } => {
            assert!(need > bytes.len() && need <= limits::FRAME_BYTES_MAX, "needs {need} of {}", bytes.len());
        }
        Decoded::Corrupt(flaw) => {
            assert!(flaw.offset >= offset && flaw.offset <= offset.plus(bytes.len()), "{flaw}");
            assert!(!flaw.rule.to_string().is_empty());
        }
        Decoded::Whole(frame) => {
            assert!(frame.bytes <= bytes.len());
            check_header_bytes(&frame);
            check_payload(&frame);
            write_again(&frame, &bytes[..frame.bytes], salt, offset);
        }
    }
}

/// The known part of a header is written as it was read; only unknown keys may be missing.
fn check_header_bytes(frame: &Frame<'_>) {
    let mut known = Vec::new();
    encode_header(&frame.header, &mut known);
    if known != frame.header_bytes {
        assert!(entries(&known) < entries(frame.header_bytes), "a header has two canonical forms");
    }
    let again = decode_header(&known, ByteOffset(0)).map(|(header, length)| (header, length == known.len()));
    assert_eq!(again, Ok((frame.header.clone(), true)));
}

/// How many entries a header's map has.
fn entries(header: &[u8]) -> u16 {
    match header {
        [0xde, high, low, ..] => u16::from_be_bytes([*high, *low]),
        [marker, ..] => u16::from(marker & 0x0f),
        [] => 0,
    }
}

fn check_payload(frame: &Frame<'_>) {
    assert_eq!(frame.payload().is_none(), frame.erased);
    let event = frame.to_event();
    assert_eq!(event.payload.as_ref().map(Payload::as_bytes), frame.payload());
    assert!(!frame.erased || frame.payload_is_right());
    let _ = event.decode::<IgnoredAny>();
    let _ = event.decode::<Vec<String>>();
}

/// What a decoder accepts, the writer writes as the same bytes.
fn write_again(frame: &Frame<'_>, bytes: &[u8], salt: Salt, offset: ByteOffset) {
    let mut known = Vec::new();
    encode_header(&frame.header, &mut known);
    let Some(group_offset) = offset.0.checked_sub(widen(GROUP_HEADER_BYTES)).map(ByteOffset) else { return };
    if known != frame.header_bytes || frame.erased || group_offset.0 > u64::MAX / 2 {
        return;
    }
    let mut group = GroupBuffer::new();
    group.push(&frame.header, frame.stored_payload).expect("what was read can be written");
    let position = frame.header.position;
    let meta = GroupMeta { epoch: 1, base: position, root_before: Root([7; 32]), synced_to: Position(0) };
    match group.seal(salt, group_offset, &meta) {
        Ok(sealed) => assert_eq!(&sealed[GROUP_HEADER_BYTES..], bytes),
        Err(error) => assert!(position.0 >= u64::MAX - 2, "{error}"),
    }
}

/// A header and a payload of the data model, written and read back.
fn encoded(input: &mut Input<'_>) {
    let (salt, offset) = (Salt(input.draw()), ByteOffset(input.draw::<u64>() >> 1));
    let Some(header) = header(input) else { return };
    let payload = input.rest();
    let mut group = GroupBuffer::new();
    let pushed = match group.push(&header, payload) {
        Ok(pushed) => pushed,
        Err(error) => return check_refused(&group, &error),
    };
    let meta =
        GroupMeta { epoch: 3, base: header.position, root_before: Root([1; 32]), synced_to: Position(0) };
    let root_after = group.root_after(meta.root_before);
    let Ok(sealed) = group.seal(salt, offset, &meta) else {
        return assert!(header.position.0 >= u64::MAX - 2);
    };
    let group_header =
        GroupHeader::decode(sealed, salt, offset).whole().expect("a sealed group has a header");
    assert_eq!((group_header.count, group_header.base), (1, header.position));
    assert_eq!(group_header.root_after, root_after);
    let frame_offset = offset.plus(pushed.start);
    let bytes = &sealed[pushed.start..];
    read_back(bytes, salt, frame_offset, &header, payload);
    let elsewhere = ByteOffset(frame_offset.0 ^ 1);
    assert!(matches!(decode_frame(bytes, salt, elsewhere), Decoded::Corrupt(_)), "bytes of another place");
    let short = decode_frame(&bytes[..bytes.len() - 1], salt, frame_offset);
    assert_eq!(short, Decoded::Incomplete { need: bytes.len() });
}

fn check_refused(group: &GroupBuffer, error: &EncodeError) {
    assert!(group.is_empty() && group.len() == GROUP_HEADER_BYTES, "a refused event left something: {error}");
}

fn read_back(bytes: &[u8], salt: Salt, offset: ByteOffset, header: &Header, payload: &[u8]) {
    let Decoded::Whole(frame) = decode_frame(bytes, salt, offset) else {
        panic!("what was written cannot be read: {header:?}");
    };
    assert_eq!((&frame.header, frame.stored_payload, frame.bytes), (header, payload, bytes.len()));
    write_again(&frame, bytes, salt, offset);
}

/// Any bytes as a fixed layout: what is decoded is written again as the same bytes.
fn fixed_layout(input: &mut Input<'_>) {
    let (which, mended) = (input.below(8), input.flag());
    let (salt, offset) = (Salt(input.draw()), ByteOffset(input.draw::<u64>() >> 1));
    let mut bytes = input.rest().to_vec();
    let store = StoreId::from_u128(u128::from(salt.0));
    match which {
        0 => {
            if mended {
                prepare(&mut bytes, SEGMENT_HEADER_BYTES, &SEGMENT_MAGIC, segment_salt);
            }
            compare(SegmentHeader::decode(&bytes), &bytes, |header| header.encode().to_vec());
        }
        1 => {
            if mended {
                prepare(&mut bytes, CLOSED_FILE_BYTES, &CLOSED_MAGIC, |bytes| {
                    Salt(big_endian(&bytes[20..28]))
                });
            }
            compare(CleanClose::decode(&bytes), &bytes, |mark| mark.encode().to_vec());
        }
        2 => {
            if mended {
                prepare(&mut bytes, STORE_FILE_BYTES, &STORE_MAGIC, |_| Salt(0));
            }
            compare(StoreIdentity::decode(&bytes), &bytes, |identity| identity.encode().to_vec());
        }
        3 => {
            if mended {
                prepare_at(&mut bytes, SLOT_BYTES, &SLOT_MAGIC, salt, offset);
            }
            compare(Slot::decode(&bytes, store, offset), &bytes, |slot| slot.encode(store, offset).to_vec());
        }
        4 | 5 => {
            if mended {
                prepare_at(&mut bytes, GROUP_HEADER_BYTES, &GROUP_MAGIC, salt, offset);
            }
            compare(GroupHeader::decode(&bytes, salt, offset), &bytes, |h| h.encode(salt, offset).to_vec());
        }
        6 => {
            if mended {
                prepare(&mut bytes, INDEX_HEADER_BYTES, &INDEX_MAGIC, mend::index_salt);
            }
            compare(IndexFileHeader::decode(&bytes), &bytes, |header| header.encode().to_vec());
        }
        _ => index_parts(&bytes, Position(salt.0 >> 1)),
    }
}

/// Any bytes as a node, as rows, and as the values of entries.
fn index_parts(bytes: &[u8], first: Position) {
    if IndexNode::check(bytes).is_ok() {
        node(IndexNode::of(bytes), bytes);
    }
    for row in bytes.as_chunks::<INDEX_ROW_BYTES>().0 {
        assert_eq!(IndexRow::decode(row).encode(), *row);
    }
    if let Ok(entry) = StreamEntry::decode(bytes) {
        assert_eq!(entry.encode()[..], *bytes);
    }
    let (mut positions, mut again) = (Vec::new(), Vec::new());
    if decode_positions(first, bytes, &mut positions).is_ok() {
        assert!(positions.is_sorted_by(|a, b| a < b));
        positions.windows(2).for_each(|pair| push_position(&mut again, pair[1] - pair[0]));
        assert_eq!((positions[0], &again[..]), (first.0, bytes));
    }
}

/// What is found of each entry is its own, and what is there of a node makes a node again.
fn node(node: IndexNode<'_>, bytes: &[u8]) {
    let (mut builder, mut key) = (NodeBuilder::default(), Vec::new());
    for i in 0..node.count() {
        node.key_into(i, &mut key);
        assert_eq!(node.entries_up_to(&key), i + 1);
        assert!(node.key_begins_with(i, &key) && node.value(i).len() <= INDEX_VALUE_BYTES_MAX);
        if bytes.len() <= INDEX_CONTENT_BYTES {
            assert!(builder.add(&key, node.value(i)), "what stood in a block does not fit into one");
        }
    }
    if !builder.is_empty() {
        let mut content = vec![0; INDEX_CONTENT_BYTES];
        builder.finish(&mut content);
        assert_eq!(IndexNode::check(&content), Ok(()));
        assert_eq!(IndexNode::of(&content).count(), node.count());
    }
}

fn segment_salt(bytes: &[u8]) -> Salt {
    let at = mend::field(&SEGMENT_HEADER, "salt").offset;
    let mut salt = [0; 8];
    salt.copy_from_slice(&bytes[at..at + 8]);
    Salt(u64::from_le_bytes(salt))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// Sets the magic, the version and the checksum of a layout whose salt it holds itself.
fn prepare(bytes: &mut Vec<u8>, length: usize, magic: &[u8], salt: impl Fn(&[u8]) -> Salt) {
    bytes.resize(length, 0);
    let salt = salt(bytes);
    prepare_at(bytes, length, magic, salt, ByteOffset(0));
}

fn prepare_at(bytes: &mut Vec<u8>, length: usize, magic: &[u8], salt: Salt, offset: ByteOffset) {
    bytes.resize(length, 0);
    bytes[..magic.len()].copy_from_slice(magic);
    if magic.len() == 8 {
        bytes[8] = 1 | (bytes[8] & 2);
        bytes[9] = 0;
    }
    mend::fixed(bytes, salt, offset);
}

fn compare<T>(decoded: Decoded<T>, bytes: &[u8], encode: impl Fn(&T) -> Vec<u8>) {
    match decoded {
        Decoded::Incomplete { need } => assert!(need > bytes.len()),
        Decoded::Corrupt(flaw) => assert!(!flaw.to_string().is_empty()),
        Decoded::Whole(thing) => {
            let encoded = encode(&thing);
            assert_eq!(encoded, &bytes[..encoded.len()]);
        }
    }
}
