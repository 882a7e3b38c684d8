//! What can be wrong with a log.

use std::fmt;

use causelog_io::IoError;
use causelog_types::{ByteOffset, Position, SegmentNumber, StoreId};
use causelog_wire::Rule;

/// A log that cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Another writer has the directory open.
    #[error("{directory} is locked: another writer has it open; close it there, or open it read-only here")]
    Locked {
        /// The directory.
        directory: String,
    },
    /// The directory is no longer the one that was opened: its lock file has been replaced or moved.
    #[error("{directory} was moved or its lock file was replaced while it was open; open it again")]
    Moved {
        /// The directory.
        directory: String,
    },
    /// There is no store here.
    #[error("{directory} holds no causelog store")]
    NotAStore {
        /// The directory.
        directory: String,
    },
    /// An earlier step failed after it may have written something.
    #[error("an earlier write or sync in {directory} failed, so nothing more is written; open it again")]
    Poisoned {
        /// The directory.
        directory: String,
    },
    /// Bytes that cannot be right.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Bytes that cannot be right, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, offset {offset}: {kind}")]
pub struct Damage {
    /// The file, with its path as far as known.
    pub file: String,
    /// Where, from its beginning.
    pub offset: ByteOffset,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with bytes of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DamageKind {
    /// A rule of the format is broken.
    #[error("{0}")]
    Rule(Rule),
    /// The file ends in the middle of something.
    #[error("the file ends before the {need} bytes that stand here do")]
    Incomplete {
        /// How many bytes were needed from there on.
        need: u64,
    },
    /// Something that is no regular file stands under the file's name.
    #[error("it is not a regular file, and links and special files are never opened")]
    NotAFile,
    /// The store has segments but no `store` file.
    #[error("the store file is missing; restore it from a backup")]
    IdentityMissing,
    /// A segment that others refer to is not there.
    #[error("segment {0} is missing; restore it from a backup, or salvage the others")]
    SegmentMissing(SegmentNumber),
    /// A segment, the mark of a clean close, or the `store` file itself, of another store.
    #[error("the file belongs to another store ({0})")]
    SegmentForeign(StoreId),
    /// A segment under another's name: renamed or duplicated.
    #[error("the segment is number {0} by its own header; it was renamed or duplicated")]
    SegmentMisnamed(SegmentNumber),
    /// A segment that does not follow the one before it.
    #[error("the segment does not follow the one before it; one of the two is an older copy or was replaced")]
    SegmentOutOfOrder,
    /// A segment shorter than its successor says it is.
    #[error("the segment is {length} bytes long, but its successor says {recorded}")]
    SegmentShort {
        /// Its length.
        length: u64,
        /// The length that its successor recorded.
        recorded: u64,
    },
    /// One bit of a segment's header is not as it was written. Only said where it was read as if it were.
    #[error(
        "one bit of this byte of the segment's header is flipped; it was turned back to read the segment"
    )]
    HeaderBitFlipped,
    /// A group or an event that stands at another position than it must.
    #[error("position {expected} is due here, but {found} is given")]
    OutOfOrder {
        /// The position due.
        expected: Position,
        /// The position given.
        found: Position,
    },
    /// The running hash does not fit.
    #[error("the running hash at position {0} does not fit: events were changed, left out or added")]
    RootBroken(Position),
    /// An atomic batch that does not end where it must.
    #[error("an atomic batch is broken at position {0}")]
    BatchBroken(Position),
    /// The published end lies beyond the log.
    #[error(
        "the log ends at position {found}, but {published} had been published: its end was cut off or replaced"
    )]
    CutOff {
        /// The log's end.
        found: Position,
        /// The published end.
        published: Position,
    },
    /// The log differs from what a clean close recorded.
    #[error("the store was closed cleanly at position {closed}, but {}", EndsAt(*closed, *found))]
    ChangedAfterClose {
        /// The end at the clean close.
        closed: Position,
        /// The log's end.
        found: Position,
    },
    /// Bytes stand where a clean close recorded the end.
    #[error("bytes stand behind the end that the clean close recorded, position {0}")]
    BehindClose(Position),
}

impl Damage {
    /// Whether the bytes may be right, but for a newer release.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self.kind, DamageKind::Rule(rule) if rule.is_unsupported())
    }
}

impl DamageKind {
    /// A short name for programs; stable.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rule(rule) if rule.is_unsupported() => "unsupported",
            Self::Rule(_) => "corrupt",
            Self::Incomplete { .. } => "incomplete",
            Self::NotAFile => "not_a_file",
            Self::IdentityMissing => "identity_missing",
            Self::SegmentMissing(_) => "segment_missing",
            Self::SegmentForeign(_) => "segment_foreign",
            Self::SegmentMisnamed(_) => "segment_misnamed",
            Self::SegmentOutOfOrder => "segment_out_of_order",
            Self::SegmentShort { .. } => "segment_short",
            Self::HeaderBitFlipped => "header_bit_flipped",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::RootBroken(_) => "root_broken",
            Self::BatchBroken(_) => "batch_broken",
            Self::CutOff { .. } => "cut_off",
            Self::ChangedAfterClose { .. } | Self::BehindClose(_) => "changed_after_close",
        }
    }
}

/// Where a log ends, beside where a clean close says.
struct EndsAt(Position, Position);

impl fmt::Display for EndsAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(closed, found) = self;
        match closed == found {
            true => f.write_str("the log there is not the one that was closed"),
            false => write!(f, "the log ends at position {found}"),
        }
    }
}
