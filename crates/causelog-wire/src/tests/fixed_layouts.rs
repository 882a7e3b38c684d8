//! Tests of the fixed layouts: segment header, `store`, `closed`, slots, index files.

use causelog_types::*;

use super::samples::*;
use crate::checksum::checksum;
use crate::layout::*;
use crate::*;

const SEGMENT: SegmentHeader = SegmentHeader {
    store: STORE,
    number: SegmentNumber(3),
    base: Position(70),
    base_root: Root([0xa1; 32]),
    base_hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 9 },
    salt: SALT,
    previous: Some(Predecessor { number: SegmentNumber(2), length: 65_536, root: Root([0xa1; 32]) }),
};
const IDENTITY: StoreIdentity = StoreIdentity { store: STORE, created_ms: 1_700_000_000_000 };
const CLOSED: CleanClose = CleanClose {
    store: STORE,
    position: Position(70),
    root: Root([0xa1; 32]),
    hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 9 },
    segment: Some(SegmentNumber(3)),
    segment_length: 4096,
};
const SLOT_SAMPLE: Slot = Slot {
    epoch: 4,
    segment: Some(SegmentNumber(3)),
    offset: ByteOffset(4096),
    group: ByteOffset(3072),
    position: Position(70),
    root: Root([0xa1; 32]),
};
const INDEX: IndexFileHeader = IndexFileHeader {
    store: STORE,
    base: Position(10),
    next: Position(70),
    root_before: Root([0x5c; 32]),
    root: Root([0xa1; 32]),
    first_segment: SegmentNumber(3),
    streams: 4,
    new_streams: 2,
    first_id: EventId::from_u128(1),
    last_id: EventId::from_u128(u128::MAX),
    filter_blocks: 1,
    leaf_blocks: 2,
    node_blocks: 1,
    levels: 1,
};
/// The beginning of the root of [`INDEX`].
const INDEX_SALT: Salt = Salt(0xa1a1_a1a1_a1a1_a1a1);
/// The lower half of the store's id.
const STORE_SALT: Salt = Salt(0x8000_0000_0000_0001);

/// What holds for every fixed layout: it comes back, every flipped bit is found, a cut is incomplete.
fn check_layout<T: Copy + PartialEq + std::fmt::Debug>(
    thing: T,
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Decoded<T>,
) {
    assert_eq!(decode(bytes), Decoded::Whole(thing));
    check_every_flip(bytes, |bytes| decode(bytes).whole().is_some());
    check_every_cut(bytes, |_| bytes.len(), decode);
}

/// What holds for every layout with a version: a newer one is told from damage, a flag is unsupported.
fn check_version<T: std::fmt::Debug>(bytes: &[u8], salt: Salt, decode: impl Fn(&[u8]) -> Decoded<T>) {
    let with = |at: usize, value: u16| replaced(bytes, at, &value.to_le_bytes());
    for version in [0, 2, 3, 256, u16::MAX] {
        let rule = rule_of(decode(&mended(&with(8, version), salt, ByteOffset(0))));
        assert_eq!(rule, Rule::UnsupportedVersion(version));
        assert!(rule.is_unsupported());
        assert!(matches!(rule_of(decode(&with(8, version))), Rule::Checksum(_)));
        // A newer version may give the flags a meaning: the version is judged first.
        let newer = replaced(&with(8, version), 10, &[1]);
        assert_eq!(rule_of(decode(&mended(&newer, salt, ByteOffset(0)))), Rule::UnsupportedVersion(version));
    }
    for flag in 0..16 {
        let rule = rule_of(decode(&mended(&with(10, 1 << flag), salt, ByteOffset(0))));
        assert!(matches!(rule, Rule::Unsupported(_)), "{rule}");
    }
    assert_eq!(rule_of(decode(&mended(&replaced(bytes, 0, b"X"), salt, ByteOffset(0)))), Rule::Magic);
}

fn at(layout: &[Field], name: &str) -> usize {
    layout.iter().find(|field| field.name == name).unwrap().offset
}

