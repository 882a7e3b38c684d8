//! What follows a panic: the machine is given up, and another one recovers from the files.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use causelog_segment::{HeldLock, Log, LogError, Snapshot, reopen_writer};
use causelog_types::{Header, Position};

use crate::error::{CatchUpError, Poison};
use crate::machine::Machine;
use crate::request::Waiter;
use crate::shared::{Engine, Shared, State};

impl Shared {
    /// Gives the machine up after a panic, and starts another one if no job is out. One that had failed before stays
    /// so. What is returned tells all that wait that nobody knows, when it is dropped.
    #[must_use = "to be dropped outside of the lock"]
    pub(super) fn give_up(&self, state: &mut State) -> Engine {
        tracing::error!("the writer panicked");
        let failed = match &state.machine {
            Engine::Running(machine) => machine.check().err(),
            _ => None,
        };
        let broken = std::mem::replace(&mut state.machine, Engine::Broken);
        match failed {
            None | Some(Poison::Panicked) if state.leading => {}
            None | Some(Poison::Panicked) => self.restart(state),
            Some(poison) => self.end(state, poison),
        }
        broken
    }

    /// Recovers from the files, as an open does, if the policy allows. No job may be out.
    pub(super) fn restart(&self, state: &mut State) {
        if !matches!(state.machine, Engine::Broken) {
            return;
        }
        let _span = tracing::info_span!("restart").entered();
        let result = match state.restarts.take(self.environment.clock.monotonic_ms()) {
            true => catch_unwind(AssertUnwindSafe(|| self.recover(state.lock.as_ref(), state.told)))
                .unwrap_or(Err(Poison::Panicked)),
            false => Err(Poison::Panicked),
        };
        match result {
            Ok(machine) => {
                tracing::warn!("the writer was started again from its files");
                state.machine = Engine::Running(Box::new(machine));
                state.told = self.published.load().end.position;
                self.room.notify_all();
            }
            Err(poison) => self.end(state, poison),
        }
    }

    /// Takes no more appends.
    pub(super) fn end(&self, state: &mut State, poison: Poison) {
        tracing::error!(%poison, "the writer takes no more appends until the store is opened again");
        self.published.end();
        state.machine = Engine::Failed(poison);
        self.room.notify_all();
    }

    fn recover(&self, lock: Option<&HeldLock>, told: Position) -> Result<Machine<Waiter>, Poison> {
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
        let untold = match self.fan_out.is_heard() {
            true => headers(&log, &snapshot, told).map_err(|error| failed(error.into()))?,
            false => Vec::new(),
        };
        let (index, published) = (Arc::clone(&self.index), Arc::clone(&self.published));
        let machine =
            Machine::resume(&self.environment, log, snapshot, appender, index, self.settings, published)
                .map_err(failed)?;
        self.fan_out.put(untold);
        Ok(machine)
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
