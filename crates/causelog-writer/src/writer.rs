//! The writer that many threads share.

use std::sync::Arc;
use std::time::Duration;

use causelog_io::{Thread, Wake};
use causelog_segment::{Published, Waited};
use causelog_types::{EventId, Position, Region};

use crate::command::{AppendReceipt, Command};
use crate::error::{AppendError, CatchUpError, CloseError, Fate, WaitError};
use crate::fan_out::Notifications;
use crate::request::{Request, Ticket, Told, Waiter, lost};
use crate::shared::{Phase, Room, Shared, Start, State};

/// How long a drop waits for the writer to end in order, in milliseconds. After that the writer's thread goes on
/// alone, and the lock is held until it is done.
pub const DROP_WAIT_MS: u64 = 10_000;

/// What a debugger shows; Linux shows 15 bytes of it.
const THREAD_NAME: &str = "causelog-writer";

/// A machine that many threads share.
///
/// Whatever is appended while a group is being written and synced forms the next group. The caller that finds
/// nobody writing leads: it writes and syncs its own events and those of all that wait, with no hand-off to
/// another thread. A thread of the writer's own does only what nobody waits for: submitted appends, syncs that
/// have become due, the close.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Option<Thread>,
}

impl Writer {
    /// Takes what a log was opened with, brings the index up to it, and starts the writer's thread.
    ///
    /// # Errors
    /// The log is damaged, the index fails, or there can be no more threads.
    pub fn start(start: Start) -> Result<Self, CatchUpError> {
        let shared = Arc::new(Shared::new(start)?);
        let background = Arc::clone(&shared);
        let thread = Thread::start(THREAD_NAME, move || background.run_background());
        let thread = thread.map_err(|error| {
            // While the lock is still held.
            shared.close_index();
            CatchUpError::Thread(Arc::new(error))
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What readers see.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.shared.published)
    }

    /// Appends the events of a command, all or none, and waits for room if the queue is full. When it returns, they
    /// are as durable as the receipts say, and visible.
    ///
    /// # Errors
    /// See [`AppendErrorKind`](crate::AppendErrorKind); [`AppendError::fate`] says what has become of the events.
    pub fn append(&self, command: &Command) -> Result<Vec<AppendReceipt>, AppendError> {
        self.append_with(command, Room::Wait)
    }

    /// As [`Writer::append`], but a full queue is refused at once.
    ///
    /// # Errors
    /// As [`Writer::append`], and [`QueueFull`](crate::AppendErrorKind::QueueFull).
    pub fn try_append(&self, command: &Command) -> Result<Vec<AppendReceipt>, AppendError> {
        self.append_with(command, Room::Refuse)
    }

    /// As [`Writer::append`], but a queue that stays full for so long is refused. Once accepted, the call waits
    /// for what becomes of the events, however long that takes.
    ///
    /// # Errors
    /// As [`Writer::append`], and [`QueueFull`](crate::AppendErrorKind::QueueFull).
    pub fn append_timeout(
        &self,
        command: &Command,
        timeout: Duration,
    ) -> Result<Vec<AppendReceipt>, AppendError> {
        self.append_with(command, Room::WaitMs(milliseconds(timeout)))
    }

    /// Hands the events of a command to the writer's thread, after waiting for room if the queue is full.
    ///
    /// # Errors
    /// The writer takes no appends: it is closed, has failed, or is another process's. All else is told by the ticket.
    pub fn submit(&self, command: &Command) -> Result<Ticket, AppendError> {
        self.submit_with(command, Room::Wait)
    }

    /// As [`Writer::submit`], but a full queue is refused at once.
    ///
    /// # Errors
    /// As [`Writer::submit`], and [`QueueFull`](crate::AppendErrorKind::QueueFull).
    pub fn try_submit(&self, command: &Command) -> Result<Ticket, AppendError> {
        self.submit_with(command, Room::Refuse)
    }

    fn append_with(&self, command: &Command, room: Room) -> Result<Vec<AppendReceipt>, AppendError> {
        let refused = |kind| AppendError::new(command.ids(), Fate::NotWritten, kind);
        self.shared.check_process().map_err(refused)?;
        let state = self.shared.enter(|machine| machine.has_room(command), room).map_err(refused)?;
        let request = Request::new(true);
        match self.shared.offer(state, command, &request) {
            Some(answer) => answer,
            None => self.wait_or_lead(&request, || command.ids()),
        }
    }

    fn submit_with(&self, command: &Command, room: Room) -> Result<Ticket, AppendError> {
        let refused = |kind| AppendError::new(command.ids(), Fate::NotWritten, kind);
        self.shared.check_process().map_err(refused)?;
        let state = self.shared.enter(|machine| machine.has_room(command), room).map_err(refused)?;
        let request = Request::new(false);
        match self.shared.offer(state, command, &request) {
            Some(answer) => Waiter::new(&request).answer(answer),
            None => self.shared.call_background(),
        }
        Ok(Ticket::new(request, command.ids()))
    }

    /// Leads while nobody else does; returns with the answer.
    fn wait_or_lead(
        &self,
        request: &Request,
        ids: impl FnOnce() -> Vec<EventId>,
    ) -> Result<Vec<AppendReceipt>, AppendError> {
        loop {
            self.shared.lead_if_free();
            match request.wait() {
                Told::Answer(answer) => return answer,
                Told::Lost => return Err(lost(ids())),
                Told::Lead => {}
            }
        }
    }

    /// Waits until everything accepted so far is synced.
    ///
    /// # Errors
    /// The writer has failed or is closed.
    pub fn sync(&self) -> Result<(), AppendError> {
        let refused = |kind| AppendError::new(Vec::new(), Fate::NotWritten, kind);
        self.shared.check_process().map_err(refused)?;
        let state = self.shared.enter(|_| true, Room::Wait).map_err(refused)?;
        let request = Request::new(true);
        match self.shared.offer_sync(state, &request) {
            Some(answer) => answer.map(|_| ()),
            None => self.wait_or_lead(&request, Vec::new).map(|_| ()),
        }
    }

    /// The position up to which events are durable.
    #[must_use]
    pub fn durable_position(&self) -> Position {
        self.shared.published.durable()
    }

    /// Waits until every event before `position` is durable. It asks for no sync.
    ///
    /// # Errors
    /// [`WaitError`].
    pub fn wait_durable(&self, position: Position, timeout: Duration) -> Result<(), WaitError> {
        if self.shared.check_process().is_err() {
            return Err(WaitError::OtherProcess { opened_by: self.shared.opened_by() });
        }
        match self.shared.published.wait_durable(position, milliseconds(timeout)) {
            Waited::Durable => Ok(()),
            Waited::TimedOut => Err(WaitError::TimedOut { durable: self.durable_position() }),
            Waited::Ended => Err(WaitError::Ended { durable: self.durable_position() }),
        }
    }

    /// Tells of a region's events as they become visible, from now on, over a channel with room for so many.
    #[must_use]
    pub fn notifications(&self, region: Region, capacity: usize) -> Notifications {
        self.shared.fan_out.subscribe(region, capacity)
    }

    /// Commits what was accepted, syncs, ends the log in order and gives up its lock. Later appends are refused.
    ///
    /// # Errors
    /// See [`CloseError`]. Nothing acknowledged is lost; the next open recovers.
    pub fn close(&self) -> Result<(), CloseError> {
        if self.shared.check_process().is_err() {
            return Ok(());
        }
        self.shared.ask_to_close();
        let mut state = self.shared.state.lock();
        while state.phase != Phase::Closed {
            state = self.shared.settled.wait(state);
        }
        state.closed.take().unwrap_or(Ok(()))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.shared.check_process().is_err() {
            return;
        }
        self.shared.ask_to_close();
        let state = self.shared.state.lock();
        let open = |state: &mut State| state.phase != Phase::Closed;
        let (mut state, wake) = self.shared.settled.wait_while_ms(state, DROP_WAIT_MS, open);
        if wake == Wake::TimedOut {
            tracing::warn!("a dropped store is still closing; its lock is held until that is done");
            return;
        }
        if let Some(Err(error)) = state.closed.take() {
            tracing::warn!(%error, "a store was dropped");
        }
        drop(state);
        if let Some(thread) = self.thread.take() {
            thread.join();
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("durable", &self.durable_position()).finish_non_exhaustive()
    }
}
