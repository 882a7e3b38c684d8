//! Judging: ids first, then conditions, causes and revisions, against what is committed and what is staged.

use std::sync::Arc;

use causelog_index::{Direction, Index, IndexError, Selection};
use causelog_segment::{FrameReader, Log, LogError, Snapshot};
use causelog_types::{
    Coordinate, DagPosition, Depth, EventHash, EventId, Evidence, ExpectedRevision, Header, InvalidValue,
    NewEvent, Position, Revision, limits, planted, widen,
};
use causelog_wire::EncodeError;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::command::{AppendCondition, AppendReceipt, Command, Origin, Prepared};
use crate::durability::Durability;
use crate::error::{AppendErrorKind, Place};
use crate::staged::{Head, StagedEvent, StagedGroup};
use crate::stored;

/// What a command comes to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Its events are the group's last.
    Staged,
    /// All of its events are committed already.
    Found(Vec<AppendReceipt>),
    /// All of its events are stored already, up to this one, which is only staged.
    FoundStaged(Position),
}

/// A command that is refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: AppendErrorKind,
    /// The last event that it rests on and that is only staged: it must not be told before that is committed.
    pub(crate) rests_on: Option<Position>,
}

impl From<AppendErrorKind> for Refusal {
    fn from(kind: AppendErrorKind) -> Self {
        Self { kind, rests_on: None }
    }
}

/// Beyond so many streams that were asked for, those that have no event in the group are forgotten.
const HEADS_MAX: usize = 32_768;

/// Judges one command.
pub(crate) struct Judge<'a> {
    pub(crate) index: &'a dyn Index,
    pub(crate) log: &'a Log,
    /// What is committed.
    pub(crate) committed: &'a Snapshot,
    /// Up to where that is durable, and what holds for the rest.
    pub(crate) durable: Position,
    pub(crate) mode: Durability,
    /// The group that is being written.
    pub(crate) flight: Option<&'a StagedGroup>,
    /// The group that is being collected.
    pub(crate) staged: &'a mut StagedGroup,
    pub(crate) now_ms: u64,
    pub(crate) frame_bytes_max: usize,
}

