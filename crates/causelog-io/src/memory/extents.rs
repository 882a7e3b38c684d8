//! Which parts of a file have room on the disk, to the byte.

use std::ops::Range;

/// Ranges in ascending order that neither overlap nor touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Extents {
    parts: Vec<Range<u64>>,
}

impl Extents {
    /// Room for a whole file.
    pub(super) fn whole(bytes: u64) -> Self {
        let mut extents = Self::default();
        extents.add(0..bytes);
        extents
    }

    pub(super) fn total(&self) -> u64 {
        self.parts.iter().map(|part| part.end - part.start).sum()
    }

    /// How many bytes of a range have no room yet.
    pub(super) fn missing(&self, range: &Range<u64>) -> u64 {
        let there: u64 = self
            .parts
            .iter()
            .map(|part| part.end.min(range.end).saturating_sub(part.start.max(range.start)))
            .sum();
        (range.end - range.start) - there
    }

    pub(super) fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.parts.partition_point(|part| part.end < range.start);
        let behind = self.parts.partition_point(|part| part.start <= range.end);
        let merged = self.parts[first..behind]
            .iter()
            .fold(range, |merged, part| merged.start.min(part.start)..merged.end.max(part.end));
        self.parts.splice(first..behind, [merged]);
    }

    /// Gives back all room behind a length.
    pub(super) fn cut(&mut self, bytes: u64) {
        self.parts.retain(|part| part.start < bytes);
        if let Some(last) = self.parts.last_mut() {
            last.end = last.end.min(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
