//! The contract between the log and whatever answers questions about it.

use std::fmt;
use std::ops::Range;

use causelog_types::{
    Causes, Coordinate, Depth, EventHash, EventId, EventKind, Header, Hlc, Location, Position, Region,
    Revision, Root, StoreId, Tags,
};

use crate::IndexError;

/// Answers questions about the events of a store. Implemented by the backends here and by users.
///
/// # Contract
/// - The one writer calls [`Index::apply`] once a group, in order, after the group is durable and before it is
///   published. The watermark moves last, so a group applied in part is applied again; `apply` is repeatable.
/// - Readers ask concurrently, from other threads, *as of* the position that was published when they asked:
///   events at or after it must not show, whatever has been applied meanwhile.
/// - Nothing is promised to be durable: what the log does not confirm is reset and applied again from 0.
/// - An `as_of` beyond the watermark means all there is. Streams and ids may be asked for twice in one question.
/// - No method calls back, and none holds a lock when it returns.
pub trait Index: Send + Sync + 'static {
    /// Up to where the index has been applied; `None` when it is empty.
    ///
    /// # Errors
    /// The backend cannot tell; the store then resets it.
    fn watermark(&self) -> Result<Option<Watermark>, IndexError>;

    /// Forgets everything.
    ///
    /// # Errors
    /// The backend cannot.
    fn reset(&self) -> Result<(), IndexError>;

    /// Takes in one committed group. Events before the watermark are known already and are passed over. A group
    /// without events is a gap: what stood from the watermark up to its end was lost.
    ///
    /// # Errors
    /// [`IndexError::OutOfOrder`] when the group begins after the watermark, [`IndexError::OtherStore`] when it is
    /// of another store than what the index holds; or the backend cannot. What is refused changes nothing.
    fn apply(&self, group: &AppliedGroup<'_>) -> Result<(), IndexError>;

    /// The last event of each of these streams, in the order asked.
    ///
    /// # Errors
    /// The backend cannot.
    fn heads(&self, streams: &[&Coordinate], as_of: Position)
    -> Result<Vec<Option<IndexedHead>>, IndexError>;

    /// The entries of these events, in the order asked.
    ///
    /// # Errors
    /// The backend cannot.
    fn lookup(&self, ids: &[EventId], as_of: Position) -> Result<Vec<Option<IndexEntry>>, IndexError>;

    /// The next entries of a region, at most `selection.limit`; fewer only when there are no more. An entry may
    /// be a false match only if the reader would see that from the event itself; none may be missing.
    ///
    /// # Errors
    /// The backend cannot.
    fn select(&self, selection: &Selection<'_>) -> Result<Vec<IndexEntry>, IndexError>;

    /// The next events caused by one, from a position on, at most `limit`, which is at least 1; fewer only when there
    /// are no more.
    ///
    /// # Errors
    /// The backend cannot.
    fn effects(
        &self,
        cause: EventId,
        from: Position,
        limit: usize,
        as_of: Position,
    ) -> Result<Vec<IndexEntry>, IndexError>;

    /// How many events and streams there are, library events included.
    ///
    /// # Errors
    /// The backend cannot.
    fn counts(&self, as_of: Position) -> Result<Counts, IndexError>;

    /// The positions before `as_of` whose events were lost: ranges that rise and do not touch each other.
    ///
    /// # Errors
    /// The backend cannot.
    fn gaps(&self, as_of: Position) -> Result<Vec<Range<Position>>, IndexError>;

    /// The writer is done, and lets go of the store's directory when this returns: nothing more is applied, and the
    /// backend writes nothing more; what it keeps on disk it may write now. Questions are still asked.
    ///
    /// # Errors
    /// The backend cannot. The close goes on, since the next open tells the index what it lacks.
    fn close(&self) -> Result<(), IndexError> {
        Ok(())
    }
}

impl fmt::Debug for dyn Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Index")
    }
}

/// Up to where an index has been applied. It is right if the log has this root before this position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The store.
    pub store: StoreId,
    /// The position of the next event to apply.
    pub next: Position,
    /// The root there.
    pub root: Root,
}

/// One committed group, as an index sees it.
#[derive(Clone, Copy, Debug)]
pub struct AppliedGroup<'a> {
    /// Its events, in order, without gaps between them; none in a gap group.
    pub events: &'a [AppliedEvent<'a>],
    /// The watermark once all of it is applied.
    pub after: Watermark,
}

/// One event of a group, as an index sees it.
#[derive(Clone, Copy, Debug)]
pub struct AppliedEvent<'a> {
    /// The event.
    pub id: EventId,
    /// Its stream.
    pub coordinate: &'a Coordinate,
    /// What happened.
    pub kind: EventKind,
    /// Its tags.
    pub tags: &'a Tags,
    /// The events that caused it.
    pub causes: &'a Causes,
    /// Where it stands in the store.
    pub position: Position,
    /// Where it stands in its stream.
    pub revision: Revision,
    /// When it was recorded.
    pub hlc: Hlc,
    /// The length of the longest chain of causes behind it.
    pub depth: Depth,
    /// The hash of its header. It must be right for the last event of each stream in the group, and is not
    /// looked at for others.
    pub hash: EventHash,
    /// Where its frame stands.
    pub location: Location,
}

impl<'a> AppliedEvent<'a> {
    /// Takes from a header what an index needs of it.
    #[must_use]
    pub fn new(header: &'a Header, hash: EventHash, location: Location) -> Self {
        Self {
            id: header.id,
            coordinate: &header.coordinate,
            kind: header.kind,
            tags: &header.tags,
            causes: &header.dag.causes,
            position: header.position,
            revision: header.revision,
            hlc: header.dag.hlc,
            depth: header.dag.depth,
            hash,
            location,
        }
    }
}

/// What an index says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The event.
    pub id: EventId,
    /// Where it stands in the store.
    pub position: Position,
    /// The length of the longest chain of causes behind it.
    pub depth: Depth,
    /// Where its frame stands.
    pub location: Location,
}

/// What an index says of a stream's last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexedHead {
    /// Where it stands in the store.
    pub position: Position,
    /// Where it stands in its stream.
    pub revision: Revision,
    /// When it was recorded.
    pub hlc: Hlc,
    /// Where its frame stands.
    pub location: Location,
    /// The hash of its header. Always given when it is the newest event applied to the stream, so the writer
    /// always has it; an older head may come without, and the reader then takes it from the frame.
    pub hash: Option<EventHash>,
}

/// A question for the next entries of a region.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// Which events.
    pub region: &'a Region,
    /// Forwards: the first position to look at. Backwards: the position after the first to look at.
    pub from: Position,
    /// Which way.
    pub direction: Direction,
    /// How many entries at most; at least 1.
    pub limit: usize,
    /// Events at or after this position do not show.
    pub as_of: Position,
}

/// Which way a region is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// By rising positions.
    #[default]
    Forwards,
    /// By falling positions.
    Backwards,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
}
