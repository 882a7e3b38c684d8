//! Bringing an index up to its log, at every open.

use causelog_index::{AppliedEvent, AppliedGroup, Index, Watermark};
use causelog_segment::{Group, Log, Rescue, Snapshot};
use causelog_types::{Position, StoreHead, StoreId, planted};
use causelog_wire::hash;

use crate::error::CatchUpError;

/// Applies to an index what it lacks of a log, before anything of the log is published. An index that the log
/// does not confirm (of another store, beyond the end, inside a group, with another root) is reset and applied
/// from 0.
///
/// # Errors
/// The log is damaged or the index fails.
pub fn catch_up(index: &dyn Index, log: &Log, snapshot: &Snapshot) -> Result<(), CatchUpError> {
    let from = match confirmed(index, log, snapshot)? {
        Some(next) => next,
        None => {
            index.reset()?;
            Position(0)
        }
    };
    for group in log.groups(snapshot, from) {
        apply(index, log.store(), &group?)?;
    }
    Ok(())
}

/// Fills an index with all that is good of a damaged log, with a gap wherever something is missing, and returns the
/// end. Groups whose payloads are not the ones that their headers vouch for are missing too.
///
/// # Errors
/// The index fails, or the system refuses.
pub fn catch_up_damaged(index: &dyn Index, rescue: &Rescue) -> Result<StoreHead, CatchUpError> {
    index.reset()?;
    let store = rescue.identity().store;
    let gap = |to: StoreHead| {
        let after = Watermark { store, next: to.position, root: to.root };
        index.apply(&AppliedGroup { events: &[], after })
    };
    let mut end = StoreHead { position: Position(0), root: hash::first_root(store) };
    for group in rescue.readable_groups() {
        let group = group?;
        let before = StoreHead { position: group.header.base, root: group.header.root_before };
        if before.position > end.position {
            gap(before)?;
        }
        apply(index, store, &group)?;
        end = StoreHead { position: group.header.next(), root: group.header.root_after };
    }
    let proven = rescue.proven();
    if proven.position > end.position {
        gap(proven)?;
        end = proven;
    }
    Ok(end)
}

/// Up to where the log confirms what the index says of itself.
fn confirmed(index: &dyn Index, log: &Log, snapshot: &Snapshot) -> Result<Option<Position>, CatchUpError> {
    // An index that cannot tell is as good as none.
    let Ok(watermark) = index.watermark() else { return Ok(None) };
    planted!("trust-an-index" => return Ok(watermark.map_or(Some(Position(0)), |known| Some(known.next))));
    let Some(Watermark { store, next, root }) = watermark else { return Ok(Some(Position(0))) };
    if store != log.store() || log.root_at(snapshot, next)? != Some(root) {
        tracing::info!(position = next.0, "the log does not confirm the index; it is rebuilt");
        return Ok(None);
    }
    Ok(Some(next))
}

fn apply(index: &dyn Index, store: StoreId, group: &Group) -> Result<(), CatchUpError> {
    let events: Vec<AppliedEvent<'_>> = group
        .events
        .iter()
        .map(|event| AppliedEvent::new(&event.header, event.hash, event.location))
        .collect();
    let header = &group.header;
    let after = Watermark { store, next: header.next(), root: header.root_after };
    index.apply(&AppliedGroup { events: &events, after })?;
    Ok(())
}
