//! All that is good of a damaged log, whichever file it stands in.
//!
//! Every file under a segment's name is read, with its header damaged or under another number's name too. Behind a
//! bad place the next group is found by its header, whose checksum knows its salt and its place. What is found is
//! put in the order of positions, once each; where two neighbours contradict each other, the earlier one is left
//! out, since whoever changed an event could not change the roots behind it.

mod groups;
mod sources;

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use causelog_io::Storage;
use causelog_types::{ByteOffset, Hlc, Position, Root, StoreHead};
use causelog_wire::{GroupHeader, StoreIdentity, hash};

pub use groups::{Rescued, RescuedGroups};
use sources::{Source, Sources};

use crate::directory::Directory;
use crate::ends::{changed_after_close, cut_off};
use crate::error::{Damage, DamageKind, LogError};
use crate::findings::Findings;
use crate::group::{Group, Payloads};
use crate::lock::Guard;
use crate::log::Log;
use crate::progress::{Meter, Progress};
use crate::published::{LogEnd, Snapshot};
use crate::report::{Left, OpenReport, TornTail};
use crate::scan::{Boundary, Scan, Step};
use crate::segment::{Segment, SegmentList};
use crate::survey::Survey;
use crate::tail::{Judgement, judge};

/// No log has that many events: who says so is damaged or lies.
const POSITION_MAX: Position = Position(1 << 62);

/// What is good of a damaged log. While this is held, no writer opens it.
#[derive(Debug)]
pub struct Rescue {
    identity: StoreIdentity,
    findings: Findings<Damage>,
    torn_tail: Option<TornTail>,
    /// The greatest position whose root anything vouches for.
    proven: StoreHead,
    /// Heads that something beside the groups before them says the log had.
    vouched: HashSet<(Position, [u8; 32])>,
    /// Whether the end is proven and not there.
    end_is_lost: bool,
    /// The greatest epoch of anything that was read.
    epoch: u64,
    runs: Vec<Run>,
    segments: SegmentList,
    survey: Survey,
    directory: Directory,
    guard: Guard,
}

/// Whole groups of one file that follow each other.
#[derive(Debug)]
struct Run {
    segment: Arc<Segment>,
    from: Boundary,
    to: Boundary,
    /// The opening that wrote its last group.
    epoch: u64,
    /// Whether it stands behind a place that nothing in its file shows to have been synced.
    behind_torn: bool,
    /// Whether its file has another number than its name.
    misnamed: bool,
}

impl Rescue {
    /// Looks through a directory for all that is good. Changes nothing.
    ///
    /// # Errors
    /// [`LogError::NotAStore`] when there is none, [`LogError::Locked`] while a writer has it open,
    /// [`LogError::Damaged`] when a newer release wrote it, or when nothing says any more which store it was; or the
    /// system refuses. Other damage is no error here.
    pub fn read(storage: Arc<dyn Storage>) -> Result<Self, LogError> {
        Self::read_telling(storage, &mut |_| {})
    }

    /// As [`Rescue::read`], and tells on the way how far it is.
    ///
    /// # Errors
    /// As [`Rescue::read`].
    pub fn read_telling(storage: Arc<dyn Storage>, tell: &mut dyn FnMut(Progress)) -> Result<Self, LogError> {
        let directory = Directory::new(storage);
        let mut guard = Guard::take(&directory)?;
        let survey = Survey::take(&directory)?;
        if let Some(unsupported) = survey.findings.iter().find(|found| found.is_unsupported()) {
            return Err(unsupported.clone().into());
        }
        let sources = Sources::find(&directory, &survey)?;
        let slot = guard.lock.newest_slot(sources.identity.store)?;
        let root = hash::first_root(sources.identity.store);
        let mut rescue = Self {
            identity: sources.identity,
            findings: survey.findings.iter().cloned().collect(),
            torn_tail: None,
            proven: StoreHead { position: Position(0), root },
            vouched: HashSet::new(),
            end_is_lost: false,
            epoch: slot.map_or(0, |slot| slot.epoch),
            runs: Vec::new(),
            segments: Arc::new([]),
            survey,
            directory,
            guard,
        };
        rescue.findings.extend(sources.turned.iter().cloned());
        let closed = rescue.survey.closed.filter(|closed| closed.store == sources.identity.store);
        rescue.vouch(closed.map(|closed| (closed.position, closed.root)));
        rescue.vouch(slot.map(|slot| (slot.position, slot.root)));
        rescue.vouch(sources.headers().map(|header| (header.base, header.base_root)));
        let mut meter = Meter::new(sources.all.iter().map(|source| &*source.segment), tell)?;
        for source in &sources.all {
            // A copy under another name has no successor: only what it holds says where it ends.
            let limit = sources.limits.get(&source.number).filter(|_| !source.is_misnamed());
            rescue.scan(source, limit.copied(), &mut meter)?;
            meter.passed(source.segment.file_for_now()?.length()?);
        }
        rescue.drop_dead();
        let order = |run: &Run| (run.from.position, run.misnamed, Reverse(run.segment.number()));
        rescue.runs.sort_by_key(order);
        rescue.find_lost_end(slot.map(|slot| slot.position));
        rescue.segments = sources.all.into_iter().map(|source| source.segment).collect();
        Ok(rescue)
    }

