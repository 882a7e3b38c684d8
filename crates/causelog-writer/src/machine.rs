//! The writer as a state machine: no thread, no queue, no wait. Whoever holds it drives it.

use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, Index, IndexError, Watermark};
use causelog_io::{Clock, Environment};
use causelog_segment::{Appender, Log, LogEnd, LogError, Published, Snapshot, StepError};
use causelog_types::{EventId, Location, Position};

use crate::catch_up::catch_up;
use crate::command::{AppendReceipt, Command, Outcome};
use crate::error::{AppendError, AppendErrorKind, CatchUpError, Fate, Poison};
use crate::judge::{Judge, StagedGroup, Verdict, index_failed};

/// Limits of a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterSettings {
    /// The greatest length of an event's frame, in bytes.
    pub frame_bytes_max: usize,
}

/// The single writer of a log.
///
/// One step after the other: judge and stage, place, write, sync, index, publish, answer. Nothing is visible
/// before it is durable, and the first failure that may have left something behind ends the machine.
pub struct Machine {
    appender: Appender,
    log: Log,
    index: Arc<dyn Index>,
    published: Arc<Published>,
    clock: Arc<dyn Clock>,
    settings: WriterSettings,
    /// The memory of the last group, used again for the next.
    group: StagedGroup,
    state: State,
}

enum State {
    /// Between two commands.
    Idle,
    /// Within a command: a panic leaves it so.
    Busy,
    Poisoned(Poison),
}

impl Machine {
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
        catch_up(&*index, &log, &snapshot)?;
        Ok(Self {
            appender,
            log,
            index,
            published: Published::new(snapshot),
            clock: Arc::clone(&environment.clock),
            settings,
            group: StagedGroup::default(),
            state: State::Idle,
        })
    }

    /// What readers see.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Appends the events of a command, all or none. When it returns, they are durable and visible.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn append(&mut self, command: &Command) -> Result<Vec<AppendReceipt>, AppendError> {
        match std::mem::replace(&mut self.state, State::Busy) {
            State::Idle => {}
            State::Busy => self.poison(Poison::Panicked),
            State::Poisoned(poison) => self.poison(poison),
        }
        let result = self.append_when_sound(command);
        if matches!(self.state, State::Busy) {
            self.state = State::Idle;
        }
        result.map_err(|(fate, kind)| AppendError::new(command.ids(), fate, kind))
    }

    fn append_when_sound(
        &mut self,
        command: &Command,
    ) -> Result<Vec<AppendReceipt>, (Fate, AppendErrorKind)> {
        if let State::Poisoned(poison) = &self.state {
            return Err((Fate::NotWritten, AppendErrorKind::Poisoned(poison.clone())));
        }
        self.group.clear();
        let synced = self.appender.synced();
        self.check_index(&synced.end)?;
        let mut judge = Judge {
            index: &*self.index,
            frames: &mut self.log.frames(&synced),
            committed: synced.end.position,
            hlc: synced.end.hlc,
            now_ms: self.clock.now_ms(),
            frame_bytes_max: self.settings.frame_bytes_max,
        };
        match judge.judge(command, &mut self.group) {
            Ok(Verdict::Found(receipts)) => Ok(receipts),
            Ok(Verdict::Staged) => self.commit(),
            Err(kind) => Err((Fate::NotWritten, kind)),
        }
    }

    /// Revisions and ids are judged by the index: one that somebody else has reset or fed since the last append
    /// must not decide what is written.
    fn check_index(&mut self, end: &LogEnd) -> Result<(), (Fate, AppendErrorKind)> {
        let known = self.index.watermark().map_err(|error| (Fate::NotWritten, index_failed(error)))?;
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
        Err((Fate::NotWritten, AppendErrorKind::IndexFailed(error)))
    }

    fn commit(&mut self) -> Result<Vec<AppendReceipt>, (Fate, AppendErrorKind)> {
        let Some(last) = self.group.events.last() else { unreachable!("a staged command has events") };
        let hlc = last.header.dag.hlc;
        let placed = self.appender.place(self.group.buffer.len());
        let placement = placed.map_err(|error| self.step_failed(error, Fate::NotWritten))?;
        let written = self.appender.write(&mut self.group.buffer, hlc);
        written.map_err(|error| self.step_failed(error, Fate::Unknown))?;
        let synced = self.appender.sync();
        synced.map_err(|error| self.step_failed(error, Fate::Unknown))?;

        let Some(segment) = placement.end.segment else { unreachable!("a placed group has a segment") };
        let group = std::mem::take(&mut self.group);
        let applied: Vec<AppliedEvent<'_>> = group
            .events
            .iter()
            .map(|event| {
                let offset = placement.end.offset.plus(event.start);
                let location = Location { segment, offset, bytes: event.bytes };
                AppliedEvent::new(&event.header, event.hash, location)
            })
            .collect();
        let snapshot = self.appender.synced();
        let end = snapshot.end;
        let after = Watermark { store: self.log.store(), next: end.position, root: end.root };
        if let Err(error) = self.index.apply(&AppliedGroup { events: &applied, after }) {
            let kind = index_failed(error);
            if let AppendErrorKind::IndexFailed(error) = &kind {
                self.poison(Poison::Index(Arc::clone(error)));
            }
            return Err((Fate::Written, kind));
        }
        self.published.store(snapshot);
        if let Err(error) = self.appender.publish() {
            tracing::warn!(%error, "readers in other processes were not told of the new end; the next group tries again");
        }
        let receipts = applied.iter().map(receipt).collect();
        drop(applied);
        self.group = group;
        Ok(receipts)
    }

    /// What a failed step means: before anything was written it may be tried again; else the writer ends.
    fn step_failed(&mut self, error: StepError, fate: Fate) -> (Fate, AppendErrorKind) {
        match error {
            StepError::Refused(error) => (Fate::NotWritten, AppendErrorKind::Refused(Arc::new(error))),
            StepError::Fatal(error) => {
                let error = Arc::new(error);
                self.poison(Poison::Log(Arc::clone(&error)));
                (fate, AppendErrorKind::LogFailed(error))
            }
        }
    }

    fn poison(&mut self, poison: Poison) {
        if !matches!(self.state, State::Poisoned(_)) {
            tracing::error!(%poison, "the writer takes no more appends until the store is opened again");
        }
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

    /// Ends the log in order. A poisoned machine only lets go: the next open recovers.
    ///
    /// # Errors
    /// What failed earlier, or the first step that fails now.
    pub fn close(self) -> Result<(), CloseError> {
        self.check().map_err(CloseError::Poisoned)?;
        self.appender.close().map_err(CloseError::Log)
    }
}

/// A close that could not end the log in order. Nothing acknowledged is lost; the next open recovers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The writer had failed before.
    #[error("the store was not closed cleanly, since the writer had failed before: {0}")]
    Poisoned(Poison),
    /// A step failed.
    #[error("the store was not closed cleanly: {0}")]
    Log(LogError),
}

fn receipt(event: &AppliedEvent<'_>) -> AppendReceipt {
    let id: EventId = event.id;
    let AppliedEvent { position, revision, location, hash, .. } = *event;
    AppendReceipt { id, position, revision, hash, location, outcome: Outcome::Written }
}
