//! A segment from one group to the next.

use causelog_io::IoError;
use causelog_types::{ByteOffset, Hlc, Position, Root, widen};
use causelog_wire::layout::{GROUP_HEADER_BYTES, GROUP_MAGIC, SEGMENT_HEADER_BYTES};
use causelog_wire::{Decoded, GroupHeader, Salt, SegmentHeader};

use crate::error::DamageKind;
use crate::group::{Group, GroupPlace, Payloads};
use crate::segment::Segment;
use crate::shown::ShownSynced;
use crate::window::Window;

/// A place between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Boundary {
    pub(crate) offset: ByteOffset,
    /// Where the group before it begins; itself where none stands before it, or it is not known.
    pub(crate) group: ByteOffset,
    pub(crate) position: Position,
    pub(crate) root: Root,
    pub(crate) hlc: Hlc,
}

/// Reads a segment from one group to the next.
#[derive(Debug)]
pub(crate) struct Scan {
    header: SegmentHeader,
    window: Window,
    at: Boundary,
    payloads: Payloads,
    shown: Option<ShownSynced>,
}

/// What stands at a scan's place.
#[derive(Debug)]
pub(crate) enum Step {
    /// A whole group; the scan has moved behind it.
    Group(Group),
    /// The limit; nothing more is to be read.
    Limit,
    /// No whole group, and why; the scan has not moved.
    Stop(ByteOffset, DamageKind),
}

impl Boundary {
    /// The place behind a segment's header.
    pub(crate) fn first(header: &SegmentHeader) -> Self {
        let offset = ByteOffset::default().plus(SEGMENT_HEADER_BYTES);
        Self { offset, group: offset, position: header.base, root: header.base_root, hlc: header.base_hlc }
    }

    /// The place before a group, as its header tells it.
    pub(crate) fn before(header: &GroupHeader, offset: ByteOffset, hlc: Hlc) -> Self {
        Self { offset, group: offset, position: header.base, root: header.root_before, hlc }
    }
}

impl Scan {
    /// Reads `segment` from `at` up to `limit`.
    pub(crate) fn new(
        segment: &Segment,
        at: Boundary,
        limit: u64,
        payloads: Payloads,
    ) -> Result<Self, IoError> {
        Ok(Self {
            header: *segment.header(),
            window: Window::new(segment.file_for_now()?, limit),
            at,
            payloads,
            shown: None,
        })
    }

    /// Where it stands.
    pub(crate) fn at(&self) -> Boundary {
        self.at
    }

    /// Goes on elsewhere.
    pub(crate) fn resume(&mut self, at: Boundary) {
        self.at = at;
    }

    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    pub(crate) fn next(&mut self) -> Result<Step, IoError> {
        let at = self.at;
        if at.offset.0 >= self.window.limit() {
            return Ok(Step::Limit);
        }
        let header = match self.group_header(at.offset)? {
            Ok(header) => header,
            Err(kind) => return Ok(Step::Stop(at.offset, kind)),
        };
        let total = usize::try_from(header.total_bytes()).unwrap_or(usize::MAX);
        let place = GroupPlace {
            segment: self.header.number,
            salt: self.header.salt,
            offset: at.offset,
            position: at.position,
            root: at.root,
        };
        let payloads = self.payloads;
        let bytes = self.window.get(at.offset, total)?;
        if bytes.len() < total {
            return Ok(Step::Stop(at.offset, DamageKind::Incomplete { need: widen(total) }));
        }
        match Group::read(header, bytes, place, payloads) {
            Err((offset, kind)) => Ok(Step::Stop(offset, kind)),
            Ok(group) => {
                self.at = Boundary {
                    offset: at.offset.plus(total),
                    group: at.offset,
                    position: header.next(),
                    root: header.root_after,
                    // Never back, whatever a forged log says: the next segment begins with this.
                    hlc: group.hlc().map_or(at.hlc, |hlc| hlc.max(at.hlc)),
                };
                Ok(Step::Group(group))
            }
        }
    }

    /// The header of a group at a place, or why none stands there.
    pub(crate) fn group_header(
        &mut self,
        offset: ByteOffset,
    ) -> Result<Result<GroupHeader, DamageKind>, IoError> {
        let salt = self.header.salt;
        let bytes = self.window.get(offset, GROUP_HEADER_BYTES)?;
        Ok(match GroupHeader::decode(bytes, salt, offset) {
            Decoded::Whole(header) => Ok(header),
            Decoded::Incomplete { need } => Err(DamageKind::Incomplete { need: widen(need) }),
            Decoded::Corrupt(flaw) => Err(DamageKind::Rule(flaw.rule)),
        })
    }

    /// The next valid group header at or behind `from`, wherever it stands, whether its frames are whole or not.
    pub(crate) fn search(&mut self, from: ByteOffset) -> Result<Option<(ByteOffset, GroupHeader)>, IoError> {
        HeaderSearch { window: &mut self.window, salt: self.header.salt }.next(from)
    }

    /// Whether a valid group header at or behind the scan's place says that a sync had reached beyond `position`.
    pub(crate) fn shows_synced(&mut self, position: Position) -> Result<bool, IoError> {
        let from = self.at.offset;
        let shown = match self.shown.take().filter(|shown| shown.covers(from)) {
            Some(shown) => shown,
            None => {
                // With a window of its own: the scan goes on where it stands.
                let mut window = Window::new(self.window.file().clone(), self.window.limit());
                ShownSynced::find(HeaderSearch { window: &mut window, salt: self.header.salt }, from)?
            }
        };
        let greatest = self.shown.insert(shown).at_or_behind(from);
        Ok(greatest.is_some_and(|synced_to| synced_to > position))
    }
}

/// Looks for group headers wherever they stand.
pub(crate) struct HeaderSearch<'a> {
    window: &'a mut Window,
    salt: Salt,
}

impl HeaderSearch<'_> {
    pub(crate) fn next(&mut self, from: ByteOffset) -> Result<Option<(ByteOffset, GroupHeader)>, IoError> {
        const STRIDE: usize = 64 * 1024;
        let mut at = from;
        loop {
            let chunk = self.window.get(at, STRIDE + GROUP_HEADER_BYTES)?;
            if chunk.len() < GROUP_HEADER_BYTES {
                return Ok(None);
            }
            let last_start = chunk.len() - GROUP_HEADER_BYTES;
            if let Some(found) = find_header(chunk, last_start, self.salt, at) {
                return Ok(Some(found));
            }
            at = at.plus(last_start + 1);
        }
    }
}

fn find_header(
    chunk: &[u8],
    last_start: usize,
    salt: Salt,
    base: ByteOffset,
) -> Option<(ByteOffset, GroupHeader)> {
    (0..=last_start).filter(|start| chunk[*start..].starts_with(&GROUP_MAGIC)).find_map(|start| {
        let offset = base.plus(start);
        GroupHeader::decode(&chunk[start..], salt, offset).whole().map(|header| (offset, header))
    })
}
