//! A walk over everything, for verification: it goes on behind damage, and reports all of it.

use std::ops::Range;
use std::sync::Arc;

use causelog_io::{Storage, SystemClock};
use causelog_types::{ByteOffset, Position, Root, StoreHead, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{Slot, hash};

use crate::directory::Directory;
use crate::ends::{check_mark, check_slot, lost_mark, lost_slot, vouched_for};
use crate::error::{Damage, DamageKind, LogError};
use crate::findings::{FINDINGS_MAX, Findings};
use crate::group::{Group, Payloads};
use crate::lock::{LockFile, hold_writers_off};
use crate::open::look;
use crate::progress::{Meter, Progress};
use crate::report::TornTail;
use crate::scan::{Boundary, Scan, Step};
use crate::segment::{Segment, sealed_end};
use crate::survey::Survey;
use crate::tail::{Judgement, Tail, Watch, judge};

/// What a walk shows on its way.
#[derive(Debug)]
pub enum Visit<'a> {
    /// A whole group of a segment, in order.
    Group(&'a Group, &'a Segment),
    /// Something is missing or damaged here: what follows need not join on to what came before.
    Break,
}

/// What a walk has covered and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The end of the last whole group.
    pub head: StoreHead,
    /// Segments whose headers are right.
    pub segments: usize,
    /// Whole groups.
    pub groups: u64,
    /// Bytes of segments that were read and are right, headers included.
    pub bytes: u64,
    /// Bytes behind the valid end of segments that have a successor: dead, and no finding.
    pub dead_bytes: u64,
    /// The first of the files that hold them.
    pub dead_files: Vec<String>,
    /// Bytes at the end that nothing shows to have been synced: no finding.
    pub torn_tail: Option<TornTail>,
    /// Whether another process is writing the store: then only what it has published was looked at.
    pub in_use: bool,
    /// Whether `lock` holds bytes that are no published end of this store, and no finding: a power cut may leave them.
    /// Nothing but the mark of a clean close then shows that an end was cut off.
    pub lock_is_unreadable: bool,
    /// Names in the directory that are not a store's, the first of them by name.
    pub unknown_names: Vec<String>,
    /// How many more there are.
    pub more_unknown_names: u64,
    /// The first ranges of positions that were there once, as something proves, and of which no whole group is left.
    pub missing: Vec<Range<Position>>,
    /// How many positions are missing, those of further ranges included.
    pub missing_positions: u64,
    /// The greatest position that the log is known to have had, be that missing or not.
    pub known_end: Position,
    /// The first of all damage, in the order found.
    pub findings: Vec<Damage>,
    /// How much more there is.
    pub more_findings: u64,
}

/// Walks over every segment and every group of a store, without changing anything, and tells on its way how far it is;
/// only the shared locks of a reader are held then.
///
/// # Errors
/// The system refuses, or there is no store. Damage is no error here, but a finding.
pub fn inspect(
    storage: Arc<dyn Storage>,
    visit: &mut dyn FnMut(Visit<'_>),
    tell: &mut dyn FnMut(Progress),
) -> Result<Inspection, LogError> {
    let directory = Directory::new(storage);
    // Beside a writer that is still opening, the published end may be one before it.
    let writers_off = hold_writers_off(&directory, &SystemClock)?;
    let mut lock = LockFile::shared(&directory)?;
    let (survey, slot) = look(&directory, &mut lock)?;
    let in_use = lock.writer_lives();
    let lock_is_unreadable = slot.is_none() && lock.has_bytes()?;
    drop(writers_off);
    let first = survey.store.map(hash::first_root);
    let unknown_names: Vec<String> = survey.unknown.iter().take(FINDINGS_MAX).cloned().collect();
    let meter = Meter::new(survey.segments.iter().map(|segment| &**segment), tell)?;
    let mut walk = Walk {
        survey: &survey,
        slot,
        in_use,
        visit,
        meter,
        end: None,
        torn: None,
        watch: Watch::new(vouched_for(survey.closed.as_ref(), slot)),
        named: false,
        reached: Position(0),
        findings: survey.findings.iter().cloned().collect(),
        result: Inspection {
            head: StoreHead { position: Position(0), root: first.unwrap_or(Root([0; 32])) },
            segments: survey.segments.len(),
            groups: 0,
            bytes: 0,
            dead_bytes: 0,
            dead_files: Vec::new(),
            torn_tail: None,
            in_use,
            lock_is_unreadable,
            more_unknown_names: widen(survey.unknown.len() - unknown_names.len()),
            unknown_names,
            missing: Vec::new(),
            missing_positions: 0,
            known_end: Position(0),
            findings: Vec::new(),
            more_findings: 0,
        },
    };
    for i in 0..survey.segments.len() {
        walk.segment(i)?;
    }
    walk.judge_end(&directory);
    (walk.result.findings, walk.result.more_findings) = walk.findings.into_parts();
    walk.result.known_end = walk.reached;
    Ok(walk.result)
}

/// What is known of where a segment ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// Up to where it is valid: its successor, or the published end, says so.
    Known,
    /// It is the last one: its valid end is to be found.
    Tail,
    /// Nothing: its successor is missing.
    Unknown,
}

