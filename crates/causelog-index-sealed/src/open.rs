//! Which index files are taken at an open: those that follow each other from the beginning of the log, and that the log
//! confirms.

use std::collections::BTreeSet;
use std::sync::Arc;

use causelog_index::Watermark;
use causelog_segment::{FileName, Log, LogError, Snapshot, sealed_end};
use causelog_types::{Position, Root, StoreHead, planted};

use crate::file::Unusable;
use crate::names::{RunRange, run_name};
use crate::parts::Part;
use crate::rebuild::{first_root, rebuild};
use crate::run::Run;
use crate::shared::Shared;

/// How often the directory is listed again, when a file was merged away between the listing and its opening.
const LOOKS_MAX: usize = 8;

/// Takes the files that there are, and makes again what is missing between two of them.
///
/// What cannot be read here is left out: whoever catches the index up reads the log from there, and meets it.
pub(crate) fn find_parts(shared: &Arc<Shared>, snapshot: &Snapshot) {
    let (names, mut found) = look(shared, snapshot);
    while let Some((part, root)) = found.last() {
        if confirms(&shared.log, snapshot, part, *root) || planted!("trust-an-index-file") {
            break;
        }
        tracing::warn!(
            position = part.range().next.0,
            "the log does not confirm an index file; it is made again"
        );
        found.pop();
    }
    let (store, last) = (shared.log.store(), found.last().map(|(part, root)| (part.range().next, *root)));
    *shared.watermark.lock() = last.map(|(next, root)| Watermark { store, next, root });
    let parts: Vec<Part> = found.into_iter().map(|(part, _)| part).collect();
    if shared.writes() {
        sweep(shared, &names, &parts);
    }
    shared.change(|now| now.earlier = parts);
}

/// Whether the log has this root where a part ends. Nothing but the header of the group that stands there is read.
fn confirms(log: &Log, snapshot: &Snapshot, part: &Part, root: Root) -> bool {
    let head = StoreHead { position: part.range().next, root };
    if head.position >= snapshot.end.position {
        return head == snapshot.end.head();
    }
    match part {
        Part::Run(run) => run
            .end()
            .is_ok_and(|end| log.groups_behind(snapshot, end, head).is_ok_and(|found| found.is_some())),
        // It was made of frames just now.
        Part::Frozen(..) => true,
        Part::Gap(_) => log.root_at(snapshot, head.position).is_ok_and(|found| found == Some(root)),
    }
}

/// The names of index files, and the parts that follow each other from the beginning, each with the root at its end.
fn look(shared: &Arc<Shared>, snapshot: &Snapshot) -> (BTreeSet<RunRange>, Vec<(Part, Root)>) {
    for _ in 0..LOOKS_MAX {
        match names(shared) {
            Ok(names) => {
                let found = match chain(shared, snapshot, &names, Confirm::Last) {
                    Chain::Broken => chain(shared, snapshot, &names, Confirm::Each),
                    found => found,
                };
                if let Chain::Found(parts) = found {
                    return (names, parts);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot list index files; frames are read instead");
                break;
            }
        }
    }
    (BTreeSet::new(), Vec::new())
}

enum Chain {
    /// The parts, each with the root at its end.
    Found(Vec<(Part, Root)>),
    /// A file that was listed is not there any more.
    LookAgain,
    /// What the log says behind a file does not follow it: a file is of another history.
    Broken,
}

/// Which files are held against the log, and not only against the file before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirm {
    /// The last alone, once all are found: the others are where the roots of the files follow each other.
    Last,
    /// Each, before it is taken.
    Each,
}

/// The ranges that have index files, by their names.
fn names(shared: &Shared) -> Result<BTreeSet<RunRange>, Unusable> {
    let entries = shared.directory().list()?;
    Ok(entries
        .iter()
        .filter_map(|entry| match FileName::parse(&entry.name) {
            FileName::Index { base, next } => Some(RunRange { base, next }),
            _ => None,
        })
        .collect())
}

