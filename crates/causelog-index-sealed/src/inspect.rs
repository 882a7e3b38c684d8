//! A look at every index file, for verification: what is of no use is named, and the log is none the worse for it.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::{EntryKind, IoError, Storage};
use causelog_segment::{Directory, FileName, Findings, STORE_FILE, segment_name};
use causelog_types::{ByteOffset, Position, Root, StoreId};
use causelog_wire::layout::{SEGMENT_HEADER_BYTES, STORE_FILE_BYTES};
use causelog_wire::{SegmentHeader, StoreIdentity};

use crate::file::{BlockCache, IndexFile, Unusable};
use crate::names::{RunRange, run_name};

/// What a look at index files has covered and found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFilesReport {
    /// Index files that are sound.
    pub sound: u64,
    /// The first of those that are of no use, at most 1,000.
    pub findings: Vec<IndexFileFinding>,
    /// How many more there are.
    pub more_findings: u64,
}

/// An index file that is of no use. It may be deleted; a writer's next open makes it anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {flaw}")]
pub struct IndexFileFinding {
    /// The file, with its path as far as known.
    pub file: String,
    /// Where, from its beginning, as far as known.
    pub offset: Option<ByteOffset>,
    /// Why.
    pub flaw: IndexFileFlaw,
}

/// Why an index file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexFileFlaw {
    /// Its bytes are not those that were written.
    #[error("the index file is damaged; it may be deleted, and is made anew")]
    Damaged,
    /// It was made in another store.
    #[error("the index file is of store {0}; it may be deleted, and is made anew")]
    Foreign(StoreId),
    /// It is about other positions than its name says.
    #[error(
        "the index file is about other positions than its name says; it may be deleted, and is made anew"
    )]
    Misnamed,
    /// The system cannot read it.
    #[error("the index file cannot be read; it may be deleted, and is made anew")]
    Unreadable,
    /// It was made for another state of the log: a segment that begins where it does, or ends, says so.
    #[error("the index file is of another state of the log; it may be deleted, and is made anew")]
    Stale,
    /// Something that is no regular file stands under its name.
    #[error("what stands under the index file's name is no regular file; it may be removed")]
    NotAFile,
}

impl IndexFileFlaw {
    /// A short name for programs; stable.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Damaged => "derived_damaged",
            Self::Foreign(..) => "derived_foreign",
            Self::Misnamed => "derived_misnamed",
            Self::Unreadable => "derived_unreadable",
            Self::Stale => "derived_stale",
            Self::NotAFile => "derived_not_a_file",
        }
    }
}

/// Looks at every index file of a directory: whether it is whole, and of this store and log, as far as the headers of
/// segments tell. Changes nothing.
///
/// # Errors
/// The system refuses. An index file that is of no use is no error, but a finding.
pub fn inspect_index_files(storage: Arc<dyn Storage>) -> Result<IndexFilesReport, IoError> {
    let directory = Directory::new(storage);
    let entries = directory.list()?;
    let known = Known::read(&directory, entries.iter().map(|entry| entry.name.as_str()));
    let mut names: Vec<(RunRange, EntryKind)> = entries
        .iter()
        .filter_map(|entry| match FileName::parse(&entry.name) {
            FileName::Index { base, next } => Some((RunRange { base, next }, entry.kind)),
            _ => None,
        })
        .collect();
    names.sort_unstable_by_key(|(range, _)| *range);
    let (mut sound, mut findings) = (0, Findings::default());
    for (range, kind) in names {
        let found = match kind {
            EntryKind::File => known.judge(&directory, range),
            EntryKind::Other => Judged::Useless(IndexFileFlaw::NotAFile, None),
        };
        let file = directory.path_of(&run_name(range));
        match found {
            Judged::Sound => sound += 1,
            Judged::Gone => {}
            Judged::Useless(flaw, offset) => findings.push(IndexFileFinding { file, offset, flaw }),
        }
    }
    let (findings, more_findings) = findings.into_parts();
    Ok(IndexFilesReport { sound, findings, more_findings })
}

enum Judged {
    Sound,
    /// A writer has merged it meanwhile.
    Gone,
    Useless(IndexFileFlaw, Option<ByteOffset>),
}

/// What the store's other files say.
struct Known {
    store: Option<StoreId>,
    /// The roots at which segments begin.
    roots: HashMap<Position, Root>,
}

impl Known {
    /// What cannot be read is not known; the log's verification says so.
    fn read<'a>(directory: &Directory, names: impl Iterator<Item = &'a str>) -> Self {
        let store = head_of(directory, STORE_FILE, STORE_FILE_BYTES)
            .and_then(|bytes| StoreIdentity::decode(&bytes).whole());
        let mut known = Self { store: store.map(|identity| identity.store), roots: HashMap::new() };
        for name in names {
            let FileName::Segment(number) = FileName::parse(name) else { continue };
            let header = head_of(directory, &segment_name(number), SEGMENT_HEADER_BYTES);
            let header = header.and_then(|bytes| SegmentHeader::decode(&bytes).whole());
            if let Some(header) = header.filter(|header| header.number == number) {
                known.store = known.store.or(Some(header.store));
                known.roots.insert(header.base, header.base_root);
            }
        }
        known
    }

    fn judge(&self, directory: &Directory, range: RunRange) -> Judged {
        let useless = |flaw| Judged::Useless(flaw, None);
        let file = match IndexFile::open(directory, &run_name(range), &BlockCache::new()) {
            Ok(file) => file,
            Err(Unusable::Missing) => return Judged::Gone,
            Err(Unusable::Io(_)) => return useless(IndexFileFlaw::Unreadable),
            Err(_) => return Judged::Useless(IndexFileFlaw::Damaged, Some(ByteOffset(0))),
        };
        let header = file.header();
        if self.store.is_some_and(|store| store != header.store) {
            return useless(IndexFileFlaw::Foreign(header.store));
        }
        if (header.base, header.next) != (range.base, range.next) {
            return useless(IndexFileFlaw::Misnamed);
        }
        let other = |position, root| self.roots.get(&position).is_some_and(|known| *known != root);
        if other(header.base, header.root_before) || other(header.next, header.root) {
            return useless(IndexFileFlaw::Stale);
        }
        match file.check() {
            Ok(()) => Judged::Sound,
            Err((_, Unusable::Io(_))) => useless(IndexFileFlaw::Unreadable),
            Err((offset, _)) => Judged::Useless(IndexFileFlaw::Damaged, Some(offset)),
        }
    }
}

/// So many bytes from a file's beginning, or as many as there are.
fn head_of(directory: &Directory, name: &str, count: usize) -> Option<Vec<u8>> {
    let file = directory.open_if_there(name).ok()??;
    let mut bytes = vec![0; count];
    let read = file.read(&mut bytes, 0).ok()?;
    bytes.truncate(read);
    Some(bytes)
}
