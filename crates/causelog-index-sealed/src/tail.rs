//! The events that no index file holds yet: in memory, until they are written to one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use causelog_index::{AppliedEvent, MemoryIndex, Watermark};
use causelog_segment::Directory;
use causelog_types::{
    Causes, Coordinate, Depth, EventHash, EventId, EventKind, Hlc, Location, Position, Revision, Root, Tags,
    widen,
};
use causelog_wire::{IndexKey, IndexRow, StreamEntry};
use hashbrown::HashMap;
use parking_lot::RwLock;

use crate::file::Unusable;
use crate::names::RunRange;
use crate::write::{Binding, RunWriter};

/// Events in memory, from one position on.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) memory: MemoryIndex,
    /// Read as long as its file is written; added to by whoever applies, while it is the last.
    pub(crate) events: RwLock<TailEvents>,
    base: Position,
    count: AtomicU64,
}

/// What an index file of these events will say.
#[derive(Debug)]
pub(crate) struct TailEvents {
    base: Position,
    root_before: Root,
    events: Vec<TailEvent>,
    streams: Vec<TailStream>,
    numbers: HashMap<Coordinate, u32>,
    /// How long the frames are together.
    pub(crate) frame_bytes: u64,
    /// Where the streams that begin here do.
    new_streams: Vec<Position>,
}

#[derive(Debug)]
struct TailEvent {
    id: EventId,
    stream: u32,
    kind: EventKind,
    revision: Revision,
    depth: Depth,
    hlc: Hlc,
    location: Location,
    first_of_stream: bool,
    causes: Causes,
    tags: Tags,
}

#[derive(Debug)]
struct TailStream {
    coordinate: Coordinate,
    last_hash: EventHash,
    rows: Vec<u32>,
}

impl Tail {
    pub(crate) fn new(base: Position, root_before: Root) -> Self {
        let events = TailEvents {
            base,
            root_before,
            events: Vec::new(),
            streams: Vec::new(),
            numbers: HashMap::new(),
            frame_bytes: 0,
            new_streams: Vec::new(),
        };
        Self { memory: MemoryIndex::new(), events: RwLock::new(events), base, count: AtomicU64::new(0) }
    }

    pub(crate) fn range(&self) -> RunRange {
        let next = Position(self.base.0.saturating_add(self.count.load(Ordering::Acquire)));
        RunRange { base: self.base, next }
    }

    /// Takes in the next events, each with whether it is the first of its stream.
    pub(crate) fn push<'a>(&self, all: impl Iterator<Item = (&'a AppliedEvent<'a>, bool)>) {
        let mut events = self.events.write();
        all.for_each(|(event, first_of_stream)| events.push(event, first_of_stream));
        self.count.store(widen(events.len()), Ordering::Release);
    }

    /// How many streams begin in it before a position.
    pub(crate) fn new_streams(&self, as_of: Position) -> u64 {
        let events = self.events.read();
        widen(events.new_streams.partition_point(|position| *position < as_of))
    }
}

