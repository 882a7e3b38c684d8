//! What the threads of a writer share: the machine under one lock, who leads, and how it all ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causelog_index::Index;
use causelog_io::{Condvar, Environment, Guard, Mutex, Wake, process_id};
use causelog_segment::{
    Appender, AppenderSettings, HeldLock, Log, LogError, Published, Snapshot, reopen_writer,
};
use causelog_types::{Header, Position};

use crate::command::Command;
use crate::durability::{RestartBudget, RestartPolicy};
use crate::error::{AppendErrorKind, CatchUpError, CloseError, Poison};
use crate::fan_out::FanOut;
use crate::job::Done;
use crate::machine::{Machine, Offered, WriterSettings};
use crate::request::{Answer, Request, Waiter, lost};
use crate::waiting::Answered;

/// What a writer begins with.
pub struct Start {
    /// The world.
    pub environment: Environment,
    /// The log's read side, as it was opened.
    pub log: Log,
    /// The recovered end.
    pub snapshot: Snapshot,
    /// The log's write side.
    pub appender: Appender,
    /// How that works, for a restart.
    pub appender_settings: AppenderSettings,
    /// Where questions are answered.
    pub index: Arc<dyn Index>,
    /// Limits and modes.
    pub settings: WriterSettings,
    /// What follows a panic.
    pub restarts: RestartPolicy,
}

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// There may be room for more commands.
    room: Condvar,
    /// There may be something to do for the writer's thread.
    work: Condvar,
    /// The writer is closed.
    pub(crate) settled: Condvar,
    pub(crate) published: Arc<Published>,
    pub(crate) fan_out: FanOut,
    process: u32,
    // What a restart needs.
    environment: Environment,
    appender_settings: AppenderSettings,
    index: Arc<dyn Index>,
    settings: WriterSettings,
}

pub(crate) struct State {
    machine: Engine,
    /// Whether a job is out.
    leading: bool,
    /// Whether the writer's thread has been called since it last looked.
    called: bool,
    /// Whether the writer's thread waits for the job that is out.
    background_waits: bool,
    /// Whether the writer's thread waits for a sync to become due.
    background_times: bool,
    waiting_for_room: usize,
    pub(crate) phase: Phase,
    /// How the close went, until somebody asks.
    pub(crate) closed: Option<Result<(), CloseError>>,
    /// Held beyond a machine that is given up.
    lock: Option<HeldLock>,
    restarts: RestartBudget,
}

enum Engine {
    Running(Box<Machine<Waiter>>),
    /// Given up after a panic; started again as soon as no job is out.
    Broken,
    Failed(Poison),
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closing,
    Closed,
}

/// What to do about a full queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    Wait,
    WaitMs(u64),
    Refuse,
}

/// What the writer's thread does.
enum Chore {
    Lead,
    Close,
    WaitMs(u64),
    Wait,
}

type Held<'a> = Guard<'a, State>;
type Requests = Vec<Answered<Waiter>>;

impl Shared {
    pub(crate) fn new(start: Start) -> Result<Self, CatchUpError> {
        let Start { environment, log, snapshot, appender, appender_settings, index, settings, restarts } =
            start;
        let lock = appender.lock();
        let machine = Machine::start(&environment, log, snapshot, appender, Arc::clone(&index), settings)?;
        let published = machine.published();
        let state = State {
            machine: Engine::Running(Box::new(machine)),
            leading: false,
            called: false,
            background_waits: false,
            background_times: false,
            waiting_for_room: 0,
            phase: Phase::Open,
            closed: None,
            lock: Some(lock),
            restarts: RestartBudget::new(restarts),
        };
        Ok(Self {
            state: Mutex::new(state),
            room: Condvar::default(),
            work: Condvar::default(),
            settled: Condvar::default(),
            published,
            fan_out: FanOut::new(),
            process: process_id(),
            environment,
            appender_settings,
            index,
            settings,
        })
    }

