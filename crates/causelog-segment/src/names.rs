//! The names of a store's files, parsed strictly: a name that is not exactly one of ours is not ours.

use causelog_types::SegmentNumber;

/// The store's identity.
pub const STORE_FILE: &str = "store";
/// The writer's lock, with the slots of the published end.
pub(crate) const LOCK_FILE: &str = "lock";
/// The mark of a clean close.
pub const CLOSED_FILE: &str = "closed";

const DIGITS: usize = 20;

/// What a name in a store's directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileName {
    /// The store's identity.
    Store,
    /// The writer's lock.
    Lock,
    /// The mark of a clean close.
    Closed,
    /// A segment.
    Segment(SegmentNumber),
    /// The index file of a sealed segment.
    Index(SegmentNumber),
    /// A file of ours that was not finished; a writer may overwrite it.
    Temporary,
    /// Anything else: reported, never touched.
    Unknown,
}

impl FileName {
    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            LOCK_FILE => Self::Lock,
            _ => match name.strip_suffix(".tmp") {
                Some(finished) if Self::parse_finished(finished) != Self::Unknown => Self::Temporary,
                _ => Self::parse_finished(name),
            },
        }
    }

    fn parse_finished(name: &str) -> Self {
        match name {
            STORE_FILE => return Self::Store,
            CLOSED_FILE => return Self::Closed,
            _ => {}
        }
        let Some((digits, suffix)) = name.split_once('.') else { return Self::Unknown };
        let all_digits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        match (all_digits, digits.parse::<u64>(), suffix) {
            (true, Ok(number @ 1..), "seg") => Self::Segment(SegmentNumber(number)),
            (true, Ok(number @ 1..), "idx") => Self::Index(SegmentNumber(number)),
            _ => Self::Unknown,
        }
    }
}

/// The name of a segment.
#[must_use]
pub fn segment_name(number: SegmentNumber) -> String {
    format!("{:020}.seg", number.0)
}

/// The name of the index file of a sealed segment.
#[must_use]
pub fn index_name(number: SegmentNumber) -> String {
    format!("{:020}.idx", number.0)
}

/// The name under which a file is made before it gets its own.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!("{name}.tmp")
}
