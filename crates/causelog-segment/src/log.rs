//! The read side of a log: single frames by their place, and groups in order.

use std::sync::Arc;

use causelog_io::{IoError, Mapped};
use causelog_types::{ByteOffset, Event, Location, Position, Root, SegmentNumber, StoreHead, StoreId, widen};
use causelog_wire::{Decoded, Frame, StoreIdentity, decode_frame};

use crate::directory::Directory;
use crate::error::{Damage, DamageKind, LogError};
use crate::group::{Group, Payloads};
use crate::names::segment_name;
use crate::published::Snapshot;
use crate::scan::{Boundary, Scan, Step};
use crate::segment::{Segment, SegmentList, sealed_end};
use crate::survey::Survey;
use crate::window::Window;

/// The read side of a log.
#[derive(Clone, Debug)]
pub struct Log {
    directory: Directory,
    identity: StoreIdentity,
}

impl Log {
    pub(crate) fn new(directory: Directory, identity: StoreIdentity) -> Self {
        Self { directory, identity }
    }

    /// The store's directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Which store this is.
    #[must_use]
    pub fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// The store's id.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.identity.store
    }

    /// The segments that there are now.
    ///
    /// # Errors
    /// One of them is damaged or missing, or the system refuses.
    pub fn segments(&self) -> Result<SegmentList, LogError> {
        let mut survey = Survey::take(&self.directory)?;
        match survey.findings.is_empty() {
            true => Ok(survey.segments.into()),
            false => Err(survey.findings.swap_remove(0).into()),
        }
    }

    /// The groups of a snapshot from the one that holds `from`, in order.
    #[must_use]
    pub fn groups(&self, snapshot: &Snapshot, from: Position) -> Groups {
        let holds = snapshot.segments.partition_point(|segment| segment.header().base <= from);
        Groups {
            snapshot: snapshot.clone(),
            next_segment: holds.saturating_sub(1),
            scan: None,
            from,
            done: from >= snapshot.end.position,
        }
    }

    /// The groups of a snapshot behind a place at which one group ends and the next begins, in order; `None` where the
    /// log does not confirm that it is such a place, with this position and this root. Nothing before it is read.
    ///
    /// # Errors
    /// The system refuses.
    pub fn groups_behind(
        &self,
        snapshot: &Snapshot,
        (number, offset): (SegmentNumber, ByteOffset),
        head: StoreHead,
    ) -> Result<Option<Groups>, IoError> {
        let segments = &snapshot.segments;
        let i = segments.partition_point(|segment| segment.number() < number);
        let Some(segment) = segments.get(i).filter(|segment| segment.number() == number) else {
            return Ok(None);
        };
        let (end, end_head) = end_of(snapshot, i);
        if offset.0 >= end {
            let is_end = offset.0 == end && head == end_head;
            return Ok(is_end.then(|| self.groups(snapshot, head.position)));
        }
        let first = Boundary::first(segment.header());
        let mut scan = Scan::new(segment, first, end, Payloads::Trusted)?;
        let Ok(header) = scan.group_header(offset)? else { return Ok(None) };
        if (StoreHead { position: header.base, root: header.root_before }) != head {
            return Ok(None);
        }
        scan.resume(Boundary::before(&header, offset, first.hlc));
        Ok(Some(Groups {
            snapshot: snapshot.clone(),
            next_segment: i,
            scan: Some((Arc::clone(segment), scan)),
            from: head.position,
            done: false,
        }))
    }

    /// The root before `position`; `None` inside a group and beyond the end.
    ///
    /// # Errors
    /// The log is damaged before `position`, or the system refuses.
    pub fn root_at(&self, snapshot: &Snapshot, position: Position) -> Result<Option<Root>, LogError> {
        let head: StoreHead = snapshot.end.head();
        if position >= head.position {
            return Ok((position == head.position).then_some(head.root));
        }
        if let Some(at_base) = snapshot.segments.iter().find(|segment| segment.header().base == position) {
            return Ok(Some(at_base.header().base_root));
        }
        for group in self.groups(snapshot, position) {
            let header = group?.header;
            if header.base >= position {
                return Ok((header.base == position).then_some(header.root_before));
            }
        }
        Ok(None)
    }

    /// Reads frames of a snapshot by their place.
    #[must_use]
    pub fn frames(&self, snapshot: &Snapshot) -> FrameReader {
        FrameReader { snapshot: snapshot.clone(), open: None, buffer: Vec::new() }
    }
}

/// The groups of a log, in order. After an error there are no more.
#[derive(Debug)]
pub struct Groups {
    snapshot: Snapshot,
    next_segment: usize,
    scan: Option<(Arc<Segment>, Scan)>,
    from: Position,
    done: bool,
}

