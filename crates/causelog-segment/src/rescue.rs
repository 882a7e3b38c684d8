//! All that is good of a damaged log, whichever file it stands in.
//!
//! Every file under a segment's name is read, with its header damaged or under another number's name too. Behind a
//! bad place the next group is found by its header, whose checksum knows its salt and its place. What is found is
//! put in the order of positions, once each; where two neighbours contradict each other, the earlier one is left
//! out, since whoever changed an event could not change the roots behind it.

mod groups;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use causelog_io::{EntryKind, Storage};
use causelog_types::{ByteOffset, Hlc, Position, Root, SegmentNumber, StoreHead, StoreId};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{Decoded, GroupHeader, Salt, SegmentHeader, StoreIdentity, hash};

pub use groups::{Rescued, RescuedGroups};

use crate::directory::Directory;
use crate::error::{Damage, DamageKind, LogError};
use crate::group::Payloads;
use crate::lock::{LockFile, SharedLock};
use crate::log::Log;
use crate::names::{CLOSED_FILE, FileName, LOCK_FILE, STORE_FILE};
use crate::published::{LogEnd, Snapshot};
use crate::report::{Left, OpenReport, TornTail};
use crate::scan::{Boundary, Scan, Step};
use crate::segment::{Segment, SegmentList};
use crate::survey::{Survey, read_head};
use crate::tail::{Judgement, judge};

/// No log has that many events: who says so is damaged or lies.
const POSITION_MAX: Position = Position(1 << 62);

