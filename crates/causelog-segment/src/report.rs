//! What an open found.

use causelog_types::{ByteOffset, StoreHead};

use crate::error::Damage;

/// What an open found. Nothing in it is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Where the log ends.
    pub head: StoreHead,
    /// How the store had been left.
    pub left: Left,
    /// How many segments there are.
    pub segments: usize,
    /// The length of all segments, in bytes, room made in advance included.
    pub bytes: u64,
    /// Bytes at the end that nothing shows to have been synced: not served, left in place.
    pub torn_tail: Option<TornTail>,
    /// Bytes behind the valid end of segments that have a successor: never read.
    pub dead_bytes: u64,
    /// Names in the directory that are not a store's; never touched.
    pub unknown_names: Vec<String>,
    /// Files that were never finished; a writer may overwrite them.
    pub temporary_names: Vec<String>,
    /// Which opening by a writer this is; the last one's, if read-only.
    pub epoch: u64,
    /// What is damaged, in the open of a damaged store; any other open fails at the first of it.
    pub damage: Vec<Damage>,
    /// How much more is damaged, where there is too much to name it all.
    pub more_damage: u64,
    /// Whether no other writer can open the store for as long as this one is open. So it is for a writer, and for a
    /// store that was opened damaged, unless it has neither a `lock` nor a `store` file that can be opened.
    pub holds_writers_off: bool,
}

/// How a store had been left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It is new.
    New,
    /// It was closed cleanly.
    Closed,
    /// It was not closed: the process ended or the power went.
    Unclosed,
    /// A mark of a clean close is there, but the log verifies beyond it: the mark is old.
    StaleMark,
    /// Another process is writing it now.
    InUse,
}

/// Bytes at the end of the log that nothing shows to have been synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: String,
    /// Where they begin.
    pub offset: ByteOffset,
    /// How many there are, up to the end of the file.
    pub bytes: u64,
}
