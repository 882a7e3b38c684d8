//! What is done off the way of an append: tails are written to files, files are merged, and made again.
//!
//! One at a time works, as `Shared::begin_work` sees to.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use causelog_index::Watermark;

use crate::file::Unusable;
use crate::merge::merge;
use crate::names::{RunRange, run_name};
use crate::parts::Part;
use crate::rebuild::{NotMade, rebuild};
use crate::run::Run;
use crate::shared::Shared;
use crate::tail::Tail;
use crate::tiers::next_merge;

/// How many tails are written before another merge is tried, after one has failed.
const MERGE_AFTER: u32 = 16;
/// How many events a close still merges: those of openings for a few events each shall not stay files of their own.
const EVENTS_MERGED_AT_CLOSE: u64 = 8 * 1024;

impl Shared {
    /// Writes and merges as long as there is something to do; `false` if a file could not be written, or the close has
    /// begun.
    pub(crate) fn work(&self) -> bool {
        self.unwritable.lock().clear();
        while self.write_frozen() && !self.closing.load(Ordering::Acquire) {
            let waits = |left: u32| left.checked_sub(1);
            if self.merge_after.fetch_update(Ordering::AcqRel, Ordering::Acquire, waits).is_ok() {
                return true;
            }
            let parts = self.parts();
            let Some(runs) = next_merge(&parts.earlier) else { return true };
            let between = || {
                if self.closing.load(Ordering::Relaxed) {
                    return Err(Unusable::Stopped);
                }
                // No append waits for a merge.
                self.write_frozen();
                Ok(())
            };
            match self.merge(&runs, &between) {
                Ok(()) => {}
                Err(error) if !self.mend(&runs, &error) => return !self.closing.load(Ordering::Acquire),
                Err(_) => {}
            }
        }
        false
    }

    /// The last work of a close.
    pub(crate) fn write_last(&self) {
        if !self.write_frozen() {
            return;
        }
        loop {
            let parts = self.parts();
            let Some(runs) = next_merge(&parts.earlier) else { return };
            let events: u64 = runs.iter().map(|run| run.range().events()).sum();
            if events > EVENTS_MERGED_AT_CLOSE || self.merge(&runs, &|| Ok(())).is_err() {
                return;
            }
        }
    }

    /// After a merge that has failed: makes the file again that is damaged, if one is; `false` if nothing is to be tried.
    fn mend(&self, runs: &[Arc<Run>], error: &Unusable) -> bool {
        if matches!(error, Unusable::Stopped) {
            return false;
        }
        tracing::warn!(%error, "cannot merge index files");
        let useless = || runs.iter().find_map(|run| Some((run.range(), run.file().check().err()?.1)));
        let mended = match error {
            // The disk is full, or the like.
            Unusable::Io(_) => false,
            _ => useless().is_some_and(|(range, reason)| self.remake(range, &reason).is_ok()),
        };
        if !mended {
            self.merge_after.store(MERGE_AFTER, Ordering::Release);
        }
        mended
    }

    /// Writes the files of all tails that wait, but for those that could not be written before; `false` if no other
    /// could be written either.
    pub(crate) fn write_frozen(&self) -> bool {
        loop {
            let parts = self.parts();
            let next = parts.earlier.iter().find_map(|part| match part {
                Part::Frozen(tail, after) if !self.unwritable.lock().contains(&tail.range()) => {
                    Some((tail, after))
                }
                _ => None,
            });
            let Some((tail, after)) = next else { return true };
            match self.write(tail, after) {
                Ok(()) => self.tell_written(),
                Err(error) => {
                    tracing::warn!(%error, "cannot write an index file; its events stay in memory");
                    if !concerns_its_name(&error) {
                        return false;
                    }
                    // Others have other names.
                    self.unwritable.lock().push(tail.range());
                }
            }
        }
    }

    fn write(&self, tail: &Arc<Tail>, after: &Watermark) -> Result<(), Unusable> {
        let range = tail.range();
        tail.events.read().write(self.directory(), after)?;
        let run = Arc::new(Run::open(self.directory(), range, &self.cache)?);
        self.replace(&[range], Part::Run(run));
        tracing::debug!(file = run_name(range), "wrote an index file");
        Ok(())
    }

    fn merge(&self, runs: &[Arc<Run>], between: &dyn Fn() -> Result<(), Unusable>) -> Result<(), Unusable> {
        let run = self.merged(runs, between)?;
        let ranges: Vec<RunRange> = runs.iter().map(|run| run.range()).collect();
        if self.replace(&ranges, Part::Run(Arc::new(run))) {
            self.remove(&ranges);
        }
        Ok(())
    }

    /// The file of several, which are still there.
    pub(crate) fn merged(
        &self,
        runs: &[Arc<Run>],
        between: &dyn Fn() -> Result<(), Unusable>,
    ) -> Result<Run, Unusable> {
        let range = merge(self.directory(), runs, between)?;
        tracing::debug!(file = run_name(range), files = runs.len(), "merged index files");
        Run::open(self.directory(), range, &self.cache)
    }

    /// Removes files that another one has replaced.
    pub(crate) fn remove(&self, ranges: &[RunRange]) {
        for range in ranges {
            match self.directory().remove(&run_name(*range)) {
                // They may be deleted at any time.
                Err(error) if error.source.kind() != ErrorKind::NotFound => {
                    tracing::warn!(%error, "cannot remove a merged index file");
                }
                _ => {}
            }
        }
    }

    /// Puts one part in the place of those of these ranges, which follow each other; `false` if they are not there.
    fn replace(&self, ranges: &[RunRange], part: Part) -> bool {
        let mut replaced = false;
        self.change(|parts| {
            let first = parts.earlier.iter().position(|part| Some(&part.range()) == ranges.first());
            let Some(first) = first else { return };
            let old = parts.earlier.get(first..first + ranges.len());
            if old.is_some_and(|old| old.iter().map(Part::range).eq(ranges.iter().copied())) {
                parts.earlier.splice(first..first + ranges.len(), [part]);
                replaced = true;
            }
        });
        replaced
    }

    /// Puts what the frames say in the place of an index file.
    pub(crate) fn remake(&self, range: RunRange, reason: &Unusable) -> Result<(), NotMade> {
        tracing::warn!(file = run_name(range), %reason, "an index file is of no use; it is made again from frames");
        let parts = self.parts();
        let before = parts.earlier.iter().take_while(|part| part.range().next <= range.base);
        let made = rebuild(self, range, before.cloned().collect())?.parts;
        self.change(|parts| {
            if let Some(at) = parts.earlier.iter().position(|part| part.range() == range) {
                parts.earlier.splice(at..=at, made);
            }
        });
        Ok(())
    }
}

/// Whether a file could not be written because of what stands under its name.
fn concerns_its_name(error: &Unusable) -> bool {
    let kind = if let Unusable::Io(error) = error { error.source.kind() } else { return false };
    matches!(kind, ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty | ErrorKind::PermissionDenied)
        || matches!(kind, ErrorKind::InvalidInput | ErrorKind::AlreadyExists)
}
