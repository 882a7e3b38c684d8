//! Checksums set right, so that hostile bytes get past them and the code behind them runs.
//!
//! Written by SPEC.md and the layout tables, apart from the code that is tested.

use causelog_types::{ByteOffset, EventId, Position, Root, SegmentNumber, StoreId};
use causelog_wire::layout::{
    FRAME_PREFIX_BYTES, Field, GROUP_HEADER, GROUP_HEADER_BYTES, GROUP_MAGIC, INDEX_BLOCK_BYTES,
    INDEX_HEADER, INDEX_HEADER_BYTES, SEGMENT_HEADER, SEGMENT_HEADER_BYTES,
};
use causelog_wire::{Decoded, IndexFileHeader, Salt, decode_frame, hash};

const ERASED_BIT: u32 = 1 << 31;

/// The checksum of these bytes at this place.
pub(crate) fn checksum(salt: Salt, offset: ByteOffset, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.0.to_le_bytes());
    hasher.update(&offset.0.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// Sets the last four bytes of a fixed layout to its checksum.
pub(crate) fn fixed(bytes: &mut [u8], salt: Salt, offset: ByteOffset) {
    let (covered, stored) = bytes.split_at_mut(bytes.len() - 4);
    stored.copy_from_slice(&checksum(salt, offset, &[covered]).to_le_bytes());
}

/// Makes all of these bytes one frame: its length and its checksum; an erased bit stays.
pub(crate) fn whole_frame(bytes: &mut [u8], salt: Salt, offset: ByteOffset) {
    let length = u32::try_from(bytes.len() - FRAME_PREFIX_BYTES).unwrap_or(0);
    let word = (word_at(bytes, 0) & ERASED_BIT) | length;
    bytes[..4].copy_from_slice(&word.to_le_bytes());
    let checksum = checksum(salt, offset, &[&word.to_le_bytes(), &bytes[FRAME_PREFIX_BYTES..]]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// What is set right in a group beside its checksums.
#[derive(Clone, Copy, Default)]
pub(crate) struct GroupRepairs {
    pub(crate) position: bool,
    pub(crate) roots: bool,
    pub(crate) count: bool,
}

/// Makes of a segment's bytes behind its header as many groups of frames as their lengths allow.
pub(crate) fn groups(
    segment: &mut [u8],
    salt: Salt,
    mut position: Position,
    mut root: Root,
    repairs: GroupRepairs,
) {
    let mut at = SEGMENT_HEADER_BYTES;
    while at + GROUP_HEADER_BYTES + FRAME_PREFIX_BYTES < segment.len() {
        let left = segment.len() - at - GROUP_HEADER_BYTES;
        let group = &mut segment[at..];
        let claimed = usize::try_from(word_at(group, 8)).unwrap_or(left);
        let length = if (1..=left).contains(&claimed) { claimed } else { left };
        let (header, frames) = group[..GROUP_HEADER_BYTES + length].split_at_mut(GROUP_HEADER_BYTES);
        header[..4].copy_from_slice(&GROUP_MAGIC);
        put(header, field(&GROUP_HEADER, "length"), &u32::try_from(length).unwrap_or(0).to_le_bytes());
        if repairs.position {
            put(header, field(&GROUP_HEADER, "base_position"), &position.0.to_le_bytes());
        }
        if repairs.roots {
            put(header, field(&GROUP_HEADER, "root_before"), &root.0);
        }
        let offset = ByteOffset::default().plus(at);
        let count = frames_of(frames, salt, offset.plus(GROUP_HEADER_BYTES), &mut root);
        if repairs.count {
            put(header, field(&GROUP_HEADER, "count"), &count.to_le_bytes());
        }
        if repairs.roots {
            put(header, field(&GROUP_HEADER, "root_after"), &root.0);
        }
        fixed(header, salt, offset);
        position = Position(position.0.saturating_add(count));
        at += GROUP_HEADER_BYTES + length;
    }
}

/// Makes of a group's body as many frames as their lengths allow; how many, and the root after them.
fn frames_of(body: &mut [u8], salt: Salt, offset: ByteOffset, root: &mut Root) -> u64 {
    let (mut at, mut count) = (0, 0);
    while at + FRAME_PREFIX_BYTES < body.len() {
        let left = body.len() - at;
        let claimed = usize::try_from(word_at(body, at) & !ERASED_BIT).unwrap_or(left);
        let whole = claimed.saturating_add(FRAME_PREFIX_BYTES);
        let whole = if (FRAME_PREFIX_BYTES + 1..=left).contains(&whole) { whole } else { left };
        let frame = &mut body[at..at + whole];
        whole_frame(frame, salt, offset.plus(at));
        if let Decoded::Whole(frame) = decode_frame(frame, salt, offset.plus(at)) {
            *root = hash::next_root(*root, frame.hash());
        }
        at += whole;
        count += 1;
    }
    count
}

/// Sets the checksums of a whole segment right, as far as its lengths lead; nothing else.
pub(crate) fn segment(bytes: &mut [u8]) {
    if bytes.len() < SEGMENT_HEADER_BYTES {
        return;
    }
    let salt = Salt(u64_at(bytes, field(&SEGMENT_HEADER, "salt").offset));
    fixed(&mut bytes[..SEGMENT_HEADER_BYTES], salt, ByteOffset(0));
    let mut at = SEGMENT_HEADER_BYTES;
    while at + GROUP_HEADER_BYTES + FRAME_PREFIX_BYTES < bytes.len() && bytes[at..].starts_with(&GROUP_MAGIC)
    {
        let left = bytes.len() - at - GROUP_HEADER_BYTES;
        let claimed = usize::try_from(word_at(bytes, at + 8)).unwrap_or(left);
        let offset = ByteOffset::default().plus(at);
        fixed(&mut bytes[at..at + GROUP_HEADER_BYTES], salt, offset);
        if !(1..=left).contains(&claimed) {
            return;
        }
        let body = at + GROUP_HEADER_BYTES;
        frames_of(
            &mut bytes[body..body + claimed],
            salt,
            ByteOffset::default().plus(body),
            &mut Root([0; 32]),
        );
        at = body + claimed;
    }
}

/// Where the checksums of an index file take their salt from.
pub(crate) fn index_salt(header: &[u8]) -> Salt {
    Salt(u64_at(header, field(&INDEX_HEADER, "root").offset))
}

/// Sets the checksums of an index file's header and of all its whole blocks right.
pub(crate) fn index_file(bytes: &mut [u8]) {
    if bytes.len() < INDEX_HEADER_BYTES {
        return;
    }
    let salt = index_salt(bytes);
    fixed(&mut bytes[..INDEX_HEADER_BYTES], salt, ByteOffset(0));
    let blocks = bytes.chunks_exact_mut(INDEX_BLOCK_BYTES).enumerate().skip(1);
    blocks.for_each(|(n, block)| fixed(block, salt, ByteOffset::default().plus(n * INDEX_BLOCK_BYTES)));
}

/// What an index file's header says, right or not.
pub(crate) fn index_header(bytes: &[u8]) -> IndexFileHeader {
    let at = |name: &str| field(&INDEX_HEADER, name).offset;
    let id = |name: &str| EventId::from_u128(u128::from_be_bytes(array_at(bytes, at(name))));
    let [low, high, ..] = array_at::<4>(bytes, at("levels"));
    IndexFileHeader {
        store: StoreId::from_u128(u128::from_be_bytes(array_at(bytes, at("store")))),
        base: Position(u64_at(bytes, at("base_position"))),
        next: Position(u64_at(bytes, at("next_position"))),
        root_before: Root(array_at(bytes, at("root_before"))),
        root: Root(array_at(bytes, at("root"))),
        first_segment: SegmentNumber(u64_at(bytes, at("first_segment"))),
        streams: u64_at(bytes, at("streams")),
        new_streams: u64_at(bytes, at("new_streams")),
        first_id: id("first_id"),
        last_id: id("last_id"),
        filter_blocks: word_at(bytes, at("filter_blocks")),
        leaf_blocks: word_at(bytes, at("leaf_blocks")),
        node_blocks: word_at(bytes, at("node_blocks")),
        levels: u16::from_le_bytes([low, high]),
    }
}

/// A field of a layout.
pub(crate) fn field(layout: &'static [Field], name: &str) -> &'static Field {
    layout.iter().find(|field| field.name == name).expect("the layout has the field")
}

/// Writes a field.
pub(crate) fn put(bytes: &mut [u8], field: &Field, value: &[u8]) {
    bytes[field.offset..field.offset + field.bytes].copy_from_slice(value);
}

fn word_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}
