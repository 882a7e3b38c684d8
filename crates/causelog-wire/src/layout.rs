//! Every fixed layout of the format, once: SPEC.md's tables are compared with these by a test.

/// The format version that this code writes, and the only one it reads.
pub const FORMAT_VERSION: u16 = 1;

/// One field of a fixed layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in SPEC.md.
    pub name: &'static str,
    /// Where it begins, from the beginning of the layout, in bytes.
    pub offset: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

/// Lays fields one after the other.
const fn lay<const N: usize>(fields: [(&'static str, usize); N]) -> [Field; N] {
    let mut laid = [Field { name: "", offset: 0, bytes: 0 }; N];
    let (mut i, mut offset) = (0, 0);
    while i < N {
        laid[i] = Field { name: fields[i].0, offset, bytes: fields[i].1 };
        offset += fields[i].1;
        i += 1;
    }
    laid
}

const fn length<const N: usize>(fields: &[Field; N]) -> usize {
    fields[N - 1].offset + fields[N - 1].bytes
}

/// Begins a segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"CLOGSEG\n";
/// Begins a commit group.
pub const GROUP_MAGIC: [u8; 4] = *b"CLGp";
/// Begins the `store` file.
pub const STORE_MAGIC: [u8; 8] = *b"CLOGSTO\n";
/// Begins the `closed` file.
pub const CLOSED_MAGIC: [u8; 8] = *b"CLOGCLO\n";
/// Begins a slot of the `lock` file.
pub const SLOT_MAGIC: [u8; 4] = *b"CLSl";
/// Begins an index file.
pub const INDEX_MAGIC: [u8; 8] = *b"CLOGIDX\n";

/// The header of a segment.
pub const SEGMENT_HEADER: [Field; 14] = lay([
    ("magic", 8),
    ("version", 2),
    ("flags", 2),
    ("store", 16),
    ("number", 8),
    ("base_position", 8),
    ("base_root", 32),
    ("base_wall_ms", 8),
    ("base_counter", 4),
    ("salt", 8),
    ("previous_number", 8),
    ("previous_length", 8),
    ("previous_root", 32),
    ("checksum", 4),
]);
/// Its length in bytes.
pub const SEGMENT_HEADER_BYTES: usize = length(&SEGMENT_HEADER);
const _: () = assert!(SEGMENT_HEADER_BYTES == 148);

/// The header of a commit group.
pub const GROUP_HEADER: [Field; 13] = lay([
    ("magic", 4),
    ("kind", 1),
    ("flags", 1),
    ("reason", 1),
    ("reserved", 1),
    ("length", 4),
    ("count", 8),
    ("base_position", 8),
    ("epoch", 8),
    ("synced_to", 8),
    ("root_before", 32),
    ("root_after", 32),
    ("checksum", 4),
]);
/// Its length in bytes.
pub const GROUP_HEADER_BYTES: usize = length(&GROUP_HEADER);
const _: () = assert!(GROUP_HEADER_BYTES == 112);

/// What stands before an event's header and payload.
pub const FRAME_PREFIX: [Field; 2] = lay([("length", 4), ("checksum", 4)]);
/// Its length in bytes.
pub const FRAME_PREFIX_BYTES: usize = length(&FRAME_PREFIX);
const _: () = assert!(FRAME_PREFIX_BYTES == 8);

/// The bit of a frame's length word that says that the payload has been erased.
pub const FRAME_ERASED_BIT: u32 = 1 << 31;
/// The bits of a frame's length word that hold the length.
pub const FRAME_LENGTH_MASK: u32 = (1 << 27) - 1;

/// The `store` file.
pub const STORE_FILE: [Field; 6] =
    lay([("magic", 8), ("version", 2), ("flags", 2), ("store", 16), ("created_ms", 8), ("checksum", 4)]);
/// Its length in bytes.
pub const STORE_FILE_BYTES: usize = length(&STORE_FILE);
const _: () = assert!(STORE_FILE_BYTES == 40);

/// The `closed` file.
pub const CLOSED_FILE: [Field; 11] = lay([
    ("magic", 8),
    ("version", 2),
    ("flags", 2),
    ("store", 16),
    ("position", 8),
    ("root", 32),
    ("wall_ms", 8),
    ("counter", 4),
    ("segment", 8),
    ("segment_length", 8),
    ("checksum", 4),
]);
/// Its length in bytes.
pub const CLOSED_FILE_BYTES: usize = length(&CLOSED_FILE);
const _: () = assert!(CLOSED_FILE_BYTES == 100);

/// A slot of the `lock` file.
pub const SLOT: [Field; 8] = lay([
    ("magic", 4),
    ("epoch", 8),
    ("segment", 8),
    ("offset", 8),
    ("group", 8),
    ("position", 8),
    ("root", 32),
    ("checksum", 4),
]);
/// Its length in bytes.
pub const SLOT_BYTES: usize = length(&SLOT);
const _: () = assert!(SLOT_BYTES == 80);
/// Where the two slots of the `lock` file begin: a sector each.
pub const SLOT_OFFSETS: [u64; 2] = [0, 512];

/// The header of an index file.
pub const INDEX_HEADER: [Field; 18] = lay([
    ("magic", 8),
    ("version", 2),
    ("flags", 2),
    ("store", 16),
    ("base_position", 8),
    ("next_position", 8),
    ("root_before", 32),
    ("root", 32),
    ("first_segment", 8),
    ("streams", 8),
    ("new_streams", 8),
    ("first_id", 16),
    ("last_id", 16),
    ("filter_blocks", 4),
    ("leaf_blocks", 4),
    ("node_blocks", 4),
    ("levels", 2),
    ("checksum", 4),
]);
/// Its length in bytes.
pub const INDEX_HEADER_BYTES: usize = length(&INDEX_HEADER);
const _: () = assert!(INDEX_HEADER_BYTES == 182);

/// A row of an index file.
pub const INDEX_ROW: [Field; 10] = lay([
    ("id", 16),
    ("offset", 8),
    ("length", 4),
    ("segment", 4),
    ("stream", 4),
    ("kind", 2),
    ("revision", 8),
    ("depth", 4),
    ("wall_ms", 8),
    ("counter", 4),
]);
/// Its length in bytes.
pub const INDEX_ROW_BYTES: usize = length(&INDEX_ROW);
const _: () = assert!(INDEX_ROW_BYTES == 62);

/// The length of a block of an index file, and of what stands before the first, in bytes.
pub const INDEX_BLOCK_BYTES: usize = 4096;
/// The length of a block's content, which its checksum follows, in bytes.
pub const INDEX_CONTENT_BYTES: usize = INDEX_BLOCK_BYTES - 4;
/// How many rows stand in a block.
pub const INDEX_ROWS_PER_BLOCK: u32 = 66;
const _: () = assert!(INDEX_ROWS_PER_BLOCK == 66 && 66 * INDEX_ROW_BYTES == INDEX_CONTENT_BYTES);
/// Greatest length of the value of an entry in an index file's table, in bytes.
pub const INDEX_VALUE_BYTES_MAX: usize = 1024;