impl Groups {
    fn step(&mut self) -> Result<Option<Group>, LogError> {
        loop {
            let Some((segment, scan)) = &mut self.scan else {
                match self.open_next()? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            match scan.next()? {
                Step::Group(group) if group.header.next() <= self.from => {}
                Step::Group(group) => return Ok(Some(group)),
                Step::Stop(offset, kind) => return Err(Damage { file: segment.path(), offset, kind }.into()),
                Step::Limit => {
                    check_end(&self.snapshot, self.next_segment, segment, scan.at())?;
                    self.next_segment += 1;
                    self.scan = None;
                }
            }
        }
    }

    fn open_next(&mut self) -> Result<bool, IoError> {
        let Some(segment) = self.snapshot.segments.get(self.next_segment) else { return Ok(false) };
        let (limit, _) = end_of(&self.snapshot, self.next_segment);
        let scan = Scan::new(segment, Boundary::first(segment.header()), limit, Payloads::Trusted)?;
        self.scan = Some((Arc::clone(segment), scan));
        Ok(true)
    }
}

impl Iterator for Groups {
    type Item = Result<Group, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.step().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A segment must end where its successor, or the published end, says.
fn check_end(snapshot: &Snapshot, i: usize, segment: &Segment, at: Boundary) -> Result<(), Damage> {
    let (length, head) = end_of(snapshot, i);
    let damage = |kind| Err(Damage { file: segment.path(), offset: at.offset, kind });
    if at.position != head.position {
        return damage(DamageKind::OutOfOrder { expected: head.position, found: at.position });
    }
    if at.root != head.root || at.offset.0 != length {
        return damage(DamageKind::RootBroken(head.position));
    }
    Ok(())
}

/// Where a segment ends, and what stands there, as its successor or the published end says.
fn end_of(snapshot: &Snapshot, i: usize) -> (u64, StoreHead) {
    match sealed_end(&snapshot.segments, i) {
        Some(end) => (end.length, StoreHead { position: end.position, root: end.root }),
        None => (snapshot.end.offset.0, snapshot.end.head()),
    }
}

/// How close a frame must follow the one before it for more to be read than it alone.
const NEIGHBOUR_BYTES: u64 = 32 * 1024;

/// Reads frames by their place. Neighbouring ones, in either direction, are served by one system call.
#[derive(Debug)]
pub struct FrameReader {
    snapshot: Snapshot,
    open: Option<OpenSegment>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct OpenSegment {
    segment: Arc<Segment>,
    window: Window,
    /// What is read instead, if it is mapped.
    map: Option<Mapped>,
    /// Where the frame read last ends.
    last_end: u64,
}

impl FrameReader {
    /// Reads the frame at a place that an index gave.
    ///
    /// # Errors
    /// [`LogError::Damaged`] when no whole frame of this length stands there; or the system refuses.
    pub fn read(&mut self, location: Location) -> Result<Frame<'_>, LogError> {
        let Location { segment: number, offset, bytes } = location;
        if self.open.as_ref().is_none_or(|open| open.segment.number() != number) {
            self.open = Some(self.open_segment(number)?);
        }
        let Some(open) = &mut self.open else { return Err(missing(number).into()) };
        let count = usize::try_from(bytes).unwrap_or(usize::MAX);
        let salt = open.segment.header().salt;
        let follows = offset.0.checked_sub(open.last_end).is_some_and(|gap| gap <= NEIGHBOUR_BYTES);
        open.last_end = offset.0.saturating_add(bytes.into());
        let there: &[u8] = if let Some(map) = &open.map {
            let from = usize::try_from(offset.0).unwrap_or(usize::MAX);
            let rest = map.get(from..).unwrap_or_default();
            &rest[..count.min(rest.len())]
        } else if follows {
            open.window.get(offset, count)?
        } else {
            let left = usize::try_from(open.window.limit().saturating_sub(offset.0)).unwrap_or(usize::MAX);
            self.buffer.resize(count.min(left), 0);
            let read = open.window.file().read(&mut self.buffer, offset.0)?;
            &self.buffer[..read]
        };
        let damage = |kind| Damage { file: open.segment.path(), offset, kind };
        match decode_frame(there, salt, offset) {
            Decoded::Whole(frame) if frame.bytes == count => Ok(frame),
            Decoded::Whole(_) => Err(damage(DamageKind::Incomplete { need: bytes.into() }).into()),
            Decoded::Incomplete { need } => Err(damage(DamageKind::Incomplete { need: widen(need) }).into()),
            Decoded::Corrupt(flaw) => Err(damage(DamageKind::Rule(flaw.rule)).into()),
        }
    }

    /// The file that a place lies in, with its path as far as known.
    #[must_use]
    pub fn file_of(&self, location: Location) -> String {
        let segments = &self.snapshot.segments;
        let found = segments.iter().find(|segment| segment.number() == location.segment);
        found.map_or_else(|| segment_name(location.segment), |segment| segment.path())
    }

    /// Reads the event at a place that an index gave.
    ///
    /// # Errors
    /// As [`FrameReader::read`].
    pub fn read_event(&mut self, location: Location) -> Result<Event, LogError> {
        self.read(location).map(Frame::into_event)
    }

    fn open_segment(&self, number: SegmentNumber) -> Result<OpenSegment, LogError> {
        let segments = &self.snapshot.segments;
        let i = segments.partition_point(|segment| segment.number() < number);
        let segment = segments.get(i).filter(|segment| segment.number() == number);
        let segment = segment.ok_or_else(|| missing(number))?;
        let is_last = i + 1 == segments.len();
        let limit = match sealed_end(segments, i) {
            // Of a damaged log only the files' own ends are known: one may stand under another's name, and is then
            // not what the successor of that name speaks of.
            _ if self.snapshot.end.offset.0 == u64::MAX => u64::MAX,
            Some(end) => end.length,
            None if is_last => self.snapshot.end.offset.0,
            // In a damaged log its successor may be missing.
            None => u64::MAX,
        };
        let file = segment.file()?;
        let sealed = sealed_end(segments, i).filter(|end| end.length == limit);
        let map = sealed.and_then(|end| segment.map(&file, end));
        Ok(OpenSegment { segment: Arc::clone(segment), window: Window::new(file, limit), map, last_end: 0 })
    }
}

fn missing(number: SegmentNumber) -> Damage {
    let file = segment_name(number);
    Damage { file, offset: ByteOffset(0), kind: DamageKind::SegmentMissing(number) }
}
