//! Durable appends beside bare loops that write the same bytes to the same disk, in interleaved rounds.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use causelog::{Durability, Store, Ticket};
use causelog_benches::bare::{BareFile, Leader, Room};
use causelog_benches::events::Events;
use causelog_benches::figures::Figures;
use causelog_benches::place;
use causelog_benches::rounds::{Measured, Rounds, Workload};
use clap::{Parser, value_parser};

/// Payloads of one caller's appends, and of the batches.
const SINGLE_BYTES: usize = 256;
const IMPORT_BYTES: usize = 300;
const STREAMS: u32 = 100;
/// Appends of one caller in one round: few, so that the disk's moods fall on both sides.
const SINGLES: u32 = 20;
/// Rounds of one caller for each round of an import.
const SINGLE_ROUNDS: u32 = 10;
const BATCH: u32 = 1_000;
/// How many callers append at a time.
const CALLERS: [u16; 5] = [1, 4, 16, 64, 256];
/// A turn of many callers: short, for the same reason, but many syncs long.
const TURN: Duration = Duration::from_millis(100);

/// Compares causelog with bare loops of the same bytes and as many syncs.
#[derive(Parser)]
struct Arguments {
    /// Where to work; must be a disk. The directory of temporary files unless given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Rounds of each side; ten times as many for one caller's appends, which are short.
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Events of one import, in batches of 1,000.
    #[arg(long, default_value_t = 100_000)]
    events: u32,
    /// Leave out the appends of one caller, one after the other.
    #[arg(long)]
    no_single: bool,
    /// Leave out the imports.
    #[arg(long)]
    no_import: bool,
    /// Leave out the appends of many callers.
    #[arg(long)]
    no_callers: bool,
    /// Only the appends of many callers, of this many each time; 1, 4, 16, 64 and 256 unless given.
    #[arg(long, value_delimiter = ',', value_parser = value_parser!(u16).range(1..=1024), conflicts_with = "no_callers")]
    callers: Vec<u16>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let directory = place::directory(arguments.dir.as_deref())?;
    println!("{} rounds, interleaved, in {}", arguments.rounds, directory.path().display());
    if !arguments.callers.is_empty() {
        return many(directory.path(), arguments.rounds, &arguments.callers);
    }
    if !arguments.no_single {
        single(directory.path(), arguments.rounds.saturating_mul(SINGLE_ROUNDS))?;
    }
    if !arguments.no_import {
        import(directory.path(), arguments.rounds, arguments.events.div_ceil(BATCH).max(1))?;
    }
    if !arguments.no_callers {
        many(directory.path(), arguments.rounds, &CALLERS)?;
    }
    Ok(())
}

/// One caller: every event is durable before the next one is offered.
fn single(directory: &Path, rounds: u32) -> Result<(), Box<dyn Error>> {
    let path = directory.join("single");
    let store = Store::open(&path)?;
    let mut events = Events::new(SINGLE_BYTES, STREAMS)?;
    let mut bare = BareFile::create(&made(directory, "single-bare")?, Room::Allocated)?;
    let mut written = BareFile::create(&made(directory, "single-written")?, Room::Written)?;
    store.append(events.next_event()?)?;
    let (mut ours, mut theirs, mut other, mut bytes) = Default::default();
    let figures: [&mut Figures; 4] = [&mut ours, &mut theirs, &mut other, &mut bytes];
    let [ours_each, bare_each, written_each, bytes_each] = figures;
    for _ in 0..rounds {
        let mut receipts = Vec::new();
        let begun = Instant::now();
        for _ in 0..SINGLES {
            receipts.push(store.append(events.next_event()?)?);
        }
        ours_each.push_each(begun.elapsed(), SINGLES);
        let groups = receipts.iter().map(|receipt| place::written_by(&path, &[*receipt]));
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        bytes_each.push(mean(&groups));
        bare_each.push_each(write_all(&mut bare, &groups)?, SINGLES);
        written_each.push_each(write_all(&mut written, &groups)?, SINGLES);
    }
    store.close()?;
    println!("\none caller, {rounds} rounds of {SINGLES} durable appends, {SINGLE_BYTES}-byte payloads");
    println!("  bytes an event takes         {bytes}");
    println!("  causelog, microseconds each  {ours}");
    println!("  bare, microseconds each      {theirs}");
    println!("  bare over written zeros      {other}");
    println!("  causelog : bare, times       {}", ours.ratios(&theirs));
    println!("  causelog : over zeros, times {}", ours.ratios(&other));
    Ok(())
}

/// A new store each round, filled in durable batches.
fn import(directory: &Path, rounds: u32, batches: u32) -> Result<(), Box<dyn Error>> {
    for (name, way) in [("submitted, two at a time", Way::Submit), ("appended one by one", Way::Append)] {
        import_by(directory, rounds, batches, name, way)?;
    }
    Ok(())
}

/// How batches are handed to the store.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// The next one is made and judged while the last one is written, as `causelog import` does.
    Submit,
    /// Each one is durable before the next is made.
    Append,
}