impl TailEvents {
    /// The position of the next event to take in.
    pub(crate) fn next(&self) -> Position {
        Position(self.base.0.saturating_add(widen(self.events.len())))
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn knows(&self, stream: &Coordinate) -> bool {
        self.numbers.contains_key(stream)
    }

    /// Takes in the next event.
    fn push(&mut self, event: &AppliedEvent<'_>, first_of_stream: bool) {
        let row = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let stream = self.stream(event, row);
        if first_of_stream {
            self.new_streams.push(event.position);
        }
        self.frame_bytes = self.frame_bytes.saturating_add(event.location.bytes.into());
        self.events.push(TailEvent {
            id: event.id,
            stream,
            kind: event.kind,
            revision: event.revision,
            depth: event.depth,
            hlc: event.hlc,
            location: event.location,
            first_of_stream,
            causes: event.causes.clone(),
            tags: event.tags.clone(),
        });
    }

    fn stream(&mut self, event: &AppliedEvent<'_>, row: u32) -> u32 {
        if let Some(number) = self.numbers.get(event.coordinate) {
            if let Some(stream) = usize::try_from(*number).ok().and_then(|i| self.streams.get_mut(i)) {
                stream.last_hash = event.hash;
                stream.rows.push(row);
            }
            return *number;
        }
        let number = u32::try_from(self.streams.len()).unwrap_or(u32::MAX);
        self.numbers.insert(event.coordinate.clone(), number);
        let coordinate = event.coordinate.clone();
        self.streams.push(TailStream { coordinate, last_hash: event.hash, rows: vec![row] });
        number
    }

    /// Writes the index file of all of them, up to where a watermark stands.
    pub(crate) fn write(&self, directory: &Directory, after: &Watermark) -> Result<(), Unusable> {
        let Some(first) = self.events.first() else { return Ok(()) };
        let binding = Binding {
            store: after.store,
            range: RunRange { base: self.base, next: self.next() },
            root_before: self.root_before,
            root: after.root,
            first_segment: first.location.segment,
        };
        let mut writer = RunWriter::new(directory, &binding)?;
        let (order, ranks) = self.ranks();
        for event in &self.events {
            writer.row(&self.row(event, first, &ranks)?)?;
        }
        writer.rows_end(widen(order.len()))?;
        self.write_table(&mut writer, &order)?;
        writer.finish()
    }

    /// The streams in the order of their names, and the place of each in that order.
    fn ranks(&self) -> (Vec<&TailStream>, Vec<u32>) {
        let mut order: Vec<(usize, &TailStream)> = self.streams.iter().enumerate().collect();
        let name = |stream: &TailStream| IndexKey::head(&stream.coordinate);
        order.sort_by_cached_key(|(_, stream)| name(stream));
        let mut ranks = vec![0; order.len()];
        for (rank, (number, _)) in order.iter().enumerate() {
            ranks[*number] = u32::try_from(rank).unwrap_or(u32::MAX);
        }
        (order.into_iter().map(|(_, stream)| stream).collect(), ranks)
    }

    fn row(&self, event: &TailEvent, first: &TailEvent, ranks: &[u32]) -> Result<IndexRow, Unusable> {
        let stream = usize::try_from(event.stream).ok().and_then(|number| ranks.get(number));
        let segment = event.location.segment.0.checked_sub(first.location.segment.0);
        Ok(IndexRow {
            id: event.id,
            offset: event.location.offset.0,
            bytes: event.location.bytes,
            first_of_stream: event.first_of_stream,
            segment: segment.and_then(|distance| u32::try_from(distance).ok()).ok_or(Unusable::NotWhole)?,
            stream: *stream.ok_or(Unusable::NotWhole)?,
            kind: event.kind,
            revision: event.revision,
            depth: event.depth,
            hlc: event.hlc,
        })
    }

    /// Writes the entries, thing by thing in the order of the table's keys.
    fn write_table(&self, writer: &mut RunWriter<'_>, order: &[&TailStream]) -> Result<(), Unusable> {
        let (mut effects, mut kinds) = (BTreeMap::<_, Vec<usize>>::new(), BTreeMap::<_, Vec<usize>>::new());
        let (mut scopes, mut tags) = (BTreeMap::<_, Vec<usize>>::new(), BTreeMap::<_, Vec<usize>>::new());
        for (row, event) in self.events.iter().enumerate() {
            event.causes.iter().for_each(|cause| effects.entry(cause).or_default().push(row));
            event.tags.iter().for_each(|tag| tags.entry(tag).or_default().push(row));
            kinds.entry(event.kind).or_default().push(row);
            let stream = usize::try_from(event.stream).ok().and_then(|number| self.streams.get(number));
            let scope = stream.ok_or(Unusable::NotWhole)?.coordinate.scope();
            scopes.entry(scope).or_default().push(row);
        }
        for (cause, rows) in &effects {
            self.write_rows(writer, &IndexKey::effects(*cause), rows.iter().copied())?;
        }
        for (number, stream) in (0..).zip(order) {
            let last_row = stream.rows.last().copied().unwrap_or(0);
            let entry = StreamEntry { number, last_row, last_hash: stream.last_hash };
            writer.entry(IndexKey::head(&stream.coordinate).as_bytes(), &entry.encode())?;
        }
        let mut ids: Vec<(EventId, u32)> = self.events.iter().map(|event| event.id).zip(0..).collect();
        ids.sort_unstable();
        for (id, row) in ids {
            writer.entry(IndexKey::id(id).as_bytes(), &row.to_le_bytes())?;
        }
        for (kind, rows) in &kinds {
            self.write_rows(writer, &IndexKey::kind(*kind), rows.iter().copied())?;
        }
        for (scope, rows) in &scopes {
            self.write_rows(writer, &IndexKey::scope(scope), rows.iter().copied())?;
        }
        for stream in order {
            let rows = stream.rows.iter().filter_map(|row| usize::try_from(*row).ok());
            self.write_rows(writer, &IndexKey::stream(&stream.coordinate), rows)?;
        }
        for (tag, rows) in &tags {
            self.write_rows(writer, &IndexKey::tag(tag), rows.iter().copied())?;
        }
        Ok(())
    }

    fn write_rows(
        &self,
        writer: &mut RunWriter<'_>,
        about: &IndexKey,
        mut rows: impl Iterator<Item = usize>,
    ) -> Result<(), Unusable> {
        rows.try_for_each(|row| {
            writer.position(about.as_bytes(), Position(self.base.0.saturating_add(widen(row))))
        })
    }
}