/// Spec: WIRE-1, WIRE-2. Integers little-endian, ids in the byte order of their text.
#[test]
fn numbers_and_ids_have_their_byte_order() {
    let bytes = SEGMENT.encode();
    assert_eq!(bytes[..12], *b"CLOGSEG\n\x01\x00\x00\x00");
    assert_eq!(bytes[12..28], [1, 0x92, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes[28..36], [3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[at(&SEGMENT_HEADER, "salt")..][..8], [0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
}

/// Spec: WIRE-3. The check value of this CRC, over the nine digits, is known to everyone.
#[test]
fn the_checksum_is_crc32_iso_hdlc() {
    let salt = Salt(u64::from_le_bytes(*b"12345678"));
    let offset = ByteOffset(u64::from_le_bytes(*b"9abcdefg"));
    assert_eq!(checksum(salt, offset, &[b"hi", b"j"]), crc32fast::hash(b"123456789abcdefghij"));
    assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
}

/// Spec: WIRE-9, WIRE-3. Each layout's checksum is the one with the salt of the table, and with no other.
#[test]
fn salts_are_those_of_the_table() {
    let block = {
        let mut bytes = [0; INDEX_BLOCK_BYTES];
        seal_index_block(&mut bytes, SALT, OFFSET);
        bytes.to_vec()
    };
    let second_slot = ByteOffset(SLOT_OFFSETS[1]);
    let layouts = [
        ("segment header", SEGMENT.encode().to_vec(), SALT, ByteOffset(0)),
        ("group header", group_of(&[plain()]).0[..GROUP_HEADER_BYTES].to_vec(), SALT, OFFSET),
        ("index header", INDEX.encode().to_vec(), INDEX_SALT, ByteOffset(0)),
        ("index block", block, SALT, OFFSET),
        ("store file", IDENTITY.encode().to_vec(), Salt(0), ByteOffset(0)),
        ("closed file", CLOSED.encode().to_vec(), STORE_SALT, ByteOffset(0)),
        ("slot", SLOT_SAMPLE.encode(STORE, second_slot).to_vec(), STORE_SALT, second_slot),
    ];
    for (name, bytes, salt, offset) in layouts {
        assert_eq!(mended(&bytes, salt, offset), bytes, "{name}");
        for other in [Salt(salt.0 ^ 1), Salt(salt.0.swap_bytes() ^ (1 << 63)), Salt(!salt.0)] {
            assert_ne!(mended(&bytes, other, offset), bytes, "{name}");
        }
        assert_ne!(mended(&bytes, salt, offset.plus(1)), bytes, "{name}");
    }
}

/// Spec: SEG-2, WIRE-7, WIRE-8
#[test]
fn segment_headers_come_back() {
    for previous in [SEGMENT.previous, None] {
        let header = SegmentHeader { previous, ..SEGMENT };
        check_layout(header, &header.encode(), SegmentHeader::decode);
    }
    let followed = [&SEGMENT.encode()[..], b"CLGp"].concat();
    assert_eq!(SegmentHeader::decode(&followed), Decoded::Whole(SEGMENT));
    check_version(&SEGMENT.encode(), SALT, SegmentHeader::decode);
}

/// Spec: SEG-2, SEG-4
#[test]
fn segments_have_numbers_and_earlier_predecessors() {
    let check = |edits: &[(&str, &[u8])], rule: Rule| {
        let mut bytes = SEGMENT.encode().to_vec();
        for (field, with) in edits {
            bytes = replaced(&bytes, at(&SEGMENT_HEADER, field), with);
        }
        assert_eq!(rule_of(SegmentHeader::decode(&mended(&bytes, SALT, ByteOffset(0)))), rule);
    };
    check(&[("number", &[0])], Rule::Range("number"));
    check(&[("previous_number", &[3])], Rule::Range("predecessor"));
    check(&[("previous_number", &[4])], Rule::Range("predecessor"));
    check(&[("number", &[2])], Rule::Range("predecessor"));
    // Without a predecessor there is nothing to say of one.
    check(&[("previous_number", &[0])], Rule::Range("predecessor"));
    check(&[("previous_number", &[0]), ("previous_length", &[0; 8])], Rule::Range("predecessor"));
    check(&[("previous_number", &[0]), ("previous_root", &[0; 32])], Rule::Range("predecessor"));
}

/// Spec: STORE-2, WIRE-7, WIRE-8
#[test]
fn identities_come_back() {
    check_layout(IDENTITY, &IDENTITY.encode(), StoreIdentity::decode);
    check_version(&IDENTITY.encode(), Salt(0), StoreIdentity::decode);
    let longer = [&IDENTITY.encode()[..], &[0]].concat();
    assert_eq!(rule_of(StoreIdentity::decode(&longer)), Rule::Range("file length"));
}

/// Spec: CLOSE-2, WIRE-7, WIRE-8
#[test]
fn clean_closes_come_back() {
    let empty = CleanClose { segment: None, segment_length: 0, position: Position(0), ..CLOSED };
    for closed in [CLOSED, empty] {
        check_layout(closed, &closed.encode(), CleanClose::decode);
    }
    check_version(&CLOSED.encode(), STORE_SALT, CleanClose::decode);
    let longer = [&CLOSED.encode()[..], &[0]].concat();
    assert_eq!(rule_of(CleanClose::decode(&longer)), Rule::Range("file length"));
}

/// Spec: WIRE-7. A later version's small file may be longer; it is still told from damage.
#[test]
fn longer_files_of_newer_versions_are_unsupported() {
    let newer = mended(&replaced(&IDENTITY.encode(), 8, &[2]), Salt(0), ByteOffset(0));
    let rule = rule_of(StoreIdentity::decode(&[&newer[..], b"more"].concat()));
    assert_eq!(rule, Rule::UnsupportedVersion(2));
}

/// Spec: SLOT-2. A slot is bound to its store and to its place.
#[test]
fn slots_come_back() {
    let empty = Slot { segment: None, offset: ByteOffset(0), position: Position(0), ..SLOT_SAMPLE };
    for slot in [SLOT_SAMPLE, empty] {
        for offset in SLOT_OFFSETS.map(ByteOffset) {
            let bytes = slot.encode(STORE, offset);
            check_layout(slot, &bytes, |bytes| Slot::decode(bytes, STORE, offset));
            assert_eq!(rule_of(Slot::decode(&bytes, STORE, offset.plus(512))), Rule::Checksum("slot"));
            let other = StoreId::from_u128(STORE.as_u128() + 1);
            assert_eq!(rule_of(Slot::decode(&bytes, other, offset)), Rule::Checksum("slot"));
            assert_eq!(mended(&bytes, STORE_SALT, offset), bytes);
        }
    }
    assert_eq!(rule_of(Slot::decode(&[0; SLOT_BYTES], STORE, ByteOffset(0))), Rule::Magic);
}

/// Spec: INDEX-2, WIRE-7, WIRE-8
#[test]
fn index_headers_come_back() {
    let bytes = INDEX.encode();
    check_layout(INDEX, &bytes, IndexFileHeader::decode);
    check_version(&bytes, INDEX_SALT, IndexFileHeader::decode);
    assert_eq!(INDEX.salt(), INDEX_SALT);
    let rising = Root(std::array::from_fn(|i| u8::try_from(i).unwrap()));
    assert_eq!(IndexFileHeader { root: rising, ..INDEX }.salt(), Salt(0x0706_0504_0302_0100));
}

/// Spec: INDEX-1, INDEX-3. What cannot be a file is refused, whatever its checksum says.
#[test]
fn index_headers_out_of_range_are_refused() {
    let rule_of = |header: IndexFileHeader| rule_of(IndexFileHeader::decode(&header.encode()));
    let whole = |header: IndexFileHeader| {
        assert_eq!(IndexFileHeader::decode(&header.encode()), Decoded::Whole(header));
    };
    let most = Position(INDEX.base.0 + u64::from(u32::MAX));
    for next in [Position(0), Position(9), INDEX.base, Position(most.0 + 1), Position(u64::MAX)] {
        assert_eq!(rule_of(IndexFileHeader { next, ..INDEX }), Rule::Range("next_position"), "{next}");
    }
    whole(IndexFileHeader { next: most, ..INDEX });
    whole(IndexFileHeader { next: Position(11), streams: 1, new_streams: 1, ..INDEX });
    whole(IndexFileHeader { leaf_blocks: 1, node_blocks: 0, levels: 0, ..INDEX });
    for header in [
        IndexFileHeader { filter_blocks: 0, ..INDEX },
        IndexFileHeader { leaf_blocks: 0, ..INDEX },
        IndexFileHeader { leaf_blocks: 0, node_blocks: 0, levels: 0, ..INDEX },
        IndexFileHeader { leaf_blocks: 1, ..INDEX },
        IndexFileHeader { node_blocks: 0, ..INDEX },
        IndexFileHeader { levels: 0, ..INDEX },
        IndexFileHeader { node_blocks: 0, levels: 0, ..INDEX },
    ] {
        assert_eq!(rule_of(header), Rule::Range("blocks"), "{header:?}");
    }
    for header in [
        IndexFileHeader { streams: 61, ..INDEX },
        IndexFileHeader { new_streams: 5, ..INDEX },
        IndexFileHeader { first_id: INDEX.last_id, last_id: INDEX.first_id, ..INDEX },
    ] {
        assert_eq!(rule_of(header), Rule::Range("streams"), "{header:?}");
    }
    whole(IndexFileHeader { streams: 60, new_streams: 60, first_id: INDEX.last_id, ..INDEX });
}

/// Spec: INDEX-3. Where the parts stand, and how long it all is.
#[test]
fn index_headers_say_how_long_their_files_are() {
    assert_eq!(INDEX.events(), 60);
    let blocks = |events| {
        let header = IndexFileHeader { next: Position(INDEX.base.0 + events), ..INDEX };
        (header.row_blocks(), header.file_bytes())
    };
    let [one, two, three] = [1, 2, 3].map(|rows| (rows, 4096 * (1 + rows + 1 + 2 + 1)));
    assert_eq!([1, 66, 67, 132, 133].map(blocks), [one, one, two, two, three]);
    let most = u64::from(u32::MAX);
    let header = IndexFileHeader {
        next: Position(INDEX.base.0 + most),
        filter_blocks: u32::MAX,
        leaf_blocks: u32::MAX,
        node_blocks: u32::MAX,
        ..INDEX
    };
    assert_eq!(header.file_bytes(), 4096 * (1 + most.div_ceil(66) + 3 * most));
    assert_eq!([0, 1, 1 << 34].map(index_block_offset), [4096, 8192, (1 << 46) + 4096].map(ByteOffset));
    assert_eq!(index_block_offset(u64::MAX), ByteOffset(u64::MAX));
}

/// Spec: INDEX-3, WIRE-9. A block is bound to its place and to its file.
#[test]
fn index_blocks_are_checked() {
    let (salt, offset) = (INDEX.salt(), index_block_offset(3));
    let mut block: [u8; INDEX_BLOCK_BYTES] = std::array::from_fn(|i| u8::try_from(i % 251).unwrap());
    let content = block;
    seal_index_block(&mut block, salt, offset);
    assert_eq!(block[..INDEX_CONTENT_BYTES], content[..INDEX_CONTENT_BYTES]);
    assert_eq!(block[..], mended(&content, salt, offset));
    let wrong = Err(Rule::Checksum("index block"));
    assert_eq!(check_index_block(&block, salt, index_block_offset(2)), wrong);
    assert_eq!(check_index_block(&block, Salt(salt.0 + 1), offset), wrong);
    check_every_flip(&block, |bytes| check_index_block(bytes.try_into().unwrap(), salt, offset).is_ok());
}
