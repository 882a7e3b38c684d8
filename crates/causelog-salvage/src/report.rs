//! What was saved, and what was lost.

use std::ops::Range;

use causelog_reader::Finding;
use causelog_segment::TornTail;
use causelog_types::{Coordinate, Position, Revision, StoreHead, StoreId};

/// What was saved, and what was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalvageReport {
    /// The store.
    pub store: StoreId,
    /// The end of the new store.
    pub head: StoreHead,
    /// Events that were saved.
    pub events: u64,
    /// Commit groups that were saved, without gaps.
    pub groups: u64,
    /// Positions whose events are lost, those of earlier salvages included: a gap of the new store each.
    pub lost: Vec<Range<Position>>,
    /// Which revisions of which streams are lost, as far as the stream has an event behind them. Others may be.
    pub streams: Vec<LostRevisions>,
    /// Bytes at the end that nothing shows to have been synced: left behind, as at every open.
    pub torn_tail: Option<TornTail>,
    /// Whether no writer could open the damaged store meanwhile: it has a `lock` or a `store` file to hold.
    pub held_writers_off: bool,
    /// The first of what is wrong with the damaged store, at most 1,000 findings.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more_findings: u64,
}

/// Revisions of a stream that are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRevisions {
    /// The stream.
    pub stream: Coordinate,
    /// The revisions.
    pub revisions: Range<Revision>,
    /// Where its next event stands.
    pub before: Position,
}

impl SalvageReport {
    /// How many events are lost.
    #[must_use]
    pub fn lost_events(&self) -> u64 {
        self.lost.iter().map(|gap| gap.end.0.saturating_sub(gap.start.0)).fold(0, u64::saturating_add)
    }
}
