//! What is due of each damage: which verdict, of which file, at which place in it; and that nothing whole is accused.

use anyhow::{Result, ensure};
use causelog_segment::{FileName, segment_name};
use causelog_types::{SegmentNumber, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;

use crate::matrix::changes::{Case, Change, kind_of};
use crate::matrix::forged;
use crate::matrix::judge::Told;
use crate::matrix::said::{Said, TORN_TAIL};
use crate::matrix::samples::{Files, Group, Left, Sample, bytes_of};

/// One thing that has to be said.
#[derive(Debug)]
pub(crate) enum Due {
    /// One of these, of this file, somewhere from here to there in it.
    Place { names: &'static [&'static str], file: String, from: usize, to: usize },
    /// The log's end is gone, by whatever knows of it.
    EndGone,
    /// The whole directory is that of a shorter store, which only a kept head can tell.
    Shorter,
    /// Of an index file, of no use, at or before this byte.
    Derived { names: &'static [&'static str], file: String, to: usize },
}

const CORRUPT: &[&str] = &["corrupt"];
const INCOMPLETE: &[&str] = &["incomplete"];
/// A length that was changed may reach beyond what there is.
const EITHER: &[&str] = &["corrupt", "incomplete"];
const MISSING: &[&str] = &["segment_missing"];
const MISNAMED: &[&str] = &["segment_misnamed"];
const FOREIGN: &[&str] = &["segment_foreign"];
const CLOSED_ELSEWHERE: &[&str] = &["changed_after_close"];
const TORN: &[&str] = &[TORN_TAIL];

/// Whether what is said is what is due, and nothing else.
pub(crate) fn check(sample: &Sample, case: &Case, files: &Files, told: &Told) -> Result<()> {
    if case.class() == "forged" {
        return forged::check(sample, case, files, told);
    }
    let dues = dues(sample, case, files);
    for due in &dues {
        ensure!(is_told(due, sample, told), "{due:?} is due, and {told:?} is said");
    }
    let may_be_untold = dues.iter().any(|due| matches!(due, Due::EndGone | Due::Shorter));
    ensure!(!told.untold || may_be_untold, "the end is gone: {told:?}");
    for said in told.findings.iter().chain(&told.torn) {
        let allowed = !dues.is_empty() && accuses_rightly(sample, files, said);
        ensure!(allowed, "{said:?} is said of something that is whole: {told:?}");
    }
    if let Some(said) = &told.reader {
        let mut same = told.findings.iter().chain(&told.torn);
        let found = said.file.is_empty() || same.any(|found| found.file == said.file);
        ensure!(found, "a reader is told {said:?}, which a verification does not find: {told:?}");
    }
    for said in &told.derived {
        let due = dues.iter().any(|due| is_derived(due, said));
        let allowed = due || sample.derived.contains(said);
        ensure!(allowed, "{said:?} is said of an index file that is whole");
    }
    Ok(())
}

fn is_told(due: &Due, sample: &Sample, told: &Told) -> bool {
    let finds = |name: &str| told.findings.iter().any(|said| said.name == name);
    match due {
        Due::Place { names, file, from, to } => {
            let fits = |said: &Said| {
                let within = said.offset.is_none_or(|at| (widen(*from)..=widen(*to)).contains(&at));
                names.contains(&said.name) && said.file == *file && within
            };
            told.findings.iter().chain(&told.torn).any(fits)
        }
        Due::EndGone => match sample.left {
            Left::Closed => finds("changed_after_close"),
            Left::Killed => finds("cut_off"),
            Left::Cut => told.untold || told.torn.is_some() || !told.findings.is_empty(),
            Left::CutKept => finds("head_cut_off"),
        },
        Due::Shorter => told.untold || sample.left == Left::CutKept && finds("head_cut_off"),
        Due::Derived { .. } => told.derived.iter().any(|said| is_derived(due, said)),
    }
}

