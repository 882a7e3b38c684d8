//! One caller's place: where the answer is put, and how whoever waits for it is woken.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use causelog_io::{Condvar, Mutex};
use causelog_types::EventId;

use crate::command::AppendReceipt;
use crate::error::{AppendError, AppendErrorKind, Fate};

/// What an append comes to.
pub(crate) type Answer = Result<Vec<AppendReceipt>, AppendError>;

/// Where an answer is waited for.
pub(crate) struct Request {
    cell: Mutex<Cell>,
    told: Condvar,
    /// Whether a thread waits that can lead; else it is a ticket.
    can_lead: bool,
}

#[derive(Default)]
struct Cell {
    answer: Option<Told>,
    /// Whether there was an answer, taken meanwhile or not.
    answered: bool,
    lead: bool,
    waker: Option<Waker>,
}

/// What a waiting thread is told.
#[derive(Clone)]
pub(crate) enum Told {
    Answer(Answer),
    /// That a panic has lost it: nobody knows.
    Lost,
    /// To lead the commit of the group in which it waits.
    Lead,
}

/// The machine's end of a request. Dropped without an answer, it says so: nobody waits for ever.
pub(crate) struct Waiter(Option<Arc<Request>>);

impl Waiter {
    pub(crate) fn new(request: &Arc<Request>) -> Self {
        Self(Some(Arc::clone(request)))
    }

    /// The request, if a thread waits for it that can lead.
    pub(crate) fn leader(&self) -> Option<Arc<Request>> {
        self.0.clone().filter(|request| request.can_lead)
    }

    pub(crate) fn answer(mut self, answer: Answer) {
        if let Some(request) = self.0.take() {
            request.tell(Told::Answer(answer));
        }
    }

    /// The answer is not needed: whoever asked has it already.
    pub(crate) fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(request) = self.0.take() {
            request.tell(Told::Lost);
        }
    }
}

impl Request {
    pub(crate) fn new(can_lead: bool) -> Arc<Self> {
        Arc::new(Self { cell: Mutex::new(Cell::default()), told: Condvar::default(), can_lead })
    }

    /// Puts the answer, once, and wakes whoever waits.
    fn tell(&self, answer: Told) {
        let mut cell = self.cell.lock();
        assert!(!cell.answered, "an append is answered once");
        cell.answered = true;
        cell.answer = Some(answer);
        let waker = cell.waker.take();
        drop(cell);
        self.told.notify_one();
        if let Some(waker) = waker {
            // It is the application's code, and this is another caller's thread.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// Asks the waiting thread to lead.
    pub(crate) fn lead(&self) {
        self.cell.lock().lead = true;
        self.told.notify_one();
    }

    /// Waits for the answer, or for the lead.
    pub(crate) fn wait(&self) -> Told {
        let mut cell = self.cell.lock();
        loop {
            if let Some(answer) = cell.answer.take() {
                return answer;
            }
            if std::mem::take(&mut cell.lead) {
                return Told::Lead;
            }
            cell = self.told.wait(cell);
        }
    }

    /// The answer, or the promise to wake.
    fn poll(&self, waker: &Waker) -> Option<Told> {
        let mut cell = self.cell.lock();
        let answer = cell.answer.take();
        if answer.is_none() {
            cell.waker = Some(waker.clone());
        }
        answer
    }

    /// The answer, which stays where it is.
    fn look(&self) -> Option<Told> {
        self.cell.lock().answer.clone()
    }
}

/// An append that was submitted: wait for it, look at it, or await it in any async runtime. Dropping it takes
/// nothing back.
#[must_use = "a submitted append may fail: its ticket says so"]
pub struct Ticket {
    request: Arc<Request>,
    ids: Vec<EventId>,
}

impl Ticket {
    pub(crate) fn new(request: Arc<Request>, ids: Vec<EventId>) -> Self {
        Self { request, ids }
    }

    /// The ids of the events, in order: with them the append can be tried again, whatever becomes of the ticket.
    #[must_use]
    pub fn ids(&self) -> &[EventId] {
        &self.ids
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// See [`AppendErrorKind`].
    pub fn wait(self) -> Result<Vec<AppendReceipt>, AppendError> {
        loop {
            if let Some(answer) = self.answer(self.request.wait()) {
                return answer;
            }
        }
    }

    /// The answer, if it is there by now. The ticket keeps it.
    #[must_use]
    pub fn try_wait(&self) -> Option<Result<Vec<AppendReceipt>, AppendError>> {
        self.request.look().and_then(|told| self.answer(told))
    }

    fn answer(&self, told: Told) -> Option<Answer> {
        match told {
            Told::Answer(answer) => Some(answer),
            Told::Lost => Some(Err(lost(self.ids.clone()))),
            Told::Lead => None,
        }
    }
}

/// Needs no runtime: whoever finishes the commit wakes the task, on another caller's thread or on the writer's. A
/// waker must only wake: neither wait, nor call the store. After the answer it is pending for ever.
impl Future for Ticket {
    type Output = Result<Vec<AppendReceipt>, AppendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let told = self.request.poll(context.waker());
        told.and_then(|told| self.answer(told)).map_or(Poll::Pending, Poll::Ready)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("ids", &self.ids).finish_non_exhaustive()
    }
}

/// What is said of events that a panic has lost.
pub(crate) fn lost(ids: Vec<EventId>) -> AppendError {
    AppendError::new(ids, Fate::Unknown, AppendErrorKind::Panicked)
}