fn import_by(
    directory: &Path,
    rounds: u32,
    batches: u32,
    name: &str,
    way: Way,
) -> Result<(), Box<dyn Error>> {
    let operations = batches * BATCH;
    let (mut ours, mut theirs, mut bytes, mut syncs) =
        (Figures::default(), Figures::default(), Figures::default(), Figures::default());
    for round in 0..rounds {
        let path = directory.join(format!("import-{round}"));
        ours.push_each(import_once(&path, batches, way)?, operations);
        let groups = place::groups_in(&path)?;
        bytes.push(mean(&groups) * f64::from(u32::try_from(groups.len())?) / f64::from(operations));
        syncs.push(f64::from(u32::try_from(groups.len())?));
        let bare_path = made(directory, &format!("import-bare-{round}"))?;
        let mut bare = BareFile::create(&bare_path, Room::Allocated)?;
        theirs.push_each(write_all(&mut bare, &groups)?, operations);
        fs::remove_dir_all(path)?;
        fs::remove_dir_all(bare_path)?;
    }
    println!(
        "\nimport of {operations} events in durable batches of {BATCH}, {IMPORT_BYTES}-byte payloads, {name}"
    );
    println!("  bytes an event takes         {bytes}");
    println!("  groups, a sync each          {syncs}");
    println!("  causelog, microseconds each  {ours}");
    println!("  bare, microseconds each      {theirs}");
    println!("  causelog : bare, times       {}", ours.ratios(&theirs));
    println!("  bare : causelog, speed       {}", theirs.ratios(&ours));
    Ok(())
}

/// From the open to the last receipt.
fn import_once(path: &Path, batches: u32, way: Way) -> Result<Duration, Box<dyn Error>> {
    let mut events = Events::new(IMPORT_BYTES, STREAMS)?;
    let count = usize::try_from(BATCH)?;
    let begun = Instant::now();
    let store = Store::open(path)?;
    let mut in_flight = None;
    for _ in 0..batches {
        let batch = events.batch(count)?;
        match way {
            Way::Append => _ = store.append_batch(batch)?,
            Way::Submit => {
                if let Some(before) = in_flight.replace(store.submit(batch)?) {
                    Ticket::wait(before)?;
                }
            }
        }
    }
    in_flight.map_or(Ok(Vec::new()), Ticket::wait)?;
    Ok(begun.elapsed())
}

/// Many callers: each one's event is durable before it offers the next.
fn many(directory: &Path, rounds: u32, callers: &[u16]) -> Result<(), Box<dyn Error>> {
    for &callers in callers {
        let leaders: &[Leader] =
            if callers > 1 { &[Leader::Takes, Leader::Gathers] } else { &[Leader::Takes] };
        for leader in leaders {
            beside(directory, rounds, callers, *leader)?;
        }
    }
    Ok(())
}

fn beside(directory: &Path, rounds: u32, callers: u16, leader: Leader) -> Result<(), Box<dyn Error>> {
    let (payload_bytes, durability) = (SINGLE_BYTES, Durability::Sync);
    let workload = Workload { callers, payload_bytes, batch: 1, durability, leader };
    let mut measured = Rounds::prepare(directory, workload)?;
    for _ in 0..rounds {
        measured.round(TURN)?;
    }
    let turn = TURN.as_millis();
    println!("\ncallers: {callers}, {rounds} rounds of {turn} ms, {SINGLE_BYTES}-byte payloads");
    print_side("causelog", measured.store());
    print_side("bare loop", measured.bare_loop());
    let by_loop = measured.store().events_per_s.ratios(&measured.bare_loop().events_per_s);
    println!("  causelog : bare loop, speed    {by_loop}");
    if callers > 1 {
        let name = match leader {
            Leader::Takes => "bare group commit",
            Leader::Gathers => "bare group commit, gathering",
        };
        print_side(name, measured.bare());
        println!("  causelog : {}, speed {}", name.trim_start_matches("bare "), measured.ratios());
    }
    Ok(())
}

fn print_side(name: &str, side: &Measured) {
    let [p50, p99, p999] = [500, 990, 999].map(|part| side.latencies.quantile_us(part));
    println!("  {:<39}{}", format!("{name}, events/s"), side.events_per_s);
    println!("    p50, p99, p99.9, us          {p50:9.1} {p99:9.1} {p999:9.1}");
    println!("    events per sync              {:9.2}", side.events_per_sync().unwrap_or(f64::NAN));
}

/// The bare loop: one write and one sync for each, into room that is there.
fn write_all(bare: &mut BareFile, groups: &[Vec<u8>]) -> Result<Duration, Box<dyn Error>> {
    let bytes: usize = groups.iter().map(Vec::len).sum();
    bare.reserve(u64::try_from(bytes)?)?;
    let begun = Instant::now();
    for group in groups {
        bare.write_and_sync(group)?;
    }
    Ok(begun.elapsed())
}

fn mean(groups: &[Vec<u8>]) -> f64 {
    let bytes: usize = groups.iter().map(Vec::len).sum();
    let count = u32::try_from(groups.len()).unwrap_or(u32::MAX);
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / f64::from(count.max(1))
}

fn made(directory: &Path, name: &str) -> std::io::Result<PathBuf> {
    let path = directory.join(name);
    fs::create_dir(&path)?;
    Ok(path)
}
