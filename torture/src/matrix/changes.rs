//! What happens to a store's files.

use causelog_segment::{index_name, segment_name};
use causelog_types::{Position, SegmentNumber};

use crate::matrix::forgeries;
use crate::matrix::samples::{Files, Sample};

/// One thing that happens to one file.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A bit is the other one.
    Flip { at: usize, bit: u8 },
    /// A byte, or a sector, is zeros.
    Zero { at: usize, bytes: usize },
    /// The file ends here.
    Cut { at: usize },
    /// The file is longer, by bytes of this value.
    Extend { bytes: usize, value: u8 },
    /// Two stretches of equal length have changed places.
    Swap { a: usize, b: usize, bytes: usize },
    /// Two frames of a group, which stand one behind the other, have changed places.
    SwapFrames { first: usize, second: usize, end: usize },
    /// It is gone.
    Remove,
    /// It is there a second time, under another name.
    Duplicate { name: String },
    /// It has another name.
    Rename { name: String },
    /// It is there, and was not.
    Put { bytes: Vec<u8> },
    /// It holds something else.
    Replace { class: &'static str, bytes: Vec<u8> },
    /// A field under a checksum is another one, and the checksum is mended.
    Forge { what: &'static str, field: &'static str, at: usize, bytes: Vec<u8> },
    /// The whole directory is as it once was.
    RollBack { files: Files },
    /// Two things have happened, to two files.
    Both { first: Box<Case>, second: Box<Case> },
}

/// A change, and to which file.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The file.
    pub(crate) file: String,
    /// What happens to it.
    pub(crate) change: Change,
}

const SECTOR: usize = 512;

impl Case {
    /// The directory with it.
    #[must_use]
    pub(crate) fn apply(&self, files: &Files) -> Files {
        match &self.change {
            Change::RollBack { files } => return files.clone(),
            Change::Both { first, second } => return second.apply(&first.apply(files)),
            Change::Put { bytes } => {
                let mut files = files.clone();
                files.push((self.file.clone(), bytes.clone()));
                files.sort();
                return files;
            }
            _ => {}
        }
        let mut changed = files.clone();
        let Some(at) = changed.iter().position(|(name, _)| *name == self.file) else { return changed };
        let (_, bytes) = &mut changed[at];
        match &self.change {
            Change::Flip { at, bit } => bytes[*at] ^= 1 << bit,
            Change::Zero { at, bytes: count } => {
                let end = at.saturating_add(*count).min(bytes.len());
                bytes[*at..end].fill(0);
            }
            Change::Cut { at } => bytes.truncate(*at),
            Change::Extend { bytes: count, value } => bytes.resize(bytes.len() + count, *value),
            Change::Swap { a, b, bytes: count } => {
                let (left, right) = bytes.split_at_mut(*b);
                left[*a..a + count].swap_with_slice(&mut right[..*count]);
            }
            Change::SwapFrames { first, second, end } => bytes[*first..*end].rotate_left(second - first),
            Change::Replace { bytes: other, .. } | Change::Forge { bytes: other, .. } => {
                bytes.clone_from(other)
            }
            Change::Rename { name: other } => {
                let moved = (other.clone(), bytes.clone());
                changed.retain(|(name, _)| name != other && *name != self.file);
                changed.push(moved);
            }
            Change::Remove => _ = changed.remove(at),
            Change::Duplicate { name: other } => {
                let copy = (other.clone(), bytes.clone());
                changed.retain(|(name, _)| name != other);
                changed.push(copy);
            }
            Change::Put { .. } | Change::RollBack { .. } | Change::Both { .. } => {}
        }
        changed.sort();
        changed
    }

    /// For the table.
    #[must_use]
    pub(crate) fn class(&self) -> &'static str {
        match &self.change {
            Change::Flip { .. } => "bit flipped",
            Change::Zero { bytes: 1, .. } => "byte zeroed",
            Change::Zero { .. } => "sector zeroed",
            Change::Cut { .. } => "truncated",
            Change::Extend { value: 0, .. } => "extended by zeros",
            Change::Extend { .. } => "extended by garbage",
            Change::Swap { .. } => "two groups swapped",
            Change::SwapFrames { .. } => "two frames swapped",
            Change::Remove => "deleted",
            Change::Duplicate { .. } => "duplicated",
            Change::Rename { .. } => "renamed",
            Change::Put { .. } => "of another store, renumbered",
            Change::Replace { class, .. } => class,
            Change::Forge { .. } => "forged",
            Change::RollBack { .. } => "directory rolled back",
            Change::Both { .. } => "two damages",
        }
    }

    /// Which sort of file, or of a forgery what and which field of it.
    #[must_use]
    pub(crate) fn place(&self) -> String {
        match &self.change {
            Change::Forge { what, field, .. } => format!("{what}: {field}"),
            Change::Both { first, second } => format!("{} and {}", first.place(), second.place()),
            _ => kind_of(&self.file).to_owned(),
        }
    }
}

/// Which sort of file this is.
#[must_use]
pub(crate) fn kind_of(name: &str) -> &'static str {
    match name {
        "store" => "store",
        "closed" => "closed",
        "lock" => "lock",
        name if name.ends_with(".seg") => "segment",
        name if name.ends_with(".idx") => "index",
        _ => "directory",
    }
}

