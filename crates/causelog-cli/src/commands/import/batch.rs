//! Events waiting for their batch, and what becomes of a batch that the store does not take as it is.

use std::collections::HashSet;
use std::io;

use causelog::{
    AppendError, AppendErrorKind, EventId, NewEvent, Outcome, Position, ReadError, Store, limits,
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
    /// The input cannot be read.
    Input(io::Error),
    /// A line is no event that could be added.
    BadLine { line: u64, reason: String },
    /// A line has the id of a stored event, and other content.
    Conflict { line: u64, reason: String },
    /// The store refuses.
    Append(AppendError),
    /// The store cannot be read.
    Read(ReadError),
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
    tally: Tally,
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
            tally: Tally::default(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    pub(super) fn begin_line(&mut self) {
        self.tally.read += 1;
    }

    /// Takes the event of a line; a batch that is then complete is made durable.
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
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Counts a bad line, or stops.
    pub(super) fn bad_line(&mut self, line: u64, reason: String) -> Result<(), Stop> {
        if !self.skip_bad {
            return Err(Stop::BadLine { line, reason });
        }
        self.tally.skipped += 1;
        self.progress.skipped(self.tally.skipped, line, &reason);
        Ok(())
    }

    /// Makes durable what is pending.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        while !self.pending.is_empty() {
            let events: Vec<NewEvent> =
                self.pending.iter().map(|pending| pending.mapped.event.clone()).collect();
            match self.store.append_batch(events) {
                Ok(receipts) => {
                    for (receipt, pending) in receipts.iter().zip(self.pending.drain(..)) {
                        match receipt.outcome {
                            Outcome::Written => {
                                self.tally.added += 1;
                                self.tally.causes += u64::from(!pending.mapped.event.causes().is_empty());
                            }
                            Outcome::Found | Outcome::FoundErased => self.tally.already_stored += 1,
                        }
                    }
                }
                Err(error) => self.settle(error)?,
            }
        }
        self.pending_ids.clear();
        self.pending_bytes = 0;
        Ok(())
    }

    /// Takes out of the batch what the store named, so that the rest can be tried again.
    fn settle(&mut self, error: AppendError) -> Result<(), Stop> {
        let before = self.pending.len();
        match error.kind() {
            AppendErrorKind::PartlyStored { stored } => {
                let stored: HashSet<EventId> = stored.iter().copied().collect();
                self.pending
                    .retain(|pending| !pending.mapped.event.id().is_some_and(|id| stored.contains(&id)));
                self.tally.already_stored += u64::try_from(before - self.pending.len()).unwrap_or(u64::MAX);
            }
            AppendErrorKind::IdConflict { id, position } => return Err(self.conflict(*id, *position, &error)),
            AppendErrorKind::UnknownCause { index, cause } if !self.skip_bad => {
                let Some(Pending { line, mapped }) = self.pending.get(*index) else {
                    return Err(Stop::Append(error));
                };
                return Err(Stop::BadLine { line: *line, reason: unknown_cause(mapped, *cause) });
            }
            AppendErrorKind::UnknownCause { .. } => self.drop_unknown_causes()?,
            AppendErrorKind::EventTooLarge { index, bytes, limit } if *index < before => {
                let pending = self.pending.remove(*index);
                let reason = format!("the event takes {bytes} bytes; at most {limit} are allowed");
                self.bad_line(pending.line, reason)?;
            }
            _ => return Err(Stop::Append(error)),
        }
        // Each round makes the batch smaller, so there is a last one.
        match self.pending.len() < before {
            true => Ok(()),
            false => Err(Stop::Append(error)),
        }
    }

    /// Drops every event of the batch with a cause that is neither stored nor kept before it, in one pass: a
    /// dropped event's effects are dropped with it.
    fn drop_unknown_causes(&mut self) -> Result<(), Stop> {
        let mut kept_ids = HashSet::new();
        let mut kept = Vec::with_capacity(self.pending.len());
        for pending in std::mem::take(&mut self.pending) {
            let mut unknown = None;
            for cause in pending.mapped.event.causes().iter() {
                let is_known =
                    kept_ids.contains(&cause) || self.store.get(cause).map_err(Stop::Read)?.is_some();
                unknown = unknown.or((!is_known).then_some(cause));
            }
            match unknown {
                Some(cause) => self.bad_line(pending.line, unknown_cause(&pending.mapped, cause))?,
                None => {
                    kept_ids.extend(pending.mapped.event.id());
                    kept.push(pending);
                }
            }
        }
        self.pending = kept;
        Ok(())
    }

    fn conflict(&self, id: EventId, position: Position, error: &AppendError) -> Stop {
        let Some(Pending { line, mapped }) =
            self.pending.iter().find(|pending| pending.mapped.event.id() == Some(id))
        else {
            return Stop::Append(error.clone());
        };
        let name = mapped.name_of(id);
        let reason = format!("event {name} is already stored at position {position} with other content");
        Stop::Conflict { line: *line, reason }
    }
}

impl Stop {
    /// As the command's failure, with what is in the store by now.
    pub(super) fn into_failure(self, file: String, tally: &Tally) -> Failure {
        let left = match tally.added {
            0 => "nothing was added".to_owned(),
            added => format!("{} events of the complete batches before it were added", table::count(added)),
        };
        match self {
            Self::Input(source) => Failure::Input { file, source },
            Self::BadLine { line, reason } => Failure::BadLine { file, line, reason, left },
            Self::Conflict { line, reason } => Failure::Conflict { file, line, reason, left },
            Self::Append(error) => Failure::Append(error),
            Self::Read(error) => Failure::Read(error),
        }
    }
}

fn unknown_cause(mapped: &Mapped, cause: EventId) -> String {
    format!("its cause {} is neither in the store nor on an earlier line", mapped.name_of(cause))
}

/// What an event takes in a batch, rather more than less.
fn bytes_of(event: &NewEvent) -> usize {
    let stream = event.coordinate();
    let tags: usize = event.tags().iter().map(|tag| tag.len() + CAUSE_BYTES).sum();
    let texts = stream.entity().len() + stream.scope().len() + tags;
    event.payload().as_bytes().len() + texts + event.causes().len() * CAUSE_BYTES + EVENT_BYTES
}