fn is_derived(due: &Due, said: &Said) -> bool {
    let Due::Derived { names, file, to } = due else { return false };
    names.contains(&said.name) && said.file == *file && said.offset.is_none_or(|at| at <= widen(*to))
}

/// Whether a file has changed that is said to be wrong; what vouches for an end may contradict what has.
fn accuses_rightly(sample: &Sample, files: &Files, said: &Said) -> bool {
    let vouches = match said.name {
        "changed_after_close" => said.file == "closed",
        "cut_off" => said.file == "lock",
        "head_cut_off" | "head_changed" | "head_unreadable" => sample.left == Left::CutKept,
        _ => false,
    };
    vouches || bytes_of(files, &said.file) != bytes_of(&sample.files, &said.file)
}

/// Everything that has to be said of a case; nothing at all if nothing readable has changed.
fn dues(sample: &Sample, case: &Case, files: &Files) -> Vec<Due> {
    let file = || case.file.clone();
    let whole = |names, file| Due::Place { names, file, from: 0, to: 0 };
    match (&case.change, kind_of(&case.file)) {
        (Change::Both { first, second }, _) => {
            let mut dues = dues_alone(sample, first);
            dues.extend(dues_alone(sample, second));
            // What names a missing segment is the one behind it; without that, the end is gone.
            let tells =
                |file: &str| successor(sample, file).is_some_and(|next| bytes_of(files, &next).is_some());
            dues.retain(
                |due| !matches!(due, Due::Place { names, file, .. } if *names == MISSING && !tells(file)),
            );
            dues
        }
        (Change::RollBack { files }, _) => rolled_back(sample, files),
        (Change::Duplicate { name } | Change::Rename { name }, "index") => {
            let names = &["derived_misnamed", "derived_damaged"];
            vec![Due::Derived { names, file: name.clone(), to: 0 }]
        }
        (Change::Duplicate { name }, "segment") => vec![whole(MISNAMED, name.clone())],
        (Change::Rename { name }, "segment") => {
            let mut dues = vec![whole(MISNAMED, name.clone())];
            if successor(sample, &case.file).is_some_and(|next| next != *name) {
                dues.push(whole(MISSING, file()));
            }
            dues
        }
        (Change::Duplicate { name }, _) => vec![whole(EITHER, name.clone())],
        (Change::Rename { name }, kind) => {
            let mut dues = vec![whole(EITHER, name.clone())];
            if kind == "store" {
                dues.push(whole(&["identity_missing"], file()));
            }
            dues
        }
        (Change::Put { .. }, _) => vec![whole(FOREIGN, file())],
        (Change::Remove, "segment") if successor(sample, &case.file).is_some() => {
            vec![whole(MISSING, file())]
        }
        (Change::Remove, "segment") => vec![Due::EndGone],
        (Change::Remove, "store") => vec![whole(&["identity_missing"], file())],
        (Change::Remove, _) | (_, "lock") => Vec::new(),
        (Change::Replace { class: "of another store", .. }, "segment" | "closed" | "store") => {
            vec![whole(FOREIGN, file())]
        }
        (_, kind) => match first_changed(sample, case, files) {
            None => Vec::new(),
            Some(at) if kind == "segment" => in_segment(sample, case, files, at),
            Some(at) if kind == "index" => in_index(case, at),
            Some(at) => {
                let names = if is_cut(case) { INCOMPLETE } else { CORRUPT };
                vec![Due::Place { names, file: file(), from: 0, to: at }]
            }
        },
    }
}

/// Of one of two damages.
fn dues_alone(sample: &Sample, case: &Case) -> Vec<Due> {
    dues(sample, case, &case.apply(&sample.files))
}

fn is_cut(case: &Case) -> bool {
    matches!(case.change, Change::Cut { .. })
}

/// A whole directory from an earlier time is a shorter store, if it is not all the same.
fn rolled_back(sample: &Sample, files: &Files) -> Vec<Due> {
    let is_all = sample.groups.iter().all(|group| group.is_in(files));
    if is_all { Vec::new() } else { vec![Due::Shorter] }
}