impl Judge<'_> {
    /// Judges a command; adds its events to the staged group, or leaves that as it was.
    pub(crate) fn judge(&mut self, command: &Command) -> Result<Verdict, Refusal> {
        check_batch(command)?;
        let (mark, hlc) = (self.staged.events.len(), self.staged.hlc);
        let verdict = self.judge_checked(command);
        if !matches!(verdict, Ok(Verdict::Staged)) {
            command.prepared().for_each(|prepared| self.forget_id(prepared.id, mark));
            if self.staged.events.len() > mark && !planted!("keep-what-a-refused-batch-began") {
                self.staged.truncate(mark, hlc);
            } else if mark == 0 || self.staged.heads_known() > HEADS_MAX {
                // Refused commands must not fill the memory with the streams that they have asked for.
                self.staged.rebuild_heads();
            }
        }
        verdict
    }

    fn judge_checked(&mut self, command: &Command) -> Result<Verdict, Refusal> {
        if let Some(verdict) = self.find_stored(command)? {
            return Ok(verdict);
        }
        self.check_conditions(command)?;
        let slots = self.heads(command)?;
        let depths = self.committed_depths(command)?;
        self.stage(command, &slots, &depths)?;
        Ok(Verdict::Staged)
    }

    fn forget_id(&mut self, id: EventId, mark: usize) {
        let mark = u32::try_from(mark).unwrap_or(u32::MAX);
        if let Entry::Occupied(known) = self.staged.ids.entry(id)
            && *known.get() >= mark
        {
            known.remove();
        }
    }

    /// Whether the events are stored already: all of them, or none. Judged before the conditions, so that a retry
    /// succeeds. Takes the ids down as the group's next ones.
    fn find_stored(&mut self, command: &Command) -> Result<Option<Verdict>, Refusal> {
        let mark = self.staged.events.len();
        let mut unstaged = Vec::with_capacity(command.len());
        let (mut stored, mut rests_on) = (Vec::new(), None);
        for (index, prepared) in command.prepared().enumerate() {
            let at = u32::try_from(mark + index).unwrap_or(u32::MAX);
            let staged = match self.staged.ids.entry(prepared.id) {
                Entry::Vacant(vacant) => {
                    vacant.insert(at);
                    let flight = self.flight.filter(|_| !planted!("forget-ids-in-flight"));
                    flight.and_then(|flight| flight.find(prepared.id))
                }
                Entry::Occupied(known) => {
                    let known = usize::try_from(*known.get()).unwrap_or(usize::MAX);
                    let staged = self.staged.events.get(known);
                    Some(staged.ok_or(AppendErrorKind::DuplicateId { id: prepared.id })?)
                }
            };
            let Some(event) = staged else {
                unstaged.push(prepared);
                continue;
            };
            let position = event.header.position;
            if !stored::has_content(&event.header, &prepared) {
                let kind = AppendErrorKind::IdConflict { id: prepared.id, position };
                return Err(Refusal { kind, rests_on: Some(position) });
            }
            stored.push(prepared.id);
            rests_on = rests_on.max(Some(position));
        }
        if let Some(id) = twice(&stored) {
            return Err(AppendErrorKind::DuplicateId { id }.into());
        }
        let receipts = self.find_committed(&unstaged)?;
        match (receipts.len() + stored.len(), rests_on) {
            (0, _) => Ok(None),
            (all, None) if all == command.len() => Ok(Some(Verdict::Found(receipts))),
            (all, Some(last)) if all == command.len() => Ok(Some(Verdict::FoundStaged(last))),
            (_, rests_on) => {
                stored.extend(receipts.iter().map(|receipt| receipt.id));
                Err(Refusal { kind: AppendErrorKind::PartlyStored { stored }, rests_on })
            }
        }
    }

    fn find_committed(&self, events: &[Prepared<'_>]) -> Result<Vec<AppendReceipt>, AppendErrorKind> {
        planted!("forget-ids-that-are-stored" => return Ok(Vec::new()));
        let ids: Vec<EventId> = events.iter().map(|prepared| prepared.id).collect();
        let found = self.index.lookup(&ids, self.committed.end.position).map_err(index_failed)?;
        let mut frames: Option<FrameReader> = None;
        let mut receipts = Vec::new();
        for (prepared, entry) in events.iter().zip(found) {
            let Some(entry) = entry else { continue };
            let frames = frames.get_or_insert_with(|| self.log.frames(self.committed));
            let frame = frames.read(entry.location).map_err(not_read)?;
            stored::check_place(&frame, &entry)?;
            let durability = if entry.position < self.durable { Durability::Sync } else { self.mode };
            receipts.push(stored::compare(prepared, &frame, entry.location, durability)?);
        }
        Ok(receipts)
    }

    /// All conditions hold, or the first event that any of them does not allow is named.
    fn check_conditions(&self, command: &Command) -> Result<(), Refusal> {
        let mut first: Option<(Position, EventId, usize, &AppendCondition)> = None;
        for (index, condition) in command.conditions.iter().enumerate() {
            let found = match self.first_committed(condition)? {
                Some(found) => Some(found),
                None => self.first_staged(condition),
            };
            if let Some((id, position)) = found
                && first.is_none_or(|(before, ..)| position < before)
            {
                first = Some((position, id, index, condition));
            }
        }
        let Some((position, id, index, AppendCondition { region, from })) = first else {
            return self.check_gaps(command);
        };
        let region = Box::new(region.clone());
        let kind = AppendErrorKind::ConditionFailed { index, region, from: *from, id, position };
        let rests_on = (position >= self.committed.end.position).then_some(position);
        Err(Refusal { kind, rests_on })
    }

    /// No condition asks about what was lost: it may have been of any region.
    fn check_gaps(&self, command: &Command) -> Result<(), Refusal> {
        if command.conditions.is_empty() || command.over_gaps {
            return Ok(());
        }
        let gaps = self.index.gaps(self.committed.end.position).map_err(index_failed)?;
        for (index, AppendCondition { region, from }) in command.conditions.iter().enumerate() {
            let asked = region.position_range();
            let start = asked.start.max(*from);
            let mut within = gaps.iter().map(|gap| gap.start.max(start)..gap.end.min(asked.end));
            if let Some(lost) = within.find(|gap| gap.start < gap.end) {
                return Err(AppendErrorKind::ConditionUnknown { index, lost }.into());
            }
        }
        Ok(())
    }

    fn first_staged(&self, condition: &AppendCondition) -> Option<(EventId, Position)> {
        planted!("condition-misses-what-is-staged" => return None);
        let flight = self.flight.map_or(&[][..], |flight| &flight.events);
        let mut staged = flight.iter().chain(&self.staged.events).map(|event| &event.header);
        let found = staged
            .find(|header| header.position >= condition.from && condition.region.matches(&header.facts()))?;
        Some((found.id, found.position))
    }

    /// The first committed event that a condition does not allow. What an index says too much of is seen from the
    /// event itself.
    fn first_committed(
        &self,
        condition: &AppendCondition,
    ) -> Result<Option<(EventId, Position)>, AppendErrorKind> {
        let as_of = self.committed.end.position;
        let (mut from, mut frames) = (condition.from, None);
        while from < as_of {
            let selection = Selection {
                region: &condition.region,
                from,
                direction: Direction::Forwards,
                limit: 1,
                as_of,
            };
            let found = self.index.select(&selection).map_err(index_failed)?;
            let Some(entry) = found.first() else { return Ok(None) };
            let frames: &mut FrameReader = frames.get_or_insert_with(|| self.log.frames(self.committed));
            let frame = frames.read(entry.location).map_err(not_read)?;
            stored::check_place(&frame, entry)?;
            if condition.region.matches(&frame.header.facts()) {
                return Ok(Some((entry.id, entry.position)));
            }
            from = Position(entry.position.0.saturating_add(1));
        }
        Ok(None)
    }

    /// For each event, where its stream's head is kept; every stream is asked for once.
    fn heads(&mut self, command: &Command) -> Result<Vec<u32>, AppendErrorKind> {
        let mut slots = Vec::with_capacity(command.len());
        let mut unknown: Vec<(u32, &Coordinate)> = Vec::new();
        for prepared in command.prepared() {
            let stream = prepared.event.coordinate();
            let slot = self.staged.slot(stream).unwrap_or_else(|| {
                let flight = self.flight.filter(|_| !planted!("revision-misses-what-is-in-flight"));
                let in_flight = flight.and_then(|flight| flight.known_head(stream));
                let slot = self.staged.add_slot(stream, in_flight.flatten());
                if in_flight.is_none() {
                    unknown.push((slot, stream));
                }
                slot
            });
            slots.push(slot);
        }
        if unknown.is_empty() {
            return Ok(slots);
        }
        let streams: Vec<&Coordinate> = unknown.iter().map(|(_, stream)| *stream).collect();
        let found = self.index.heads(&streams, self.committed.end.position).map_err(index_failed);
        let found = found.inspect_err(|_| self.staged.rebuild_heads())?;
        for ((slot, stream), head) in unknown.into_iter().zip(found) {
            let Some(head) = head else { continue };
            let Some(hash) = head.hash else {
                self.staged.rebuild_heads();
                let reason = format!("it gave no hash for the newest event of stream {stream}");
                return Err(index_failed(IndexError::Backend(reason.into())));
            };
            let head = Head { position: head.position, revision: head.revision, hash };
            self.staged.set_head(slot, Some(head));
        }
        Ok(slots)
    }

    /// The depths of the causes that are committed.
    fn committed_depths(&self, command: &Command) -> Result<HashMap<EventId, Depth>, AppendErrorKind> {
        let causes = command.prepared().flat_map(|prepared| prepared.event.causes().iter());
        let mut ids: Vec<EventId> = causes.filter(|cause| self.staged_depth(*cause).is_none()).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        ids.sort_unstable();
        ids.dedup();
        let found = self.index.lookup(&ids, self.committed.end.position).map_err(index_failed)?;
        Ok(found.into_iter().flatten().map(|entry| (entry.id, entry.depth)).collect())
    }

    fn staged_depth(&self, id: EventId) -> Option<Depth> {
        let staged = self.staged.find(id).or_else(|| self.flight.and_then(|flight| flight.find(id)));
        staged.map(|event| event.header.dag.depth)
    }

    fn stage(
        &mut self,
        command: &Command,
        slots: &[u32],
        depths: &HashMap<EventId, Depth>,
    ) -> Result<(), Refusal> {
        let group_bytes = self.staged.buffer.len();
        self.staged.events.reserve(command.len());
        for (index, (prepared, slot)) in command.prepared().zip(slots).enumerate() {
            let depth = self.depth_of(index, &prepared, depths)?;
            let head = self.staged.head(*slot);
            self.check_revision(index, prepared.event, head)?;
            let header = self.header(command, index, &prepared, head, depth)?;
            let frame = self.staged.buffer.push(&header, prepared.event.payload().as_bytes());
            let frame = frame.map_err(|error| not_encoded(index, error))?;
            let (position, revision) = (header.position, header.revision);
            self.staged.hlc = header.dag.hlc;
            self.staged.set_head(*slot, Some(Head { position, revision, hash: frame.hash }));
            let event = StagedEvent { header, hash: frame.hash, start: frame.start, bytes: frame.bytes };
            self.staged.events.push(event);
            self.check_frame(index, frame.bytes)?;
        }
        let (given, limit) = (self.staged.buffer.len() - group_bytes, limits::BATCH_BYTES_MAX);
        match given > limit {
            true => Err(AppendErrorKind::BatchTooLarge { what: "bytes", given, limit }.into()),
            false => Ok(()),
        }
    }

    fn header(
        &self,
        command: &Command,
        index: usize,
        prepared: &Prepared<'_>,
        head: Option<Head>,
        depth: Depth,
    ) -> Result<Header, AppendErrorKind> {
        let event = prepared.event;
        if self.staged.next().0 >= u64::MAX - 2 {
            return Err(InvalidValue::Exhausted { what: "the store's position" }.into());
        }
        Ok(Header {
            id: prepared.id,
            coordinate: event.coordinate().clone(),
            kind: event.kind(),
            payload_version: event.payload_version(),
            position: self.staged.next(),
            revision: head.map_or(Ok(Revision(0)), |head| head.revision.next())?,
            previous_hash: head
                .map(|head| if planted!("chain-not-linked") { EventHash([0; 32]) } else { head.hash }),
            payload_hash: prepared.payload_hash,
            dag: DagPosition {
                correlation_id: event.correlation_id().unwrap_or(prepared.id),
                causes: event.causes().clone(),
                depth,
                hlc: self.staged.hlc.next(self.now_ms)?,
                occurred_ms: event.occurred_ms(),
            },
            tags: event.tags().clone(),
            evidence: command.evidence.clone(),
            batch_remaining: u32::try_from(command.len() - 1 - index).unwrap_or(u32::MAX),
            salted: false,
        })
    }

    fn depth_of(
        &self,
        index: usize,
        prepared: &Prepared<'_>,
        committed: &HashMap<EventId, Depth>,
    ) -> Result<Depth, AppendErrorKind> {
        let mut deepest: Option<Depth> = None;
        for cause in prepared.event.causes().iter() {
            let depth = self.staged_depth(cause).or_else(|| committed.get(&cause).copied());
            deepest = deepest.max(Some(depth.ok_or(AppendErrorKind::UnknownCause { index, cause })?));
        }
        deepest.map_or(Ok(Depth(0)), |deepest| Ok(deepest.next()?))
    }

    fn check_revision(&self, index: usize, event: &NewEvent, head: Option<Head>) -> Result<(), Refusal> {
        let (expected, actual) = (event.expected(), head.map(|head| head.revision));
        let holds = match expected {
            ExpectedRevision::Any => true,
            ExpectedRevision::Empty => actual.is_none(),
            ExpectedRevision::Exists => actual.is_some(),
            ExpectedRevision::Exactly(revision) => actual == Some(revision),
        };
        if holds {
            return Ok(());
        }
        let stream = event.coordinate().clone();
        let before = self.staged.next().0.saturating_sub(widen(index));
        let ends = head.map(|head| head.position);
        let place = ends.map(|position| match position.0.checked_sub(before).map(usize::try_from) {
            Some(Ok(earlier)) => Place::Batch(earlier),
            _ => Place::Store(position),
        });
        let kind = AppendErrorKind::WrongRevision { index, stream, expected, actual, place };
        Err(Refusal { kind, rests_on: ends.filter(|position| *position >= self.committed.end.position) })
    }

    fn check_frame(&self, index: usize, bytes: u32) -> Result<(), AppendErrorKind> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        match bytes > self.frame_bytes_max {
            true => Err(AppendErrorKind::EventTooLarge { index, bytes, limit: self.frame_bytes_max }),
            false => Ok(()),
        }
    }
}

