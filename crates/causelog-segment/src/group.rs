//! One commit group read back: its frames decoded, numbered and hashed, or the damage that forbids it.

use causelog_types::{
    ByteOffset, EventHash, Header, Hlc, Location, Position, Root, SegmentNumber, planted, widen,
};
use causelog_wire::layout::GROUP_HEADER_BYTES;
use causelog_wire::{Decoded, Flaw, GapReason, GroupHeader, GroupKind, Rule, Salt, decode_frame, hash};

use crate::error::DamageKind;

/// A whole commit group as it stands in the log.
#[derive(Clone, Debug)]
pub struct Group {
    /// What stands before its frames.
    pub header: GroupHeader,
    /// Where it stands, its header included.
    pub location: Location,
    /// Its events, in order; none in a gap.
    pub events: Vec<StoredEvent>,
}

/// An event of a group.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// What the log says of it.
    pub header: Header,
    /// The hash of its header.
    pub hash: EventHash,
    /// Where its frame stands.
    pub location: Location,
    /// Whether its payload is the one that its header vouches for; `None` when nobody asked.
    pub payload_is_right: Option<bool>,
}

/// Whether the payloads of a group are hashed and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payloads {
    Trusted,
    Hashed,
}

/// Where a group stands, and what must come before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupPlace {
    pub(crate) segment: SegmentNumber,
    pub(crate) salt: Salt,
    pub(crate) offset: ByteOffset,
    pub(crate) position: Position,
    pub(crate) root: Root,
}

/// What is wrong, and where.
pub(crate) type Wrong = (ByteOffset, DamageKind);

impl Group {
    /// The recorded time of its last event.
    #[must_use]
    pub fn hlc(&self) -> Option<Hlc> {
        self.events.last().map(|event| event.header.dag.hlc)
    }

    /// Whether it stands where events were lost, and holds none.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.header.kind != GroupKind::Events
    }

    /// The root before `position`, computed from the group's events; `None` outside of the group and inside a gap.
    #[must_use]
    pub fn root_at(&self, position: Position) -> Option<Root> {
        let count = position.since(self.header.base).filter(|count| *count <= self.header.count)?;
        if count == self.header.count {
            return Some(self.header.root_after);
        }
        if self.is_gap() && count > 0 {
            return None;
        }
        let before = self.events.iter().take(usize::try_from(count).unwrap_or(usize::MAX));
        Some(before.fold(self.header.root_before, |root, event| hash::next_root(root, event.hash)))
    }

    /// Reads the frames behind a group's header. `bytes` is the whole group.
    pub(crate) fn read(
        header: GroupHeader,
        bytes: &[u8],
        place: GroupPlace,
        payloads: Payloads,
    ) -> Result<Self, Wrong> {
        let at = place.offset;
        if header.base != place.position {
            let kind = DamageKind::OutOfOrder { expected: place.position, found: header.base };
            return Err((at, kind));
        }
        if header.root_before != place.root {
            return Err((at, DamageKind::RootBroken(place.position)));
        }
        let events = match header.kind {
            GroupKind::Events => read_events(header, bytes, place, payloads)?,
            GroupKind::Gap(GapReason::Lost) => Vec::new(),
            GroupKind::Gap(GapReason::Dropped) => {
                return Err((at, DamageKind::Rule(Rule::Unsupported("gap of dropped events"))));
            }
        };
        let bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let location = Location { segment: place.segment, offset: at, bytes };
        Ok(Self { header, location, events })
    }
}

/// Reads the frames of a group of events, which must give its root.
fn read_events(
    header: GroupHeader,
    bytes: &[u8],
    place: GroupPlace,
    payloads: Payloads,
) -> Result<Vec<StoredEvent>, Wrong> {
    let events = read_frames(header, bytes, place, payloads)?;
    let root = events.iter().fold(place.root, |root, event| hash::next_root(root, event.hash));
    if root != header.root_after {
        return Err((place.offset, DamageKind::RootBroken(header.next())));
    }
    check_batches(&events)?;
    Ok(events)
}

fn read_frames(
    header: GroupHeader,
    bytes: &[u8],
    place: GroupPlace,
    payloads: Payloads,
) -> Result<Vec<StoredEvent>, Wrong> {
    let mut events = Vec::new();
    let mut at = GROUP_HEADER_BYTES;
    while at < bytes.len() {
        let offset = place.offset.plus(at);
        let frame = match decode_frame(&bytes[at..], place.salt, offset) {
            Decoded::Whole(frame) => frame,
            Decoded::Incomplete { need } => {
                return Err((offset, DamageKind::Incomplete { need: widen(need) }));
            }
            Decoded::Corrupt(Flaw { rule, offset }) => return Err((offset, DamageKind::Rule(rule))),
        };
        let expected = Position(header.base.0.saturating_add(widen(events.len())));
        if frame.header.position != expected {
            return Err((offset, DamageKind::OutOfOrder { expected, found: frame.header.position }));
        }
        let frame_bytes = u32::try_from(frame.bytes).unwrap_or(u32::MAX);
        at += frame.bytes;
        events.push(StoredEvent {
            hash: frame.hash(),
            payload_is_right: (payloads == Payloads::Hashed).then(|| frame.payload_is_right()),
            location: Location { segment: place.segment, offset, bytes: frame_bytes },
            header: frame.header,
        });
    }
    match widen(events.len()) == header.count {
        true => Ok(events),
        false => Err((place.offset, DamageKind::Rule(Rule::Range("count")))),
    }
}

/// Each event of a batch says how many still follow: the numbers count down to 0 within the group.
fn check_batches(events: &[StoredEvent]) -> Result<(), Wrong> {
    planted!("half-a-batch-is-a-batch" => return Ok(()));
    let mut due: Option<u32> = None;
    for event in events {
        let remaining = event.header.batch_remaining;
        if due.is_some_and(|due| due != remaining) {
            return Err((event.location.offset, DamageKind::BatchBroken(event.header.position)));
        }
        due = remaining.checked_sub(1);
    }
    match (due, events.last()) {
        (Some(_), Some(last)) => Err((last.location.offset, DamageKind::BatchBroken(last.header.position))),
        _ => Ok(()),
    }
}