struct Walk<'a> {
    survey: &'a Survey,
    slot: Option<Slot>,
    in_use: bool,
    visit: &'a mut dyn FnMut(Visit<'_>),
    meter: Meter<'a>,
    /// Where the last segment's last whole group ends.
    end: Option<Boundary>,
    /// Why no whole group stands where the torn tail begins.
    torn: Option<Damage>,
    watch: Watch,
    /// Whether something was found in the segment that is read.
    named: bool,
    /// Up to where it is known which positions are there and which are missing.
    reached: Position,
    findings: Findings<Damage>,
    result: Inspection,
}

impl Walk<'_> {
    fn segment(&mut self, i: usize) -> Result<(), LogError> {
        let segment = &self.survey.segments[i];
        self.named = false;
        let first = Boundary::first(segment.header());
        if self.end.map_or(first.position != Position(0), |end| end.position != first.position) {
            (self.visit)(Visit::Break);
        }
        let before = self.end.map(|end| (end.position, end.hlc)).unwrap_or_default();
        if before.0 == first.position && before.1 != first.hlc {
            self.find(segment, ByteOffset(0), DamageKind::SegmentOutOfOrder);
        }
        let sealed = sealed_end(&self.survey.segments, i);
        let is_last = i + 1 == self.survey.segments.len();
        let published = self.slot.filter(|_| self.in_use && is_last);
        let (extent, limit) = match (sealed, published) {
            (Some(end), _) => (Extent::Known, end.length),
            (None, Some(slot)) => (Extent::Known, slot.offset.0),
            (None, None) if is_last => (Extent::Tail, u64::MAX),
            (None, None) => (Extent::Unknown, u64::MAX),
        };
        let mut scan = Scan::new(segment, first, limit, Payloads::Hashed)?;
        let length = scan.window().file().length()?;
        if let Some(end) = sealed {
            self.dead(segment, length.saturating_sub(end.length));
        }
        self.result.bytes += widen(SEGMENT_HEADER_BYTES);
        self.watch.pass(first);
        self.miss(first.position);
        loop {
            match scan.next()? {
                Step::Group(group) => {
                    self.group(&group, segment, scan.at());
                    self.meter.reached(scan.at().offset.0);
                }
                Step::Limit => break,
                Step::Stop(offset, kind) => {
                    if !self.stopped(&mut scan, segment, extent, offset, kind)? {
                        break;
                    }
                }
            }
        }
        self.meter.passed(length);
        self.end = Some(scan.at());
        if let Some(end) = sealed
            && (scan.at().position != end.position || scan.at().root != end.root)
            && !self.named
            && !self.survey.is_named(&segment.path())
        {
            let kind = DamageKind::RootBroken(end.position);
            self.find(segment, scan.at().offset, kind);
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, segment: &Segment, after: Boundary) {
        self.result.groups += 1;
        self.result.bytes += group.header.total_bytes();
        self.result.head = StoreHead { position: after.position, root: after.root };
        self.watch.pass(after);
        self.miss(group.header.base);
        self.reached = self.reached.max(after.position);
        (self.visit)(Visit::Group(group, segment));
    }

    /// No whole group stands here: reports why, and goes on behind it if there is anything. Whether there is.
    fn stopped(
        &mut self,
        scan: &mut Scan,
        segment: &Segment,
        extent: Extent,
        offset: ByteOffset,
        kind: DamageKind,
    ) -> Result<bool, LogError> {
        let at = scan.at();
        let closed = self.survey.closed.as_ref().filter(|_| extent == Extent::Tail && !self.in_use);
        let judgement = match extent {
            Extent::Known => Judgement::Damaged(offset, kind.clone()),
            Extent::Tail | Extent::Unknown => judge(scan, offset, kind.clone(), closed)?,
        };
        match judgement {
            Judgement::Zeros => return Ok(false),
            Judgement::Torn => {
                let bytes = scan.window().file().length()?.saturating_sub(at.offset.0);
                match extent {
                    Extent::Unknown => self.dead(segment, bytes),
                    Extent::Known | Extent::Tail => {
                        let file = segment.path();
                        self.torn = Some(Damage { file: file.clone(), offset, kind });
                        self.result.torn_tail = Some(TornTail { file, offset: at.offset, bytes });
                    }
                }
                return Ok(false);
            }
            Judgement::Damaged(offset, kind) => self.find(segment, offset, kind),
        }
        (self.visit)(Visit::Break);
        let behind = ByteOffset(at.offset.0.saturating_add(1));
        let Some((offset, header)) = scan.search(behind)? else { return Ok(false) };
        scan.resume(Boundary::before(&header, offset, at.hlc));
        Ok(true)
    }

    /// Whether the end is what the mark of a clean close and the published end say. Beside other damage, only what no
    /// damage before the end explains is named.
    fn judge_end(&mut self, directory: &Directory) {
        let is_damaged = !self.findings.is_empty();
        self.judge_torn_tail();
        let Some(store) = self.survey.store else { return };
        let number = self.survey.segments.last().map(|segment| segment.number());
        let end = self.end.unwrap_or_else(|| Tail::empty(store).end).log_end(number);
        let (survey, watch) = (self.survey, &self.watch);
        let (mark, slot) = match is_damaged {
            false => {
                self.result.head = end.head();
                let slot = check_slot(directory, survey, self.slot, &end, watch).err();
                (check_mark(directory, survey, &end, watch).err(), slot)
            }
            true => {
                let slot = lost_slot(directory, survey, self.slot, &end, watch);
                (lost_mark(directory, survey, &end, watch), slot)
            }
        };
        let mark = mark.filter(|_| !self.in_use);
        let closed = survey.closed.filter(|_| !self.in_use).map(|closed| closed.position);
        self.miss(closed.max(self.slot.map(|slot| slot.position)).unwrap_or_default());
        mark.into_iter().chain(slot).for_each(|found| self.findings.keep(found));
    }

    /// What the published end covers had been synced, though nothing in the segment shows it any more.
    fn judge_torn_tail(&mut self) {
        let end = self.end.map_or(Position(0), |end| end.position);
        if self.slot.is_some_and(|slot| slot.position > end) {
            self.result.torn_tail = None;
            self.torn.take().into_iter().for_each(|found| self.findings.keep(found));
        }
    }

    /// All positions before this one were there once; those from where it is known on are missing.
    fn miss(&mut self, until: Position) {
        let Some(count) = until.since(self.reached).filter(|count| *count > 0) else { return };
        self.result.missing_positions = self.result.missing_positions.saturating_add(count);
        if self.result.missing.len() < FINDINGS_MAX {
            self.result.missing.push(self.reached..until);
        }
        self.reached = until;
    }

    fn dead(&mut self, segment: &Segment, bytes: u64) {
        self.result.dead_bytes = self.result.dead_bytes.saturating_add(bytes);
        if bytes > 0 && self.result.dead_files.len() < FINDINGS_MAX {
            self.result.dead_files.push(segment.path());
        }
    }

    fn find(&mut self, segment: &Segment, offset: ByteOffset, kind: DamageKind) {
        self.named = true;
        self.findings.push(Damage { file: segment.path(), offset, kind });
    }
}
