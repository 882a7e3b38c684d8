//! The writer as a state machine: no thread, no queue, no wait. Whoever holds it drives it.

use std::sync::Arc;

use causelog_index::{Index, IndexError, Watermark};
use causelog_io::{Clock, Environment};
use causelog_segment::{Appender, Log, Published, Snapshot};
use causelog_types::{EventId, Header, Hlc, Position, limits, planted, widen};

use crate::catch_up::catch_up;
use crate::command::{AppendReceipt, Command};
use crate::durability::Durability;
use crate::error::{AppendError, AppendErrorKind, CatchUpError, CloseError, Fate, Poison};
use crate::job::Job;
use crate::judge::{Judge, Refusal, Verdict, index_failed};
use crate::staged::StagedGroup;
use crate::waiting::{Answer, Answered, Waiting};

/// Beyond so many events or bytes a group takes in no further command: who comes then waits for the next.
const GROUP_EVENTS: usize = 4096;
/// Beyond so many that wait for an answer nobody else is taken in, whether they have events or not.
const WAITING_MAX: usize = 16_384;
const GROUP_BYTES: usize = 4 * 1024 * 1024;

mod settle;

/// Limits and modes of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterSettings {
    /// The greatest length of an event's frame, in bytes.
    pub frame_bytes_max: usize,
    /// When an append is answered.
    pub durability: Durability,
}

impl Default for WriterSettings {
    fn default() -> Self {
        Self { frame_bytes_max: limits::FRAME_BYTES_DEFAULT, durability: Durability::Sync }
    }
}

/// The single writer of a log.
///
/// Commands are [`offer`](Self::offer)ed and judged at once, against what is committed and what is staged before
/// them. [`next_job`](Self::next_job) hands out the write and the sync of the staged group, to be run outside of
/// any lock; more commands can be offered meanwhile. [`finish`](Self::finish) takes back what came of it, feeds
/// the index, publishes, and tells the answers. At most one job is out. In the default durability nothing is
/// visible before it is durable; the first failure that may have left something behind ends the machine.
///
/// `T` says who waits for an answer; the machine only hands it back.
pub struct Machine<T = ()> {
    /// Away while a job is out.
    appender: Option<Appender>,
    log: Log,
    index: Arc<dyn Index>,
    published: Arc<Published>,
    clock: Arc<dyn Clock>,
    settings: WriterSettings,
    /// What is committed: written, in the default durability synced, and in the index.
    committed: Snapshot,
    /// The group of the job that is out.
    flight: Option<Group<T>>,
    /// The group that is being collected.
    staged: Group<T>,
    /// The last group that was committed; its memory is used again.
    settled: Group<T>,
    /// When the first event was written that is not synced, by the monotonic clock.
    unsynced_since_ms: Option<u64>,
    state: State,
}

struct Group<T> {
    staged: StagedGroup,
    waiting: Vec<Waiting<T>>,
    /// Whether somebody asks for a sync.
    sync: bool,
}

enum State {
    /// Between two calls.
    Idle,
    /// Within a call: a panic leaves it so.
    Busy,
    Poisoned(Poison),
}

/// What an offered command comes to.
#[derive(Debug)]
pub enum Offered<T> {
    /// The answer is known.
    Answered(Answered<T>),
    /// The answer comes with the end of a job.
    Waits,
}

impl<T> Machine<T> {
    /// Brings the index up to the log, and makes the log's recovered end visible.
    ///
    /// # Errors
    /// The log is damaged or the index fails.
    pub fn start(
        environment: &Environment,
        log: Log,
        snapshot: Snapshot,
        appender: Appender,
        index: Arc<dyn Index>,
        settings: WriterSettings,
    ) -> Result<Self, CatchUpError> {
        let published = Published::new(snapshot.clone());
        Self::resume(environment, log, snapshot, appender, index, settings, published)
    }

