//! How far a walk over a whole log is.

use causelog_io::IoError;

use crate::segment::Segment;

/// How far a walk over a whole log is. The total is that of the files when the walk began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done, never more than all.
    pub bytes_done: u64,
    /// Bytes of all segments.
    pub bytes_total: u64,
}

/// Tells how far a walk is that goes from file to file.
pub(crate) struct Meter<'a> {
    tell: &'a mut dyn FnMut(Progress),
    bytes_total: u64,
    /// Bytes of the files before the one that is read.
    before: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new<'s>(
        segments: impl Iterator<Item = &'s Segment>,
        tell: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, IoError> {
        let mut bytes_total = 0;
        for segment in segments {
            bytes_total += segment.file_for_now()?.length()?;
        }
        let mut meter = Self { tell, bytes_total, before: 0 };
        meter.reached(0);
        Ok(meter)
    }

    /// So many bytes of a file are done.
    pub(crate) fn reached(&mut self, bytes: u64) {
        let bytes_done = self.before.saturating_add(bytes).min(self.bytes_total);
        (self.tell)(Progress { bytes_done, bytes_total: self.bytes_total });
    }

    /// A file of this length is done.
    pub(crate) fn passed(&mut self, bytes: u64) {
        self.reached(bytes);
        self.before = self.before.saturating_add(bytes);
    }
}
