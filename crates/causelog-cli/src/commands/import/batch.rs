//! Events waiting for their batch, and what becomes of a batch that the store does not take as it is.

use std::collections::HashSet;
use std::io;

use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, EventId, IoError, NewEvent, Outcome, ReadError, Store,
    Ticket, limits,
};

use crate::commands::import::mapping::Mapped;
use crate::commands::import::progress::Progress;
use crate::failure::Failure;
use crate::table;

/// How many bytes one batch may take, well below what the store allows.
const BATCH_BYTES_MAX: usize = limits::BATCH_BYTES_MAX / 4 * 3;
/// What an event takes at most beside its payload, texts and causes.
const EVENT_BYTES: usize = 512;
/// What a cause takes.
const CAUSE_BYTES: usize = 18;

/// What an import has done so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// The last line taken, counted from 1, blank lines included.
    pub(super) line: u64,
    /// Lines that are not blank.
    pub(super) read: u64,
    /// Events that were added.
    pub(super) added: u64,
    /// Events among them that have causes.
    pub(super) causes: u64,
    /// Events that were in the store with the same content.
    pub(super) already_stored: u64,
    /// Bad lines.
    pub(super) skipped: u64,
}

/// What stops an import.
pub(super) enum Stop {
    /// The input cannot be read any further.
    Input(io::Error),
    /// A line is no event that could be added.
    BadLine { line: u64, reason: String },
    /// A line does not fit what is stored: its id has other content there, or its cause is not there.
    Unfit { line: u64, reason: String },
    /// The store does not take the batch of these lines.
    Append { first: u64, last: u64, error: Box<AppendError> },
    /// The store cannot be read, to judge this line.
    Read { line: u64, error: ReadError },
}

/// Adds events to a store, a batch at a time.
pub(super) struct Importer<'a> {
    store: &'a Store,
    batch_max: usize,
    skip_bad: bool,
    progress: &'a Progress,
    pending: Vec<Pending>,
    pending_ids: HashSet<EventId>,
    pending_bytes: usize,
    /// The batch before, accepted and not yet known to be durable.
    accepted: Option<Accepted>,
    tally: Tally,
}

struct Accepted {
    ticket: Ticket,
    batch: Vec<Pending>,
    ids: HashSet<EventId>,
}

struct Pending {
    line: u64,
    mapped: Mapped,
}

impl<'a> Importer<'a> {
    pub(super) fn new(store: &'a Store, batch_max: usize, skip_bad: bool, progress: &'a Progress) -> Self {
        Self {
            store,
            batch_max,
            skip_bad,
            progress,
            pending: Vec::with_capacity(batch_max),
            pending_ids: HashSet::new(),
            pending_bytes: 0,
            accepted: None,
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    pub(super) fn begin_line(&mut self, line: u64) {
        self.tally.read += 1;
        self.tally.line = line;
    }

    /// Takes the event of a line; a batch that is then complete is handed over.
    pub(super) fn add(&mut self, line: u64, mapped: Mapped) -> Result<(), Stop> {
        let (id, bytes) = (mapped.event.id(), bytes_of(&mapped.event));
        // The second event of an id is settled by the store, once the first is there.
        let is_second = id.is_some_and(|id| self.pending_ids.contains(&id));
        if is_second || self.pending_bytes.saturating_add(bytes) > BATCH_BYTES_MAX {
            self.flush()?;
        }
        self.pending_ids.extend(id);
        self.pending_bytes = self.pending_bytes.saturating_add(bytes);
        self.pending.push(Pending { line, mapped });
        match self.pending.len() >= self.batch_max {
            true => self.submit(),
            false => Ok(()),
        }
    }

    /// Hands over what is pending: it is judged at once, and written while the next lines are taken. Only a batch
    /// that is accepted may have another one follow it, so that what stops the import is the first that does.
    fn submit(&mut self) -> Result<(), Stop> {
        // A refusal that rests on the batch before would be told only when that is durable.
        if self.accepted.as_ref().is_some_and(|before| !before.ids.is_disjoint(&self.pending_ids)) {
            return self.flush();
        }
        let events: Vec<NewEvent> = self.pending.iter().map(|pending| pending.mapped.event.clone()).collect();
        let Ok(ticket) = self.store.submit(events) else { return self.flush() };
        let answer = ticket.try_wait();
        if matches!(answer, Some(Err(_))) {
            // Nothing of it was written: it is settled as a batch by itself.
            return self.flush();
        }
        let (batch, ids) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.pending_ids));
        self.pending_bytes = 0;
        let next = Accepted { ticket, batch, ids };
        match answer {
            None => {
                let before = self.accepted.replace(next);
                self.land(before)
            }
            // It was written while nobody looked, or was stored already.
            Some(answer) => {
                let before = self.accepted.take();
                self.land(before)?;
                self.take_answer(answer, next.batch)
            }
        }
    }

