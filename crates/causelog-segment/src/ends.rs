//! Whether a log ends as the mark of a clean close and the published end say.

use causelog_types::{ByteOffset, Position, Root, StoreHead, planted};
use causelog_wire::{CleanClose, Slot};

use crate::directory::Directory;
use crate::error::{Damage, DamageKind};
use crate::names::{CLOSED_FILE, LOCK_FILE};
use crate::published::LogEnd;
use crate::report::Left;
use crate::survey::Survey;
use crate::tail::Watch;

/// The positions at which the mark of a clean close and the published end say what the root is.
pub(crate) fn vouched_for(closed: Option<&CleanClose>, slot: Option<Slot>) -> impl Iterator<Item = Position> {
    closed.map(|closed| closed.position).into_iter().chain(slot.map(|slot| slot.position))
}

/// The root at a position that was watched for or begins a segment, if it was seen.
fn seen_root(survey: &Survey, watch: &Watch, position: Position) -> Option<Root> {
    let headers = survey.segments.iter().map(|segment| segment.header());
    let at_base = || headers.filter(|header| header.base == position).map(|header| header.base_root).next();
    watch.root_at(position).or_else(at_base)
}

/// Whether a group that was read holds a position in its inside. A group is there as a whole or not at all, so
/// nobody can have vouched for such a position: the groups around it are not the ones that stood there.
fn is_inside_a_group(survey: &Survey, watch: &Watch, position: Position, end: &LogEnd) -> bool {
    let last_base = survey.segments.last().map(|last| last.header().base);
    last_base.is_some_and(|base| base < position)
        && position < end.position
        && watch.root_at(position).is_none()
}

/// Whether a log that ends here cannot have had a head, whatever of it is damaged: it ends before, or has another root
/// there.
fn contradicts(survey: &Survey, watch: &Watch, end: &LogEnd, head: StoreHead) -> bool {
    let at_end = (head.position == end.position).then_some(end.root);
    let root = at_end.or_else(|| seen_root(survey, watch, head.position));
    head.position > end.position || root.is_some_and(|root| root != head.root)
}

/// What the mark of a clean close says of an end that a damaged log cannot have had. Where groups are missing, nobody can
/// tell more.
pub(crate) fn lost_mark(
    directory: &Directory,
    survey: &Survey,
    end: &LogEnd,
    watch: &Watch,
) -> Option<Damage> {
    let closed = survey.closed?;
    let head = StoreHead { position: closed.position, root: closed.root };
    contradicts(survey, watch, end, head)
        .then(|| changed_after_close(directory, closed.position, end.position))
}

/// The same of the published end.
pub(crate) fn lost_slot(
    directory: &Directory,
    survey: &Survey,
    slot: Option<Slot>,
    end: &LogEnd,
    watch: &Watch,
) -> Option<Damage> {
    let slot = slot?;
    let head = StoreHead { position: slot.position, root: slot.root };
    contradicts(survey, watch, end, head).then(|| cut_off(directory, slot.position, end.position))
}

/// The log differs from what a clean close recorded.
pub(crate) fn changed_after_close(directory: &Directory, closed: Position, found: Position) -> Damage {
    let (file, offset) = (directory.path_of(CLOSED_FILE), ByteOffset(0));
    Damage { file, offset, kind: DamageKind::ChangedAfterClose { closed, found } }
}

/// The log does not hold what had been published.
pub(crate) fn cut_off(directory: &Directory, published: Position, found: Position) -> Damage {
    let (file, offset) = (directory.path_of(LOCK_FILE), ByteOffset(0));
    Damage { file, offset, kind: DamageKind::CutOff { found, published } }
}

/// Whether the end is the one that a clean close recorded.
pub(crate) fn check_mark(
    directory: &Directory,
    survey: &Survey,
    end: &LogEnd,
    watch: &Watch,
) -> Result<Left, Damage> {
    let Some(closed) = &survey.closed else { return Ok(Left::Unclosed) };
    let other_root = seen_root(survey, watch, closed.position).is_some_and(|root| root != closed.root);
    let inside = is_inside_a_group(survey, watch, closed.position, end);
    if closed.position < end.position && !other_root && !inside {
        return Ok(Left::StaleMark);
    }
    let same = closed.position == end.position
        && closed.root == end.root
        && closed.hlc == end.hlc
        && closed.segment == end.segment
        && (closed.segment.is_none() || closed.segment_length == end.offset.0);
    match same {
        true => Ok(Left::Closed),
        false => Err(changed_after_close(directory, closed.position, end.position)),
    }
}

/// Whether the log still holds what had been published.
pub(crate) fn check_slot(
    directory: &Directory,
    survey: &Survey,
    slot: Option<Slot>,
    end: &LogEnd,
    watch: &Watch,
) -> Result<(), Damage> {
    planted!("ignore-the-published-end" => return Ok(()));
    let inside = |slot: &Slot| is_inside_a_group(survey, watch, slot.position, end);
    let cut_inside = slot.filter(inside).map(|slot| cut_off(directory, slot.position, end.position));
    lost_slot(directory, survey, slot, end, watch).or(cut_inside).map_or(Ok(()), Err)
}
