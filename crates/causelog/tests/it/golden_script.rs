//! The golden store: what stands in it, made the same every time. Shared with `examples/golden.rs`, which writes
//! it into the repository.

use std::sync::Arc;

use causelog::{
    Coordinate, Denial, Environment, EventId, EventKind, ExpectedRevision, GateSet, Mode, NewEvent, Pipeline,
    Proposal, Region, Revision, Storage, Store, gate_fn,
};
use causelog_io::{ManualClock, SeededRandom};

/// What any step can fail with.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const OPENED: EventKind = EventKind::of::<0x1001>();
const RANG: EventKind = EventKind::of::<0x2001>();

fn id(number: u128) -> EventId {
    EventId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// Makes the store and closes it: several streams, kinds and tags, causes, a batch, evidence of both kinds, every
/// sort of payload, an old clock, and two segments with an index file between them.
pub(crate) fn write(storage: Arc<dyn Storage>) -> Outcome<()> {
    let clock = ManualClock::new(1_700_000_000_000);
    let random = Arc::new(SeededRandom::new(20));
    let environment = Environment { storage, clock: Arc::new(clock.clone()), random };
    let store = Store::options().segment_bytes(4096).open_in(environment)?;
    let (door, siren) = (Coordinate::new("door:1", "home")?, Coordinate::new("siren", "home")?);
    let elsewhere = Coordinate::new("door:1", "büro")?;

    store
        .append(NewEvent::new(&door, OPENED, "by key")?.with_id(id(1)).expecting(ExpectedRevision::Empty))?;
    clock.advance(1500);
    let rings = NewEvent::new(&siren, RANG, &("volume", 11))?.with_id(id(2)).caused_by([id(1)])?;
    let after = ExpectedRevision::Exactly(Revision(0));
    let opened = NewEvent::new(&door, OPENED, &[0.5, -1.0])?.with_id(id(3)).expecting(after);
    let batch = vec![
        rings.with_tags(["night", "loud"])?.with_correlation(id(1)),
        opened.occurred_at_ms(-86_400_000),
        NewEvent::new(&elsewhere, OPENED, &())?.with_id(id(4)).caused_by([id(1), id(2), id(3)])?,
    ];
    store.append_batch(batch)?;
    clock.set(1_600_000_000_000);

    let hours = gate_fn("hours", |open: &bool, _: &Proposal| match open {
        true => Ok(()),
        false => Err(Denial::new("closed", "come back later")),
    });
    let pipeline = Pipeline::new(GateSet::builder().push(hours).build()?, Mode::FailFast);
    let admitted = NewEvent::new(&door, OPENED, &Some(vec![1, 2, 3]))?.with_id(id(5)).with_payload_version(2);
    store.commit(pipeline.admit(&true, Proposal::new(admitted))?)?;
    let forced = NewEvent::new(&door, OPENED, &vec![0xff_u8; 300])?.with_id(id(6)).with_tags(["night"])?;
    store.commit(pipeline.bypass(Proposal::new(forced), "fire", "the house burns")?)?;

    clock.set(1_700_000_100_000);
    for number in 7..12 {
        let text = "é".repeat(400);
        store.append(NewEvent::new(&siren, RANG, &text)?.with_id(id(number)).caused_by([id(number - 1)])?)?;
    }
    store.append(NewEvent::new(&siren, RANG, &u64::MAX)?.with_id(id(12)))?;
    store.close()?;
    Ok(())
}

/// The root after the last event, which covers every header and through them every payload; then of every event
/// its stream, its revision and depth, its recorded time, its id and its hash.
pub(crate) fn summary(store: &Store) -> Outcome<String> {
    let mut lines = vec![store.end().root.to_string()];
    for event in store.read(Region::all()) {
        let event = event?;
        let (header, dag) = (&event.header, &event.header.dag);
        let place = format!("{} {} {} {}", header.coordinate, header.revision, dag.depth, dag.hlc);
        lines.push(format!("{place} {} {}", header.id, event.hash()));
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}
