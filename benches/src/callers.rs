//! Threads that append to one target after the other, all at once, for as long as a turn takes.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use causelog::IoError;

use crate::BenchError;
use crate::events::Events;
use crate::latencies::Latencies;
use crate::target::Target;

/// Callers, a thread each, made once for all turns.
#[derive(Debug)]
pub(crate) struct Callers {
    threads: Vec<Caller>,
    /// Lets all begin together, whoever was told first.
    gate: Arc<Barrier>,
    /// Memory for the latencies of a turn.
    spare: Vec<Vec<Duration>>,
}

#[derive(Debug)]
struct Caller {
    /// Closed to end the thread.
    turns: Option<Sender<Turn>>,
    done: Receiver<Result<Done, BenchError>>,
    thread: Option<JoinHandle<()>>,
}

/// What a caller is told to do.
struct Turn {
    job: Arc<Job>,
    /// Empty, with the memory of the turn before.
    latencies: Vec<Duration>,
}

struct Job {
    target: Arc<Target>,
    time: Duration,
    /// When the first caller began.
    begun: OnceLock<Instant>,
}

/// What a caller has done.
struct Done {
    ended: Instant,
    latencies: Vec<Duration>,
}

/// What all of them have done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// How often they appended.
    pub(crate) appends: u64,
    /// From the first one's beginning to the last one's end.
    pub(crate) time: Duration,
}

impl Callers {
    /// Starts this many, at least one, with payloads of this many bytes.
    pub(crate) fn start(count: u16, payload_bytes: usize) -> Result<Self, BenchError> {
        let count = count.max(1);
        let gate = Arc::new(Barrier::new(usize::from(count) + 1));
        let mut callers = Self { threads: Vec::new(), gate, spare: Vec::new() };
        for _ in 0..count {
            let caller = Caller::start(&callers.gate, Events::exact(payload_bytes)?);
            callers.threads.push(caller.map_err(IoError::on("start", "a thread"))?);
        }
        Ok(callers)
    }

    /// Lets all append to a target until the time is over, each at least once, and adds how long each append took.
    /// After an error there is no other turn.
    pub(crate) fn turn(
        &mut self,
        target: &Arc<Target>,
        time: Duration,
        latencies: &mut Latencies,
    ) -> Result<Took, BenchError> {
        let job = Arc::new(Job { target: Arc::clone(target), time, begun: OnceLock::new() });
        for caller in &self.threads {
            let turn = Turn { job: Arc::clone(&job), latencies: self.spare.pop().unwrap_or_default() };
            let told = caller.turns.as_ref().map(|turns| turns.send(turn));
            told.and_then(Result::ok).ok_or(BenchError::CallerPanicked)?;
        }
        self.gate.wait();
        let done: Vec<_> = self.threads.iter().map(|caller| caller.done.recv()).collect();
        let begun = job.begun.get().copied();
        let mut took = Took { appends: 0, time: Duration::ZERO };
        for done in done {
            let mut done = done.map_err(|_| BenchError::CallerPanicked)??;
            let since = begun.map(|begun| done.ended.saturating_duration_since(begun));
            took.time = took.time.max(since.unwrap_or_default());
            took.appends += u64::try_from(done.latencies.len()).unwrap_or(u64::MAX);
            done.latencies.drain(..).for_each(|latency| latencies.add(latency));
            self.spare.push(done.latencies);
        }
        Ok(took)
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.threads.iter_mut().for_each(|caller| caller.turns = None);
        for thread in self.threads.iter_mut().filter_map(|caller| caller.thread.take()) {
            // One that has panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Caller {
    fn start(gate: &Arc<Barrier>, mut events: Events) -> io::Result<Self> {
        let (turns, told) = channel::<Turn>();
        let (tell, done) = channel();
        let gate = Arc::clone(gate);
        let work = move || {
            for Turn { job, mut latencies } in told {
                gate.wait();
                let ended = job.run(&mut events, &mut latencies);
                // So that the target is the other side's alone when that hears of the end.
                drop(job);
                if tell.send(ended.map(|ended| Done { ended, latencies })).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("caller".to_owned()).spawn(work)?;
        Ok(Self { turns: Some(turns), done, thread: Some(thread) })
    }
}

impl Job {
    fn run(&self, events: &mut Events, latencies: &mut Vec<Duration>) -> Result<Instant, BenchError> {
        let begun = *self.begun.get_or_init(Instant::now);
        loop {
            let append = self.target.append(events)?;
            latencies.push(append.end - append.start);
            if append.end - begun >= self.time {
                return Ok(append.end);
            }
        }
    }
}
