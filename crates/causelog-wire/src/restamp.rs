//! Moving a commit group to another place: the same bytes under other checksums.

use causelog_types::ByteOffset;

use crate::checksum::checksum;
use crate::fixed::FixedReader;
use crate::frame::body_length;
use crate::layout::{FRAME_PREFIX_BYTES, GROUP_HEADER_BYTES};
use crate::{Decoded, Flaw, GroupHeader, Rule, Salt};

/// Stamps a whole group for another place. Nothing but its checksums changes, so that events, hashes and roots stay
/// what they are, erased payloads and unknown keys too. Each checksum must be right for the place that it leaves.
///
/// # Errors
/// The bytes are no whole group, or not one of that place; they are then of no use.
pub fn restamp_group(bytes: &mut [u8], from: (Salt, ByteOffset), to: (Salt, ByteOffset)) -> Result<(), Flaw> {
    let header = match GroupHeader::decode(bytes, from.0, from.1) {
        Decoded::Whole(header) => header,
        Decoded::Incomplete { .. } => return Err(Flaw { rule: Rule::Range("length"), offset: from.1 }),
        Decoded::Corrupt(flaw) => return Err(flaw),
    };
    let mut at = GROUP_HEADER_BYTES;
    while at < bytes.len() {
        let flaw = |rule| Flaw { rule, offset: from.1.plus(at) };
        let prefix = bytes.get(at..at + FRAME_PREFIX_BYTES).ok_or_else(|| flaw(Rule::FrameLength))?;
        let mut fields = FixedReader::new(prefix);
        let (word, stored) = (fields.u32(), fields.u32());
        let body = at + FRAME_PREFIX_BYTES;
        let end = body + body_length(word).map_err(flaw)?;
        let content = bytes.get(body..end).ok_or_else(|| flaw(Rule::FrameLength))?;
        let covered = [&word.to_le_bytes()[..], content];
        if checksum(from.0, from.1.plus(at), &covered) != stored {
            return Err(flaw(Rule::Checksum("frame")));
        }
        let stamped = checksum(to.0, to.1.plus(at), &covered);
        bytes[at + 4..body].copy_from_slice(&stamped.to_le_bytes());
        at = end;
    }
    bytes[..GROUP_HEADER_BYTES].copy_from_slice(&header.encode(to.0, to.1));
    Ok(())
}
