//! One event in the table of events: its id, then numbers of 7 bits a byte, the lowest first.

use causelog_index::{AppliedEvent, IndexEntry, IndexedHead};
use causelog_types::{
    ByteOffset, Depth, EventHash, EventId, EventKind, Hlc, Location, Position, Revision, SegmentNumber,
};

use crate::error::damaged;

/// What the index keeps of an event, beside its position.
pub(crate) struct Record {
    id: EventId,
    pub(crate) stream: u32,
    pub(crate) kind: EventKind,
    pub(crate) revision: Revision,
    pub(crate) hlc: Hlc,
    depth: Depth,
    location: Location,
    /// The numbers of its tags' lists.
    pub(crate) tags: Vec<u32>,
}

impl Record {
    pub(crate) fn new(event: &AppliedEvent<'_>, stream: u32, tags: Vec<u32>) -> Self {
        let &AppliedEvent { id, kind, revision, hlc, depth, location, .. } = event;
        Self { id, stream, kind, revision, hlc, depth, location, tags }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.id.as_u128().to_be_bytes());
        let numbers = [
            self.stream.into(),
            self.kind.bits().into(),
            self.revision.0,
            self.hlc.wall_ms,
            self.hlc.counter.into(),
            self.depth.0.into(),
            self.location.segment.0,
            self.location.offset.0,
            self.location.bytes.into(),
        ];
        let tags = self.tags.iter().map(|tag| u64::from(*tag));
        numbers.into_iter().chain(tags).for_each(|number| put(number, out));
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, redb::Error> {
        decode(&mut bytes).ok_or_else(|| damaged("an event's record cannot be read"))
    }

    pub(crate) fn entry(&self, position: u64) -> IndexEntry {
        IndexEntry { id: self.id, position: Position(position), depth: self.depth, location: self.location }
    }

    pub(crate) fn head(&self, position: u64, hash: Option<EventHash>) -> IndexedHead {
        let (position, revision, hlc, location) =
            (Position(position), self.revision, self.hlc, self.location);
        IndexedHead { position, revision, hlc, location, hash }
    }
}

fn decode(bytes: &mut &[u8]) -> Option<Record> {
    let (id, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let mut record = Record {
        id: EventId::from_u128(u128::from_be_bytes(*id)),
        stream: take(bytes)?,
        kind: EventKind::from_bits(take(bytes)?),
        revision: Revision(take(bytes)?),
        hlc: Hlc { wall_ms: take(bytes)?, counter: take(bytes)? },
        depth: Depth(take(bytes)?),
        location: Location {
            segment: SegmentNumber(take(bytes)?),
            offset: ByteOffset(take(bytes)?),
            bytes: take(bytes)?,
        },
        tags: Vec::new(),
    };
    while !bytes.is_empty() {
        record.tags.push(take(bytes)?);
    }
    Some(record)
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [last, ..] = number.to_le_bytes();
    out.push(last);
}

fn take<T: TryFrom<u64>>(bytes: &mut &[u8]) -> Option<T> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte <= 0x7f {
            return T::try_from(number).ok();
        }
    }
    None
}
