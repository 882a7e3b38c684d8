//! A log written group by group, with headers made by hand and every checksum and root right.

use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, Index, MemoryIndex, Watermark};
use causelog_io::{Environment, ManualClock, MemoryStorage};
use causelog_segment::{Appender, AppenderSettings, Log, Published, Snapshot, open_reader, open_writer};
use causelog_types::{
    ByteOffset, Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Header, Hlc, Payload,
    Position, Revision, Root, Tags, widen,
};
use causelog_wire::{GapReason, GroupBuffer, GroupHeader, GroupKind, SegmentHeader, hash};

use crate::Reader;

/// An event to write: its header, and a payload that need not be the one the header vouches for.
#[derive(Clone, Debug)]
pub(super) struct Forged {
    pub(super) header: Header,
    pub(super) payload: Payload,
}

pub(super) struct Forge {
    pub(super) storage: MemoryStorage,
    environment: Environment,
    log: Log,
    appender: Appender,
    next: u64,
}

pub(super) fn id(number: u64) -> EventId {
    EventId::from_u128(u128::from(number) + 100)
}

pub(super) fn stream(entity: &str) -> Coordinate {
    Coordinate::new(entity, "home").unwrap()
}

impl Forge {
    pub(super) fn new() -> Self {
        Self::over(MemoryStorage::new())
    }

    /// Goes on with the log of a directory.
    fn over(storage: MemoryStorage) -> Self {
        let environment = Environment::memory(storage.clone(), ManualClock::new(1), 1);
        let (log, _, appender, _) =
            open_writer(&environment, AppenderSettings { segment_bytes: 4096 }).unwrap();
        let next = appender.end().position.0;
        Self { storage, environment, log, appender, next }
    }

    /// The next event of a stream as a writer would make it: `previous` is the stream's event before.
    pub(super) fn event(&self, offset: u64, entity: &str, previous: Option<(u64, EventHash)>) -> Forged {
        let (position, payload) = (self.next + offset, Payload::encode(&(self.next + offset)).unwrap());
        let header = Header {
            id: id(position),
            coordinate: stream(entity),
            kind: EventKind::of::<0x1001>(),
            payload_version: 0,
            position: Position(position),
            revision: Revision(previous.map_or(0, |(revision, _)| revision + 1)),
            previous_hash: previous.map(|(_, hash)| hash),
            payload_hash: hash::payload(payload.as_bytes()),
            dag: DagPosition {
                correlation_id: id(position),
                causes: Causes::none(),
                depth: Depth(0),
                hlc: Hlc { wall_ms: 1000 + position, counter: 0 },
                occurred_ms: None,
            },
            tags: Tags::none(),
            evidence: None,
            batch_remaining: 0,
            salted: false,
        };
        Forged { header, payload }
    }

    /// Writes a group; the hashes of its events.
    pub(super) fn write(&mut self, events: &[Forged]) -> Vec<EventHash> {
        let mut group = GroupBuffer::new();
        let pushed =
            events.iter().map(|event| group.push(&event.header, event.payload.as_bytes()).unwrap().hash);
        let hashes = pushed.collect();
        self.appender.place(group.len()).unwrap();
        self.appender.write(&mut group, events.last().unwrap().header.dag.hlc).unwrap();
        self.appender.sync().unwrap();
        self.next = self.appender.end().position.0;
        hashes
    }

    /// Writes so many events of one stream, one to a group, as a writer would; the last one's revision and hash.
    pub(super) fn chain(&mut self, entity: &str, count: u64) -> (u64, EventHash) {
        let mut last = None;
        for revision in 0..count {
            let event = self.event(0, entity, last);
            last = Some((revision, self.write(&[event])[0]));
        }
        last.unwrap()
    }

    /// Closes the log, puts a gap behind its end, and opens it again.
    pub(super) fn gap(self, positions: u64, root_after: Root) -> Self {
        Self::over(self.with_gap(GapReason::Lost, positions, root_after))
    }

    /// The directory with a gap behind the end of its log.
    pub(super) fn with_gap(self, reason: GapReason, positions: u64, root_after: Root) -> MemoryStorage {
        let mut files = self.close().files();
        files.retain(|(name, _)| name != "closed" && name != "lock");
        let (_, segment) = files.iter_mut().rfind(|(name, _)| name.ends_with(".seg")).unwrap();
        let header = SegmentHeader::decode(segment).whole().unwrap();
        let mut groups = segment.windows(4).enumerate().filter(|(_, bytes)| bytes == b"CLGp");
        let (start, end) = (groups.next_back().unwrap().0, segment.len());
        let last =
            GroupHeader::decode(&segment[start..], header.salt, ByteOffset(widen(start))).whole().unwrap();
        let gap = GroupHeader {
            kind: GroupKind::Gap(reason),
            length: 0,
            count: positions,
            base: last.next(),
            synced_to: last.next(),
            root_before: last.root_after,
            root_after,
            ..last
        };
        segment.extend(gap.encode(header.salt, ByteOffset(widen(end))));
        MemoryStorage::from_files(files)
    }

    /// The directory after a clean close.
    pub(super) fn close(self) -> MemoryStorage {
        self.appender.close().unwrap();
        self.storage
    }

    /// A reader over what has been written, with an index made of it by hand.
    pub(super) fn reader(&self, wrap: impl FnOnce(MemoryIndex) -> Arc<dyn Index>) -> Reader {
        self.reader_as_of(self.snapshot(), wrap)
    }

    /// What could be published now.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.appender.synced()
    }

    /// A reader to whom less has been published than the index holds.
    pub(super) fn reader_as_of(
        &self,
        published: Snapshot,
        wrap: impl FnOnce(MemoryIndex) -> Arc<dyn Index>,
    ) -> Reader {
        let index = MemoryIndex::new();
        let snapshot = self.appender.synced();
        for group in self.log.groups(&snapshot, Position(0)) {
            let group = group.unwrap();
            let events: Vec<_> = group
                .events
                .iter()
                .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
                .collect();
            let next = group.header.next();
            let after = Watermark { store: self.log.store(), next, root: group.header.root_after };
            index.apply(&AppliedGroup { events: &events, after }).unwrap();
        }
        Reader::new(self.log.clone(), Published::new(published), wrap(index))
    }

    /// Whether a read-only open takes the directory as it is.
    pub(super) fn opens(&self) -> bool {
        let environment = Environment { storage: Arc::new(self.storage.kill()), ..self.environment.clone() };
        open_reader(&environment).is_ok()
    }
}
