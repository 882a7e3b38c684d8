//! The child processes: a writer that says what it was answered, and a reader that says what it saw.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use causelog::{AppendReceipt, Batch, Durability, Event, EventHash, EventId, Query, Region, Store};
use clap::{Args, ValueEnum};

use crate::said::{Place, Said};
use crate::script;

/// One life of a writer.
#[derive(Args, Clone, Debug)]
pub(crate) struct WriterLife {
    /// The store.
    #[arg(long)]
    pub(crate) directory: PathBuf,
    /// The history's seed.
    #[arg(long)]
    pub(crate) seed: u64,
    /// The number of the first new offer.
    #[arg(long, default_value_t = 0)]
    pub(crate) from: u64,
    /// How many new offers.
    #[arg(long, default_value_t = 20)]
    pub(crate) appends: u64,
    /// Offers of earlier lives, to be made again first.
    #[arg(long, value_delimiter = ',')]
    pub(crate) retries: Vec<u64>,
    /// How many threads append.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: u64,
    /// At which length a segment is full.
    #[arg(long, default_value_t = 4096)]
    pub(crate) segment_bytes: u64,
    /// When an append is answered.
    #[arg(long, value_enum, default_value_t = Mode::Sync)]
    pub(crate) durability: Mode,
    /// How the life ends, if nobody ends it.
    #[arg(long, value_enum, default_value_t = End::Close)]
    pub(crate) end: End,
}

/// When an append is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// After its sync.
    Sync,
    /// Before it, within a few milliseconds.
    Interval,
    /// The system syncs when it likes.
    Os,
}

/// How a writer's life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    /// In order.
    Close,
    /// The process ends and leaves everything as it is.
    Exit,
    /// It holds the store open until its input ends, and then exits.
    Hold,
}

/// The pipe to the parent. Each line is one call, so that lines of several threads never mix.
struct Pipe(Mutex<File>);

impl Pipe {
    fn new() -> anyhow::Result<Self> {
        Ok(Self(Mutex::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))))
    }

    fn say(&self, said: &Said) -> anyhow::Result<()> {
        let line = format!("{said}\n");
        let mut pipe = self.0.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        ensure!(pipe.write(line.as_bytes())? == line.len(), "the pipe took half a line");
        Ok(())
    }
}

/// Opens the store, appends, and says what was answered.
pub(crate) fn write(life: &WriterLife) -> anyhow::Result<()> {
    let pipe = Pipe::new()?;
    let durability = match life.durability {
        Mode::Sync => Durability::Sync,
        Mode::Interval => Durability::Interval { max_ms: 3, max_events: 8 },
        Mode::Os => Durability::Os,
    };
    let options = Store::options().segment_bytes(life.segment_bytes).durability(durability);
    let store = match options.open(&life.directory) {
        Ok(store) => store,
        Err(error) => return pipe.say(&Said::NotOpened(error.to_string())),
    };
    pipe.say(&Said::Opened(store.end().position.0))?;
    append_all(life, &store, &pipe)?;
    match life.end {
        End::Close => match store.close() {
            Ok(()) => pipe.say(&Said::Closed),
            Err(error) => pipe.say(&Said::NotClosed(error.to_string())),
        },
        End::Exit => std::process::exit(0),
        End::Hold => {
            io::stdin().lock().read_until(b'\n', &mut Vec::new())?;
            std::process::exit(0)
        }
    }
}

fn append_all(life: &WriterLife, store: &Store, pipe: &Pipe) -> anyhow::Result<()> {
    let next = AtomicU64::new(0);
    let retries = u64::try_from(life.retries.len())?;
    let work = || -> anyhow::Result<()> {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= retries + life.appends {
                return Ok(());
            }
            let again = life.retries.get(usize::try_from(n)?);
            append(store, pipe, life.seed, again.copied().unwrap_or_else(|| life.from + n - retries))?;
        }
    };
    if life.threads == 1 {
        return work();
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..life.threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(_) => anyhow::bail!("a thread panicked"),
        })
    })
}

fn append(store: &Store, pipe: &Pipe, seed: u64, number: u64) -> anyhow::Result<()> {
    let offer = script::offer(seed, number)?;
    let ids = offer.ids();
    let batch = Batch::new(offer.events);
    pipe.say(&Said::Offered(number))?;
    let answer = store.append_batch(if offer.durable { batch.durable() } else { batch });
    pipe.say(&match answer {
        Ok(receipts) if receipts.iter().map(|receipt| receipt.id).eq(ids.iter().copied()) => {
            Said::Acknowledged(number, receipts.iter().map(place).collect())
        }
        Ok(receipts) => Said::Wrong(format!("offer {number} was answered with {receipts:?}")),
        Err(error) if error.ids() == ids => Said::Failed(number, error.fate(), error.to_string()),
        Err(error) => Said::Wrong(format!("offer {number} failed with other ids: {error}")),
    })
}

fn place(receipt: &AppendReceipt) -> Place {
    let AppendReceipt { position, revision, hash, durability, .. } = *receipt;
    Place { position, revision, hash, durability }
}

/// Everything that a store holds.
pub(crate) fn all(store: &Store) -> anyhow::Result<Vec<Event>> {
    let events = store.read(Query::new(Region::all().with_library_events()));
    Ok(events.collect::<Result<_, _>>()?)
}

/// Looks into the store again and again, as another process does, until its input ends: it never sees fewer
/// events, or others. What it has open goes on showing what it showed.
pub(crate) fn read(directory: &Path) -> anyhow::Result<()> {
    let pipe = Pipe::new()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let ended = io::stdin().lock().read_until(b'\n', &mut Vec::new());
            over.store(true, Ordering::SeqCst);
            ended
        });
        watch(directory, &pipe, &over)?;
        // The other thread may still wait for the end of the input.
        std::process::exit(0)
    })
}

fn watch(directory: &Path, pipe: &Pipe, over: &AtomicBool) -> anyhow::Result<()> {
    let mut known: Vec<(EventId, EventHash)> = Vec::new();
    let mut held: Option<Store> = None;
    loop {
        // Asked first, so that one last look follows the end of the input.
        let last = over.load(Ordering::SeqCst);
        match look(directory, held.as_ref()) {
            Ok((store, before, now)) => {
                if held.is_some() && before != known {
                    return pipe
                        .say(&Said::Wrong("a store that was open shows something else now".to_owned()));
                }
                if !now.starts_with(&known) {
                    let (was, is) = (known.len(), now.len());
                    return pipe
                        .say(&Said::Wrong(format!("a reader saw {was} events, and now {is}, or others")));
                }
                if let Some((_, hash)) = now.last().filter(|_| now.len() > known.len()) {
                    pipe.say(&Said::Seen(u64::try_from(now.len())?, *hash))?;
                }
                (known, held) = (now, Some(store));
            }
            // Not made yet.
            Err(_) if held.is_none() => {}
            Err(error) => return pipe.say(&Said::NotOpened(format!("{error:#}"))),
        }
        if last {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(3));
    }
}

type Sight = Vec<(EventId, EventHash)>;

/// A store that is opened now, what one shows that was opened before, and what the new one shows.
fn look(directory: &Path, held: Option<&Store>) -> anyhow::Result<(Store, Sight, Sight)> {
    let sight = |store: &Store| -> anyhow::Result<Sight> {
        Ok(all(store)?.iter().map(|event| (event.header.id, event.hash())).collect())
    };
    let store = Store::open_read_only(directory)?;
    let before = held.map(sight).transpose()?.unwrap_or_default();
    let now = sight(&store)?;
    Ok((store, before, now))
}