fn chain(shared: &Arc<Shared>, snapshot: &Snapshot, names: &BTreeSet<RunRange>, confirm: Confirm) -> Chain {
    let mut parts: Vec<(Part, Root)> = Vec::new();
    let (mut at, mut root) = (Position(0), first_root(shared));
    loop {
        // The longest that fits.
        let here = names
            .range(RunRange { base: at, next: at }..RunRange { base: Position(at.0 + 1), next: Position(0) });
        let mut taken = None;
        for range in here.rev().filter(|range| range.next <= snapshot.end.position) {
            match Run::open(shared.directory(), *range, &shared.cache) {
                Ok(run) if belongs(&run, shared, root) => {
                    let (after, part) = (run.file().header().root, Part::Run(Arc::new(run)));
                    if confirm == Confirm::Last || confirms(&shared.log, snapshot, &part, after) {
                        taken = Some((after, part));
                        break;
                    }
                    tell(*range, &Unusable::OtherHistory);
                }
                Ok(_) => tell(*range, &Unusable::OtherHistory),
                Err(Unusable::Missing) => return Chain::LookAgain,
                Err(reason) => tell(*range, &reason),
            }
        }
        let taken = match taken {
            Some(taken) => Some(taken),
            None => match gap_from(&shared.log, snapshot, at).unwrap_or_default() {
                Some((before, ..)) if before != root => return Chain::Broken,
                found => found.map(|(_, after, part)| (after, part)),
            },
        };
        if let Some((after, part)) = taken {
            (at, root) = (part.range().next, after);
            parts.push((part, after));
            continue;
        }
        // Files further on are of use if what lies before them is made again.
        let Some(next) = names.iter().find(|range| range.base > at && range.next <= snapshot.end.position)
        else {
            return Chain::Found(parts);
        };
        let missing = RunRange { base: at, next: next.base };
        tracing::warn!(file = run_name(missing), "an index file is made again from frames");
        let made = match rebuild(shared, missing, parts.iter().map(|(part, _)| part.clone()).collect()) {
            Ok(made) if made.root_before != root => return Chain::Broken,
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%error, "index files behind it are not used");
                return Chain::Found(parts);
            }
        };
        for part in made.parts {
            let end = match &part {
                Part::Run(run) => run.file().header().root,
                Part::Frozen(_, after) => after.root,
                // It matters of the last part alone.
                Part::Gap(_) => made.root,
            };
            parts.push((part, end));
        }
        (at, root) = (missing.next, made.root);
    }
}

fn belongs(run: &Run, shared: &Shared, root: Root) -> bool {
    let header = run.file().header();
    header.store == shared.log.store() && header.root_before == root
}

/// The gap that begins at a position, with the roots before and after it: a sealed segment that holds nothing else, as
/// salvage leaves it.
fn gap_from(log: &Log, snapshot: &Snapshot, at: Position) -> Result<Option<(Root, Root, Part)>, LogError> {
    let segments = &snapshot.segments;
    let i = segments.partition_point(|segment| segment.header().base <= at);
    let Some(i) = i.checked_sub(1).filter(|i| segments[*i].header().base == at) else { return Ok(None) };
    let Some(end) = sealed_end(segments, i).filter(|end| end.position > at) else { return Ok(None) };
    let first = log.groups(snapshot, at).next().transpose()?;
    Ok(first.filter(|group| group.is_gap() && group.header.next() == end.position).map(|group| {
        let range = RunRange { base: at, next: end.position };
        (group.header.root_before, group.header.root_after, Part::Gap(range))
    }))
}

/// Removes the files that are not used: a crash has left them, or the log does not confirm them.
fn sweep(shared: &Shared, names: &BTreeSet<RunRange>, parts: &[Part]) {
    let used: BTreeSet<RunRange> = parts.iter().map(Part::range).collect();
    let useless = names.difference(&used).map(|range| run_name(*range));
    let entries = shared.directory().list().unwrap_or_default();
    let unfinished = entries
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name.ends_with(".idx.tmp") && FileName::parse(name) == FileName::Temporary);
    for name in useless.chain(unfinished) {
        if let Err(error) = shared.directory().remove(&name) {
            tracing::warn!(%error, "cannot remove an index file that is of no use");
        }
    }
}

fn tell(range: RunRange, reason: &Unusable) {
    tracing::warn!(file = run_name(range), %reason, "an index file is of no use; frames are read instead");
}