    /// Which store it is.
    #[must_use]
    pub fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// Whether no writer can open it while this is held: only where neither `lock` nor `store` can be opened, there is
    /// nothing to hold. A writer then finds damage; but only once it has looked.
    #[must_use]
    pub fn holds_writers_off(&self) -> bool {
        self.guard.holds_writers_off()
    }

    /// What is wrong, as far as bytes, files and roots go.
    #[must_use]
    pub fn findings(&self) -> &Findings<Damage> {
        &self.findings
    }

    /// Bytes at the end that nothing shows to have been synced: they are not taken.
    #[must_use]
    pub fn torn_tail(&self) -> Option<&TornTail> {
        self.torn_tail.as_ref()
    }

    /// The greatest position of which something says what the root there is: a slot, the mark of a clean close, a
    /// later segment or group. What is missing before it was there once.
    #[must_use]
    pub fn proven(&self) -> StoreHead {
        self.proven
    }

    /// The good groups in the order of positions, which neither overlap nor contradict each other.
    #[must_use]
    pub fn groups(&self) -> RescuedGroups<'_> {
        RescuedGroups::new(self)
    }

    /// How many bytes the good groups have, those that contradict each other included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = |run: &Run| run.to.offset.0.saturating_sub(run.from.offset.0);
        self.runs.iter().map(bytes).fold(0, u64::saturating_add)
    }

    /// The same groups, to be read: without those whose payloads are not the ones that their headers vouch for.
    pub fn readable_groups(&self) -> impl Iterator<Item = Result<Group, LogError>> {
        let is_right = |group: &Group| group.events.iter().all(|event| event.payload_is_right != Some(false));
        let groups = self.groups().map(|rescued| rescued.map(|rescued| rescued.group));
        groups.filter(move |group| group.as_ref().map_or(true, is_right))
    }

    /// The log, to be read up to an end that an index was brought up to with these groups, and what an open says of
    /// it. Frames are read from whichever file they stand in.
    ///
    /// # Errors
    /// The system refuses.
    pub fn open(&self, end: StoreHead) -> Result<(Log, Snapshot, OpenReport), LogError> {
        let last = self.segments.last().map(|last| last.number());
        // No segment is known to end anywhere but where its file does.
        let (offset, hlc) = (ByteOffset(u64::MAX), Hlc::default());
        let end =
            LogEnd { segment: last, offset, group: offset, position: end.position, root: end.root, hlc };
        let mut bytes = 0;
        for segment in &*self.segments {
            bytes += segment.file_for_now()?.length()?;
        }
        let closed = self
            .survey
            .closed
            .is_some_and(|closed| StoreHead { position: closed.position, root: closed.root } == end.head());
        let (damage, more_damage) = self.findings.clone().into_parts();
        let report = OpenReport {
            head: end.head(),
            left: if closed && !self.end_is_lost { Left::Closed } else { Left::Unclosed },
            segments: self.segments.len(),
            bytes,
            torn_tail: self.torn_tail.clone(),
            dead_bytes: 0,
            unknown_names: self.survey.unknown.clone(),
            temporary_names: self.survey.temporary.clone(),
            epoch: self.epoch,
            damage,
            more_damage,
            holds_writers_off: self.holds_writers_off(),
        };
        let snapshot = Snapshot { end, segments: Arc::clone(&self.segments) };
        Ok((Log::new(self.directory.clone(), self.identity), snapshot, report))
    }

    fn vouch(&mut self, heads: impl IntoIterator<Item = (Position, Root)>) {
        for (position, root) in heads.into_iter().filter(|(position, _)| *position <= POSITION_MAX) {
            if position > self.proven.position {
                self.proven = StoreHead { position, root };
            }
            self.vouched.insert((position, root.0));
        }
    }

    /// Whether something beside itself says that the log had this root here.
    fn is_vouched(&self, head: Boundary) -> bool {
        self.vouched.contains(&(head.position, head.root.0))
    }

    /// Takes away what was written and never belonged to the log: it stands behind a torn place, nothing vouches for
    /// it, and the store was opened again since, which left it there and wrote its own events in its place.
    fn drop_dead(&mut self) {
        let newest = self.runs.iter().map(|run| run.epoch).max().unwrap_or_default();
        let vouched = |run: &Run| self.is_vouched(run.to);
        let live: Vec<bool> =
            self.runs.iter().map(|run| !run.behind_torn || run.epoch == newest || vouched(run)).collect();
        let mut live = live.into_iter();
        self.runs.retain(|_| live.next().unwrap_or(true));
    }

    /// Names an end that was there once and of which nothing is left.
    fn find_lost_end(&mut self, slot: Option<Position>) {
        let found = self.runs.iter().map(|run| run.to.position).max().unwrap_or_default();
        let gone = |end: &Position| *end > found && *end <= POSITION_MAX;
        let mark = self.survey.closed.map(|closed| closed.position).filter(gone);
        let mark = mark.map(|closed| changed_after_close(&self.directory, closed, found));
        let slot = slot.filter(gone).map(|published| cut_off(&self.directory, published, found));
        for lost in mark.into_iter().chain(slot) {
            self.end_is_lost = true;
            self.findings.keep(lost);
        }
    }

    /// Finds the runs of whole groups in a file.
    fn scan(&mut self, source: &Source, limit: Option<u64>, meter: &mut Meter<'_>) -> Result<(), LogError> {
        let segment = &source.segment;
        let first = Boundary::first(segment.header());
        let mut scan = Scan::new(segment, first, limit.unwrap_or(u64::MAX), Payloads::Trusted)?;
        if source.mended {
            // Nothing is known of where it begins but what its first group says.
            let Some(found) = scan.search(ByteOffset(0))? else { return Ok(()) };
            scan.resume(begin(found, first));
        }
        let mut run = Run {
            segment: Arc::clone(segment),
            from: scan.at(),
            to: scan.at(),
            epoch: 0,
            behind_torn: false,
            misnamed: source.is_misnamed(),
        };
        loop {
            let (offset, kind) = match scan.next()? {
                Step::Group(group) => {
                    (run.to, run.epoch) = (scan.at(), group.header.epoch);
                    meter.reached(run.to.offset.0);
                    continue;
                }
                Step::Limit => break,
                Step::Stop(offset, kind) => (offset, kind),
            };
            run = self.end(run);
            if matches!(kind, DamageKind::Rule(rule) if rule.is_unsupported()) {
                return Err(Damage { file: segment.path(), offset, kind }.into());
            }
            let at = scan.at();
            if limit.is_none() {
                match judge(&mut scan, offset, kind.clone(), None)? {
                    Judgement::Zeros => return Ok(()),
                    Judgement::Torn if self.proven.position <= at.position => {
                        let bytes = scan.window().file().length()?.saturating_sub(at.offset.0);
                        self.torn_tail = Some(TornTail { file: segment.path(), offset: at.offset, bytes });
                        return Ok(());
                    }
                    Judgement::Torn => run.behind_torn = true,
                    Judgement::Damaged(..) => run.behind_torn = false,
                }
            }
            self.findings.push(Damage { file: segment.path(), offset, kind });
            if !resync(&mut scan, at.offset)? {
                return Ok(());
            }
            (run.from, run.to) = (scan.at(), scan.at());
            if !run.behind_torn {
                self.vouch([(run.from.position, run.from.root)]);
            }
        }
        self.end(run);
        Ok(())
    }

    /// Takes a run, if there is anything in it; returns an empty one like it.
    fn end(&mut self, run: Run) -> Run {
        let next = Run { segment: Arc::clone(&run.segment), from: run.to, ..run };
        if run.to.offset > run.from.offset {
            self.epoch = self.epoch.max(run.epoch);
            self.runs.push(run);
        }
        next
    }
}

/// Goes on at the next group header from a place on that was not read already; whether there is one.
fn resync(scan: &mut Scan, mut from: ByteOffset) -> Result<bool, LogError> {
    let at = scan.at();
    while let Some(found) = scan.search(from)? {
        let next = begin(found, at);
        // Where the last group before it begins says nothing of a place.
        if (Boundary { group: at.group, ..next }) != at {
            scan.resume(next);
            return Ok(true);
        }
        from = ByteOffset(next.offset.0.saturating_add(1));
    }
    Ok(false)
}

/// Where a group begins, as its header says.
fn begin((offset, header): (ByteOffset, GroupHeader), before: Boundary) -> Boundary {
    Boundary::before(&header, offset, before.hlc)
}

/// A group that is whole and does not follow what is before it.
fn contradicts(path: String, offset: ByteOffset, position: Position) -> Damage {
    Damage { file: path, offset, kind: DamageKind::RootBroken(position) }
}
