//! The items of an index file's blocks.

use causelog_types::{Depth, EventHash, EventId, EventKind, Hlc, Revision};

use crate::Rule;
use crate::fixed::{FixedReader, FixedWriter};

/// A stream of a segment, and the hash of its last event there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRow<'a> {
    /// The entity.
    pub entity: &'a str,
    /// The scope.
    pub scope: &'a str,
    /// The hash of the stream's last event in the segment.
    pub last_hash: EventHash,
}

/// An event of a segment. Its position is the segment's first and its own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The event's id.
    pub id: EventId,
    /// Where its frame begins in the segment.
    pub offset: u64,
    /// The frame's length.
    pub bytes: u32,
    /// The number of its stream among the segment's.
    pub stream: u32,
    /// Its kind.
    pub kind: EventKind,
    /// Its revision.
    pub revision: Revision,
    /// Its depth.
    pub depth: Depth,
    /// Its recorded time.
    pub hlc: Hlc,
}

/// A cause of an event. Those of one event follow each other in the event's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseRow {
    /// The event's number in the segment.
    pub event: u32,
    /// The cause.
    pub cause: EventId,
}

/// A tag of an event. Those of one event follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagRow<'a> {
    /// The event's number in the segment.
    pub event: u32,
    /// The tag.
    pub tag: &'a str,
}

const EVENT_ROW_BYTES: usize = 58;
const CAUSE_ROW_BYTES: usize = 20;

impl StreamRow<'_> {
    /// Adds it to a block's content. The texts must be no longer than the data model allows.
    pub fn encode(&self, out: &mut Vec<u8>) {
        push_text(self.entity, out);
        push_text(self.scope, out);
        out.extend_from_slice(&self.last_hash.0);
    }
}

impl<'a> StreamRow<'a> {
    /// Takes the next one from a block's content.
    ///
    /// # Errors
    /// The content ends before, or holds no text where one is due.
    pub fn decode(content: &mut &'a [u8]) -> Result<Self, Rule> {
        let (entity, scope) = (take_text(content)?, take_text(content)?);
        let mut hash = FixedReader::new(take(content, 32)?);
        Ok(Self { entity, scope, last_hash: EventHash(hash.array()) })
    }
}

impl EventRow {
    /// Adds it to a block's content.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fields = FixedWriter::<EVENT_ROW_BYTES>::new()
            .bytes(&self.id.as_u128().to_be_bytes())
            .u64(self.offset)
            .u32(self.bytes)
            .u32(self.stream)
            .u16(self.kind.bits())
            .u64(self.revision.0)
            .u32(self.depth.0)
            .u64(self.hlc.wall_ms)
            .u32(self.hlc.counter);
        out.extend_from_slice(&fields.finish());
    }

    /// Takes the next one from a block's content.
    ///
    /// # Errors
    /// The content ends before.
    pub fn decode(content: &mut &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(take(content, EVENT_ROW_BYTES)?);
        Ok(Self {
            id: EventId::from_u128(u128::from_be_bytes(fields.array())),
            offset: fields.u64(),
            bytes: fields.u32(),
            stream: fields.u32(),
            kind: EventKind::from_bits(fields.u16()),
            revision: Revision(fields.u64()),
            depth: Depth(fields.u32()),
            hlc: Hlc { wall_ms: fields.u64(), counter: fields.u32() },
        })
    }
}

impl CauseRow {
    /// Adds it to a block's content.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.event.to_le_bytes());
        out.extend_from_slice(&self.cause.as_u128().to_be_bytes());
    }

    /// Takes the next one from a block's content.
    ///
    /// # Errors
    /// The content ends before.
    pub fn decode(content: &mut &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(take(content, CAUSE_ROW_BYTES)?);
        let event = fields.u32();
        Ok(Self { event, cause: EventId::from_u128(u128::from_be_bytes(fields.array())) })
    }
}

impl TagRow<'_> {
    /// Adds it to a block's content. The tag must be no longer than the data model allows.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.event.to_le_bytes());
        push_text(self.tag, out);
    }
}

impl<'a> TagRow<'a> {
    /// Takes the next one from a block's content.
    ///
    /// # Errors
    /// The content ends before, or holds no text where one is due.
    pub fn decode(content: &mut &'a [u8]) -> Result<Self, Rule> {
        let event = FixedReader::new(take(content, 4)?).u32();
        Ok(Self { event, tag: take_text(content)? })
    }
}

/// A text: its length in bytes as 16 bits, then the bytes.
fn push_text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    assert_eq!(usize::from(length), text.len(), "a text of an index file is too long");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(content: &mut &'a [u8]) -> Result<&'a str, Rule> {
    let length = FixedReader::new(take(content, 2)?).u16();
    let bytes = take(content, usize::from(length))?;
    std::str::from_utf8(bytes).map_err(|_| Rule::Range("index text"))
}

fn take<'a>(content: &mut &'a [u8], count: usize) -> Result<&'a [u8], Rule> {
    let (taken, rest) = content.split_at_checked(count).ok_or(Rule::Range("index block length"))?;
    *content = rest;
    Ok(taken)
}