/// What can be said of a batch without looking at the store.
fn check_batch(command: &Command) -> Result<(), AppendErrorKind> {
    let (given, limit) = (command.len(), limits::BATCH_EVENTS_MAX);
    if given == 0 {
        return Err(AppendErrorKind::EmptyBatch);
    }
    if given > limit {
        return Err(AppendErrorKind::BatchTooLarge { what: "events", given, limit });
    }
    let (given, limit) = (command.conditions.len(), limits::CONDITIONS_MAX);
    if given > limit {
        return Err(AppendErrorKind::BatchTooLarge { what: "conditions", given, limit });
    }
    command.evidence.as_ref().map_or(Ok(()), Evidence::check)?;
    if command.origin == Origin::Application {
        let reserved = |event: &NewEvent| event.kind().is_library() || event.coordinate().is_library();
        if let Some(index) = command.prepared().position(|prepared| reserved(prepared.event)) {
            return Err(AppendErrorKind::Reserved { index });
        }
    }
    Ok(())
}

/// An id that is there more than once.
fn twice(ids: &[EventId]) -> Option<EventId> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
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

/// A question was not answered. Damage of the log is told as such, though the index has met it.
pub(crate) fn index_failed(error: IndexError) -> AppendErrorKind {
    error.into_backend().map_or_else(|error| AppendErrorKind::IndexFailed(Arc::new(error)), not_read)
}

/// Nothing has been written: where the system refused, the append may be tried again.
pub(crate) fn not_read(error: LogError) -> AppendErrorKind {
    match error {
        LogError::Damaged(_) => AppendErrorKind::StoredUnreadable(Arc::new(error)),
        error => AppendErrorKind::Refused(Arc::new(error)),
    }
}
