//! A group as it is being collected, with what later commands are judged against before it is committed.

use causelog_segment::Placement;
use causelog_types::{
    Coordinate, EventHash, EventId, Header, Hlc, Location, Position, Revision, SegmentNumber, widen,
};
use causelog_wire::GroupBuffer;
use hashbrown::HashMap;

use crate::command::{AppendReceipt, Outcome};
use crate::durability::Durability;

/// Memory beyond this is given back when a group is done: one great batch must not be kept for ever.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// A group as it is being collected, or written. Its memory is used again from group to group.
pub(crate) struct StagedGroup {
    /// The bytes to write; away while they are written.
    pub(crate) buffer: GroupBuffer,
    pub(crate) events: Vec<StagedEvent>,
    /// The position of its first event.
    pub(crate) base: Position,
    /// The recorded time of the last event before what is staged next.
    pub(crate) hlc: Hlc,
    /// Which of its events has an id.
    pub(crate) ids: HashMap<EventId, u32>,
    /// The streams that were asked for, by their place in `heads`.
    streams: HashMap<Coordinate, u32>,
    heads: Vec<Option<Head>>,
}

/// An event that has been added to a group.
pub(crate) struct StagedEvent {
    pub(crate) header: Header,
    pub(crate) hash: EventHash,
    /// Where its frame begins, from the beginning of the group, and its length.
    pub(crate) start: usize,
    pub(crate) bytes: u32,
}

/// Where a stream, or the staged part of it, ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) position: Position,
    pub(crate) revision: Revision,
    pub(crate) hash: EventHash,
}

impl StagedGroup {
    pub(crate) fn new(base: Position, hlc: Hlc) -> Self {
        Self {
            buffer: GroupBuffer::new(),
            events: Vec::new(),
            base,
            hlc,
            ids: HashMap::new(),
            streams: HashMap::new(),
            heads: Vec::new(),
        }
    }

    /// Empties it, to follow another group.
    pub(crate) fn begin(&mut self, base: Position, hlc: Hlc) {
        let great = self.buffer.len() > KEPT_BYTES;
        if great {
            *self = Self::new(base, hlc);
            return;
        }
        self.buffer.clear();
        self.events.clear();
        self.ids.clear();
        self.forget_heads();
        (self.base, self.hlc) = (base, hlc);
    }

    /// The position after its last event.
    pub(crate) fn next(&self) -> Position {
        Position(self.base.0.saturating_add(widen(self.events.len())))
    }

    /// The event with an id, if it has been staged in full.
    pub(crate) fn find(&self, id: EventId) -> Option<&StagedEvent> {
        let at = self.ids.get(&id)?;
        self.events.get(usize::try_from(*at).unwrap_or(usize::MAX))
    }

    /// Where a stream's head is kept, if it was asked for.
    pub(crate) fn slot(&self, stream: &Coordinate) -> Option<u32> {
        self.streams.get(stream).copied()
    }

    /// Keeps a stream's head from now on.
    pub(crate) fn add_slot(&mut self, stream: &Coordinate, head: Option<Head>) -> u32 {
        let slot = u32::try_from(self.heads.len()).unwrap_or(u32::MAX);
        self.streams.insert(stream.clone(), slot);
        self.heads.push(head);
        slot
    }

    pub(crate) fn head(&self, slot: u32) -> Option<Head> {
        self.heads.get(usize::try_from(slot).unwrap_or(usize::MAX)).copied().flatten()
    }

    pub(crate) fn set_head(&mut self, slot: u32, head: Option<Head>) {
        if let Some(known) = self.heads.get_mut(usize::try_from(slot).unwrap_or(usize::MAX)) {
            *known = head;
        }
    }

    /// The head that a stream has by this group, if it says anything of it.
    pub(crate) fn known_head(&self, stream: &Coordinate) -> Option<Option<Head>> {
        self.slot(stream).map(|slot| self.head(slot))
    }

    /// Takes away the events from the `events`-th on, and the heads that rest on them.
    pub(crate) fn truncate(&mut self, events: usize, hlc: Hlc) {
        self.buffer.truncate(events);
        self.events.truncate(events);
        self.hlc = hlc;
        self.rebuild_heads();
    }

    /// Keeps the heads that its events say, and no others.
    pub(crate) fn rebuild_heads(&mut self) {
        self.forget_heads();
        for at in 0..self.events.len() {
            let event = &self.events[at];
            let (stream, head) = (event.header.coordinate.clone(), event.head());
            match self.slot(&stream) {
                Some(slot) => self.set_head(slot, Some(head)),
                None => _ = self.add_slot(&stream, Some(head)),
            }
        }
    }

    /// How many streams were asked for.
    pub(crate) fn heads_known(&self) -> usize {
        self.heads.len()
    }

    /// Forgets which streams were asked for.
    fn forget_heads(&mut self) {
        self.streams.clear();
        self.heads.clear();
    }
}

impl StagedEvent {
    fn head(&self) -> Head {
        let Header { position, revision, .. } = self.header;
        Head { position, revision, hash: self.hash }
    }

    /// Where its frame stands, once the group has its place.
    pub(crate) fn location(&self, segment: SegmentNumber, placement: &Placement) -> Location {
        Location { segment, offset: placement.end.offset.plus(self.start), bytes: self.bytes }
    }

    pub(crate) fn receipt(&self, location: Location, durability: Durability) -> AppendReceipt {
        let Header { id, position, revision, .. } = self.header;
        AppendReceipt {
            id,
            position,
            revision,
            hash: self.hash,
            location,
            outcome: Outcome::Written,
            durability,
        }
    }
}
