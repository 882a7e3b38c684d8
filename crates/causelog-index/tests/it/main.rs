//! What an index in memory takes, counted where it is allocated.

use std::error::Error;

use causelog_index::{AppliedEvent, AppliedGroup, Index, MemoryIndex, Watermark};
use causelog_types::{
    ByteOffset, Causes, Coordinate, Depth, EventHash, EventId, EventKind, Hlc, Location, Position, Revision,
    Root, SegmentNumber, StoreId, Tags, widen,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most that an event may take, with its share of what is held in reserve.
const EVENT_BYTES_MAX: u64 = 64;
const STREAMS: u64 = 10_000;
const GROUP: usize = 128;

/// A number's own random number (the finalizer of SplitMix64).
fn random(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn id(number: u64) -> EventId {
    let [a, b, c, d, e, f, g, h] = random(number).to_be_bytes();
    EventId::from_time(1_700_000_000_000 + number / 4, [a, b, c, d, e, f, g, h, 0, 0])
}

/// Events without tags and causes, of 4 kinds. Each stream has one before any has two.
fn event<'a>(
    number: u64,
    streams: &'a [Coordinate],
    tags: &'a Tags,
    causes: &'a Causes,
) -> Result<AppliedEvent<'a>, Box<dyn Error>> {
    let count = widen(streams.len());
    let stream = if number < count { number } else { random(number) % count };
    Ok(AppliedEvent {
        id: id(number),
        coordinate: &streams[usize::try_from(stream)?],
        kind: EventKind::from_bits(0x1000 + u16::try_from(random(number) >> 62)?),
        tags,
        causes,
        position: Position(number),
        revision: Revision(number / count),
        hlc: Hlc { wall_ms: 1_700_000_000_000 + number / 4, counter: 0 },
        depth: Depth(0),
        hash: EventHash([3; 32]),
        location: Location {
            segment: SegmentNumber(1 + number / 150_000),
            offset: ByteOffset(number % 150_000 * 450),
            bytes: 450,
        },
    })
}

/// Fills an index with so many events, of so many streams in 3 scopes. After every group it tells how many there
/// are, and how many bytes were in use at the most while it was applied. Gives what is in use in the end.
fn fill(events: u64, streams: u64, mut tell: impl FnMut(u64, u64)) -> Result<u64, Box<dyn Error>> {
    let stream = |number| Coordinate::new(format!("user:{number}"), format!("scope:{}", number % 3));
    let streams: Vec<Coordinate> = (0..streams).map(stream).collect::<Result<_, _>>()?;
    let (tags, causes) = (Tags::none(), Causes::none());
    let mut group = Vec::with_capacity(GROUP);
    let before = MEMORY.current_usage();
    let taken = |now| widen(now) - widen(before);
    let index = MemoryIndex::new();
    for number in 0..events {
        group.push(event(number, &streams, &tags, &causes)?);
        if group.len() == GROUP || number + 1 == events {
            let next = Position(number + 1);
            let after = Watermark { store: StoreId::from_u128(7), next, root: Root([1; 32]) };
            MEMORY.reset_peak_usage();
            index.apply(&AppliedGroup { events: &group, after })?;
            tell(next.0, taken(MEMORY.peak_usage()));
            group.clear();
        }
    }
    Ok(taken(MEMORY.current_usage()))
}

/// From 131,072 events on, whatever grows by doubling growing twice, the worst moments of growth included.
#[test]
fn an_event_takes_at_most_64_bytes() -> Result<(), Box<dyn Error>> {
    // What a stream takes beside its events: one event of each, less as many events of one.
    let streams_bytes = fill(STREAMS, STREAMS, |_, _| {})? - fill(STREAMS, 1, |_, _| {})?;
    let mut worst = (0, 0);
    fill(1 << 19, STREAMS, |events, bytes| {
        let tenths = bytes.saturating_sub(streams_bytes) * 10 / events;
        if events >= 1 << 17 {
            worst = worst.max((tenths, events));
        }
    })?;
    let (tenths, events) = worst;
    println!(
        "{}.{} bytes an event at {events}, {} a stream",
        tenths / 10,
        tenths % 10,
        streams_bytes / STREAMS
    );
    assert!(tenths <= EVENT_BYTES_MAX * 10, "{tenths} tenths of a byte an event at {events} events");
    Ok(())
}
