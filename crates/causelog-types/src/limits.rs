//! Hard limits of the data model and of the format. Decoding uses these; configured limits bind appends.

/// Greatest length of an entity, in bytes of UTF-8.
pub const ENTITY_BYTES_MAX: usize = 512;
/// Greatest length of a scope, in bytes of UTF-8.
pub const SCOPE_BYTES_MAX: usize = 255;
/// Most causes of one event.
pub const CAUSES_MAX: usize = 256;
/// Most tags of one event.
pub const TAGS_MAX: usize = 16;
/// Greatest length of one tag, in bytes of UTF-8.
pub const TAG_BYTES_MAX: usize = 128;
/// Most clauses of one region.
pub const CLAUSES_MAX: usize = 16;
/// Most kinds and categories of one clause.
pub const KINDS_MAX: usize = 16;
/// Greatest sum of the lengths of the texts of one event's gate evidence, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 4 * 1024;
/// Most gates named in one event's evidence.
pub const EVIDENCE_GATES_MAX: usize = 64;
/// Greatest length of an encoded header, in bytes.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Greatest length of a frame (length word, checksum, header and payload), in bytes.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Greatest length of a frame at append, unless configured otherwise, in bytes.
pub const FRAME_BYTES_DEFAULT: usize = 16 * 1024 * 1024;
/// Most events in one atomic batch.
pub const BATCH_EVENTS_MAX: usize = 16_384;
/// Most append conditions of one batch.
pub const CONDITIONS_MAX: usize = 16;
/// Greatest sum of the encoded frames of one atomic batch, in bytes.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Greatest length of a commit group, its header included, in bytes.
pub const GROUP_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Deepest nesting accepted inside the value of an unknown header key, in levels.
pub const NESTING_MAX: usize = 16;
/// Deepest nesting accepted inside a payload given as ready-made MessagePack, in levels.
pub const PAYLOAD_NESTING_MAX: usize = 128;
