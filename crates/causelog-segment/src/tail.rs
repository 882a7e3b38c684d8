//! The end of the log: where the last whole group ends, and what the bytes behind it are.

use std::sync::Arc;

use causelog_io::IoError;
use causelog_types::{ByteOffset, Position, Root, planted};
use causelog_wire::{CleanClose, Slot};

use crate::error::{Damage, DamageKind};
use crate::group::Payloads;
use crate::scan::{Boundary, Scan, Step};
use crate::segment::Segment;

/// The end of the log.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The end of the last whole group.
    pub(crate) end: Boundary,
    pub(crate) behind: Behind,
    /// Damage in the tail; the end is then where the first of it begins.
    pub(crate) damage: Option<Damage>,
    /// The greatest epoch seen.
    pub(crate) epoch: u64,
    /// Where the events begin that no later group shows to have been synced.
    pub(crate) confirmed: Boundary,
}

/// Positions that others vouch for, with the roots that the log has there, as far as a group begins or ends
/// there and was read.
#[derive(Debug, Default)]
pub(crate) struct Watch(Vec<(Position, Option<Root>)>);

impl Watch {
    pub(crate) fn new(positions: impl IntoIterator<Item = Position>) -> Self {
        Self(positions.into_iter().map(|position| (position, None)).collect())
    }

    /// Notes a boundary; one read later counts.
    pub(crate) fn pass(&mut self, at: Boundary) {
        for (_, root) in self.0.iter_mut().filter(|(position, _)| *position == at.position) {
            *root = Some(at.root);
        }
    }

    pub(crate) fn root_at(&self, position: Position) -> Option<Root> {
        self.0.iter().find(|(watched, _)| *watched == position).and_then(|(_, root)| *root)
    }
}

/// What follows the last whole group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Zeros, or nothing: the next group can stand here.
    Zeros,
    /// Bytes that nothing shows to have been synced: a torn tail, left in place.
    Torn,
}

/// A scan of the last segment that begins at the last group before the published end if that confirms it, and else
/// at the segment's first; bytes at or after `limit` do not count.
///
/// What stands before that group is then not read: a sync had returned for all of it before the slot was written.
/// The mark of a clean close vouches for a position at which the root must be seen, so the scan begins before that.
pub(crate) fn scan_tail(
    segment: &Arc<Segment>,
    limit: u64,
    closed: Option<&CleanClose>,
    slot: Option<Slot>,
) -> Result<Scan, IoError> {
    let first = Boundary::first(segment.header());
    let mut scan = Scan::new(segment, first, limit, Payloads::Trusted)?;
    let named = slot.filter(|slot| slot.segment == Some(segment.number()) && slot.group > first.offset);
    let confirmed = named.map(|slot| last_group(&mut scan, slot, first)).transpose()?.flatten();
    let from = confirmed.filter(|from| closed.is_none_or(|closed| closed.position >= from.position));
    scan.resume(from.unwrap_or(first));
    Ok(scan)
}

/// The place before the last group that a slot names, if a whole group stands there that ends as the slot says. A gap
/// is none: it stands first in its segment, and does not tell the time of the event before it.
fn last_group(scan: &mut Scan, slot: Slot, first: Boundary) -> Result<Option<Boundary>, IoError> {
    let Ok(header) = scan.group_header(slot.group)? else { return Ok(None) };
    let from = Boundary::before(&header, slot.group, first.hlc);
    scan.resume(from);
    let Step::Group(group) = scan.next()? else { return Ok(None) };
    let at = scan.at();
    let is_end = at.offset == slot.offset && at.position == slot.position && at.root == slot.root;
    Ok((is_end && !group.is_gap()).then_some(from))
}

/// Reads the last segment from where `scan` stands.
pub(crate) fn read_tail(
    segment: &Arc<Segment>,
    mut scan: Scan,
    closed: Option<&CleanClose>,
    watch: &mut Watch,
) -> Result<Tail, IoError> {
    let from = scan.at();
    let mut epoch = 0;
    // Boundaries that no group's `synced_to` has reached yet.
    let mut boundaries = vec![from];
    watch.pass(from);
    let stop = loop {
        match scan.next()? {
            Step::Limit => break None,
            Step::Stop(offset, kind) => break Some((offset, kind)),
            Step::Group(group) => {
                epoch = epoch.max(group.header.epoch);
                confirm(&mut boundaries, group.header.synced_to);
                boundaries.push(scan.at());
                watch.pass(scan.at());
            }
        }
    };
    let end = scan.at();
    let confirmed = boundaries.first().copied().unwrap_or(from);
    let tail = Tail { end, behind: Behind::Zeros, damage: None, epoch, confirmed };
    let Some((offset, kind)) = stop else { return Ok(tail) };
    let (behind, damage) = match judge(&mut scan, offset, kind, closed)? {
        Judgement::Zeros => (Behind::Zeros, None),
        Judgement::Torn => (Behind::Torn, None),
        Judgement::Damaged(offset, kind) => {
            (Behind::Torn, Some(Damage { file: segment.path(), offset, kind }))
        }
    };
    Ok(Tail { behind, damage, ..tail })
}

/// What it means that no whole group stands at a place of the last segment.
pub(crate) enum Judgement {
    Zeros,
    Torn,
    Damaged(ByteOffset, DamageKind),
}

/// Judges the place at which `scan` has stopped, in the last segment, for this reason.
pub(crate) fn judge(
    scan: &mut Scan,
    offset: ByteOffset,
    kind: DamageKind,
    closed: Option<&CleanClose>,
) -> Result<Judgement, IoError> {
    let end = scan.at();
    let Some(nonzero) = scan.window().first_nonzero(end.offset)? else { return Ok(Judgement::Zeros) };
    if let Some(closed) = closed {
        if closed.position == end.position {
            return Ok(Judgement::Damaged(nonzero, DamageKind::BehindClose(closed.position)));
        }
        if closed.position > end.position {
            return Ok(Judgement::Damaged(offset, kind));
        }
    }
    let unsupported = matches!(kind, DamageKind::Rule(rule) if rule.is_unsupported());
    // What a later header shows to have been synced was durable here, and its absence is damage.
    match (unsupported || scan.shows_synced(end.position)?) && !planted!("cut-at-damage") {
        true => Ok(Judgement::Damaged(offset, kind)),
        false => Ok(Judgement::Torn),
    }
}

/// Forgets the boundaries before the last one that `synced_to` has reached.
fn confirm(boundaries: &mut Vec<Boundary>, synced_to: Position) {
    let reached = boundaries.partition_point(|boundary| boundary.position <= synced_to);
    boundaries.drain(..reached.saturating_sub(1));
}
