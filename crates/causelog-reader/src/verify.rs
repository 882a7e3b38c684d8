//! Verification: every group, frame, chain and root, and the counts of what was covered.

mod checker;
mod kept;

use std::ops::Range;
use std::sync::Arc;

use causelog_io::Storage;
use causelog_segment::{Damage, DamageKind, Findings, LogError, Progress, TornTail, Visit, inspect};
use causelog_types::{ByteOffset, Coordinate, Depth, EventId, Hlc, Position, Revision, StoreHead};

use crate::IndexQuestion;
pub use checker::Checker;
use kept::KeptHead;

/// What a verification has covered and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The end of the last whole group. Of a damaged store it is none to keep.
    pub head: StoreHead,
    /// Events that are right.
    pub events: u64,
    /// Commit groups that are whole, gaps included.
    pub groups: u64,
    /// Gaps: where events were lost before the store was salvaged. No finding.
    pub gaps: u64,
    /// Positions in gaps, which hold no event.
    pub lost: u64,
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
    /// The first 1,000 of the files that hold them.
    pub dead_files: Vec<String>,
    /// Whether a writer, this store's own included, has it open: then only what it has published was looked at.
    pub in_use: bool,
    /// Whether `lock` holds bytes of which none is a published end of this store: no finding, since a power cut may
    /// leave them, but nothing then shows that an end was cut off, unless `closed` or a kept head does.
    pub lock_is_unreadable: bool,
    /// Names in the directory that are not a store's, the first 1,000 by name: no finding.
    pub unknown_names: Vec<String>,
    /// How many more there are.
    pub more_unknown_names: u64,
    /// The first 1,000 ranges of positions that were there once and of which no whole group is left. Gaps are none.
    pub missing: Vec<Range<Position>>,
    /// How many positions are missing, those of further ranges included.
    pub missing_positions: u64,
    /// The greatest position that the log is known to have had, be that missing or not.
    pub known_end: Position,
    /// When a head was given that had been kept elsewhere and the log has it: everything from this position up to
    /// that head stands as it stood then.
    pub proven_from: Option<Position>,
    /// The first of what is wrong, at most 1,000 findings, by file and offset.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more_findings: u64,
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
    /// The log ends before a head that was kept elsewhere.
    #[error(
        "the log ends at position {found}, before the kept head at {kept}: its end was cut off, or the head is of another store; restore the rest from a backup"
    )]
    HeadCutOff {
        /// The position of the kept head.
        kept: Position,
        /// Where the log ends.
        found: Position,
    },
    /// The log has another root at the position of a head that was kept elsewhere.
    #[error(
        "the root at position {0} is not that of the kept head: an event before it was changed, or the head is of another store"
    )]
    HeadChanged(Position),
    /// An index answers a question otherwise than the log.
    #[error("the index does not say as the log does {0}; remove the index files")]
    IndexDiffers(IndexQuestion),
    /// The position of a head that was kept elsewhere lies where nothing can be read.
    #[error("position {0} of the kept head lies in what is damaged or lost, so that nothing can be compared")]
    HeadUnreadable(Position),
}

impl From<Damage> for Finding {
    fn from(damage: Damage) -> Self {
        Self { file: damage.file, offset: damage.offset, kind: FindingKind::Damage(damage.kind) }
    }
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
            Self::HeadCutOff { .. } => "head_cut_off",
            Self::HeadChanged(_) => "head_changed",
            Self::IndexDiffers(_) => "index_differs",
            Self::HeadUnreadable(_) => "head_unreadable",
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
    verify_telling(storage, None, &mut |_| {})
}

/// As [`verify`], and compares with a head that was kept elsewhere: then it is also a finding if anything was cut
/// off before that head, or changed. [`VerifyReport::proven_from`] says from where on that holds.
///
/// A head to keep is what [`Reader::end`](crate::Reader::end) and every report give.
///
/// # Errors
/// As [`verify`].
pub fn verify_against(storage: Arc<dyn Storage>, kept: StoreHead) -> Result<VerifyReport, LogError> {
    verify_telling(storage, Some(kept), &mut |_| {})
}

/// As [`verify`], or [`verify_against`] a kept head, and tells on the way how far it is.
///
/// # Errors
/// As [`verify`].
pub fn verify_telling(
    storage: Arc<dyn Storage>,
    kept: Option<StoreHead>,
    tell: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    verify_visiting(storage, kept, &mut |_| {}, tell)
}

/// As [`verify_telling`], and shows all that is visited to somebody else too: what a look at index files needs, say, of
/// one walk over the log.
///
/// # Errors
/// As [`verify`].
pub fn verify_visiting(
    storage: Arc<dyn Storage>,
    kept: Option<StoreHead>,
    show: &mut dyn FnMut(&Visit<'_>),
    tell: &mut dyn FnMut(Progress),
) -> Result<VerifyReport, LogError> {
    let mut checker = Checker::default();
    let mut kept = kept.map(|head| KeptHead::new(head, storage.display()));
    let mut visit = |visit: Visit<'_>| {
        if let Some(kept) = &mut kept {
            kept.visit(&visit);
        }
        show(&visit);
        match visit {
            Visit::Group(group, segment) => checker.group(group, segment),
            Visit::Break => checker.join_anew(),
        }
    };
    let inspection = inspect(storage, &mut visit, tell)?;
    let mut findings = Findings::default();
    findings.extend(inspection.findings.into_iter().map(Finding::from));
    let (events, more_events) = checker.findings.into_parts();
    findings.extend(events);
    findings.count(inspection.more_findings.saturating_add(more_events));
    let proven_from = match kept.map(|kept| kept.judge(inspection.head)) {
        None => None,
        Some(Ok(from)) => Some(from),
        Some(Err(finding)) => {
            findings.keep(finding);
            None
        }
    };
    let (mut findings, more_findings) = findings.into_parts();
    findings.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    Ok(VerifyReport {
        head: inspection.head,
        events: checker.events,
        groups: inspection.groups,
        gaps: checker.gaps,
        lost: checker.lost,
        segments: inspection.segments,
        streams: checker.streams.len(),
        bytes: inspection.bytes,
        torn_tail: inspection.torn_tail,
        dead_bytes: inspection.dead_bytes,
        dead_files: inspection.dead_files,
        in_use: inspection.in_use,
        lock_is_unreadable: inspection.lock_is_unreadable,
        unknown_names: inspection.unknown_names,
        more_unknown_names: inspection.more_unknown_names,
        missing: inspection.missing,
        missing_positions: inspection.missing_positions,
        known_end: inspection.known_end,
        proven_from,
        findings,
        more_findings,
    })
}