/// What is good of a damaged log. While this is held, no writer opens it.
#[derive(Debug)]
pub struct Rescue {
    identity: StoreIdentity,
    findings: Vec<Damage>,
    torn_tail: Option<TornTail>,
    /// The greatest position whose root anything vouches for.
    proven: StoreHead,
    /// Heads that something beside the groups before them says the log had.
    vouched: HashSet<(Position, [u8; 32])>,
    /// Whether the end is proven and not there.
    end_is_lost: bool,
    runs: Vec<Run>,
    segments: SegmentList,
    survey: Survey,
    directory: Directory,
    _lock: SharedLock,
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
        let directory = Directory::new(storage);
        let mut lock = LockFile::shared(&directory)?;
        if lock.writer_lives() {
            return Err(LogError::Locked { directory: directory.path() });
        }
        let survey = Survey::take(&directory)?;
        if let Some(unsupported) = survey.findings.iter().find(|found| found.is_unsupported()) {
            return Err(unsupported.clone().into());
        }
        let sources = Sources::find(&directory, &survey)?;
        let slot = lock.newest_slot(sources.identity.store)?;
        let root = hash::first_root(sources.identity.store);
        let mut rescue = Self {
            identity: sources.identity,
            findings: survey.findings.clone(),
            torn_tail: None,
            proven: StoreHead { position: Position(0), root },
            vouched: HashSet::new(),
            end_is_lost: false,
            runs: Vec::new(),
            segments: Arc::new([]),
            survey,
            directory,
            _lock: lock,
        };
        let closed = rescue.survey.closed.filter(|closed| closed.store == sources.identity.store);
        rescue.vouch(closed.map(|closed| (closed.position, closed.root)));
        rescue.vouch(slot.map(|slot| (slot.position, slot.root)));
        rescue.vouch(sources.headers().map(|header| (header.base, header.base_root)));
        for source in &sources.all {
            // A copy under another name has no successor: only what it holds says where it ends.
            let limit = sources.limits.get(&source.number).filter(|_| !source.is_misnamed());
            rescue.scan(source, limit.copied())?;
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

    /// What is wrong, as far as bytes, files and roots go.
    #[must_use]
    pub fn findings(&self) -> &[Damage] {
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
        let report = OpenReport {
            head: end.head(),
            left: if closed && !self.end_is_lost { Left::Closed } else { Left::Unclosed },
            segments: self.segments.len(),
            bytes,
            torn_tail: self.torn_tail.clone(),
            dead_bytes: 0,
            unknown_names: self.survey.unknown.clone(),
            temporary_names: self.survey.temporary.clone(),
            epoch: 0,
            damage: self.findings.clone(),
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
        let published = self.proven.position;
        if found >= published {
            return;
        }
        let file = match self.survey.closed {
            Some(closed) if closed.position == published => CLOSED_FILE,
            _ if slot == Some(published) => LOCK_FILE,
            _ => return,
        };
        let (file, offset) = (self.directory.path_of(file), ByteOffset(0));
        self.end_is_lost = true;
        self.findings.push(Damage { file, offset, kind: DamageKind::CutOff { found, published } });
    }

    /// Finds the runs of whole groups in a file.
    fn scan(&mut self, source: &Source, limit: Option<u64>) -> Result<(), LogError> {
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
        if next != at {
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

/// A file that may hold groups of the store.
struct Source {
    /// Numbered by its name, which no other has.
    segment: Arc<Segment>,
    /// Its number by its own header.
    number: SegmentNumber,
    /// Whether its header is damaged: then only its salt is believed, and only if it finds groups.
    mended: bool,
}

impl Source {
    fn is_misnamed(&self) -> bool {
        self.mended || self.number != self.segment.number()
    }
}

struct Sources {
    identity: StoreIdentity,
    all: Vec<Source>,
    /// Up to where segments are valid, as their successors say.
    limits: HashMap<SegmentNumber, u64>,
}

impl Sources {
    fn find(directory: &Directory, survey: &Survey) -> Result<Self, LogError> {
        let mut files = Vec::new();
        for entry in directory.list()? {
            if let (FileName::Segment(number), EntryKind::File) = (FileName::parse(&entry.name), entry.kind) {
                let Some(file) = directory.open_if_there(&entry.name)? else { continue };
                files.push((number, read_head(&file, SEGMENT_HEADER_BYTES)?));
            }
        }
        files.sort_unstable_by_key(|(number, _)| *number);
        let decoded = files.iter().filter_map(|(_, head)| SegmentHeader::decode(head).whole());
        let closed = survey.closed.map(|closed| closed.store);
        let stores: Vec<StoreId> = decoded.map(|header| header.store).collect();
        // A store file that no segment agrees with is another store's.
        let identity =
            survey.identity.filter(|identity| stores.is_empty() || stores.contains(&identity.store));
        let store = match most_frequent(stores.into_iter()).or(closed) {
            None if identity.is_none() => proven_store(directory, &files)?,
            named => named,
        };
        let named = identity.or(store.map(|store| StoreIdentity { store, created_ms: 0 }));
        let identity = named.ok_or_else(|| match survey.is_empty() {
            true => LogError::NotAStore { directory: directory.path() },
            false => {
                let (file, offset) = (directory.path_of(STORE_FILE), ByteOffset(0));
                Damage { file, offset, kind: DamageKind::IdentityMissing }.into()
            }
        })?;
        let mut sources = Self { identity, all: Vec::new(), limits: HashMap::new() };
        for (number, head) in files {
            sources.add(directory, number, &head);
        }
        Ok(sources)
    }

    fn add(&mut self, directory: &Directory, number: SegmentNumber, head: &[u8]) {
        let (header, mended) = match SegmentHeader::decode(head) {
            Decoded::Whole(header) if header.store != self.identity.store => return,
            Decoded::Whole(header) => (header, false),
            Decoded::Incomplete { .. } | Decoded::Corrupt(_) => {
                let Some((_, salt)) = SegmentHeader::claims(head) else { return };
                (bare_header(self.identity.store, number, salt), true)
            }
        };
        if let Some(previous) = header.previous.filter(|_| header.number == number) {
            self.limits.insert(previous.number, previous.length);
        }
        let by_name = SegmentHeader { number, ..header };
        let segment = Arc::new(Segment::new(by_name, directory.clone(), None));
        self.all.push(Source { segment, number: header.number, mended });
    }

    fn headers(&self) -> impl Iterator<Item = SegmentHeader> {
        self.all.iter().filter(|source| !source.mended).map(|source| *source.segment.header())
    }
}

/// A header of which nothing is known but this.
fn bare_header(store: StoreId, number: SegmentNumber, salt: Salt) -> SegmentHeader {
    let (base, base_root, base_hlc) = (Position(0), hash::first_root(store), Hlc::default());
    SegmentHeader { store, number, base, base_root, base_hlc, salt, previous: None }
}

/// The store that a damaged header claims and that the first root behind it proves.
fn proven_store(
    directory: &Directory,
    files: &[(SegmentNumber, Vec<u8>)],
) -> Result<Option<StoreId>, LogError> {
    for (number, head) in files {
        let Some((store, salt)) = SegmentHeader::claims(head) else { continue };
        let header = bare_header(store, *number, salt);
        let segment = Segment::new(header, directory.clone(), None);
        let mut scan = Scan::new(&segment, Boundary::first(&header), u64::MAX, Payloads::Trusted)?;
        if let Some((_, group)) = scan.search(ByteOffset(0))?
            && (group.base, group.root_before) == (header.base, header.base_root)
        {
            return Ok(Some(store));
        }
    }
    Ok(None)
}

/// Of equally frequent ones, any.
fn most_frequent(stores: impl Iterator<Item = StoreId>) -> Option<StoreId> {
    let mut counts: HashMap<StoreId, usize> = HashMap::new();
    for store in stores {
        *counts.entry(store).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(store, count)| (*count, Reverse(store.as_u128()))).map(|(store, _)| store)
}

/// A group that is whole and does not follow what is before it.
fn contradicts(path: String, offset: ByteOffset, position: Position) -> Damage {
    Damage { file: path, offset, kind: DamageKind::RootBroken(position) }
}
