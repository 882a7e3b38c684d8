//! How opening, memory and reading grow with the store: stores of several sizes, each figure from a process of its own.
//!
//! README.md says what the columns mean.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Instant;

use causelog::{
    Batch, Clause, Coordinate, EventId, EventKind, MemoryIndex, NewEvent, Options, Position, Query, Region,
    Store,
};
use causelog_index_redb::RedbIndex;
use clap::{Parser, Subcommand, ValueEnum};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// How many streams there are beside the long one.
const STREAMS: u64 = 10_000;
/// Every so many events one is of the long stream.
const LONG_EVERY: u64 = 100;
const PAYLOAD_BYTES: usize = 256;
const BATCH: u64 = 1000;
const GETS: u64 = 100_000;

/// Measures opening, memory and reading on stores of several sizes.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Makes stores and prints a table of all figures.
    Table {
        /// Where the stores are made, in a directory that is removed at the end.
        #[arg(long)]
        dir: PathBuf,
        /// How many events they have.
        #[arg(long, value_delimiter = ',', default_value = "100000,1000000")]
        events: Vec<u64>,
        /// The indexes that are measured.
        #[arg(long, value_delimiter = ',', default_value = "sealed,memory,redb")]
        indexes: Vec<Backend>,
    },
    /// Appends events to a new store, and then closes it or is killed.
    Make {
        path: PathBuf,
        events: u64,
        #[arg(long)]
        killed: bool,
    },
    /// Opens a store and reads.
    Measure {
        path: PathBuf,
        events: u64,
        #[arg(long)]
        index: Backend,
        /// Only opens it.
        #[arg(long)]
        open_only: bool,
        /// Only the figures whose names have this in them, for a profile.
        #[arg(long, default_value = "")]
        only: String,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    Sealed,
    /// The default backend, with sealed segments mapped.
    Mapped,
    Memory,
    Redb,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Table { dir, events, indexes } => table(&dir, &events, &indexes),
        What::Make { path, events, killed } => make(&path, events, killed),
        What::Measure { path, events, index, open_only, only } => {
            measure(&path, events, index, open_only, &only)
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stores: {error}");
            ExitCode::FAILURE
        }
    }
}

fn table(dir: &Path, events: &[u64], indexes: &[Backend]) -> Outcome<()> {
    let directory = tempfile::tempdir_in(dir)?;
    for events in events {
        let path = |name: &str| directory.path().join(format!("{events}-{name}"));
        let count = events.to_string();
        let (closed, killed) = (path("closed"), path("killed"));
        run(&["make", &text(&closed)?, &count])?;
        run(&["make", &text(&killed)?, &count, "--killed"])?;
        println!("## {events} events\n");
        let (segments, index) = (bytes_of(&closed, ".seg")?, bytes_of(&closed, ".idx")?);
        let payload = events * u64::try_from(PAYLOAD_BYTES)?;
        println!(
            "bytes on disk an event, beside the payload: {} in segments, {} in index files\n",
            segments.saturating_sub(payload) / events,
            index / events
        );
        for index in indexes {
            let name = index.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            println!("| {name} | |\n|---|---|");
            if matches!(index, Backend::Redb) {
                run(&["measure", &text(&closed)?, &count, "--index", &name, "--open-only"])?;
            } else {
                for _ in 0..3 {
                    run(&[
                        "measure",
                        &text(&killed_copy(&killed)?)?,
                        &count,
                        "--index",
                        &name,
                        "--open-only",
                    ])?;
                }
            }
            run(&["measure", &text(&closed)?, &count, "--index", &name])?;
            println!();
        }
        std::fs::remove_dir_all(&closed)?;
        std::fs::remove_dir_all(&killed)?;
    }
    Ok(())
}

/// An open mends what a kill has left, so every measurement opens a copy. The page cache holds it.
fn killed_copy(killed: &Path) -> Outcome<PathBuf> {
    let copy = killed.with_extension("copy");
    if copy.exists() {
        std::fs::remove_dir_all(&copy)?;
    }
    std::fs::create_dir(&copy)?;
    for entry in std::fs::read_dir(killed)? {
        let entry = entry?;
        let to = copy.join(entry.file_name());
        std::fs::copy(entry.path(), &to)?;
        // What an open syncs shall be what the kill has left to be synced.
        std::fs::File::open(to)?.sync_all()?;
    }
    Ok(copy)
}

fn text(path: &Path) -> Outcome<String> {
    Ok(path.to_str().ok_or("the path is no text")?.to_owned())
}

fn run(arguments: &[&str]) -> Outcome<()> {
    let status = Command::new(std::env::current_exe()?).args(arguments).status()?;
    // A maker that was to be killed is.
    if status.success() || arguments.contains(&"--killed") { Ok(()) } else { Err("a part has failed".into()) }
}

fn bytes_of(path: &Path, suffix: &str) -> Outcome<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(suffix) {
            sum += entry.metadata()?.len();
        }
    }
    Ok(sum)
}

fn id(number: u64) -> EventId {
    let mixed = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&mixed.to_be_bytes()[..10]);
    EventId::from_time(1_700_000_000_000 + number / 50, bytes)
}