/// The first byte of a file that is another one.
fn first_changed(sample: &Sample, case: &Case, files: &Files) -> Option<usize> {
    let (old, new) = (bytes_of(&sample.files, &case.file)?, bytes_of(files, &case.file)?);
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    (same < old.len().max(new.len())).then_some(same)
}

fn in_index(case: &Case, at: usize) -> Vec<Due> {
    let names: &[&str] = match &case.change {
        Change::Replace { class: "of another store", .. } => &["derived_foreign"],
        // What a power cut has left of it is of no use, and the copy is whole.
        Change::Replace { .. } => return Vec::new(),
        _ => &["derived_damaged"],
    };
    vec![Due::Derived { names, file: case.file.clone(), to: at }]
}

/// Bytes of a segment are others from here on.
fn in_segment(sample: &Sample, case: &Case, files: &Files, at: usize) -> Vec<Due> {
    let place = |names, from, to| Due::Place { names, file: case.file.clone(), from, to };
    let is_last = successor(sample, &case.file).is_none();
    let end = sample.groups.iter().filter(|group| group.file == case.file).map(|group| group.end).max();
    let end = end.unwrap_or(SEGMENT_HEADER_BYTES);
    if at < SEGMENT_HEADER_BYTES {
        return vec![place(if is_cut(case) { INCOMPLETE } else { CORRUPT }, 0, at)];
    }
    let Some(group) = sample.groups.iter().find(|group| group.file == case.file && group.holds(at)) else {
        let behind = bytes_of(files, &case.file).and_then(|bytes| bytes.get(end..)).unwrap_or_default();
        let is_zero = behind.iter().all(|byte| *byte == 0);
        // What stands behind the end of a segment that has a successor is dead.
        return match (is_last && !is_zero, sample.left) {
            (false, _) => Vec::new(),
            (true, Left::Closed) => vec![place(CLOSED_ELSEWHERE, end, at)],
            (true, _) => vec![place(TORN, end, end)],
        };
    };
    let is_header = at < group.at + group.bytes.len();
    match (is_last, is_cut(case)) {
        (false, false) => vec![place(if is_header { CORRUPT } else { EITHER }, group.at, at)],
        (false, true) => {
            let mut dues = vec![place(&["segment_short"], at, at)];
            if at > group.at {
                dues.push(place(INCOMPLETE, group.at, at));
            }
            dues
        }
        (true, _) => in_last_segment(sample, files, group, at, place),
    }
}

/// In the last segment bytes that are not as they were may be a torn tail, where nothing proves that they were synced.
fn in_last_segment(
    sample: &Sample,
    files: &Files,
    group: &Group,
    at: usize,
    place: impl Fn(&'static [&'static str], usize, usize) -> Due,
) -> Vec<Due> {
    let rest = bytes_of(files, &group.file).and_then(|bytes| bytes.get(at..)).unwrap_or_default();
    let nothing_behind = rest.iter().all(|byte| *byte == 0);
    if at == group.at && nothing_behind {
        return vec![Due::EndGone];
    }
    let mut dues = match sample.proven(files) > group.base {
        true => vec![place(EITHER, group.at, at)],
        false => vec![place(TORN, group.at, group.at)],
    };
    // With the end itself, what vouches for it says so.
    let is_gone = nothing_behind || successor_in(sample, group).is_none();
    if is_gone {
        dues.push(Due::EndGone);
    }
    dues
}

/// The group behind it in its segment.
fn successor_in<'a>(sample: &'a Sample, group: &Group) -> Option<&'a Group> {
    sample.groups.iter().find(|other| other.file == group.file && other.at == group.end)
}

/// The segment behind it.
fn successor(sample: &Sample, file: &str) -> Option<String> {
    let FileName::Segment(number) = FileName::parse(file) else { return None };
    let next = segment_name(SegmentNumber(number.0 + 1));
    bytes_of(&sample.files, &next).map(|_| next)
}
