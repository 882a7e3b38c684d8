//! Bringing an index up to its log, at every open.

use causelog_index::{AppliedEvent, AppliedGroup, Direction, Index, Selection, Watermark};
use causelog_segment::{Group, Groups, Log, LogError, Rescue, Snapshot};
use causelog_types::{ByteOffset, Position, Region, StoreHead, StoreId, planted};
use causelog_wire::hash;

use crate::error::CatchUpError;

/// Applies to an index what it lacks of a log, before anything of the log is published. An index that the log
/// does not confirm (of another store, beyond the end, inside a group, with another root) is reset and applied
/// from 0.
///
/// # Errors
/// The log is damaged or the index fails.
pub fn catch_up(index: &dyn Index, log: &Log, snapshot: &Snapshot) -> Result<(), CatchUpError> {
    let groups = match missing(index, log, snapshot)? {
        Some(groups) => groups,
        None => {
            index.reset()?;
            log.groups(snapshot, Position(0))
        }
    };
    for group in groups {
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
    let mut rejected = end;
    for rescued in rescue.groups() {
        let group = rescued?.group;
        if group.events.iter().any(|event| event.payload_is_right == Some(false)) {
            // What it held was there once: nothing else may seem to be the end of the log.
            rejected = StoreHead { position: group.header.next(), root: group.header.root_after };
            continue;
        }
        let before = StoreHead { position: group.header.base, root: group.header.root_before };
        if before.position > end.position {
            gap(before)?;
        }
        apply(index, store, &group)?;
        end = StoreHead { position: group.header.next(), root: group.header.root_after };
    }
    for known in [rescue.proven(), rejected] {
        if known.position > end.position {
            gap(known)?;
            end = known;
        }
    }
    Ok(end)
}

/// The groups that an index lacks, if the log confirms what it says of itself.
fn missing(index: &dyn Index, log: &Log, snapshot: &Snapshot) -> Result<Option<Groups>, CatchUpError> {
    let groups = |from| Ok(Some(log.groups(snapshot, from)));
    // An index that cannot tell is as good as none.
    let Ok(watermark) = index.watermark() else { return Ok(None) };
    planted!("trust-an-index" => return groups(watermark.map_or(Position(0), |known| known.next)));
    let Some(known) = watermark else { return groups(Position(0)) };
    if known.store == log.store() {
        if let Some(behind) = behind_the_last(index, log, snapshot, &known)? {
            return Ok(Some(behind));
        }
        if log.root_at(snapshot, known.next)? == Some(known.root) {
            return groups(known.next);
        }
    }
    tracing::info!(position = known.next.0, "the log does not confirm the index; it is rebuilt");
    Ok(None)
}

/// The groups behind the last event that an index knows, by the place that it gives for that: so that the segment
/// before it need not be read. `None` where the log does not confirm the place, which says nothing of the index.
fn behind_the_last(
    index: &dyn Index,
    log: &Log,
    snapshot: &Snapshot,
    known: &Watermark,
) -> Result<Option<Groups>, CatchUpError> {
    let region = Region::all().with_library_events();
    let selection = Selection {
        region: &region,
        from: known.next,
        direction: Direction::Backwards,
        limit: 1,
        as_of: known.next,
    };
    let Ok(entries) = index.select(&selection) else { return Ok(None) };
    let Some(last) = entries.first().map(|entry| entry.location) else { return Ok(None) };
    let end = ByteOffset(last.offset.0.saturating_add(last.bytes.into()));
    let head = StoreHead { position: known.next, root: known.root };
    Ok(log.groups_behind(snapshot, (last.segment, end), head).map_err(LogError::from)?)
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