    /// Goes on for readers of a machine that was given up: brings the index up to the log as it was recovered, and
    /// shows them the recovered end.
    ///
    /// # Errors
    /// As [`Machine::start`].
    pub(crate) fn resume(
        environment: &Environment,
        log: Log,
        snapshot: Snapshot,
        appender: Appender,
        index: Arc<dyn Index>,
        settings: WriterSettings,
        published: Arc<Published>,
    ) -> Result<Self, CatchUpError> {
        if let Err(error) = catch_up(&*index, &log, &snapshot) {
            // While the lock is still held.
            let _ = index.close();
            return Err(error);
        }
        published.store(snapshot.clone(), snapshot.end.position);
        let group = || Group {
            staged: StagedGroup::new(snapshot.end.position, snapshot.end.hlc),
            waiting: Vec::new(),
            sync: false,
        };
        Ok(Self {
            appender: Some(appender),
            log,
            index,
            published,
            clock: Arc::clone(&environment.clock),
            settings,
            flight: None,
            staged: group(),
            settled: group(),
            committed: snapshot,
            unsynced_since_ms: None,
            state: State::Idle,
        })
    }

    /// What readers see.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Where questions are answered.
    #[must_use]
    pub fn index(&self) -> Arc<dyn Index> {
        Arc::clone(&self.index)
    }

    /// Whether a command can be offered now, or has to wait for the next job: groups are bounded.
    #[must_use]
    pub fn has_room(&self, command: &Command) -> bool {
        let staged = &self.staged.staged;
        let waiting =
            self.staged.waiting.len() + self.flight.as_ref().map_or(0, |flight| flight.waiting.len());
        let fits = staged.events.is_empty()
            || (staged.events.len() + command.len() <= GROUP_EVENTS && staged.buffer.len() < GROUP_BYTES);
        fits && waiting < WAITING_MAX
    }

    /// Judges a command and adds its events to the staged group, or answers it.
    pub fn offer(&mut self, command: &Command, who: T) -> Offered<T> {
        self.begin();
        let judged = self.judge(command);
        let offered = match judged {
            Ok(Verdict::Found(receipts)) => {
                let synced = |receipt: &AppendReceipt| receipt.durability == Durability::Sync;
                match command.durable && !receipts.iter().all(synced) {
                    true => self.wait_for_sync(who, command),
                    false => Offered::Answered(Answered { who, answer: Ok(receipts) }),
                }
            }
            Ok(Verdict::Staged) => {
                let staged = self.staged.staged.events.len();
                self.staged.sync |= command.durable;
                let answer = Answer::Staged(staged - command.len()..staged);
                self.staged.waiting.push(Waiting { who, answer });
                Offered::Waits
            }
            Ok(Verdict::FoundStaged(last)) if command.durable && last < self.staged.staged.base => {
                self.wait_for_sync(who, command)
            }
            Ok(Verdict::FoundStaged(last)) => {
                self.staged.sync |= command.durable;
                self.wait_for(last, who, Answer::Found(command.ids()))
            }
            Err(Refusal { kind, rests_on }) => {
                let error = AppendError::new(command.ids(), Fate::NotWritten, kind);
                let at_once = planted!("refuse-before-the-sync");
                match rests_on.filter(|last| *last >= self.committed.end.position && !at_once) {
                    Some(last) => self.wait_for(last, who, Answer::Refused(error)),
                    None => Offered::Answered(Answered { who, answer: Err(error) }),
                }
            }
        };
        self.rest();
        offered
    }

    fn judge(&mut self, command: &Command) -> Result<Verdict, Refusal> {
        if let State::Poisoned(poison) = &self.state {
            return Err(AppendErrorKind::Poisoned(poison.clone()).into());
        }
        self.check_index()?;
        let mut judge = Judge {
            index: &*self.index,
            log: &self.log,
            committed: &self.committed,
            durable: self.published.durable(),
            mode: self.settings.durability,
            flight: self.flight.as_ref().map(|flight| &flight.staged),
            staged: &mut self.staged.staged,
            now_ms: self.clock.now_ms(),
            frame_bytes_max: self.settings.frame_bytes_max,
        };
        judge.judge(command)
    }

    /// Keeps an answer until an event that is only staged is committed.
    fn wait_for(&mut self, last: Position, who: T, answer: Answer) -> Offered<T> {
        let group = match &mut self.flight {
            Some(flight) if last < self.staged.staged.base => flight,
            _ => &mut self.staged,
        };
        group.waiting.push(Waiting { who, answer });
        Offered::Waits
    }

    /// Keeps the answer to a retry until what it has found is synced, by the next job.
    fn wait_for_sync(&mut self, who: T, command: &Command) -> Offered<T> {
        self.staged.sync = true;
        self.staged.waiting.push(Waiting { who, answer: Answer::FoundUnsynced(command.ids()) });
        Offered::Waits
    }

