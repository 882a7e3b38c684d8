//! A look at every index file, for verification: what is of no use is named, and the log is none the worse for it.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::{EntryKind, IoError, Storage};
use causelog_segment::{Directory, FileName, Findings, SegmentEnd, index_name, segment_name};
use causelog_types::{ByteOffset, SegmentNumber, StoreId};
use causelog_wire::SegmentHeader;

use crate::load::{Loaded, Unusable, header_of};

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

/// An index file that is of no use. It may be deleted; its segment's frames are read instead, and a writer's next
/// open makes it anew.
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
    /// It says that it was made for another segment, or in another store.
    #[error("the index file is of segment {1} of store {0}; it may be deleted, and is made anew")]
    Foreign(StoreId, SegmentNumber),
    /// The system cannot read it.
    #[error("the index file cannot be read; it may be deleted, and is made anew")]
    Unreadable,
    /// It was made for another state of its segment.
    #[error("the index file is of another state of its segment; it may be deleted, and is made anew")]
    Stale,
    /// There is no sealed segment of its number.
    #[error("there is no sealed segment that the index file is of; it may be deleted")]
    NoSegment,
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
            Self::Unreadable => "derived_unreadable",
            Self::Stale => "derived_stale",
            Self::NoSegment => "derived_without_segment",
            Self::NotAFile => "derived_not_a_file",
        }
    }
}

/// Looks at every index file of a directory: whether it is whole, and bound to its segment as that is now. Those whose
/// segment's header is damaged are passed over, since only that knows their checksums. Changes nothing.
///
/// # Errors
/// The system refuses. An index file that is of no use is no error, but a finding.
pub fn inspect_index_files(storage: Arc<dyn Storage>) -> Result<IndexFilesReport, IoError> {
    let list = || storage.list().map_err(IoError::on("list", storage.display()));
    // The names of index files first: a writer beside this makes a segment's successor before its index file.
    let entries = list()?;
    let directory = Directory::new(Arc::clone(&storage));
    let segments = Segments::read(&directory, list()?.iter().map(|entry| entry.name.as_str()));
    let (mut sound, mut findings) = (0, Findings::default());
    let mut names: Vec<_> = entries
        .iter()
        .filter_map(|entry| match FileName::parse(&entry.name) {
            FileName::Index(number) => Some((number, entry.kind)),
            _ => None,
        })
        .collect();
    names.sort_unstable_by_key(|(number, _)| *number);
    for (number, kind) in names {
        let found = match kind {
            EntryKind::File => segments.judge(&directory, number),
            EntryKind::Other => Judged::Useless(IndexFileFlaw::NotAFile, None),
        };
        let file = directory.path_of(&index_name(number));
        match found {
            Judged::Sound => sound += 1,
            Judged::Unknown => {}
            Judged::Useless(flaw, offset) => findings.push(IndexFileFinding { file, offset, flaw }),
        }
    }
    let (findings, more_findings) = findings.into_parts();
    Ok(IndexFilesReport { sound, findings, more_findings })
}

enum Judged {
    Sound,
    /// It is gone meanwhile, or nothing knows its checksums any more.
    Unknown,
    Useless(IndexFileFlaw, Option<ByteOffset>),
}

/// The segments of a directory by their own headers.
struct Segments {
    /// `None` where the header is damaged.
    headers: HashMap<SegmentNumber, Option<SegmentHeader>>,
    ends: HashMap<SegmentNumber, SegmentEnd>,
}

impl Segments {
    fn read<'a>(directory: &Directory, names: impl Iterator<Item = &'a str>) -> Self {
        let mut segments = Self { headers: HashMap::new(), ends: HashMap::new() };
        for name in names {
            let FileName::Segment(number) = FileName::parse(name) else { continue };
            // What stands there may be no segment that can be read; the log's verification says so.
            let header = header_of(directory, &segment_name(number)).ok().flatten();
            let header = header.filter(|header| header.number == number);
            if let Some(header) = header
                && let Some(previous) = header.previous
            {
                let (length, position, root) = (previous.length, header.base, header.base_root);
                segments.ends.insert(previous.number, SegmentEnd { length, position, root });
            }
            segments.headers.insert(number, header);
        }
        segments
    }

    fn judge(&self, directory: &Directory, number: SegmentNumber) -> Judged {
        let (header, end) = match (self.headers.get(&number), self.ends.get(&number)) {
            (Some(None), _) => return Judged::Unknown,
            (Some(Some(header)), Some(end)) => (header, *end),
            _ => return Judged::Useless(IndexFileFlaw::NoSegment, None),
        };
        let read = Loaded::read(directory, header, end).and_then(|loaded| loaded.check());
        match read {
            Ok(()) => Judged::Sound,
            Err(Unusable::Missing) => Judged::Unknown,
            Err(Unusable::Io(_)) => Judged::Useless(IndexFileFlaw::Unreadable, None),
            Err(Unusable::OtherSegment(store, segment)) => match (store, segment) == (header.store, number) {
                true => Judged::Useless(IndexFileFlaw::Stale, None),
                false => Judged::Useless(IndexFileFlaw::Foreign(store, segment), None),
            },
            Err(Unusable::NotWhole(offset)) => Judged::Useless(IndexFileFlaw::Damaged, Some(offset)),
            Err(_) => Judged::Useless(IndexFileFlaw::Damaged, None),
        }
    }
}
