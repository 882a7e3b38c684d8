//! Which index files are merged: neighbours of a size, so that their number grows with the logarithm of the events.

use std::sync::Arc;

use crate::parts::Part;
use crate::run::Run;

/// So many files of a size become one; each size is so many times the one before.
const FANOUT: usize = 8;
/// Most files that are merged at once.
const MERGED_MAX: usize = 2 * FANOUT;
/// Most events of a file: rows have numbers of 32 bits.
const EVENTS_MAX: u64 = 1 << 31;

/// The next neighbours to be merged, if any.
///
/// A file counts as one of the greatest size from it to the newest, since a small one between great ones (a store that
/// was opened for a few events) shall not keep those from being merged.
pub(crate) fn next_merge(parts: &[Part]) -> Option<Vec<Arc<Run>>> {
    let mut group: Vec<Arc<Run>> = Vec::new();
    let mut tier = 0;
    for part in parts.iter().rev() {
        let Part::Run(run) = part else {
            if group.len() >= FANOUT {
                break;
            }
            (group, tier) = (Vec::new(), 0);
            continue;
        };
        let size = run.range().events();
        if tier_of(size) > tier {
            if group.len() >= FANOUT {
                break;
            }
            (group, tier) = (Vec::new(), tier_of(size));
        }
        group.push(Arc::clone(run));
    }
    // The oldest first, so that what becomes of them does not stand among small ones.
    group.reverse();
    let mut events = 0_u64;
    let fits = |run: &Arc<Run>| {
        events = events.saturating_add(run.range().events());
        events <= EVENTS_MAX
    };
    let count = group.iter().take(MERGED_MAX).map(fits).take_while(|fits| *fits).count();
    group.truncate(count);
    (count >= FANOUT).then_some(group)
}

fn tier_of(events: u64) -> u32 {
    events.max(1).ilog2() / 3
}

#[cfg(test)]
pub(crate) const fn fanout() -> usize {
    FANOUT
}