fn stream(number: u64) -> Outcome<Coordinate> {
    Ok(match number.is_multiple_of(LONG_EVERY) {
        true => Coordinate::new("long", "scope:0")?,
        false => {
            // Interleaved, and no stream's events are neighbours.
            let stream = number.wrapping_mul(7919) % STREAMS;
            Coordinate::new(format!("entity:{stream}"), format!("scope:{}", stream % 8))?
        }
    })
}

fn kind(number: u64) -> EventKind {
    match number % 4 {
        0 => EventKind::of::<0x1001>(),
        1 => EventKind::of::<0x1002>(),
        2 => EventKind::of::<0x2001>(),
        _ => EventKind::of::<0x3001>(),
    }
}

fn event(number: u64, events: u64) -> Outcome<NewEvent> {
    // With its MessagePack header the payload is as long as it says.
    let payload = "x".repeat(PAYLOAD_BYTES - 3);
    let event = NewEvent::new(&stream(number)?, kind(number), &payload)?.with_id(id(number));
    // One in a million, and at least one.
    let rare = number % 1_000_000 == (events / 2) % 1_000_000;
    Ok(if rare { event.with_tags(["rare", "any"])? } else { event.with_tags(["any"])? })
}

fn make(path: &Path, events: u64, killed: bool) -> Outcome<()> {
    let store = Options::default().open(path)?;
    let begun = Instant::now();
    let mut number = 0;
    while number < events {
        let end = (number + BATCH).min(events);
        let batch: Outcome<Vec<NewEvent>> = (number..end).map(|number| event(number, events)).collect();
        store.append_batch(Batch::from(batch?))?;
        number = end;
    }
    eprintln!("made {events} events in {} ms", begun.elapsed().as_millis());
    if killed {
        std::process::abort();
    }
    store.close()?;
    eprintln!("closed after {} ms", begun.elapsed().as_millis());
    Ok(())
}

fn resident_mib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?;
    Ok(kib / 1024)
}

fn measure(path: &Path, events: u64, backend: Backend, open_only: bool, only: &str) -> Outcome<()> {
    let begun = Instant::now();
    let options = match backend {
        Backend::Sealed => Options::default(),
        Backend::Mapped => Options::default().maps(true),
        Backend::Memory => Options::default().index(Arc::new(MemoryIndex::new())),
        Backend::Redb => Options::default().index(Arc::new(RedbIndex::open(path.with_extension("redb"))?)),
    };
    let store = options.open(path)?;
    let opened = begun.elapsed();
    if open_only && path.extension().is_none_or(|extension| extension != "copy") {
        println!("| first open, which fills the index | {} us |", opened.as_micros());
        return Ok(store.close()?);
    }
    if open_only {
        println!("| open after a kill | {} us |", opened.as_micros());
        return Ok(());
    }
    println!("| open after a close | {} us |", opened.as_micros());
    println!("| resident after it | {} MiB |", resident_mib()?);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    each(only, "get by id, random", GETS, || {
        let number = draw(events);
        let found = store.get(id(number))?.ok_or("an event is missing")?;
        assert_eq!(found.header.position, Position(number), "another event");
        Ok(())
    })?;
    println!("| resident after 100,000 gets | {} MiB |", resident_mib()?);
    each(only, "get by id, absent", GETS, || {
        assert!(store.get(id(events + draw(events)))?.is_none(), "an event that is not there");
        Ok(())
    })?;
    each(only, "get by id, absent, of random bits", GETS, || {
        let id = u128::from(draw(u64::MAX)) << 64 | u128::from(draw(u64::MAX));
        assert!(store.get(EventId::from_u128(id))?.is_none(), "an event that is not there");
        Ok(())
    })?;
    each(only, "head of a random stream", GETS, || {
        store.head(&stream(1 + draw(events - 1))?)?;
        Ok(())
    })?;
    let long = Coordinate::new("long", "scope:0")?;
    each(only, "last 10 of a stream, backwards", 10_000, || {
        let last = store.read(Query::new(Region::stream(&long)).backwards().limit(10));
        assert_eq!(last.count(), 10);
        Ok(())
    })?;
    scan(only, &store, "one stream of a hundredth of the events", Region::stream(&long))?;
    scan(only, &store, "one kind, a quarter", Clause::new().kind(kind(1))?.into())?;
    scan(only, &store, "one scope, an eighth", Clause::new().scope("scope:3")?.into())?;
    each(only, "by a tag with one match in a million, all", 10, || {
        let rare: Region = Clause::new().tag("rare")?.into();
        assert_eq!(store.read(&rare).count(), usize::try_from(events.div_ceil(1_000_000))?);
        Ok(())
    })?;
    scan(only, &store, "everything", Region::all())
}

fn each(only: &str, what: &str, count: u64, mut act: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    if !what.contains(only) {
        return Ok(());
    }
    let begun = Instant::now();
    (0..count).try_for_each(|_| act())?;
    let nanos = u64::try_from(begun.elapsed().as_nanos())? / count;
    println!("| {what} | {}.{:02} us |", nanos / 1000, nanos % 1000 / 10);
    Ok(())
}

fn scan(only: &str, store: &Store, what: &str, region: Region) -> Outcome<()> {
    if !what.contains(only) {
        return Ok(());
    }
    let begun = Instant::now();
    let mut count = 0;
    for event in store.read(region) {
        event?;
        count += 1;
    }
    let micros = u64::try_from(begun.elapsed().as_micros())?.max(1);
    println!("| {what}: {count} events | {} events/s |", count * 1_000_000 / micros);
    Ok(())
}
