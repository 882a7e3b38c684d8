//! The names of a store's files, parsed strictly: a name that is not exactly one of ours is not ours.

use causelog_types::{Position, SegmentNumber};

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
    /// The index file of the events from one position to before another.
    Index {
        /// The position of the first event.
        base: Position,
        /// The position after the last.
        next: Position,
    },
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
        let number = |digits: &str| {
            let all_digits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|_| all_digits)
        };
        match name.split_once('.') {
            Some((digits, "seg")) => match number(digits) {
                Some(number @ 1..) => Self::Segment(SegmentNumber(number)),
                _ => Self::Unknown,
            },
            Some((range, "idx")) => {
                match range.split_once('-').map(|(base, next)| (number(base), number(next))) {
                    Some((Some(base), Some(next))) if base < next => {
                        Self::Index { base: Position(base), next: Position(next) }
                    }
                    _ => Self::Unknown,
                }
            }
            _ => Self::Unknown,
        }
    }
}

/// The name of a segment.
#[must_use]
pub fn segment_name(number: SegmentNumber) -> String {
    format!("{:020}.seg", number.0)
}

/// The name of the index file of the events from one position to before another.
#[must_use]
pub fn index_name(base: Position, next: Position) -> String {
    format!("{:020}-{:020}.idx", base.0, next.0)
}

/// The name under which a file is made before it gets its own.
#[must_use]
pub fn temporary_name(name: &str) -> String {
    format!("{name}.tmp")
}
