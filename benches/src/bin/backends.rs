//! Index backends side by side: what applying costs, what stands on disk, and what questions cost.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use causelog::{
    Clause, Coordinate, Direction, EventId, EventKind, Index, MemoryIndex, Position, Region, Revision,
};
use causelog_benches::place;
use causelog_index::{AppliedEvent, AppliedGroup, Selection, Watermark};
use causelog_index_redb::{Check, RedbIndex};
use causelog_io::RealStorage;
use causelog_types::{
    ByteOffset, Causes, Depth, EventHash, Hlc, Location, Root, SegmentNumber, StoreId, Tags,
};
use clap::Parser;

/// Compares the backend in memory with the one in a database file.
#[derive(Parser)]
struct Arguments {
    /// Where to work; must be a disk. The directory of temporary files unless given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Events of each index.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Streams, which take turns.
    #[arg(long, default_value_t = 10_000)]
    streams: u64,
    /// How many of the events come in groups of one, at the end; the rest comes in groups of 1,000.
    #[arg(long, default_value_t = 20_000)]
    singles: u64,
}

/// How often each question is asked.
const QUESTIONS: u64 = 20_000;
const GROUP: u64 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = place::directory(arguments.dir.as_deref())?;
    let (events, singles, streams) = (arguments.events, arguments.singles, arguments.streams);
    println!("{events} events of {streams} streams, in {}", directory.path().display());
    measure("memory", &MemoryIndex::new(), &arguments)?;

    let path = directory.path().join("index.redb");
    let index = RedbIndex::open(&path)?;
    measure("redb", &index, &arguments)?;
    let (closing, ()) = timed(|| drop(index));
    let bytes = fs::metadata(&path)?.len();
    println!("redb: close {closing:?}; {bytes} bytes, {} an event", bytes / (events + singles).max(1));
    for check in [Check::WholeFile, Check::Nothing] {
        let storage = Arc::new(RealStorage::open(directory.path())?);
        let (opening, index) = timed(|| RedbIndex::open_in(storage, "index.redb", check));
        println!("redb: open, checking {check:?}: {opening:?}");
        drop(index?);
    }
    killed(&path, directory.path())
}

/// Opens what a kill would leave: a copy of the file while it is in use.
fn killed(path: &Path, directory: &Path) -> Result<(), Box<dyn Error>> {
    let index = RedbIndex::open(path)?;
    let next = index.watermark()?.map_or(0, |known| known.next.0);
    (next..next + 100).try_for_each(|position| apply(&index, position, 1, 10_000))?;
    fs::copy(path, directory.join("killed.redb"))?;
    drop(index);
    let storage = Arc::new(RealStorage::open(directory)?);
    let (opening, index) = timed(|| RedbIndex::open_in(storage, "killed.redb", Check::Nothing));
    let lost = next + 100 - index?.watermark()?.map_or(0, |known| known.next.0);
    println!("redb: open after a kill: {opening:?}; {lost} events to apply again");
    Ok(())
}

fn measure(name: &str, index: &dyn Index, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments { events, streams, singles, .. } = *arguments;
    let (bulk, applied) =
        timed(|| (0..events / GROUP).try_for_each(|group| apply(index, group * GROUP, GROUP, streams)));
    applied?;
    println!("{name}: apply in groups of {GROUP}: {:?} an event", each(bulk, events));
    let (single, applied) =
        timed(|| (events..events + singles).try_for_each(|position| apply(index, position, 1, streams)));
    applied?;
    println!("{name}: apply in groups of 1: {:?} an event", each(single, singles));

    let end = Position(events + singles);
    // A step that shares no factor with the number of events: every question is about another place.
    let places: Vec<u64> = (0..QUESTIONS).map(|number| number.wrapping_mul(7_919_017) % end.0).collect();
    let (get, found) =
        timed(|| places.iter().try_for_each(|place| index.lookup(&[id(*place)], end).map(drop)));
    found?;
    let coordinates: Vec<Coordinate> =
        places.iter().map(|place| stream(place % streams)).collect::<Result<_, _>>()?;
    let (head, found) =
        timed(|| coordinates.iter().try_for_each(|stream| index.heads(&[stream], end).map(drop)));
    found?;
    println!("{name}: get by id {:?}, head {:?}", each(get, QUESTIONS), each(head, QUESTIONS));

    let whole = |region: Region, direction, limit| {
        let from = if direction == Direction::Forwards { Position(0) } else { end };
        let selection = Selection { region: &region, from, direction, limit, as_of: end };
        let (took, found) = timed(|| index.select(&selection));
        found.map(|found| (took, found.len()))
    };
    let one = Region::stream(&coordinates[0]);
    let all = usize::MAX;
    for (what, region, direction, limit) in [
        ("a stream", one.clone(), Direction::Forwards, all),
        ("the last 10 of a stream", one, Direction::Backwards, 10),
        ("a tag with one match", Clause::new().tag("rare")?.into(), Direction::Forwards, all),
        ("a scope with all events", Clause::new().scope("home")?.into(), Direction::Forwards, all),
        ("all events", Region::all(), Direction::Forwards, all),
    ] {
        let (took, count) = whole(region, direction, limit)?;
        println!("{name}: select {what}: {took:?} for {count} events");
    }
    Ok(())
}

fn apply(index: &dyn Index, first: u64, count: u64, streams: u64) -> Result<(), Box<dyn Error>> {
    let coordinates: Vec<Coordinate> =
        (first..first + count).map(|position| stream(position % streams)).collect::<Result<_, _>>()?;
    let (rare, none, causes) = (Tags::new(["rare"])?, Tags::none(), Causes::none());
    let event = |(position, coordinate)| AppliedEvent {
        id: id(position),
        coordinate,
        kind: EventKind::of::<0x1001>(),
        tags: if position == 400_000 { &rare } else { &none },
        causes: &causes,
        position: Position(position),
        revision: Revision(position / streams),
        hlc: Hlc { wall_ms: 1_700_000_000_000 + position, counter: 0 },
        depth: Depth(0),
        hash: EventHash([3; 32]),
        location: Location {
            segment: SegmentNumber(1 + position / 100_000),
            offset: ByteOffset(position % 100_000 * 450),
            bytes: 450,
        },
    };
    let events: Vec<AppliedEvent<'_>> = (first..).zip(&coordinates).map(event).collect();
    let after =
        Watermark { store: StoreId::from_u128(7), next: Position(first + count), root: Root([1; 32]) };
    Ok(index.apply(&AppliedGroup { events: &events, after })?)
}

/// Ids as clocks make them: they rise with time, and end at random.
fn id(position: u64) -> EventId {
    let [a, b, c, d, e, f, g, h] = position.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    EventId::from_time(1_700_000_000_000 + position, [a, b, c, d, e, f, g, h, 0, 0])
}

fn stream(number: u64) -> Result<Coordinate, causelog::InvalidValue> {
    Coordinate::new(format!("user:{number}"), "home")
}

/// How long some work took, and how long of it on a processor: on a shared machine the second is the steadier one.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    processor: Duration,
}

impl fmt::Debug for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1?} ({:.1?} on a processor)", self.wall, self.processor)
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Took, T) {
    let (begun, busy) = (Instant::now(), on_processor());
    let outcome = work();
    (Took { wall: begun.elapsed(), processor: on_processor().saturating_sub(busy) }, outcome)
}

/// How long this thread has been on a processor, as Linux tells it; zero where it does not.
fn on_processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

fn each(took: Took, count: u64) -> Took {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    Took { wall: took.wall / count, processor: took.processor / count }
}
