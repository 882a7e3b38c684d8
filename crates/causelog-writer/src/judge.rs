//! Judging: ids first, then causes and revisions, against what is committed and what is staged.

use std::sync::Arc;

use causelog_index::{Index, IndexEntry, IndexError, IndexedHead};
use causelog_segment::{FrameReader, LogError};
use causelog_types::{
    Coordinate, DagPosition, Depth, EventHash, EventId, Evidence, ExpectedRevision, Header, Hlc, Location,
    NewEvent, Position, Revision, limits, widen,
};
use causelog_wire::{EncodeError, Frame, GroupBuffer, hash};
use hashbrown::{HashMap, HashSet};

use crate::command::{AppendReceipt, Command, Origin, Outcome, Prepared};
use crate::error::AppendErrorKind;

/// What a command comes to.
pub(crate) enum Verdict {
    /// Its events have been added to the group.
    Staged,
    /// All of its events are in the store already.
    Found(Vec<AppendReceipt>),
}

/// A group as it is being collected. Its memory is used again from group to group.
#[derive(Default)]
pub(crate) struct StagedGroup {
    pub(crate) buffer: GroupBuffer,
    pub(crate) events: Vec<StagedEvent>,
}

impl StagedGroup {
    pub(crate) fn clear(&mut self) {
        self.truncate(0);
        self.buffer.clear();
    }

    fn truncate(&mut self, events: usize) {
        self.buffer.truncate(events);
        self.events.truncate(events);
    }
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
#[derive(Clone, Copy)]
struct Head {
    revision: Revision,
    hash: EventHash,
}

/// Judges the commands of one group.
pub(crate) struct Judge<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) frames: &'a mut FrameReader,
    /// The position up to which events are committed.
    pub(crate) committed: Position,
    pub(crate) hlc: Hlc,
    pub(crate) now_ms: u64,
    pub(crate) frame_bytes_max: usize,
}