/// Every case of a store; of the cases by byte only each `step`-th.
#[must_use]
pub(crate) fn cases(sample: &Sample, step: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (file, bytes) in &sample.files {
        let mut add = |change| cases.push(Case { file: file.clone(), change });
        for n in (0..bytes.len() * 8).step_by(step.max(1)) {
            add(Change::Flip { at: n / 8, bit: u8::try_from(n % 8).unwrap_or_default() });
        }
        for at in (0..bytes.len()).step_by(step.max(1)) {
            add(Change::Zero { at, bytes: 1 });
            add(Change::Cut { at });
        }
        (0..bytes.len()).step_by(SECTOR).for_each(|at| add(Change::Zero { at, bytes: SECTOR }));
        for value in [0, 0xa5] {
            [1, 8, 112, 700].into_iter().for_each(|bytes| add(Change::Extend { bytes, value }));
        }
        add(Change::Remove);
        let others =
            sample.files.iter().filter(|(other, _)| other != file && kind_of(other) == kind_of(file));
        let next = match kind_of(file) {
            "index" => index_name(Position(9), Position(11)),
            _ => segment_name(SegmentNumber(9)),
        };
        for name in others.map(|(other, _)| other.clone()).chain([next]) {
            add(Change::Duplicate { name: name.clone() });
            add(Change::Rename { name });
        }
        if let Some((_, other)) = sample.foreign.iter().find(|(other, _)| other == file) {
            add(Change::Replace { class: "of another store", bytes: other.clone() });
        }
        for old in &sample.earlier {
            let old = old.iter().find(|(other, _)| other == file);
            if let Some((_, old)) = old.filter(|(_, old)| old != bytes) {
                add(Change::Replace { class: "an older copy", bytes: old.clone() });
            }
        }
        if kind_of(file) == "segment" {
            swaps(bytes).into_iter().for_each(&mut add);
        }
    }
    cases.extend(renumbered(sample));
    cases.extend(two_damages(sample));
    cases.extend(damaged_and_cut_off(sample));
    cases.extend(forgeries::swapped_frames(sample));
    cases.extend(forgeries::cases(sample, step));
    for files in &sample.earlier {
        let change = Change::RollBack { files: files.clone() };
        cases.push(Case { file: String::new(), change });
    }
    cases
}

/// Segments of another store under a number that no segment has.
fn renumbered(sample: &Sample) -> Vec<Case> {
    let segments = sample.foreign.iter().filter(|(file, _)| kind_of(file) == "segment");
    let put = |(_, bytes): &(String, Vec<u8>)| Change::Put { bytes: bytes.clone() };
    segments.map(|segment| Case { file: segment_name(SegmentNumber(9)), change: put(segment) }).collect()
}

/// Two bytes in two files: each has to be named.
fn two_damages(sample: &Sample) -> Vec<Case> {
    let in_the_middle = |(file, bytes): &(String, Vec<u8>)| {
        let group = sample.groups.iter().find(|group| group.file == *file);
        let at = group.map_or(bytes.len() / 2, |group| group.at.midpoint(group.end));
        (at < bytes.len()).then(|| Case { file: file.clone(), change: Change::Flip { at, bit: 3 } })
    };
    let flips: Vec<Case> = sample.files.iter().filter_map(in_the_middle).collect();
    let pairs = flips.iter().enumerate().flat_map(|(n, first)| {
        let behind = flips.iter().skip(n + 1);
        behind.map(move |second| (first.clone(), second.clone()))
    });
    pairs.map(|(first, second)| both(first, second)).collect()
}

/// Something in the middle and the end: the one must not hide that the other is gone.
fn damaged_and_cut_off(sample: &Sample) -> Vec<Case> {
    let segments: Vec<&str> = sample
        .files
        .iter()
        .map(|(file, _)| file.as_str())
        .filter(|file| kind_of(file) == "segment")
        .collect();
    let Some((last, others)) = segments.split_last() else { return Vec::new() };
    let case = |file: &str, change| Case { file: file.to_owned(), change };
    let groups = sample.groups.iter().filter(|group| group.file == **last);
    let mut ends: Vec<Case> = groups
        .flat_map(|group| [group.at, group.at.midpoint(group.end)])
        .map(|at| case(last, Change::Cut { at }))
        .collect();
    ends.push(case(last, Change::Remove));
    let mut middles = Vec::new();
    for file in others {
        middles.push(case(file, Change::Remove));
        let group = sample.groups.iter().find(|group| group.file == **file);
        let at = group.map_or(0, |group| group.at.midpoint(group.end));
        middles.push(case(file, Change::Flip { at, bit: 3 }));
    }
    let pairs = middles.iter().flat_map(|middle| ends.iter().map(|end| both(middle.clone(), end.clone())));
    pairs.collect()
}

fn both(first: Case, second: Case) -> Case {
    Case { file: first.file.clone(), change: Change::Both { first: first.into(), second: second.into() } }
}

/// Pairs of groups of equal length in a segment, found by their magic.
fn swaps(bytes: &[u8]) -> Vec<Change> {
    let magic = b"CLGp";
    let starts: Vec<usize> =
        (0..bytes.len().saturating_sub(4)).filter(|at| bytes[*at..].starts_with(magic)).collect();
    let mut swaps = Vec::new();
    for (n, a) in starts.iter().enumerate() {
        for b in starts.iter().skip(n + 1) {
            let length = (b - a).min(112);
            swaps.push(Change::Swap { a: *a, b: *b, bytes: length.min(bytes.len() - b) });
        }
    }
    swaps
}