    /// Waits until an accepted batch is durable.
    fn land(&mut self, accepted: Option<Accepted>) -> Result<(), Stop> {
        let Some(Accepted { ticket, batch, .. }) = accepted else { return Ok(()) };
        self.take_answer(ticket.wait(), batch)
    }

    fn take_answer(
        &mut self,
        answer: Result<Vec<AppendReceipt>, AppendError>,
        batch: Vec<Pending>,
    ) -> Result<(), Stop> {
        match answer {
            Ok(receipts) => {
                self.count(&receipts, batch);
                Ok(())
            }
            Err(error) => Err(not_taken(&batch, self.tally.line, error)),
        }
    }

    /// Counts a bad line, or adds the lines before it and stops: one of them may be the first that stops.
    pub(super) fn bad_line(&mut self, line: u64, reason: String) -> Result<(), Stop> {
        if self.skip_bad {
            self.skip(line, &reason);
            return Ok(());
        }
        self.flush()?;
        Err(Stop::BadLine { line, reason })
    }

    fn skip(&mut self, line: u64, reason: &str) {
        self.tally.skipped += 1;
        self.progress.skipped(self.tally.skipped, line, reason);
    }

    /// Makes durable what is pending; where a line stops the import, what stands before it.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        let accepted = self.accepted.take();
        self.land(accepted)?;
        let mut stop = None;
        while !self.pending.is_empty() {
            let events: Vec<NewEvent> =
                self.pending.iter().map(|pending| pending.mapped.event.clone()).collect();
            match self.store.append_batch(events) {
                Ok(receipts) => {
                    let batch = std::mem::take(&mut self.pending);
                    self.count(&receipts, batch);
                }
                // Only lines before it are left then: what stops there comes first.
                Err(error) => stop = self.settle(error)?.or(stop),
            }
        }
        self.pending_ids.clear();
        self.pending_bytes = 0;
        stop.map_or(Ok(()), Err)
    }

    fn count(&mut self, receipts: &[AppendReceipt], batch: Vec<Pending>) {
        for (receipt, pending) in receipts.iter().zip(batch) {
            match receipt.outcome {
                Outcome::Written => {
                    self.tally.added += 1;
                    self.tally.causes += u64::from(!pending.mapped.event.causes().is_empty());
                }
                Outcome::Found | Outcome::FoundErased => self.tally.already_stored += 1,
            }
        }
    }

    /// Takes out of the batch what the store named, so that the rest can be tried again. A line that stops the
    /// import takes along what stands behind it, and is the answer.
    fn settle(&mut self, error: AppendError) -> Result<Option<Stop>, Stop> {
        let before = self.pending.len();
        let mut stop = None;
        match error.kind() {
            AppendErrorKind::PartlyStored { stored } => {
                let stored: HashSet<EventId> = stored.iter().copied().collect();
                self.pending
                    .retain(|pending| !pending.mapped.event.id().is_some_and(|id| stored.contains(&id)));
                self.tally.already_stored += u64::try_from(before - self.pending.len()).unwrap_or(u64::MAX);
            }
            AppendErrorKind::IdConflict { id, position } => {
                let index = self.pending.iter().position(|pending| pending.mapped.event.id() == Some(*id));
                stop = index.and_then(|index| self.cut_at(index)).map(|Pending { line, mapped }| {
                    let name = mapped.name_of(*id);
                    let reason =
                        format!("event {name} is already stored at position {position} with other content");
                    Stop::Unfit { line, reason }
                });
            }
            AppendErrorKind::UnknownCause { index, cause } if !self.skip_bad => {
                stop = self.cut_at(*index).map(|Pending { line, mapped }| {
                    let name = mapped.name_of(*cause);
                    Stop::Unfit { line, reason: unknown_cause(&name) }
                });
            }
            AppendErrorKind::UnknownCause { .. } => self.drop_unknown_causes()?,
            AppendErrorKind::EventTooLarge { index, bytes, limit } if *index < before => {
                let reason = format!("the event takes {bytes} bytes; at most {limit} are allowed");
                match self.skip_bad {
                    true => {
                        let line = self.pending.remove(*index).line;
                        self.skip(line, &reason);
                    }
                    false => {
                        stop = self.cut_at(*index).map(|pending| Stop::BadLine { line: pending.line, reason })
                    }
                }
            }
            _ => {}
        }
        // Each round makes the batch smaller, so there is a last one.
        match self.pending.len() < before {
            true => Ok(stop),
            false => Err(not_taken(&self.pending, self.tally.line, error)),
        }
    }

    /// Takes out a pending event and all behind it.
    fn cut_at(&mut self, index: usize) -> Option<Pending> {
        (index < self.pending.len()).then(|| self.pending.split_off(index).into_iter().next()).flatten()
    }

    /// Drops every event of the batch with a cause that is neither stored nor kept before it, in one pass: a
    /// dropped event's effects are dropped with it.
    fn drop_unknown_causes(&mut self) -> Result<(), Stop> {
        let mut kept_ids = HashSet::new();
        let mut kept = Vec::with_capacity(self.pending.len());
        for pending in std::mem::take(&mut self.pending) {
            let mut unknown = None;
            for cause in pending.mapped.event.causes().iter() {
                let line = pending.line;
                let stored = || self.store.get(cause).map_err(|error| Stop::Read { line, error });
                let is_known = kept_ids.contains(&cause) || stored()?.is_some();
                unknown = unknown.or((!is_known).then_some(cause));
            }
            match unknown {
                Some(cause) => self.skip(pending.line, &unknown_cause(&pending.mapped.name_of(cause))),
                None => {
                    kept_ids.extend(pending.mapped.event.id());
                    kept.push(pending);
                }
            }
        }
        self.pending = kept;
        Ok(())
    }
}

