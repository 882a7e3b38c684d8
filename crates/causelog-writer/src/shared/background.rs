//! What the writer's own thread does: only what nobody waits for.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{CloseError, Poison};
use crate::shared::{Engine, Held, Phase, Shared, State};

/// What the writer's thread does.
enum Chore {
    Lead,
    Close,
    WaitMs(u64),
    Wait,
}

impl Shared {
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
        // A machine that was given up has not told it.
        self.close_index();
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

    /// Tells the index that the writer is done.
    pub(crate) fn close_index(&self) {
        if let Err(error) = self.index.close() {
            tracing::warn!(%error, "the index was not closed in order; the next open tells it what it lacks");
        }
    }
}