    /// Revisions and ids are judged by the index: one that somebody else has reset or fed since the last append
    /// must not decide what is written.
    fn check_index(&mut self) -> Result<(), AppendErrorKind> {
        let end = &self.committed.end;
        let known = self.index.watermark().map_err(index_failed)?;
        let due = Watermark { store: self.log.store(), next: end.position, root: end.root };
        let error = match known {
            None if end.position == Position(0) => return Ok(()),
            Some(known) if known == due => return Ok(()),
            Some(known) if known.store != due.store || known.next == due.next => IndexError::OtherStore,
            known => {
                let expected = known.map_or(Position(0), |known| known.next);
                IndexError::OutOfOrder { expected, found: end.position }
            }
        };
        let error = Arc::new(error);
        self.poison(Poison::Index(Arc::clone(&error)));
        Err(AppendErrorKind::IndexFailed(error))
    }

    /// Asks that everything accepted so far is synced; answered when it is.
    pub fn offer_sync(&mut self, who: T) -> Offered<T> {
        self.begin();
        let offered = if let State::Poisoned(poison) = &self.state {
            let kind = AppendErrorKind::Poisoned(poison.clone());
            Offered::Answered(Answered {
                who,
                answer: Err(AppendError::new(Vec::new(), Fate::NotWritten, kind)),
            })
        } else if self.flight.is_none() && self.staged.is_idle() && self.unsynced() == 0 {
            Offered::Answered(Answered { who, answer: Ok(Vec::new()) })
        } else {
            self.staged.sync = true;
            self.staged.waiting.push(Waiting { who, answer: Answer::Synced });
            Offered::Waits
        };
        self.rest();
        offered
    }

    /// Asks that everything accepted so far is synced by the next job, with nobody waiting for it.
    pub fn request_sync(&mut self) {
        if self.check().is_ok() {
            self.staged.sync |= self.unsynced() > 0 || !self.staged.is_idle();
        }
    }

    /// How many events are written and visible, but not synced.
    #[must_use]
    pub fn unsynced(&self) -> u64 {
        self.committed.end.position.since(self.published.durable()).unwrap_or(0)
    }

    /// When the next sync has to begin at the latest, by the monotonic clock, in milliseconds.
    #[must_use]
    pub fn sync_due_ms(&self) -> Option<u64> {
        match self.settings.durability {
            Durability::Interval { max_ms, .. } => {
                self.unsynced_since_ms.map(|since| since.saturating_add(max_ms))
            }
            Durability::Sync | Durability::Os => None,
        }
    }