impl Judge<'_> {
    /// Judges a command; adds its events to the group, or leaves the group as it was.
    pub(crate) fn judge(
        &mut self,
        command: &Command,
        group: &mut StagedGroup,
    ) -> Result<Verdict, AppendErrorKind> {
        let events = command.prepared();
        check_batch(command, &events)?;
        if let Some(receipts) = self.find_stored(&events)? {
            return Ok(Verdict::Found(receipts));
        }
        let staged = group.events.len();
        let result = self.stage(command, &events, group);
        if result.is_err() {
            group.truncate(staged);
        }
        result.map(|()| Verdict::Staged)
    }

    /// Whether the events are in the store already: all of them, or none. Checked before the conditions, so that
    /// a retry succeeds.
    fn find_stored(
        &mut self,
        events: &[Prepared<'_>],
    ) -> Result<Option<Vec<AppendReceipt>>, AppendErrorKind> {
        let ids: Vec<EventId> = events.iter().map(|prepared| prepared.id).collect();
        let found = self.index.lookup(&ids, self.committed).map_err(index_failed)?;
        let mut receipts = Vec::new();
        for (prepared, entry) in events.iter().zip(found) {
            if let Some(entry) = entry {
                let frame = self.frames.read(entry.location).map_err(not_read)?;
                check_place(&frame, &entry)?;
                receipts.push(compare(prepared, &frame, entry.location)?);
            }
        }
        match receipts.len() {
            0 => Ok(None),
            all if all == events.len() => Ok(Some(receipts)),
            _ => {
                let stored = receipts.iter().map(|receipt| receipt.id).collect();
                Err(AppendErrorKind::PartlyStored { stored })
            }
        }
    }

    fn stage(
        &mut self,
        command: &Command,
        events: &[Prepared<'_>],
        group: &mut StagedGroup,
    ) -> Result<(), AppendErrorKind> {
        let (mut heads, streams) = self.committed_heads(events)?;
        let has_causes = events.iter().any(|prepared| !prepared.event.causes().is_empty());
        let mut depths = self.committed_depths(events)?;
        let group_bytes = group.buffer.len();
        group.events.reserve(events.len());
        for (index, prepared) in events.iter().enumerate() {
            let depth = depth_of(index, prepared, &depths)?;
            let slot = &mut heads[streams[index]];
            let head = *slot;
            check_revision(index, prepared.event, head.map(|head| head.revision))?;
            let hlc = self.hlc.next(self.now_ms)?;
            let header = Header {
                id: prepared.id,
                coordinate: prepared.event.coordinate().clone(),
                kind: prepared.event.kind(),
                payload_version: prepared.event.payload_version(),
                position: Position(self.committed.0.saturating_add(widen(group.events.len()))),
                revision: head.map_or(Ok(Revision(0)), |head| head.revision.next())?,
                previous_hash: head.map(|head| head.hash),
                payload_hash: prepared.payload_hash,
                dag: DagPosition {
                    correlation_id: prepared.event.correlation_id().unwrap_or(prepared.id),
                    causes: prepared.event.causes().clone(),
                    depth,
                    hlc,
                    occurred_ms: prepared.event.occurred_ms(),
                },
                tags: prepared.event.tags().clone(),
                evidence: command.evidence.clone(),
                batch_remaining: u32::try_from(events.len() - 1 - index).unwrap_or(u32::MAX),
                salted: false,
            };
            let frame = group.buffer.push(&header, prepared.event.payload().as_bytes());
            let frame = frame.map_err(|error| not_encoded(index, error))?;
            self.check_frame(index, frame.bytes)?;
            self.hlc = hlc;
            *slot = Some(Head { revision: header.revision, hash: frame.hash });
            if has_causes {
                depths.insert(header.id, depth);
            }
            let (start, bytes) = (frame.start, frame.bytes);
            group.events.push(StagedEvent { header, hash: frame.hash, start, bytes });
        }
        let (given, limit) = (group.buffer.len() - group_bytes, limits::BATCH_BYTES_MAX);
        match given > limit {
            true => Err(AppendErrorKind::BatchTooLarge { what: "bytes", given, limit }),
            false => Ok(()),
        }
    }

    /// The heads of the batch's streams, each once, and for each event which of them is its stream's.
    fn committed_heads(
        &self,
        events: &[Prepared<'_>],
    ) -> Result<(Vec<Option<Head>>, Vec<usize>), AppendErrorKind> {
        let mut streams: Vec<&Coordinate> = Vec::new();
        let mut slots: HashMap<&Coordinate, usize> = HashMap::new();
        let mut stream_of = Vec::with_capacity(events.len());
        for prepared in events {
            let stream = prepared.event.coordinate();
            let slot = *slots.entry(stream).or_insert(streams.len());
            if slot == streams.len() {
                streams.push(stream);
            }
            stream_of.push(slot);
        }
        let found = self.index.heads(&streams, self.committed).map_err(index_failed)?;
        let mut heads = Vec::with_capacity(streams.len());
        for (stream, head) in streams.into_iter().zip(found) {
            heads.push(head.map(|head| newest_head(stream, &head)).transpose()?);
        }
        Ok((heads, stream_of))
    }

    fn committed_depths(&self, events: &[Prepared<'_>]) -> Result<HashMap<EventId, Depth>, AppendErrorKind> {
        let named: HashSet<EventId> =
            events.iter().flat_map(|prepared| prepared.event.causes().iter()).collect();
        if named.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<EventId> = named.into_iter().collect();
        let found = self.index.lookup(&ids, self.committed).map_err(index_failed)?;
        let known = found.into_iter().flatten().map(|entry| (entry.id, entry.depth));
        Ok(known.collect())
    }

    fn check_frame(&self, index: usize, bytes: u32) -> Result<(), AppendErrorKind> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        match bytes > self.frame_bytes_max {
            true => Err(AppendErrorKind::EventTooLarge { index, bytes, limit: self.frame_bytes_max }),
            false => Ok(()),
        }
    }
}

fn newest_head(stream: &Coordinate, head: &IndexedHead) -> Result<Head, AppendErrorKind> {
    let hash = head.hash.ok_or_else(|| {
        let reason = format!("it gave no hash for the newest event of stream {stream}");
        index_failed(IndexError::Backend(reason.into()))
    })?;
    Ok(Head { revision: head.revision, hash })
}

/// What can be said of a batch without looking at the store.
fn check_batch(command: &Command, events: &[Prepared<'_>]) -> Result<(), AppendErrorKind> {
    let (given, limit) = (events.len(), limits::BATCH_EVENTS_MAX);
    if given == 0 {
        return Err(AppendErrorKind::EmptyBatch);
    }
    if given > limit {
        return Err(AppendErrorKind::BatchTooLarge { what: "events", given, limit });
    }
    command.evidence.as_ref().map_or(Ok(()), Evidence::check)?;
    let mut ids = HashSet::with_capacity(given);
    for (index, prepared) in events.iter().enumerate() {
        let event = prepared.event;
        let reserved = event.kind().is_library() || event.coordinate().is_library();
        if reserved && command.origin == Origin::Application {
            return Err(AppendErrorKind::Reserved { index });
        }
        if !ids.insert(prepared.id) {
            return Err(AppendErrorKind::DuplicateId { id: prepared.id });
        }
    }
    Ok(())
}

/// An index that names another event's place must not decide what is in the store.
fn check_place(frame: &Frame<'_>, entry: &IndexEntry) -> Result<(), AppendErrorKind> {
    match frame.header.id == entry.id && frame.header.position == entry.position {
        true => Ok(()),
        false => {
            let reason = format!("event {} does not stand where it says", entry.id);
            Err(index_failed(IndexError::Backend(reason.into())))
        }
    }
}

/// Whether a stored event has the content offered. The clock, the gate evidence and the conditions do not count.
fn compare(
    prepared: &Prepared<'_>,
    frame: &Frame<'_>,
    location: Location,
) -> Result<AppendReceipt, AppendErrorKind> {
    let (event, stored) = (prepared.event, &frame.header);
    // A salted payload's hash covers its salt, which is gone once it is erased: then it cannot be compared.
    let outcome = if frame.erased && stored.salted { Outcome::FoundErased } else { Outcome::Found };
    let same_payload = match (stored.salted, frame.erased) {
        (false, _) => stored.payload_hash == prepared.payload_hash,
        (true, true) => true,
        (true, false) => {
            let salt = frame.stored_payload.len() - frame.payload().map_or(0, <[u8]>::len);
            let salted = [&frame.stored_payload[..salt], event.payload().as_bytes()].concat();
            hash::payload(&salted) == stored.payload_hash
        }
    };
    let same = stored.id == prepared.id
        && stored.coordinate == *event.coordinate()
        && stored.kind == event.kind()
        && stored.payload_version == event.payload_version()
        && stored.dag.causes == *event.causes()
        && stored.dag.correlation_id == event.correlation_id().unwrap_or(prepared.id)
        && stored.tags == *event.tags()
        && stored.dag.occurred_ms == event.occurred_ms()
        && same_payload;
    match same {
        false => Err(AppendErrorKind::IdConflict { id: prepared.id, position: stored.position }),
        true => Ok(AppendReceipt {
            id: stored.id,
            position: stored.position,
            revision: stored.revision,
            hash: frame.hash(),
            location,
            outcome,
        }),
    }
}

fn depth_of(
    index: usize,
    prepared: &Prepared<'_>,
    depths: &HashMap<EventId, Depth>,
) -> Result<Depth, AppendErrorKind> {
    let mut deepest = None;
    for cause in prepared.event.causes().iter() {
        let depth = depths.get(&cause).copied().filter(|_| cause != prepared.id);
        let depth = depth.ok_or(AppendErrorKind::UnknownCause { index, cause })?;
        deepest = deepest.max(Some(depth));
    }
    deepest.map_or(Ok(Depth(0)), |deepest: Depth| Ok(deepest.next()?))
}

fn check_revision(index: usize, event: &NewEvent, actual: Option<Revision>) -> Result<(), AppendErrorKind> {
    let holds = match event.expected() {
        ExpectedRevision::Any => true,
        ExpectedRevision::Empty => actual.is_none(),
        ExpectedRevision::Exists => actual.is_some(),
        ExpectedRevision::Exactly(revision) => actual == Some(revision),
    };
    match holds {
        true => Ok(()),
        false => Err(AppendErrorKind::WrongRevision {
            index,
            stream: event.coordinate().clone(),
            expected: event.expected(),
            actual,
        }),
    }
}

fn not_encoded(index: usize, error: EncodeError) -> AppendErrorKind {
    match error {
        EncodeError::HeaderTooLong { bytes } => {
            AppendErrorKind::EventTooLarge { index, bytes, limit: limits::HEADER_BYTES_MAX }
        }
        EncodeError::FrameTooLong { bytes, limit } => AppendErrorKind::EventTooLarge { index, bytes, limit },
        EncodeError::GroupTooLong { bytes } => {
            AppendErrorKind::BatchTooLarge { what: "bytes", given: bytes, limit: limits::BATCH_BYTES_MAX }
        }
        error => AppendErrorKind::Unreadable { index, reason: error },
    }
}

pub(crate) fn index_failed(error: IndexError) -> AppendErrorKind {
    AppendErrorKind::IndexFailed(Arc::new(error))
}

/// Nothing has been written: the append may be tried again.
fn not_read(error: LogError) -> AppendErrorKind {
    AppendErrorKind::Refused(Arc::new(error))
}
