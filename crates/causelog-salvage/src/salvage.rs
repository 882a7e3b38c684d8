//! Reading the damaged store, and writing the new one.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::{Environment, IoError, Storage};
use causelog_reader::{Checker, Finding, verify_telling};
use causelog_segment::{Damage, Findings, Group, LogError, Progress, Rescue, Rescued, STORE_FILE};
use causelog_types::{Position, Revision, StoreHead, widen};
use causelog_wire::hash;

use crate::copy::Copy;
use crate::{LostRevisions, SalvageError, SalvageReport};

/// A damaged store, looked through. While this is held, no writer opens it.
#[derive(Debug)]
pub struct Salvage {
    rescue: Rescue,
}

impl Salvage {
    /// Looks through a damaged store. Changes nothing.
    ///
    /// # Errors
    /// There is no store, it is in use, a newer release wrote it, or the system refuses. Damage is no error here.
    pub fn read(damaged: Arc<dyn Storage>) -> Result<Self, SalvageError> {
        Self::read_telling(damaged, &mut |_| {})
    }

    /// As [`Salvage::read`], and tells on the way how far it is.
    ///
    /// # Errors
    /// As [`Salvage::read`].
    pub fn read_telling(
        damaged: Arc<dyn Storage>,
        tell: &mut dyn FnMut(Progress),
    ) -> Result<Self, SalvageError> {
        Ok(Self { rescue: Rescue::read_telling(damaged, tell)? })
    }

    /// Writes all that is good into an empty directory, and verifies it there.
    ///
    /// It holds the id and the depth of every event in memory, about 40 bytes each, as a verification does.
    ///
    /// # Errors
    /// See [`SalvageError`]. What is left in the directory is then no store.
    pub fn write(&self, to: &Environment) -> Result<SalvageReport, SalvageError> {
        self.write_telling(to, &mut |_, _| {})
    }

    /// As [`Salvage::write`], and tells on the way how far it is.
    ///
    /// # Errors
    /// As [`Salvage::write`].
    pub fn write_telling(
        &self,
        to: &Environment,
        tell: &mut dyn FnMut(SalvageStep, Progress),
    ) -> Result<SalvageReport, SalvageError> {
        let directory = || to.storage.display();
        if !to.storage.list().map_err(IoError::on("list", directory()))?.is_empty() {
            return Err(SalvageError::NotEmpty { directory: directory() });
        }
        let unfinished = |source| SalvageError::Unfinished { directory: directory(), source };
        let report =
            self.copy(to, &mut |progress| tell(SalvageStep::Copying, progress)).map_err(unfinished)?;
        let tell = &mut |progress| tell(SalvageStep::Verifying, progress);
        let verified = verify_telling(Arc::clone(&to.storage), None, tell).map_err(unfinished)?;
        let Some(unsound) = verified.findings.into_iter().next() else { return Ok(report) };
        to.storage.remove(STORE_FILE).map_err(IoError::on("remove the store file in", directory()))?;
        Err(SalvageError::NotSound(unsound))
    }

    /// Copies all good groups.
    fn copy(&self, to: &Environment, tell: &mut dyn FnMut(Progress)) -> Result<SalvageReport, LogError> {
        let identity = self.rescue.identity();
        let first = StoreHead { position: Position(0), root: hash::first_root(identity.store) };
        let mut work = Work {
            copy: Copy::begin_in(to, identity, first)?,
            checker: Checker::default(),
            rejected: first,
            findings: Findings::default(),
            report: SalvageReport {
                store: identity.store,
                head: first,
                events: 0,
                groups: 0,
                lost: Vec::new(),
                streams: Vec::new(),
                torn_tail: self.rescue.torn_tail().cloned(),
                held_writers_off: self.rescue.holds_writers_off(),
                findings: Vec::new(),
                more_findings: 0,
            },
        };
        work.find_all(self.rescue.findings());
        let mut groups = self.rescue.groups();
        let mut progress = Progress { bytes_done: 0, bytes_total: self.rescue.bytes() };
        for rescued in &mut groups {
            let rescued = rescued?;
            progress.bytes_done = progress.bytes_done.saturating_add(widen(rescued.bytes.len()));
            work.take(rescued)?;
            tell(progress);
        }
        work.find_all(groups.contradictions());
        let end = [self.rescue.proven(), work.rejected].into_iter().max_by_key(|head| head.position);
        Ok(work.finish(end)?)
    }
}

/// What the writing of a new store is at. Each step tells of its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SalvageStep {
    /// Good groups are copied.
    Copying,
    /// The new store is verified.
    Verifying,
}

struct Work<'a> {
    copy: Copy<'a>,
    checker: Checker,
    /// The end of the groups that are whole and do not follow: what they held was there once.
    rejected: StoreHead,
    findings: Findings<Finding>,
    report: SalvageReport,
}

impl Work<'_> {
    fn take(&mut self, mut rescued: Rescued) -> Result<(), IoError> {
        let header = rescued.group.header;
        let before = StoreHead { position: header.base, root: header.root_before };
        if before.position > self.copy.head.position {
            self.checker.join_anew();
        }
        let streams = self.lost_revisions(&rescued.group);
        let refused = self.checker.admit(&rescued.group).err();
        if let Some(kind) = refused {
            let (file, offset) = (rescued.segment.path(), rescued.group.location.offset);
            self.findings.push(Finding { file, offset, kind });
            self.rejected = StoreHead { position: header.next(), root: header.root_after };
            return Ok(());
        }
        self.gap(before)?;
        if rescued.group.is_gap() {
            return self.gap(StoreHead { position: header.next(), root: header.root_after });
        }
        if self.copy.group(&mut rescued)? {
            self.report.streams.extend(streams);
            self.report.groups += 1;
            self.report.events = self.report.events.saturating_add(header.count);
        }
        Ok(())
    }

    fn find_all(&mut self, damage: &Findings<Damage>) {
        self.findings.extend(damage.first().iter().cloned().map(Finding::from));
        self.findings.count(damage.more());
    }

    /// Leaves a gap up to a later end, if it is later.
    fn gap(&mut self, to: StoreHead) -> Result<(), IoError> {
        let from = self.copy.head.position;
        if to.position <= from {
            return Ok(());
        }
        self.copy.gap(to)?;
        match self.report.lost.last_mut() {
            Some(last) if last.end == from => last.end = to.position,
            _ => self.report.lost.push(from..to.position),
        }
        Ok(())
    }

    /// Where the revisions of a group jump.
    fn lost_revisions(&self, group: &Group) -> Vec<LostRevisions> {
        let mut due = HashMap::new();
        let mut lost = Vec::new();
        for event in &group.events {
            let (stream, found) = (&event.header.coordinate, event.header.revision);
            let last = self.checker.last_revision(stream);
            let known = last.map_or(Revision(0), |last| Revision(last.0.saturating_add(1)));
            let expected = due.insert(stream, Revision(found.0.saturating_add(1))).unwrap_or(known);
            if expected < found {
                let (stream, before) = (stream.clone(), event.header.position);
                lost.push(LostRevisions { stream, revisions: expected..found, before });
            }
        }
        lost
    }

    fn finish(mut self, end: Option<StoreHead>) -> Result<SalvageReport, IoError> {
        if let Some(end) = end {
            self.gap(end)?;
        }
        self.report.head = self.copy.head;
        self.copy.finish()?;
        (self.report.findings, self.report.more_findings) = self.findings.into_parts();
        let (events, lost) = (self.report.events, self.report.lost_events());
        tracing::info!(events, lost, head = %self.report.head, "salvaged");
        Ok(self.report)
    }
}
