//! One segment file: its header, and a handle that is opened when first needed.

use std::sync::Arc;

use causelog_io::{Access, IoError, Mapped};
use causelog_types::{Position, Root, SegmentNumber};
use causelog_wire::SegmentHeader;
use parking_lot::Mutex;

use crate::directory::{Directory, NamedFile};
use crate::names::segment_name;

/// A segment of the log.
#[derive(Debug)]
pub struct Segment {
    header: SegmentHeader,
    directory: Directory,
    handle: Mutex<Option<NamedFile>>,
    map: Mutex<Option<Mapped>>,
}

/// The segments of a log, in order.
pub type SegmentList = Arc<[Arc<Segment>]>;

impl Segment {
    pub(crate) fn new(header: SegmentHeader, directory: Directory, handle: Option<NamedFile>) -> Self {
        Self { header, directory, handle: Mutex::new(handle), map: Mutex::default() }
    }

    /// What its file begins with.
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> SegmentNumber {
        self.header.number
    }

    /// Where its file is.
    #[must_use]
    pub fn path(&self) -> String {
        self.directory.path_of(&segment_name(self.header.number))
    }

    /// Its file, kept open from now on, until too many others are. The lock is held only to look and to keep: never while
    /// a file is opened or closed.
    pub(crate) fn file(self: &Arc<Self>) -> Result<NamedFile, IoError> {
        let file = self.file_for_now()?;
        let (kept, is_new) = {
            let mut handle = self.handle.lock();
            let is_new = handle.is_none();
            (handle.get_or_insert(file).clone(), is_new)
        };
        if is_new {
            self.directory.handles().keep(self);
        }
        Ok(kept)
    }

    /// Keeps its file open no longer.
    pub(crate) fn let_go(&self) {
        let file = self.handle.lock().take();
        let map = self.map.lock().take();
        drop((file, map));
    }

    /// Its valid part, once it has a successor, as it stands in memory where the storage maps files. It is kept as long
    /// as the file is.
    pub(crate) fn map(&self, file: &NamedFile, end: SegmentEnd) -> Option<Mapped> {
        if let Some(map) = &*self.map.lock() {
            return Some(map.clone());
        }
        let map = file.map(end.length)?;
        Some(self.map.lock().get_or_insert(map).clone())
    }

    /// Its file, for a single use: what walks over all segments must not keep all of them open.
    pub(crate) fn file_for_now(&self) -> Result<NamedFile, IoError> {
        if let Some(file) = &*self.handle.lock() {
            return Ok(file.clone());
        }
        self.directory.open(&segment_name(self.header.number), Access::Read)
    }
}

/// Up to where a segment with a successor is valid, and what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentEnd {
    /// Its valid length.
    pub length: u64,
    /// The position after its last event.
    pub position: Position,
    /// The root there.
    pub root: Root,
}

/// What the successor of segment `i` records of it; `None` for the last one, and where the successor is missing.
#[must_use]
pub fn sealed_end(segments: &[Arc<Segment>], i: usize) -> Option<SegmentEnd> {
    let number = segments.get(i)?.number();
    let next = segments.get(i + 1)?.header();
    let previous = next.previous.filter(|previous| previous.number == number)?;
    Some(SegmentEnd { length: previous.length, position: next.base, root: next.base_root })
}
