//! A history as a log would have it, and its way into an index.

use std::collections::HashMap;
use std::ops::Range;

use causelog_types::{
    ByteOffset, Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Header, Hlc,
    InvalidValue, Location, PayloadHash, Position, Revision, Root, SegmentNumber, StoreId, Tags,
};

use super::draw::{EventSpec, HistorySpec, START_MS};
use crate::{AppliedEvent, AppliedGroup, Index, IndexError, Watermark};

/// The events of a store, and where its groups end.
#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) events: Vec<Stored>,
    /// How many events there are after each group.
    ends: Vec<usize>,
    /// A gap: before which event, and how many positions it takes.
    gap: Option<(usize, u64)>,
}

/// One event.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) header: Header,
    pub(super) hash: EventHash,
    pub(super) location: Location,
}

/// The store of every history.
pub(super) const STORE: StoreId = StoreId::from_u128(7);
/// A store that no history is of.
pub(super) const OTHER_STORE: StoreId = StoreId::from_u128(8);

/// A segment is full after so many bytes.
const SEGMENT_BYTES: u64 = 2_000;

impl HistorySpec {
    /// Numbers, chains and places the events.
    pub(super) fn build(&self) -> Result<History, InvalidValue> {
        let mut history = History::default();
        let mut heads: HashMap<Coordinate, (Revision, EventHash)> = HashMap::new();
        for group in &self.0 {
            for event in group {
                history.push(event, &mut heads)?;
            }
            history.ends.push(history.events.len());
        }
        Ok(history)
    }
}

impl History {
    fn push(
        &mut self,
        spec: &EventSpec,
        heads: &mut HashMap<Coordinate, (Revision, EventHash)>,
    ) -> Result<(), InvalidValue> {
        let number = self.events.len();
        let coordinate = Coordinate::new(spec.entity, spec.scope)?;
        let (revision, previous_hash) = match heads.get(&coordinate) {
            None => (Revision(0), None),
            Some((revision, hash)) => (revision.next()?, Some(*hash)),
        };
        let hash = EventHash(bytes(number, 0xe));
        heads.insert(coordinate.clone(), (revision, hash));
        let header = Header {
            id: id(number),
            coordinate,
            kind: EventKind::from_bits(spec.kind),
            payload_version: 0,
            position: position(number),
            revision,
            previous_hash,
            payload_hash: PayloadHash(bytes(number, 0xd)),
            dag: self.dag(spec)?,
            tags: Tags::new(&spec.tags)?,
            evidence: None,
            batch_remaining: 0,
            salted: false,
        };
        self.events.push(Stored { header, hash, location: self.next_location(spec.bytes) });
        Ok(())
    }

    fn dag(&self, spec: &EventSpec) -> Result<DagPosition, InvalidValue> {
        let number = self.events.len();
        let mut causes: Vec<usize> =
            spec.causes.iter().filter_map(|cause| usize::from(*cause).checked_rem(number)).collect();
        causes.sort_unstable();
        causes.dedup();
        let deepest = causes.iter().map(|cause| self.events[*cause].header.dag.depth).max();
        let hlc = match self.events.last() {
            None => Hlc { wall_ms: START_MS + spec.later_ms, counter: 0 },
            Some(last) => last.header.dag.hlc.next(last.header.dag.hlc.wall_ms + spec.later_ms)?,
        };
        Ok(DagPosition {
            correlation_id: id(number),
            causes: Causes::new(causes.into_iter().map(id))?,
            depth: deepest.map_or(Ok(Depth(0)), Depth::next)?,
            hlc,
            occurred_ms: None,
        })
    }

    fn next_location(&self, bytes: u32) -> Location {
        let Some(last) = self.events.last().map(|event| event.location) else {
            return Location { segment: SegmentNumber(1), offset: ByteOffset(64), bytes };
        };
        let offset = last.offset.0 + u64::from(last.bytes);
        match offset < SEGMENT_BYTES {
            true => Location { segment: last.segment, offset: ByteOffset(offset), bytes },
            false => Location { segment: SegmentNumber(last.segment.0 + 1), offset: ByteOffset(64), bytes },
        }
    }

    /// The same with a gap before a group: what stands behind it stands so much further on.
    pub(super) fn with_gap(mut self, group: usize, positions: u64) -> Self {
        let number = self.start(group);
        self.gap = Some((number, positions));
        for event in &mut self.events[number..] {
            event.header.position.0 += positions;
        }
        self
    }

    /// The position after so many events.
    pub(super) fn end(&self, count: usize) -> Position {
        let skipped = self.gap.filter(|(number, _)| count > *number).map_or(0, |(_, positions)| positions);
        Position(position(count).0.saturating_add(skipped))
    }

    /// Applies the gap.
    pub(super) fn apply_gap(&self, index: &impl Index) -> Result<Watermark, IndexError> {
        let (number, positions) = self.gap.unwrap_or_default();
        let next = Position(position(number).0.saturating_add(positions));
        let after = Watermark { store: STORE, next, root: Root(bytes(number, 0xa)) };
        index.apply(&AppliedGroup { events: &[], after })?;
        Ok(after)
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.ends.len()
    }

    /// How many events there are before a group.
    pub(super) fn start(&self, group: usize) -> usize {
        group.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The numbers of a group's events.
    pub(super) fn group(&self, group: usize) -> Range<usize> {
        self.start(group)..self.ends[group]
    }

    /// The watermark after so many events; `None` without any.
    pub(super) fn watermark(&self, count: usize) -> Option<Watermark> {
        (count > 0).then(|| self.watermark_of(STORE, count))
    }

    fn watermark_of(&self, store: StoreId, count: usize) -> Watermark {
        Watermark { store, next: self.end(count), root: Root(bytes(count, 0xf)) }
    }

    /// Applies some events as one group.
    pub(super) fn apply(&self, index: &impl Index, events: Range<usize>) -> Result<(), IndexError> {
        self.apply_to(STORE, index, events)
    }

    /// Applies some events as one group of a store.
    pub(super) fn apply_to(
        &self,
        store: StoreId,
        index: &impl Index,
        events: Range<usize>,
    ) -> Result<(), IndexError> {
        let after = self.watermark_of(store, events.end);
        let events: Vec<AppliedEvent<'_>> = self.events[events]
            .iter()
            .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
            .collect();
        index.apply(&AppliedGroup { events: &events, after })
    }
}

/// The id of an event's number. The ids do not rise with the numbers.
pub(super) fn id(number: usize) -> EventId {
    let odd = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    EventId::from_u128(u128::from(position(number).0).wrapping_add(1).wrapping_mul(odd))
}

/// A count of events as a position.
pub(super) fn position(count: usize) -> Position {
    Position(u64::try_from(count).unwrap_or(u64::MAX))
}

/// A hash of sorts: the same for a number, different between sorts.
fn bytes(number: usize, sort: u8) -> [u8; 32] {
    let mut bytes = [sort; 32];
    bytes[..8].copy_from_slice(&position(number).0.to_be_bytes());
    bytes
}
