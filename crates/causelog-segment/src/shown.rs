//! What the group headers behind a place say to have been synced, found out once for a file.

use causelog_io::IoError;
use causelog_types::{ByteOffset, Position};

use crate::scan::HeaderSearch;

/// The greatest `synced_to` of the valid group headers at or behind any place of a file.
///
/// Of the headers only those are kept behind which none says as much, so that going on along a file with many bad
/// places reads it once, and not to its end from each.
#[derive(Debug)]
pub(crate) struct ShownSynced {
    /// Nothing before this offset was looked at.
    from: ByteOffset,
    /// By rising offset and falling position.
    headers: Vec<(ByteOffset, Position)>,
}

impl ShownSynced {
    /// Looks at every valid header from `from` on, whether its frames are whole or not.
    pub(crate) fn find(mut search: HeaderSearch<'_>, from: ByteOffset) -> Result<Self, IoError> {
        let mut headers: Vec<(ByteOffset, Position)> = Vec::new();
        let mut at = from;
        while let Some((offset, header)) = search.next(at)? {
            while headers.pop_if(|(_, position)| *position <= header.synced_to).is_some() {}
            headers.push((offset, header.synced_to));
            at = ByteOffset(offset.0.saturating_add(1));
        }
        Ok(Self { from, headers })
    }

    /// Whether it can say anything of what stands at or behind an offset.
    pub(crate) fn covers(&self, from: ByteOffset) -> bool {
        self.from <= from
    }

    /// The greatest `synced_to` of the headers at or behind an offset.
    pub(crate) fn at_or_behind(&self, from: ByteOffset) -> Option<Position> {
        let before = self.headers.partition_point(|(offset, _)| *offset < from);
        self.headers.get(before).map(|(_, position)| *position)
    }
}
