//! What the threads of a writer share: the machine under one lock, and who leads.

mod background;
mod restart;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causelog_index::Index;
use causelog_io::{Condvar, Environment, Guard, Mutex, Wake, process_id, yield_now};
use causelog_segment::{Appender, AppenderSettings, HeldLock, Log, Published, Snapshot};

use causelog_types::{Position, planted};

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
    /// Who waits for room, in the order in which they came.
    queue: VecDeque<u64>,
    /// How many have waited.
    places: u64,
    /// Up to where subscribers have been told, or are to be.
    told: Position,
    /// Whether the last group was several callers'.
    crowded: bool,
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

/// What came of a job.
enum Came {
    /// There was none.
    Nothing,
    Done(Box<Done>),
    /// It panicked.
    Panic,
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
            queue: VecDeque::new(),
            places: 0,
            told: published.load().end.position,
            crowded: false,
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

    /// The process whose threads these are.
    pub(crate) fn opened_by(&self) -> u32 {
        self.process
    }

    /// Waits until a command can be offered.
    pub(crate) fn enter(
        &self,
        has_room: impl Fn(&Machine<Waiter>) -> bool,
        room: Room,
    ) -> Result<Held<'_>, AppendErrorKind> {
        // Who comes first has the first room: a great batch must not starve behind small ones.
        let must_wait = |state: &State, first: Option<u64>| {
            state.phase == Phase::Open
                && match &state.machine {
                    Engine::Running(machine) => state.queue.front().copied() != first || !has_room(machine),
                    Engine::Broken => true,
                    Engine::Failed(_) | Engine::Closed => false,
                }
        };
        let mut state = self.state.lock();
        if must_wait(&state, None) {
            if matches!(room, Room::Refuse) {
                return Err(AppendErrorKind::QueueFull);
            }
            let place = Some(state.places);
            state.queue.extend(place);
            state.places += 1;
            let mut in_time = true;
            if let Room::WaitMs(ms) = room {
                let (again, wake) = self.room.wait_while_ms(state, ms, |state| must_wait(state, place));
                (state, in_time) = (again, wake == Wake::Notified);
            } else {
                while must_wait(&state, place) {
                    state = self.room.wait(state);
                }
            }
            state.queue.retain(|other| Some(*other) != place);
            if !state.queue.is_empty() && !planted!("wake-one-that-waits-for-room") {
                self.room.notify_all();
            }
            if !in_time {
                return Err(AppendErrorKind::QueueFull);
            }
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
                let broken = self.give_up(&mut state);
                drop(state);
                self.let_go(broken);
                None
            }
        }
    }

    /// Tells those that waited for a machine that was given up: outside of the lock, since it runs their wakers.
    fn let_go(&self, broken: Engine) {
        drop(broken);
        self.fan_out.tell();
    }

    /// Runs one job, if none is out and there is something to do.
    pub(crate) fn lead_if_free(&self) {
        let mut state = self.state.lock();
        if state.leading {
            return;
        }
        state.leading = true;
        let mut state = self.gather(state);
        let job = match &mut state.machine {
            Engine::Running(machine) => machine.next_job(),
            _ => None,
        };
        let Some(job) = job else { return self.settle(state, Came::Nothing) };
        if !state.queue.is_empty() {
            self.room.notify_all();
        }
        drop(state);
        let came = catch_unwind(AssertUnwindSafe(|| job.run()))
            .map_or(Came::Panic, |done| Came::Done(Box::new(done)));
        self.settle(self.state.lock(), came);
    }

    /// Where there are many callers, gives up the processor as long as that brings more of them into the group.
    /// Those whom the last group has just released are on their way with their next events; without this they would
    /// miss the group, and groups would hold half of the callers.
    fn gather<'a>(&'a self, mut state: Held<'a>) -> Held<'a> {
        let count = |state: &State| match &state.machine {
            Engine::Running(machine) => machine.waiting().count(),
            _ => 0,
        };
        let mut waiting = count(&state);
        while state.crowded || waiting > 1 {
            drop(state);
            yield_now();
            state = self.state.lock();
            let before = std::mem::replace(&mut waiting, count(&state));
            if waiting <= before {
                break;
            }
        }
        state
    }

    /// Takes in what came of a job.
    fn settle(&self, mut state: Held<'_>, came: Came) {
        state.leading = false;
        let is_done = matches!(came, Came::Done(_));
        let answers = match (&mut state.machine, came) {
            (Engine::Running(machine), Came::Done(done)) => {
                catch_unwind(AssertUnwindSafe(|| machine.finish(*done))).ok()
            }
            (Engine::Running(_), Came::Panic) => None,
            // A machine that has failed gives out no job; whoever waits for one is told here.
            (Engine::Running(machine), Came::Nothing) => Some(machine.take_failed()),
            // It was given up while the job was out, and waits for the job to be over. A step that failed in the
            // log ends the writer all the same, though nobody is left to be told of it.
            (_, Came::Done(done)) => {
                match done.into_fatal() {
                    Some(error) => self.end(&mut state, Poison::Log(Arc::new(error))),
                    None => self.restart(&mut state),
                }
                Some(Vec::new())
            }
            (_, Came::Panic | Came::Nothing) => {
                self.restart(&mut state);
                Some(Vec::new())
            }
        };
        state.crowded = answers.as_ref().is_some_and(|answers| answers.len() > 1);
        let broken = if answers.is_none() { self.give_up(&mut state) } else { Engine::Closed };
        if !state.queue.is_empty() {
            self.room.notify_all();
        }
        if let Engine::Running(machine) = &state.machine
            && is_done
        {
            if self.fan_out.is_heard() {
                self.fan_out.put(machine.settled().cloned().collect());
            }
            state.told = self.published.load().end.position;
        }
        let next = self.hand_over(&mut state).filter(|_| !planted!("wake-no-leader"));
        drop(state);
        // Whoever leads next is woken first: the disk is idle until then.
        if let Some(next) = next {
            next.lead();
        }
        deliver(answers.unwrap_or_default());
        self.let_go(broken);
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
}

fn deliver(answers: Requests) {
    for Answered { who, answer } in answers {
        who.answer(answer);
    }
}
