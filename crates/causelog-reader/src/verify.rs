//! Verification: every group, frame, chain and root, and the counts of what was covered.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::Storage;
use causelog_segment::{DamageKind, Group, LogError, Segment, StoredEvent, TornTail, Visit, inspect};
use causelog_types::{ByteOffset, Coordinate, Depth, EventHash, EventId, Header, Hlc, Revision, StoreHead};

/// What a verification has covered and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The end of the last whole group.
    pub head: StoreHead,
    /// Events that are right.
    pub events: u64,
    /// Commit groups that are whole.
    pub groups: u64,
    /// Segments.
    pub segments: usize,
    /// Streams.
    pub streams: usize,
    /// Bytes of segments that are right.
    pub bytes: u64,
    /// Bytes at the end that nothing shows to have been synced: no finding.
    pub torn_tail: Option<TornTail>,
    /// Bytes behind the valid end of segments that have a successor: no finding.
    pub dead_bytes: u64,
    /// Whether a writer, this store's own included, has it open: then only what it has published was looked at.
    pub in_use: bool,
    /// All damage, in the order found.
    pub findings: Vec<Finding>,
}

/// One piece of damage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, offset {offset}: {kind}")]
pub struct Finding {
    /// The file, with its path as far as known.
    pub file: String,
    /// Where, from its beginning.
    pub offset: ByteOffset,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FindingKind {
    /// The log's bytes.
    #[error(transparent)]
    Damage(DamageKind),
    /// An event's revision does not follow the one before it in its stream.
    #[error("the event has revision {found} in stream {stream}, where {expected} is due")]
    RevisionBroken {
        /// The stream.
        stream: Coordinate,
        /// The revision due.
        expected: Revision,
        /// The revision given.
        found: Revision,
    },
    /// An event does not hold the hash of the one before it in its stream.
    #[error("the hash chain of stream {stream} is broken at revision {revision}")]
    ChainBroken {
        /// The stream.
        stream: Coordinate,
        /// The event's revision.
        revision: Revision,
    },
    /// An event has the id of one before it.
    #[error("the event has the id {id}, which an event before it has")]
    IdTwice {
        /// The id.
        id: EventId,
    },
    /// An event names a cause that does not stand before it.
    #[error("the event names cause {cause}, which does not stand before it")]
    CauseMissing {
        /// The cause.
        cause: EventId,
    },
    /// An event's depth is not one more than the greatest of its causes.
    #[error("the event has depth {found}, where its causes make it {expected}")]
    DepthBroken {
        /// The depth due.
        expected: Depth,
        /// The depth given.
        found: Depth,
    },
    /// An event was recorded before the one before it.
    #[error("the event's recorded time {found} does not follow {before}")]
    ClockBroken {
        /// The recorded time before.
        before: Hlc,
        /// The recorded time given.
        found: Hlc,
    },
    /// A payload is not the one that its header vouches for.
    #[error("the payload is not the one that its header vouches for")]
    PayloadChanged,
}

impl FindingKind {
    /// A short name for programs; stable.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Damage(kind) => kind.name(),
            Self::RevisionBroken { .. } => "revision_broken",
            Self::ChainBroken { .. } => "chain_broken",
            Self::IdTwice { .. } => "id_twice",
            Self::CauseMissing { .. } => "cause_missing",
            Self::DepthBroken { .. } => "depth_broken",
            Self::ClockBroken { .. } => "clock_broken",
            Self::PayloadChanged => "payload_changed",
        }
    }
}