impl Stop {
    /// As the command's failure, with what is in the store by now.
    pub(super) fn into_failure(self, file: &str, tally: &Tally) -> Failure {
        let (place, line, reason) = match self {
            Self::Input(source) => {
                let place = if tally.line == 0 {
                    file.to_owned()
                } else {
                    format!("{file}, behind line {}", tally.line)
                };
                (place, tally.line, Failure::System(IoError::on("read", "the input")(source)))
            }
            Self::BadLine { line, reason } => (at(file, line), line, Failure::Misuse(reason)),
            Self::Unfit { line, reason } => (at(file, line), line, Failure::Unfit(reason)),
            Self::Read { line, error } => (at(file, line), line, Failure::Read(error)),
            Self::Append { first, last, error } if first == last => {
                (at(file, first), first, Failure::Batch(*error))
            }
            Self::Append { first, last, error } => {
                (format!("{file}, batch of lines {first} to {last}"), first, Failure::Batch(*error))
            }
        };
        let left = match tally.added {
            0 => "nothing was added before it".to_owned(),
            1 => "1 event before it was added".to_owned(),
            added => format!("{} before it were added", table::counted(added, "event")),
        };
        Failure::Import { place, line, reason: Box::new(reason), left }
    }
}

fn not_taken(batch: &[Pending], line: u64, error: AppendError) -> Stop {
    let line = |pending: Option<&Pending>| pending.map_or(line, |pending| pending.line);
    Stop::Append { first: line(batch.first()), last: line(batch.last()), error: Box::new(error) }
}

fn at(file: &str, line: u64) -> String {
    format!("{file}, line {line}")
}

fn unknown_cause(name: &str) -> String {
    format!("its cause {name} is neither in the store nor on an earlier line")
}

/// What an event takes in a batch, rather more than less.
fn bytes_of(event: &NewEvent) -> usize {
    let stream = event.coordinate();
    let tags: usize = event.tags().iter().map(|tag| tag.len() + CAUSE_BYTES).sum();
    let texts = stream.entity().len() + stream.scope().len() + tags;
    event.payload().as_bytes().len() + texts + event.causes().len() * CAUSE_BYTES + EVENT_BYTES
}
