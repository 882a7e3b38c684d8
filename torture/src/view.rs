//! What an open store shows, and the checks of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, ensure};
use causelog_index::{Direction, Index, Selection};
use causelog_io::Storage;
use causelog_reader::{Query, ReadError, Reader, verify};
use causelog_segment::{Log, Published};
use causelog_types::{Coordinate, Event, EventId, Position, Region};

use crate::draw::Draw;
use crate::offers::region;

/// The reading side of an open store.
pub struct View {
    reader: Reader,
    index: Arc<dyn Index>,
    published: Arc<Published>,
    storage: Arc<dyn Storage>,
}

impl View {
    pub(crate) fn new(
        log: Log,
        published: Arc<Published>,
        index: Arc<dyn Index>,
        storage: Arc<dyn Storage>,
    ) -> Self {
        let reader = Reader::new(log, Arc::clone(&published), Arc::clone(&index));
        Self { reader, index, published, storage }
    }

    /// The end that readers see.
    #[must_use]
    pub fn end(&self) -> Position {
        self.reader.end().position
    }

    /// How many of the visible events are durable.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.published.durable()
    }

    /// Everything that is visible.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn events(&self) -> anyhow::Result<Vec<Event>> {
        let all = Query::new(Region::all().with_library_events());
        self.reader.read(all).collect::<Result<_, _>>().context("reading everything")
    }

    /// What is visible, up to the first that cannot be read; and why it cannot.
    #[must_use]
    pub fn events_up_to_an_error(&self) -> (Vec<Event>, Option<ReadError>) {
        let mut events = Vec::new();
        for event in self.reader.read(Query::new(Region::all().with_library_events())) {
            match event {
                Ok(event) => events.push(event),
                Err(error) => return (events, Some(error)),
            }
        }
        (events, None)
    }

    /// Holds every kind of answer of the index against a scan.
    ///
    /// # Errors
    /// They disagree.
    pub fn check_answers(&self, events: &[Event], draw: &Draw) -> anyhow::Result<()> {
        check_index(&*self.index, events, draw).context("the index")
    }

    /// Holds the log's verification and every kind of answer of the index against a scan.
    ///
    /// # Errors
    /// They disagree.
    pub fn check(&self, events: &[Event], draw: &Draw) -> anyhow::Result<()> {
        let report = verify(Arc::clone(&self.storage))?;
        ensure!(report.is_sound(), "verification: {:?}", report.findings);
        self.check_answers(events, draw)?;
        for (position, event) in events.iter().enumerate() {
            ensure!(event.header.position == Position(u64::try_from(position)?), "positions have a gap");
        }
        for pair in events.windows(2) {
            let (before, after) = (pair[0].header.dag.hlc, pair[1].header.dag.hlc);
            ensure!(before < after, "the recorded time goes from {before} to {after}");
        }
        Ok(())
    }
}

fn check_index(index: &dyn Index, events: &[Event], draw: &Draw) -> anyhow::Result<()> {
    let as_of = Position(u64::try_from(events.len())?);
    let counts = index.counts(as_of)?;
    let mut heads: BTreeMap<&Coordinate, &Event> = BTreeMap::new();
    for event in events {
        let head = heads.insert(&event.header.coordinate, event);
        let due = head.map_or(0, |head| head.header.revision.0 + 1);
        ensure!(event.header.revision.0 == due, "a stream's revisions have a gap");
        ensure!(event.header.previous_hash == head.map(|head| head.hash()), "a stream's chain is broken");
    }
    ensure!(counts.events == as_of.0, "it counts {} events of {as_of}", counts.events);
    ensure!(counts.streams == u64::try_from(heads.len())?, "it counts {} streams", counts.streams);
    let streams: Vec<&Coordinate> = heads.keys().copied().collect();
    for (stream, told) in streams.iter().zip(index.heads(&streams, as_of)?) {
        let (told, due) = (told.context("a stream has no head")?, heads[stream]);
        ensure!(
            told.position == due.header.position && told.hash.is_none_or(|hash| hash == due.hash()),
            "a head is wrong"
        );
    }
    let ids: Vec<EventId> = events.iter().map(|event| event.header.id).collect();
    for (event, told) in events.iter().zip(index.lookup(&ids, as_of)?) {
        let told = told.context("an id is not found")?;
        ensure!(
            told.position == event.header.position && told.depth == event.header.dag.depth,
            "an id is wrong"
        );
    }
    for direction in [Direction::Forwards, Direction::Backwards] {
        let region = region(draw)?;
        let from = match direction {
            Direction::Forwards => Position(0),
            Direction::Backwards => as_of,
        };
        let told = index.select(&Selection { region: &region, from, direction, limit: usize::MAX, as_of })?;
        let matching = events.iter().filter(|event| region.matches(&event.header.facts()));
        let mut due: Vec<Position> = matching.map(|event| event.header.position).collect();
        if direction == Direction::Backwards {
            due.reverse();
        }
        let told: Vec<Position> = told.iter().map(|entry| entry.position).collect();
        ensure!(told == due, "{region:?} gives {told:?}, and {due:?} match");
    }
    Ok(())
}
