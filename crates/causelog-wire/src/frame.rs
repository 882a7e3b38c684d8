//! Frames: one event each, its header and its payload under one checksum.

use causelog_types::{ByteOffset, Event, EventHash, Header, limits};

use crate::checksum::checksum;
use crate::fixed::FixedReader;
use crate::layout::{FRAME_ERASED_BIT, FRAME_LENGTH_MASK, FRAME_PREFIX_BYTES};
use crate::{Decoded, Flaw, Rule, Salt, decode_header, hash};

/// A salt before a payload: a MessagePack `bin` of 16 bytes.
const PAYLOAD_SALT_MARKER: [u8; 2] = [0xc4, 16];
const PAYLOAD_SALT_BYTES: u8 = 18;

/// One event as it stands in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the log says of the event.
    pub header: Header,
    /// The header's bytes as they stand there: what the event's hash is of.
    pub header_bytes: &'a [u8],
    /// The payload's bytes as they stand there, with its salt before it if it has one.
    pub stored_payload: &'a [u8],
    /// Both, as they follow each other.
    body: &'a [u8],
    /// Whether the payload has been erased: its bytes are zeros.
    pub erased: bool,
    /// The frame's whole length.
    pub bytes: usize,
}

impl<'a> Frame<'a> {
    /// The payload's MessagePack value; `None` when it has been erased.
    #[must_use]
    pub fn payload(&self) -> Option<&'a [u8]> {
        match (self.erased, self.header.salted) {
            (true, _) => None,
            (false, true) => Some(&self.stored_payload[usize::from(PAYLOAD_SALT_BYTES)..]),
            (false, false) => Some(self.stored_payload),
        }
    }

    /// Whether the payload is the one that the header vouches for. An erased one counts as right.
    #[must_use]
    pub fn payload_is_right(&self) -> bool {
        self.erased || hash::payload(self.stored_payload) == self.header.payload_hash
    }

    /// The hash of the event.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        hash::event(self.header_bytes)
    }

    /// The event, with its payload copied.
    #[must_use]
    pub fn to_event(&self) -> Event {
        self.clone().into_event()
    }

    /// The same, when nothing else is wanted of the frame.
    #[must_use]
    pub fn into_event(self) -> Event {
        // A header has at most 16 KiB.
        let header_bytes = u32::try_from(self.header_bytes.len()).unwrap_or(u32::MAX);
        let (stored, payload) = match (self.erased, self.header.salted) {
            (true, _) => (self.header_bytes, None),
            (false, true) => (self.body, Some(header_bytes + u32::from(PAYLOAD_SALT_BYTES))),
            (false, false) => (self.body, Some(header_bytes)),
        };
        Event::from_stored(self.header, stored, header_bytes, payload, hash::event)
    }
}

/// Reads the frame at the beginning of `bytes`, which stand at `offset` in a segment with this salt.
#[must_use]
pub fn decode_frame(bytes: &[u8], salt: Salt, offset: ByteOffset) -> Decoded<Frame<'_>> {
    if bytes.len() < FRAME_PREFIX_BYTES {
        return Decoded::Incomplete { need: FRAME_PREFIX_BYTES };
    }
    let mut prefix = FixedReader::new(bytes);
    let (word, stored_checksum) = (prefix.u32(), prefix.u32());
    let length = match body_length(word) {
        Ok(length) => length,
        Err(rule) => return Decoded::corrupt(rule, offset),
    };
    let need = FRAME_PREFIX_BYTES + length;
    let Some(body) = bytes.get(FRAME_PREFIX_BYTES..need) else {
        return Decoded::Incomplete { need };
    };
    if checksum(salt, offset, &[&word.to_le_bytes(), body]) != stored_checksum {
        return Decoded::corrupt(Rule::Checksum("frame"), offset);
    }
    read_body(body, word & FRAME_ERASED_BIT != 0, offset).into()
}

pub(crate) fn body_length(word: u32) -> Result<usize, Rule> {
    if word & !(FRAME_ERASED_BIT | FRAME_LENGTH_MASK) != 0 {
        return Err(Rule::FrameLength);
    }
    let length = usize::try_from(word & FRAME_LENGTH_MASK).map_err(|_| Rule::FrameLength)?;
    match (1..=limits::FRAME_BYTES_MAX - FRAME_PREFIX_BYTES).contains(&length) {
        true => Ok(length),
        false => Err(Rule::FrameLength),
    }
}

fn read_body(body: &[u8], erased: bool, offset: ByteOffset) -> Result<Frame<'_>, Flaw> {
    let body_offset = offset.plus(FRAME_PREFIX_BYTES);
    let (header, length) = decode_header(body, body_offset)?;
    let (header_bytes, stored_payload) = body.split_at(length);
    check_payload(header.salted, erased, stored_payload)
        .map_err(|rule| Flaw { rule, offset: body_offset.plus(length) })?;
    Ok(Frame { header, header_bytes, stored_payload, body, erased, bytes: FRAME_PREFIX_BYTES + body.len() })
}

/// What every stored payload is like, asked right before it is written and right after it is read.
pub(crate) fn check_payload(salted: bool, erased: bool, stored: &[u8]) -> Result<(), Rule> {
    let salt_bytes = if salted { usize::from(PAYLOAD_SALT_BYTES) } else { 0 };
    if stored.len() <= salt_bytes {
        return Err(Rule::Payload);
    }
    if erased && stored.iter().any(|byte| *byte != 0) {
        return Err(Rule::ErasedPayload);
    }
    match salted && !erased && !stored.starts_with(&PAYLOAD_SALT_MARKER) {
        true => Err(Rule::Payload),
        false => Ok(()),
    }
}