impl VerifyReport {
    /// Whether nothing is wrong. A torn tail and dead bytes are not wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Walks over every group, frame, chain and root of a store, and goes on behind damage. Changes nothing.
///
/// Beside a living writer it covers what that one has published. It holds the id and the depth of every event in
/// memory, about 40 bytes each: ids are to be unique, and causes to stand before their effects.
///
/// # Errors
/// There is no store, or the system refuses. Damage is no error here, but a finding.
pub fn verify(storage: Arc<dyn Storage>) -> Result<VerifyReport, LogError> {
    let mut checker = Checker::default();
    let inspection = inspect(storage, &mut |visit| match visit {
        Visit::Group(group, segment) => checker.group(group, segment),
        Visit::Break => checker.join_anew(),
    })?;
    let damage = inspection.findings.into_iter().map(|found| Finding {
        file: found.file,
        offset: found.offset,
        kind: FindingKind::Damage(found.kind),
    });
    let mut findings: Vec<Finding> = damage.chain(checker.findings).collect();
    findings.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    Ok(VerifyReport {
        head: inspection.head,
        events: checker.events,
        groups: inspection.groups,
        segments: inspection.segments,
        streams: checker.streams.len(),
        bytes: inspection.bytes,
        torn_tail: inspection.torn_tail,
        dead_bytes: inspection.dead_bytes,
        in_use: inspection.in_use,
        findings,
    })
}

/// Follows every stream and every cause.
#[derive(Default)]
struct Checker {
    streams: HashMap<Coordinate, Link>,
    depths: HashMap<EventId, Depth>,
    /// How often the walk has been broken: links from before the last time bind nothing.
    breaks: u32,
    hlc: Option<Hlc>,
    events: u64,
    findings: Vec<Finding>,
}

struct Link {
    revision: Revision,
    hash: EventHash,
    breaks: u32,
}

impl Checker {
    fn join_anew(&mut self) {
        self.breaks = self.breaks.saturating_add(1);
    }

    fn group(&mut self, group: &Group, segment: &Segment) {
        for event in &group.events {
            if let Err(kind) = self.event(event) {
                let (file, offset) = (segment.path(), event.location.offset);
                self.findings.push(Finding { file, offset, kind });
            } else {
                self.events += 1;
            }
            let header = &event.header;
            let link = Link { revision: header.revision, hash: event.hash, breaks: self.breaks };
            self.streams.insert(header.coordinate.clone(), link);
            self.depths.insert(header.id, header.dag.depth);
        }
    }

    fn event(&mut self, event: &StoredEvent) -> Result<(), FindingKind> {
        let header = &event.header;
        let found = header.dag.hlc;
        if let Some(before) = self.hlc.replace(found)
            && found <= before
        {
            return Err(FindingKind::ClockBroken { before, found });
        }
        if event.payload_is_right == Some(false) {
            return Err(FindingKind::PayloadChanged);
        }
        if self.depths.contains_key(&header.id) {
            return Err(FindingKind::IdTwice { id: header.id });
        }
        self.causes(header)?;
        self.link(header)
    }

    fn causes(&self, header: &Header) -> Result<(), FindingKind> {
        let mut deepest = None;
        for cause in header.dag.causes.iter() {
            match self.depths.get(&cause) {
                Some(depth) => deepest = deepest.max(Some(*depth)),
                // It may be among the events that are missing.
                None if self.breaks > 0 => return Ok(()),
                None => return Err(FindingKind::CauseMissing { cause }),
            }
        }
        let expected = deepest.map_or(Depth(0), |deepest| Depth(deepest.0.saturating_add(1)));
        let found = header.dag.depth;
        match found == expected {
            true => Ok(()),
            false => Err(FindingKind::DepthBroken { expected, found }),
        }
    }

    fn link(&self, header: &Header) -> Result<(), FindingKind> {
        let stream = || header.coordinate.clone();
        let link = self.streams.get(&header.coordinate);
        let (expected, previous) = match link {
            Some(link) if link.breaks == self.breaks => {
                (Revision(link.revision.0.saturating_add(1)), Some(link.hash))
            }
            // Events of the stream may be missing: what stands here is taken as it is.
            _ if self.breaks > 0 => return Ok(()),
            _ => (Revision(0), None),
        };
        if header.revision != expected {
            let found = header.revision;
            return Err(FindingKind::RevisionBroken { stream: stream(), expected, found });
        }
        match header.previous_hash == previous {
            true => Ok(()),
            false => Err(FindingKind::ChainBroken { stream: stream(), revision: header.revision }),
        }
    }
}
