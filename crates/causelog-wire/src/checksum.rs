//! Checksums: CRC-32 (ISO-HDLC, as in zlib), seeded with where the bytes stand.

use causelog_types::{ByteOffset, planted};

/// A random number in a segment's header. It seeds every checksum of the segment, so that bytes of another
/// segment, of another store or of an earlier life of the disk do not validate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Salt(pub u64);

/// The checksum of `parts`, put together, at this place.
pub(crate) fn checksum(salt: Salt, offset: ByteOffset, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&salt.0.to_le_bytes());
    seed[8..].copy_from_slice(&offset.0.to_le_bytes());
    planted!("checksum-without-its-place" => seed.fill(0));
    hasher.update(&seed);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
