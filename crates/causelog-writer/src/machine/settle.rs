//! What follows a job: the index, the published end, the answers.

use std::sync::Arc;

use causelog_index::{AppliedEvent, AppliedGroup, IndexEntry, IndexError, Watermark};
use causelog_segment::{Appender, Placement, Snapshot, StepError};
use causelog_types::{EventId, Location, Position, planted};
use hashbrown::HashMap;

use crate::command::AppendReceipt;
use crate::durability::Durability;
use crate::error::{AppendError, AppendErrorKind, Fate, Poison};
use crate::job::{Done, Failure};
use crate::judge::{index_failed, not_read};
use crate::machine::Machine;
use crate::staged::StagedGroup;
use crate::stored;
use crate::waiting::{Answer, Answered, Waiting};

impl<T> Machine<T> {
    /// Takes back a job: feeds the index, publishes, and tells the answers that were waiting for it.
    pub fn finish(&mut self, done: Done) -> Vec<Answered<T>> {
        self.begin();
        let Done { appender, buffer, outcome } = done;
        let mut answers = match outcome {
            Ok(placement) => self.commit(&appender, placement),
            Err(failure) => self.step_failed(failure),
        };
        self.appender = Some(appender);
        self.settled.staged.buffer = buffer;
        self.rest();
        answers.extend(self.take_failed());
        answers
    }

    fn commit(&mut self, appender: &Appender, placement: Option<Placement>) -> Vec<Answered<T>> {
        let written = appender.written();
        let synced = if planted!("durable-without-a-sync") { appender.written() } else { appender.synced() };
        let durable = synced.end.position;
        // The group stays where it is until the index has it: a panic there must not lose who waits.
        let Some(flight) = &self.flight else { unreachable!("a job was out") };
        let locations = match placement {
            Some(placement) => locations(&flight.staged, &placement),
            None => Vec::new(),
        };
        if let Err(error) = self.apply(&flight.staged, &locations, &written) {
            let error = Arc::new(error);
            self.poison(Poison::Index(Arc::clone(&error)));
            let is_durable = durable == written.end.position;
            let fate = if is_durable { Fate::Written } else { Fate::Unknown };
            return self.fail(fate, &AppendErrorKind::IndexFailed(error));
        }
        self.published.store(written.clone(), durable);
        self.committed = written;
        self.unsynced_since_ms = match self.unsynced() {
            0 => None,
            _ => self.unsynced_since_ms.or_else(|| Some(self.clock.monotonic_ms())),
        };
        let Some(mut flight) = self.flight.take() else { unreachable!("a job was out") };
        let waiting = std::mem::take(&mut flight.waiting);
        let answers = waiting.into_iter().map(|waiting| self.tell(waiting, &flight.staged, &locations));
        let answers = answers.collect();
        self.settled = flight;
        answers
    }

    fn apply(
        &self,
        group: &StagedGroup,
        locations: &[Location],
        written: &Snapshot,
    ) -> Result<(), IndexError> {
        if group.events.is_empty() {
            return Ok(());
        }
        let both = group.events.iter().zip(locations);
        let events: Vec<AppliedEvent<'_>> =
            both.map(|(event, at)| AppliedEvent::new(&event.header, event.hash, *at)).collect();
        let after = Watermark { store: self.log.store(), next: written.end.position, root: written.end.root };
        self.index.apply(&AppliedGroup { events: &events, after })
    }

    fn tell(&self, waiting: Waiting<T>, group: &StagedGroup, locations: &[Location]) -> Answered<T> {
        let answer = match waiting.answer {
            Answer::Staged(range) => {
                let both = group.events[range.clone()].iter().zip(&locations[range]);
                let durability = |position| self.durability_of(position);
                Ok(both.map(|(event, at)| event.receipt(*at, durability(event.header.position))).collect())
            }
            Answer::Found(ids) | Answer::FoundUnsynced(ids) => self.found(&ids).map_err(|kind| {
                // They are committed: only telling of them has failed. In a weaker mode they may still go.
                let fate = if self.unsynced() == 0 { Fate::Written } else { Fate::Unknown };
                AppendError::new(ids, fate, kind)
            }),
            Answer::Refused(error) => Err(error),
            Answer::Synced => Ok(Vec::new()),
        };
        Answered { who: waiting.who, answer }
    }

    /// The receipts of events that were staged when they were offered again, and are committed now.
    fn found(&self, ids: &[EventId]) -> Result<Vec<AppendReceipt>, AppendErrorKind> {
        let entries = self.index.lookup(ids, self.committed.end.position).map_err(index_failed)?;
        let mut frames = self.log.frames(&self.committed);
        let receipt = |entry: IndexEntry| {
            let frame = frames.read(entry.location).map_err(not_read)?;
            stored::check_place(&frame, &entry)?;
            let durability = self.durability_of(entry.position);
            Ok(stored::receipt(&frame, entry.location, durability))
        };
        entries.into_iter().flatten().map(receipt).collect()
    }

    fn durability_of(&self, position: Position) -> Durability {
        match position < self.published.durable() {
            true => Durability::Sync,
            false => self.settings.durability,
        }
    }

    /// What a failed step means: before anything was written it may be tried again; else the writer ends.
    fn step_failed(&mut self, failure: Failure) -> Vec<Answered<T>> {
        match failure.error {
            StepError::Refused(error) => {
                self.fail(Fate::NotWritten, &AppendErrorKind::Refused(Arc::new(error)))
            }
            StepError::Fatal(error) => {
                let error = Arc::new(error);
                self.poison(Poison::Log(Arc::clone(&error)));
                let fate = if failure.may_be_written { Fate::Unknown } else { Fate::NotWritten };
                self.fail(fate, &AppendErrorKind::LogFailed(error))
            }
        }
    }

    /// Tells all that wait for the group that was out, and for the one judged upon it, that it has failed.
    fn fail(&mut self, fate: Fate, kind: &AppendErrorKind) -> Vec<Answered<T>> {
        let mut answers = Vec::new();
        let unwritten = self.staged.staged.ids.clone();
        let mut written = HashMap::new();
        if let Some(mut flight) = self.flight.take() {
            written = flight.staged.ids.clone();
            let found = |id| if written.contains_key(&id) { fate } else { Fate::Unknown };
            answers.extend(flight.drain(fate, kind, found));
            self.settled = flight;
        }
        let found = |id| match (written.contains_key(&id), unwritten.contains_key(&id)) {
            (true, _) => fate,
            (false, true) => Fate::NotWritten,
            (false, false) => Fate::Unknown,
        };
        answers.extend(self.staged.drain(Fate::NotWritten, kind, found));
        let end = &self.committed.end;
        self.staged.begin(end.position, end.hlc);
        self.settled.begin(end.position, end.hlc);
        answers
    }
}

fn locations(group: &StagedGroup, placement: &Placement) -> Vec<Location> {
    let Some(segment) = placement.end.segment else { unreachable!("a placed group has a segment") };
    group.events.iter().map(|event| event.location(segment, placement)).collect()
}
