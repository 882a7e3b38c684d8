//! The good groups of a damaged log, in the order of positions.

use std::collections::HashSet;
use std::sync::Arc;

use causelog_types::{Position, widen};
use causelog_wire::{Salt, hash};

use super::{Rescue, Run, contradicts};
use crate::error::{Damage, LogError};
use crate::findings::Findings;
use crate::group::{Group, Payloads};
use crate::scan::{Scan, Step};
use crate::segment::Segment;

/// A good group, and its bytes as they stand in its file.
#[derive(Debug)]
pub struct Rescued {
    /// The group.
    pub group: Group,
    /// All its bytes, its header included.
    pub bytes: Vec<u8>,
    /// What seeds its checksums.
    pub salt: Salt,
    /// The file, with its path.
    pub segment: Arc<Segment>,
}

/// The good groups of a damaged log, in the order of positions, which neither overlap nor contradict each other.
/// Between two of them there may be a hole. After an error there are no more.
#[derive(Debug)]
pub struct RescuedGroups<'a> {
    rescue: &'a Rescue,
    /// Where runs begin, and with which roots.
    starts: HashSet<(Position, [u8; 32])>,
    next_run: usize,
    scan: Option<(&'a Run, Scan)>,
    /// Held back until what follows does not contradict it.
    pending: Option<Rescued>,
    contradictions: Findings<Damage>,
    done: bool,
}

impl<'a> RescuedGroups<'a> {
    pub(super) fn new(rescue: &'a Rescue) -> Self {
        let starts = rescue.runs.iter().map(|run| (run.from.position, run.from.root.0)).collect();
        let (scan, pending, contradictions) = (None, None, Findings::default());
        Self { rescue, starts, next_run: 0, scan, pending, contradictions, done: false }
    }

    /// Groups that were left out so far, whole as they are, since the roots behind them contradict them.
    #[must_use]
    pub fn contradictions(&self) -> &Findings<Damage> {
        &self.contradictions
    }

    fn step(&mut self) -> Result<Option<Rescued>, LogError> {
        let (proven, first) = (self.rescue.proven, hash::first_root(self.rescue.identity.store));
        while let Some(found) = self.read()? {
            let header = found.group.header;
            if header.base == Position(0) && header.root_before != first {
                self.leave_out(&found);
                continue;
            }
            match &self.pending {
                None => self.pending = Some(found),
                // Where something is missing by one file, another one may still have it.
                Some(before) if header.base < before.group.header.next() => {
                    if before.group.is_gap() && !found.group.is_gap() {
                        self.pending = Some(found);
                    } else if header.base == before.group.header.base
                        && header.root_before != before.group.header.root_before
                    {
                        self.leave_out(&found);
                    }
                    // Else it stands in another file too.
                }
                Some(before) => {
                    let end = before.group.header;
                    let fits = header.base > end.next() || header.root_before == end.root_after;
                    // What follows it elsewhere speaks for it, and against what was found.
                    let head = (end.next(), end.root_after.0);
                    let confirmed = self.rescue.vouched.contains(&head) || self.starts.contains(&head);
                    if !fits && confirmed {
                        self.leave_out(&found);
                        continue;
                    }
                    let Some(before) = self.pending.replace(found) else { continue };
                    match fits {
                        true => return Ok(Some(before)),
                        false => self.leave_out(&before),
                    }
                }
            }
        }
        self.done = true;
        let Some(last) = self.pending.take() else { return Ok(None) };
        let end = last.group.header;
        if end.next() == proven.position && end.root_after != proven.root {
            self.leave_out(&last);
            return Ok(None);
        }
        Ok(Some(last))
    }

    fn leave_out(&mut self, group: &Rescued) {
        let (path, offset) = (group.segment.path(), group.group.location.offset);
        self.contradictions.push(contradicts(path, offset, group.group.header.next()));
    }

    /// The next group of the runs in order.
    fn read(&mut self) -> Result<Option<Rescued>, LogError> {
        loop {
            let Some((run, scan)) = &mut self.scan else {
                let Some(run) = self.rescue.runs.get(self.next_run) else { return Ok(None) };
                self.next_run += 1;
                let scan = Scan::new(&run.segment, run.from, run.to.offset.0, Payloads::Hashed)?;
                self.scan = Some((run, scan));
                continue;
            };
            let at = scan.at().offset;
            if let Step::Group(group) = scan.next()? {
                let length = usize::try_from(scan.at().offset.0 - at.0).unwrap_or(usize::MAX);
                let bytes = scan.window().get(at, length)?.to_vec();
                // What does not read the same twice is not good.
                if widen(bytes.len()) == group.header.total_bytes() {
                    let (segment, salt) = (Arc::clone(&run.segment), run.segment.header().salt);
                    return Ok(Some(Rescued { group, bytes, salt, segment }));
                }
            }
            self.scan = None;
        }
    }
}

impl Iterator for RescuedGroups<'_> {
    type Item = Result<Rescued, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done |= !matches!(item, Some(Ok(_)));
        item
    }
}