    /// Whether there is something for a job to do, once none is out.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.staged.is_idle()
    }

    /// Who waits for the next job.
    pub fn waiting(&self) -> impl Iterator<Item = &T> {
        self.staged.waiting.iter().map(|waiting| &waiting.who)
    }

    /// Hands out the write and sync of the staged group; `None` while a job is out, and without work.
    pub fn next_job(&mut self) -> Option<Job> {
        if self.flight.is_some() || !self.has_work() || self.check().is_err() {
            return None;
        }
        let appender = self.appender.take()?;
        let mut next = std::mem::replace(&mut self.staged, self.settled.taken());
        self.staged.begin(next.staged.next(), next.staged.hlc);
        let events = widen(next.staged.events.len());
        let sync = next.sync
            || match self.settings.durability {
                Durability::Sync => true,
                Durability::Interval { max_events, .. } => {
                    self.unsynced().saturating_add(events) >= max_events
                }
                Durability::Os => false,
            };
        let buffer = std::mem::take(&mut next.staged.buffer);
        let hlc = next.staged.hlc;
        self.flight = Some(next);
        Some(Job { appender, buffer, hlc, sync })
    }

    /// Tells those that wait for the staged group that it will not be written, once the machine has failed and no
    /// job is out.
    pub(crate) fn take_failed(&mut self) -> Vec<Answered<T>> {
        match (&self.state, &self.flight) {
            (State::Poisoned(poison), None) => {
                let kind = AppendErrorKind::Poisoned(poison.clone());
                let unwritten = self.staged.staged.ids.clone();
                let found = |id| if unwritten.contains_key(&id) { Fate::NotWritten } else { Fate::Unknown };
                let answers = self.staged.drain(Fate::NotWritten, &kind, found);
                let end = &self.committed.end;
                self.staged.begin(end.position, end.hlc);
                answers
            }
            _ => Vec::new(),
        }
    }

    /// The events that the last finished job has made visible.
    pub(crate) fn settled(&self) -> impl Iterator<Item = &Header> {
        self.settled.staged.events.iter().map(|event| &event.header)
    }

    fn begin(&mut self) {
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle => {}
            State::Busy => self.poison(Poison::Panicked),
            State::Poisoned(poison) => self.state = State::Poisoned(poison),
        }
    }

    fn rest(&mut self) {
        if matches!(self.state, State::Busy) {
            self.state = State::Idle;
        }
    }

    fn poison(&mut self, poison: Poison) {
        tracing::error!(%poison, "the writer takes no more appends until the store is opened again");
        self.published.end();
        self.state = State::Poisoned(poison);
    }

    /// Whether nothing has failed.
    ///
    /// # Errors
    /// What failed.
    pub fn check(&self) -> Result<(), Poison> {
        match &self.state {
            State::Idle => Ok(()),
            State::Busy => Err(Poison::Panicked),
            State::Poisoned(poison) => Err(poison.clone()),
        }
    }

    /// Ends the log in order, once no job is out and there is no work. A poisoned machine only lets go: the next
    /// open recovers.
    ///
    /// # Errors
    /// What failed earlier, or the first step that fails now.
    pub fn close(self) -> Result<(), CloseError> {
        self.published.end();
        if let Err(error) = self.index.close() {
            tracing::warn!(%error, "the index was not closed in order; the next open tells it what it lacks");
        }
        self.check().map_err(CloseError::Poisoned)?;
        match self.appender {
            Some(appender) => appender.close().map_err(CloseError::Log),
            None => Err(CloseError::Poisoned(Poison::Panicked)),
        }
    }
}

impl<T: Default> Machine<T> {
    /// Appends the events of a command, all or none, with nobody else driving the machine.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn append(&mut self, command: &Command) -> Result<Vec<AppendReceipt>, AppendError> {
        if self.appender.is_none() {
            // A panic has taken the job that was out.
            self.poison(Poison::Panicked);
        }
        if let Offered::Answered(told) = self.offer(command, T::default()) {
            return told.answer;
        }
        let Some(job) = self.next_job() else { unreachable!("a staged command is work, and no job is out") };
        let mut answers = self.finish(job.run());
        let Some(told) = answers.pop() else { unreachable!("a job answers the commands of its group") };
        told.answer
    }
}

impl<T> Group<T> {
    fn is_idle(&self) -> bool {
        self.staged.events.is_empty() && self.waiting.is_empty() && !self.sync
    }

    fn begin(&mut self, base: Position, hlc: Hlc) {
        self.staged.begin(base, hlc);
        self.waiting.clear();
        self.sync = false;
    }

    /// Its memory, with an empty group left in its place.
    fn taken(&mut self) -> Self {
        let staged = StagedGroup::new(self.staged.base, self.staged.hlc);
        std::mem::replace(self, Self { staged, waiting: Vec::new(), sync: false })
    }

    /// Tells all that wait for it that it has failed. `found` says what has become of an event that somebody has
    /// offered again.
    fn drain(
        &mut self,
        fate: Fate,
        kind: &AppendErrorKind,
        found: impl Fn(EventId) -> Fate,
    ) -> Vec<Answered<T>> {
        let events = &self.staged.events;
        let all_unwritten = |ids: &[EventId]| ids.iter().all(|id| found(*id) == Fate::NotWritten);
        let failed = |Waiting { who, answer }| {
            let (ids, fate) = match answer {
                Answer::Staged(range) => (events[range].iter().map(|event| event.header.id).collect(), fate),
                Answer::Found(ids) if all_unwritten(&ids) => (ids, Fate::NotWritten),
                // Some of its events had been given to the log before.
                Answer::Found(ids) | Answer::FoundUnsynced(ids) => (ids, Fate::Unknown),
                // It has staged nothing itself.
                Answer::Refused(error) => (error.ids().to_vec(), Fate::NotWritten),
                Answer::Synced => (Vec::new(), fate),
            };
            Answered { who, answer: Err(AppendError::new(ids, fate, kind.clone())) }
        };
        self.waiting.drain(..).map(failed).collect()
    }
}
