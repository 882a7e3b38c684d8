//! What the product says of damage: in one word, of which file, and of which place in it.

use causelog::{
    ByteOffset, Damage, DamageKind, Finding, FindingKind, IndexFileFinding, LogError, OpenError, ReadError,
    TornTail,
};
use causelog_segment::segment_name;

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What is wrong, in the product's short name for it.
    pub(crate) name: &'static str,
    /// The file's name; of a head that does not fit the directory's.
    pub(crate) file: String,
    /// The file that shows it: of a segment that is missing the one that refers to it, and else the same.
    pub(crate) by: String,
    /// Where in it, as far as that is said.
    pub(crate) offset: Option<u64>,
}

/// The name for bytes at the end that nothing shows to have been synced.
pub(crate) const TORN_TAIL: &str = "torn_tail";

impl Said {
    fn new(name: &'static str, path: &str, offset: Option<u64>) -> Self {
        let file = path.rsplit('/').next().unwrap_or(path).to_owned();
        Self { name, by: file.clone(), file, offset }
    }

    /// A segment that is missing is named in the sentence: the file is the one that refers to it.
    fn of(name: &'static str, file: &str, offset: ByteOffset, damage: Option<&DamageKind>) -> Self {
        let said = Self::new(name, file, Some(offset.0));
        match damage {
            Some(DamageKind::SegmentMissing(number)) => {
                Self { file: segment_name(*number), offset: None, ..said }
            }
            _ => said,
        }
    }

    fn damage(Damage { file, offset, kind }: &Damage) -> Self {
        Self::of(kind.name(), file, *offset, Some(kind))
    }

    pub(crate) fn finding(Finding { file, offset, kind }: &Finding) -> Self {
        let damage = match kind {
            FindingKind::Damage(damage) => Some(damage),
            _ => None,
        };
        Self::of(kind.name(), file, *offset, damage)
    }

    pub(crate) fn torn(torn: &TornTail) -> Self {
        Self::new(TORN_TAIL, &torn.file, Some(torn.offset.0))
    }

    pub(crate) fn derived(found: &IndexFileFinding) -> Self {
        Self::new(found.flaw.name(), &found.file, found.offset.map(|offset| offset.0))
    }

    pub(crate) fn by_log(error: &LogError) -> Self {
        match error {
            LogError::Damaged(damage) => Self::damage(damage),
            LogError::NotAStore { .. } => Self::new("not_a_store", "", None),
            _ => Self::new("other", "", None),
        }
    }

    pub(crate) fn by_open(error: &OpenError) -> Self {
        match error {
            OpenError::Log(error) => Self::by_log(error),
            _ => Self::new("other", "", None),
        }
    }

    pub(crate) fn by_read(error: &ReadError) -> Self {
        match error {
            ReadError::Log(error) => Self::by_log(error),
            ReadError::PayloadChanged { .. } => Self::new("payload_changed", "", None),
            ReadError::Lost { .. } => Self::new("lost", "", None),
            _ => Self::new("stale", "", None),
        }
    }
}

/// Damage first: a head that does not fit says less than what is wrong.
pub(crate) fn rank(kind: &FindingKind) -> u8 {
    match kind {
        FindingKind::Damage(_) => 0,
        FindingKind::HeadCutOff { .. } | FindingKind::HeadChanged(_) | FindingKind::HeadUnreadable(_) => 2,
        _ => 1,
    }
}
