//! Numbers that must not be mixed up: positions, revisions, depths.

use std::fmt;

use crate::InvalidValue;

/// Where an event stands in the store: 0 for the first, without gaps, in commit order, never reused.
///
/// Every boundary is the *next* one: a cursor holds the position to read next, and the head of an empty store
/// is position 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// Where an event stands in its stream: 0 for the first, without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// The length of the longest chain of causes behind an event: 0 without causes, else 1 + the greatest depth of
/// its causes. It is git's generation number less one, and prunes graph searches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(pub u32);

impl Position {
    /// The position `count` further on, or `None` past the greatest one.
    #[must_use]
    pub fn checked_add(self, count: u64) -> Option<Self> {
        self.0.checked_add(count).map(Self)
    }

    /// The position after this one.
    ///
    /// # Errors
    /// [`InvalidValue::Exhausted`] after 2^64 events.
    pub fn next(self) -> Result<Self, InvalidValue> {
        self.checked_add(1).ok_or(InvalidValue::Exhausted { what: "the store's position" })
    }

    /// How many positions lie between an earlier one and this one; `None` if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

impl Revision {
    /// The revision after this one.
    ///
    /// # Errors
    /// [`InvalidValue::Exhausted`] after 2^64 events.
    pub fn next(self) -> Result<Self, InvalidValue> {
        self.0.checked_add(1).map(Self).ok_or(InvalidValue::Exhausted { what: "the stream's revision" })
    }
}

impl Depth {
    /// The depth of an event whose deepest cause has this one.
    ///
    /// # Errors
    /// [`InvalidValue::Exhausted`] after a chain of 2^32 events.
    pub fn next(self) -> Result<Self, InvalidValue> {
        self.0.checked_add(1).map(Self).ok_or(InvalidValue::Exhausted { what: "the depth of causes" })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The number of a segment file: 1 for the first, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(pub u64);

/// A distance from the beginning of a file, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteOffset(pub u64);

/// Where an event's frame stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The segment it stands in.
    pub segment: SegmentNumber,
    /// Where the frame begins.
    pub offset: ByteOffset,
    /// The frame's length, its length word and checksum included.
    pub bytes: u32,
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for ByteOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A length as the number that stands in files. No platform has lengths of more than 64 bits.
#[must_use]
pub fn widen(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl ByteOffset {
    /// The offset `bytes` further on; the greatest one stands for all beyond it.
    #[must_use]
    pub fn plus(self, bytes: usize) -> Self {
        Self(self.0.saturating_add(widen(bytes)))
    }
}