    /// A child made by `fork` shares the files and the lock, but none of the threads.
    pub(crate) fn check_process(&self) -> Result<(), AppendErrorKind> {
        match self.process == process_id() {
            true => Ok(()),
            false => Err(AppendErrorKind::OtherProcess { opened_by: self.process }),
        }
    }

    /// Waits until a command can be offered.
    pub(crate) fn enter(
        &self,
        has_room: impl Fn(&Machine<Waiter>) -> bool,
        room: Room,
    ) -> Result<Held<'_>, AppendErrorKind> {
        let must_wait = |state: &mut State| {
            state.phase == Phase::Open
                && match &state.machine {
                    Engine::Running(machine) => !has_room(machine),
                    Engine::Broken => true,
                    Engine::Failed(_) | Engine::Closed => false,
                }
        };
        let mut state = self.state.lock();
        if must_wait(&mut state) {
            if matches!(room, Room::Refuse) {
                return Err(AppendErrorKind::QueueFull);
            }
            state.waiting_for_room += 1;
            if let Room::WaitMs(ms) = room {
                let (again, wake) = self.room.wait_while_ms(state, ms, must_wait);
                state = again;
                if wake == Wake::TimedOut {
                    state.waiting_for_room -= 1;
                    return Err(AppendErrorKind::QueueFull);
                }
            } else {
                while must_wait(&mut state) {
                    state = self.room.wait(state);
                }
            }
            state.waiting_for_room -= 1;
        }
        match (&state.machine, state.phase) {
            (Engine::Failed(poison), _) => Err(AppendErrorKind::Poisoned(poison.clone())),
            (Engine::Running(_), Phase::Open) => Ok(state),
            _ => Err(AppendErrorKind::Closed),
        }
    }

    /// Offers a command; the answer, unless it has to be waited for.
    pub(crate) fn offer(&self, state: Held<'_>, command: &Command, request: &Arc<Request>) -> Option<Answer> {
        self.drive(state, |machine| machine.offer(command, Waiter::new(request)))
            .unwrap_or_else(|| Some(Err(lost(command.ids()))))
    }

    /// Asks for a sync; the answer, unless it has to be waited for.
    pub(crate) fn offer_sync(&self, state: Held<'_>, request: &Arc<Request>) -> Option<Answer> {
        self.drive(state, |machine| machine.offer_sync(Waiter::new(request)))
            .unwrap_or_else(|| Some(Err(lost(Vec::new()))))
    }

    /// Has the machine take a step; `None` after a panic.
    fn drive(
        &self,
        mut state: Held<'_>,
        step: impl FnOnce(&mut Machine<Waiter>) -> Offered<Waiter>,
    ) -> Option<Option<Answer>> {
        let Engine::Running(machine) = &mut state.machine else { unreachable!("a machine was entered") };
        match catch_unwind(AssertUnwindSafe(|| step(machine))) {
            Ok(Offered::Answered(Answered { who, answer })) => {
                who.release();
                Some(Some(answer))
            }
            Ok(Offered::Waits) => Some(None),
            Err(_) => {
                self.give_up(&mut state);
                None
            }
        }
    }

    /// Runs one job, if none is out and there is something to do.
    pub(crate) fn lead_if_free(&self) {
        let mut state = self.state.lock();
        let free = !state.leading;
        let Engine::Running(machine) = &mut state.machine else { return };
        let Some(job) = machine.next_job() else {
            // A machine that has failed gives out no job; whoever waits for one is told here.
            let answers = if free { machine.take_failed() } else { Vec::new() };
            drop(state);
            return deliver(answers);
        };
        state.leading = true;
        if state.waiting_for_room > 0 {
            self.room.notify_all();
        }
        drop(state);
        let done = catch_unwind(AssertUnwindSafe(|| job.run()));
        self.settle(done.ok());
    }

    /// Takes in what came of the job that was out: `None` after a panic in it.
    fn settle(&self, done: Option<Done>) {
        let mut state = self.state.lock();
        state.leading = false;
        let answers = match (&mut state.machine, done) {
            (Engine::Running(machine), Some(done)) => {
                catch_unwind(AssertUnwindSafe(|| machine.finish(done))).ok()
            }
            (Engine::Running(_), None) => None,
            // It was given up while the job was out, and waits for the job to be over. A step that failed in the
            // log ends the writer all the same, though nobody is left to be told of it.
            (_, done) => {
                match done.and_then(Done::into_fatal) {
                    Some(error) => self.end(&mut state, Poison::Log(Arc::new(error))),
                    None => self.restart(&mut state),
                }
                Some(Vec::new())
            }
        };
        if answers.is_none() {
            self.give_up(&mut state);
        }
        if state.waiting_for_room > 0 {
            self.room.notify_all();
        }
        let subscribers = self.fan_out.hold();
        let headers: Vec<Header> = match (&subscribers, &state.machine) {
            (Some(_), Engine::Running(machine)) => machine.settled().cloned().collect(),
            _ => Vec::new(),
        };
        let next = self.hand_over(&mut state);
        drop(state);
        // Whoever leads next is woken first: the disk is idle until then.
        if let Some(next) = next {
            next.lead();
        }
        deliver(answers.unwrap_or_default());
        if let Some(subscribers) = subscribers {
            self.fan_out.tell(subscribers, &headers);
        }
    }

    /// Who leads next: a caller that waits in the staged group, or else the writer's thread.
    fn hand_over(&self, state: &mut State) -> Option<Arc<Request>> {
        let (next, idle) = match &state.machine {
            Engine::Running(machine) => {
                let next = machine.waiting().find_map(Waiter::leader);
                let due = machine.sync_due_ms().is_some() && !state.background_times;
                let idle = (next.is_some() || !machine.has_work()) && !due;
                (next, idle)
            }
            _ => (None, true),
        };
        if !idle || state.background_waits {
            self.call(state);
        }
        next
    }

    /// Has the writer's thread look for something to do.
    fn call(&self, state: &mut State) {
        state.called = true;
        self.work.notify_one();
    }

    /// Gives the machine up after a panic, which tells all that wait that nobody knows, and starts it again if no
    /// job is out.
    fn give_up(&self, state: &mut State) {
        tracing::error!("the writer panicked");
        state.machine = Engine::Broken;
        if !state.leading {
            self.restart(state);
        }
    }

    /// Recovers from the files, as an open does, if the policy allows. No job may be out.
    fn restart(&self, state: &mut State) {
        if !matches!(state.machine, Engine::Broken) {
            return;
        }
        let _span = tracing::info_span!("restart").entered();
        let result = match state.restarts.take(self.environment.clock.monotonic_ms()) {
            true => catch_unwind(AssertUnwindSafe(|| self.recover(state.lock.as_ref())))
                .unwrap_or(Err(Poison::Panicked)),
            false => Err(Poison::Panicked),
        };
        match result {
            Ok(machine) => {
                tracing::warn!("the writer was started again from its files");
                state.machine = Engine::Running(Box::new(machine));
                self.room.notify_all();
            }
            Err(poison) => self.end(state, poison),
        }
    }

    /// Takes no more appends.
    fn end(&self, state: &mut State, poison: Poison) {
        tracing::error!(%poison, "the writer takes no more appends until the store is opened again");
        self.published.end();
        state.machine = Engine::Failed(poison);
        self.room.notify_all();
    }

    fn recover(&self, lock: Option<&HeldLock>) -> Result<Machine<Waiter>, Poison> {
        let Some(lock) = lock else { return Err(Poison::Panicked) };
        let failed = |error: CatchUpError| Poison::NotRestarted(Arc::new(error));
        let (log, snapshot, appender, _) = reopen_writer(&self.environment, self.appender_settings, lock)
            .map_err(|error| failed(error.into()))?;
        let (found, published) = (snapshot.end.position, self.published.load().end);
        let kept = log.root_at(&snapshot, published.position).map_err(|error| failed(error.into()))?;
        if kept != Some(published.root) {
            return Err(Poison::Shrunk { found, published: published.position });
        }
        // What the restart makes visible is told like everything else, and before what comes next.
        let subscribers = self.fan_out.hold();
        let headers = match &subscribers {
            Some(_) => headers(&log, &snapshot, published.position).map_err(|error| failed(error.into()))?,
            None => Vec::new(),
        };
        let (index, published) = (Arc::clone(&self.index), Arc::clone(&self.published));
        let machine =
            Machine::resume(&self.environment, log, snapshot, appender, index, self.settings, published)
                .map_err(failed)?;
        if let Some(subscribers) = subscribers {
            self.fan_out.tell(subscribers, &headers);
        }
        Ok(machine)
    }

    /// Has the writer's thread commit what has been submitted, unless a job is out: its end calls.
    pub(crate) fn call_background(&self) {
        let mut state = self.state.lock();
        if !state.leading {
            self.call(&mut state);
        }
    }

    pub(crate) fn ask_to_close(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        self.room.notify_all();
        self.call(&mut state);
    }

    /// The writer's own thread: submitted appends, syncs that are due, the close.
    pub(crate) fn run_background(&self) {
        let mut state = self.state.lock();
        loop {
            state.called = false;
            state = match self.chore(&mut state) {
                Chore::Lead => {
                    drop(state);
                    self.lead_if_free();
                    self.state.lock()
                }
                Chore::Close => return self.finish_close(state),
                Chore::WaitMs(ms) => {
                    state.background_times = true;
                    let (mut state, _) = self.work.wait_while_ms(state, ms, |state| !state.called);
                    state.background_times = false;
                    state
                }
                Chore::Wait => {
                    state.background_waits = state.leading;
                    while !state.called {
                        state = self.work.wait(state);
                    }
                    state.background_waits = false;
                    state
                }
            };
        }
    }

    /// What the writer's thread has to do next.
    fn chore(&self, state: &mut State) -> Chore {
        let (closing, leading) = (state.phase == Phase::Closing, state.leading);
        let Engine::Running(machine) = &mut state.machine else {
            return if closing && !leading { Chore::Close } else { Chore::Wait };
        };
        let now_ms = self.environment.clock.monotonic_ms();
        let due_in_ms = machine.sync_due_ms().map(|due_ms| due_ms.saturating_sub(now_ms));
        if closing || due_in_ms == Some(0) {
            machine.request_sync();
        }
        match (leading, machine.has_work()) {
            (false, true) => Chore::Lead,
            (false, false) if closing => Chore::Close,
            _ => due_in_ms.filter(|ms| *ms > 0 && !closing).map_or(Chore::Wait, Chore::WaitMs),
        }
    }

    fn finish_close(&self, mut state: Held<'_>) {
        let machine = std::mem::replace(&mut state.machine, Engine::Closed);
        drop(state);
        let result = match machine {
            Engine::Running(machine) => catch_unwind(AssertUnwindSafe(|| machine.close()))
                .unwrap_or(Err(CloseError::Poisoned(Poison::Panicked))),
            Engine::Failed(poison) => Err(CloseError::Poisoned(poison)),
            Engine::Broken | Engine::Closed => Err(CloseError::Poisoned(Poison::Panicked)),
        };
        self.published.end();
        self.fan_out.end();
        let mut state = self.state.lock();
        state.lock = None;
        state.phase = Phase::Closed;
        state.closed = Some(result);
        drop(state);
        self.room.notify_all();
        self.settled.notify_all();
    }
}

/// The headers of the events from a position on.
fn headers(log: &Log, snapshot: &Snapshot, from: Position) -> Result<Vec<Header>, LogError> {
    let mut headers = Vec::new();
    for group in log.groups(snapshot, from) {
        headers.extend(group?.events.into_iter().map(|event| event.header));
    }
    Ok(headers)
}

fn deliver(answers: Requests) {
    for Answered { who, answer } in answers {
        who.answer(answer);
    }
}
