//! Tests with hostile bytes: no decoder panics, and what decodes can be written again byte for byte.

use causelog_types::*;
use proptest::prelude::*;
use proptest::sample::Index;

use super::samples::*;
use crate::layout::*;
use crate::*;

/// Lets every decoder read the bytes; what comes out whole must go back to the same bytes.
fn check_every_decoder(bytes: &[u8], salt: Salt, offset: ByteOffset) {
    if let Some(header) = SegmentHeader::decode(bytes).whole() {
        assert_eq!(header.encode(), bytes[..SEGMENT_HEADER_BYTES]);
    }
    if let Some(header) = GroupHeader::decode(bytes, salt, offset).whole() {
        assert_eq!(header.encode(salt, offset), bytes[..GROUP_HEADER_BYTES]);
        assert!(header.next() > header.base);
    }
    if let Some(identity) = StoreIdentity::decode(bytes).whole() {
        assert_eq!(identity.encode()[..], *bytes);
    }
    if let Some(closed) = CleanClose::decode(bytes).whole() {
        assert_eq!(closed.encode()[..], *bytes);
    }
    if let Some(slot) = Slot::decode(bytes, STORE, offset).whole() {
        assert_eq!(slot.encode(STORE, offset), bytes[..SLOT_BYTES]);
    }
    if let Some(header) = IndexFileHeader::decode(bytes).whole() {
        assert_eq!(header.encode(), bytes[..INDEX_HEADER_BYTES]);
        assert!(header.events() > 0 && header.file_bytes() >= 4 * 4096);
    }
    check_event_decoders(bytes, salt, offset);
}

fn check_event_decoders(bytes: &[u8], salt: Salt, offset: ByteOffset) {
    if let Some(frame) = decode_frame(bytes, salt, offset).whole() {
        assert_eq!(frame.header_bytes.len() + frame.stored_payload.len() + 8, frame.bytes);
        let event = frame.to_event();
        assert_eq!(event.payload.is_none(), frame.erased);
        let known_bytes = encoded(&frame.header);
        if known_bytes == frame.header_bytes && !frame.erased {
            let mut again = GroupBuffer::new();
            assert_eq!(
                again.push(&frame.header, frame.stored_payload).map(|pushed| pushed.hash),
                Ok(event.hash())
            );
        }
    }
    if let Ok((header, length)) = decode_header(bytes, offset) {
        assert!(length <= bytes.len() && encoded(&header).len() <= length);
    }
}

/// How bytes are spoiled.
#[derive(Clone, Debug)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
    Repeat(Index, Index),
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let interesting = prop_oneof![any::<u8>(), Just(0), Just(0xff), 0x80..=0xdf_u8];
    prop_oneof![
        4 => (any::<Index>(), interesting.clone()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        2 => (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        1 => (any::<Index>(), interesting).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        1 => any::<Index>().prop_map(Edit::Remove),
        1 => any::<Index>().prop_map(Edit::Cut),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Repeat(from, to)),
    ]
}

fn spoil(bytes: &mut Vec<u8>, edits: &[Edit]) {
    for edit in edits {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match edit {
            Edit::Set(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Edit::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Edit::Remove(at) => drop(bytes.remove(at.index(length))),
            Edit::Cut(at) => bytes.truncate(at.index(length)),
            Edit::Repeat(from, to) => {
                bytes.extend_from_within(from.index(length)..from.index(length).max(to.index(length)))
            }
        }
    }
}

/// One of each layout, and a header and a payload of any content behind a frame's prefix.
fn any_valid() -> impl Strategy<Value = (Vec<u8>, Salt)> {
    (any_header(), 0..8_u8, any::<[u8; 32]>()).prop_map(|(header, which, root)| {
        let (root, number) = (Root(root), SegmentNumber(header.revision.0.max(2)));
        let (base, next) = (Position(header.position.0 / 2), Position(header.position.0));
        let (hlc, length) = (header.dag.hlc, header.dag.hlc.wall_ms);
        let previous = Some(Predecessor { number: SegmentNumber(1), length, root });
        let identity = StoreIdentity { store: STORE, created_ms: length };
        let segment = SegmentHeader {
            store: STORE,
            number,
            base,
            base_root: root,
            base_hlc: hlc,
            salt: SALT,
            previous,
        };
        let closed = CleanClose {
            store: STORE,
            position: next,
            root,
            hlc,
            segment: Some(number),
            segment_length: length,
        };
        let slot = Slot { epoch: length, segment: None, offset: OFFSET, group: OFFSET, position: next, root };
        let index = IndexFileHeader {
            store: STORE,
            base: Position(next.0 - next.0.min(1 + length % 1000)),
            next,
            root_before: root,
            root,
            first_segment: number,
            streams: 1,
            new_streams: 0,
            first_id: header.id,
            last_id: header.id,
            filter_blocks: 1,
            leaf_blocks: 1,
            node_blocks: 0,
            levels: 0,
        };
        match which {
            0 => (segment.encode().to_vec(), SALT),
            1 => (identity.encode().to_vec(), Salt(0)),
            2 => (closed.encode().to_vec(), Salt(0x8000_0000_0000_0001)),
            3 => (slot.encode(STORE, OFFSET).to_vec(), Salt(0x8000_0000_0000_0001)),
            4 => (index.encode().to_vec(), index.salt()),
            5 => (group_of(std::slice::from_ref(&header)).0[..GROUP_HEADER_BYTES].to_vec(), SALT),
            _ => (frame_of(&header), SALT),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Spec: WIRE-6
    #[test]
    fn any_bytes_are_refused_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        salt in any::<u64>(),
        offset in any::<u64>(),
    ) {
        check_every_decoder(&bytes, Salt(salt), ByteOffset(offset));
    }

    /// Spec: WIRE-6. Spoilt bytes, also with their checksums mended, so that what lies behind them is reached.
    #[test]
    fn spoilt_bytes_are_refused_without_a_panic(
        (valid, salt) in any_valid(),
        edits in proptest::collection::vec(any_edit(), 0..4),
    ) {
        let mut bytes = valid;
        spoil(&mut bytes, &edits);
        check_every_decoder(&bytes, SALT, OFFSET);
        if bytes.len() >= 4 {
            for offset in [ByteOffset(0), OFFSET] {
                check_every_decoder(&mended(&bytes, salt, offset), salt, offset);
            }
        }
    }

    /// Spec: WIRE-6. Spoilt headers and payloads in frames whose length and checksum are right.
    #[test]
    fn spoilt_events_are_refused_without_a_panic(
        header in any_header(),
        edits in proptest::collection::vec(any_edit(), 1..4),
        erased in any::<bool>(),
    ) {
        let mut body = [encoded(&header), stored_payload(&header)].concat();
        spoil(&mut body, &edits);
        prop_assume!(!body.is_empty());
        let bits = if erased { FRAME_ERASED_BIT } else { 0 };
        let frame = with_frame_checksum(&body, &[], bits);
        check_event_decoders(&frame, SALT, OFFSET);
        check_event_decoders(&body, SALT, OFFSET);
    }
}
