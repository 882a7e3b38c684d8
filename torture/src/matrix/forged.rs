//! What is due of a field that was changed with its checksum mended.

use anyhow::{Result, ensure};
use causelog_types::widen;
use causelog_wire::Slot;
use causelog_wire::layout::{SEGMENT_HEADER_BYTES, SLOT_OFFSETS};

use crate::matrix::changes::{Case, Change};
use crate::matrix::judge::Told;
use crate::matrix::said::Said;
use crate::matrix::samples::{Files, Sample, bytes_of};

/// What nothing rests on that a forger could gain by: which opening wrote a group, up to where it knew of a sync,
/// when the store was made.
const FREE: [&str; 3] = ["group header: epoch", "group header: synced_to", "store: created_ms"];

/// Whether a forged field is named.
pub(crate) fn check(sample: &Sample, case: &Case, files: &Files, told: &Told) -> Result<()> {
    let Change::Forge { what, field, at, .. } = &case.change else { return Ok(()) };
    if what.ends_with("slot") {
        return slot(sample, files, told);
    }
    let is_silent = told.findings.is_empty() && told.torn.is_none();
    if is_silent && FREE.contains(&case.place().as_str()) {
        return Ok(());
    }
    let group = sample.groups.iter().find(|group| group.file == case.file && group.holds(*at));
    let record = match group {
        Some(group) => group.at..group.end,
        None => 0..SEGMENT_HEADER_BYTES,
    };
    // What contradicts it may be the first thing behind it.
    let names = |said: &&Said| {
        let within = said.offset.is_none_or(|at| (widen(record.start)..=widen(record.end)).contains(&at));
        said.by == case.file && within
    };
    // Of two segments of which one says how long the other is, nobody can tell which is wrong; the sentence has both.
    let contradicts = |said: &&Said| {
        *field == "previous_length"
            && matches!(said.name, "segment_short" | "root_broken" | "corrupt" | "incomplete")
    };
    let found = told.findings.iter().chain(&told.torn).find(|said| names(said) || contradicts(said));
    ensure!(found.is_some(), "{}: what is said does not name it: {told:?}", case.place());
    if *field == "version" {
        ensure!(
            found.is_some_and(|said| said.name == "unsupported"),
            "a newer version is said to be {found:?}"
        );
    }
    Ok(())
}

/// The published end: where the newest slot is not one that the log has, the log has been cut off or replaced.
fn slot(sample: &Sample, files: &Files, told: &Told) -> Result<()> {
    let bytes = bytes_of(files, "lock").unwrap_or_default();
    let slots = SLOT_OFFSETS.iter().filter_map(|at| {
        let place = usize::try_from(*at).ok()?;
        Slot::decode(bytes.get(place..)?, sample.store, causelog_types::ByteOffset(*at)).whole()
    });
    let newest = slots.max_by_key(|slot| (slot.position, slot.epoch));
    let fits = newest.is_none_or(|slot| {
        sample.groups.iter().any(|group| (group.next, group.root) == (slot.position, slot.root))
    });
    let cut_off = told.findings.iter().any(|said| said.name == "cut_off" && said.file == "lock");
    ensure!(cut_off != fits && told.torn.is_none(), "a forged slot fits: {fits}; {told:?}");
    Ok(())
}
