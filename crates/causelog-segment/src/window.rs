//! A window on a file: neighbouring reads are served by one system call.

use causelog_io::IoError;
use causelog_types::{ByteOffset, widen};

use crate::directory::NamedFile;

/// How much is read ahead.
const AHEAD_BYTES: usize = 256 * 1024;

/// Reads a file from one place to the next, never beyond a limit.
#[derive(Debug)]
pub(crate) struct Window {
    file: NamedFile,
    /// Nothing at or after this offset is read.
    limit: u64,
    start: u64,
    /// Room for what is read, of which the beginning is filled.
    bytes: Vec<u8>,
    filled: usize,
    /// Whether the file ends where they end.
    to_end: bool,
}

impl Window {
    pub(crate) fn new(file: NamedFile, limit: u64) -> Self {
        Self { file, limit, start: 0, bytes: Vec::new(), filled: 0, to_end: false }
    }

    pub(crate) fn file(&self) -> &NamedFile {
        &self.file
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// The bytes from `offset`, `count` of them or as many as there are before the limit or the file's end.
    pub(crate) fn get(&mut self, offset: ByteOffset, count: usize) -> Result<&[u8], IoError> {
        let left = usize::try_from(self.limit.saturating_sub(offset.0)).unwrap_or(usize::MAX);
        let count = count.min(left);
        let inside = offset.0.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let have = inside.is_some_and(|from| self.to_end || self.filled.saturating_sub(from) >= count);
        if !have {
            self.fill(offset, count.max(AHEAD_BYTES.min(left)))?;
        }
        let from = usize::try_from(offset.0 - self.start).unwrap_or(usize::MAX);
        let all = self.bytes.get(from..self.filled).unwrap_or_default();
        Ok(&all[..count.min(all.len())])
    }

    fn fill(&mut self, offset: ByteOffset, count: usize) -> Result<(), IoError> {
        // A length that a file claims is believed only as far as the file goes.
        let there = self.file.length()?.saturating_sub(offset.0);
        let most = count.min(usize::try_from(there).unwrap_or(usize::MAX));
        self.to_end = false;
        self.start = offset.0;
        // What is read over needs no zeros before.
        self.bytes.resize(most.max(self.bytes.len()), 0);
        self.filled = 0;
        self.filled = self.file.read(&mut self.bytes[..most], offset.0)?;
        self.to_end = self.filled < count;
        Ok(())
    }

    /// Where the first byte that is not zero stands, from `offset` up to the limit or the file's end.
    pub(crate) fn first_nonzero(&mut self, offset: ByteOffset) -> Result<Option<ByteOffset>, IoError> {
        // Little at once: a request for more than the window still holds reads all of it anew.
        const STEP_BYTES: usize = 4 * 1024;
        let mut at = offset;
        loop {
            let chunk = self.get(at, STEP_BYTES)?;
            if chunk.is_empty() {
                return Ok(None);
            }
            // Nearly always there is none: all of them together are looked at many at a time.
            if chunk.iter().fold(0, |all, byte| all | byte) != 0
                && let Some(found) = chunk.iter().position(|byte| *byte != 0)
            {
                return Ok(Some(at.plus(found)));
            }
            at = ByteOffset(at.0.saturating_add(widen(chunk.len())));
        }
    }
}
