//! A look at every index file, for verification: what is of no use is named, and the log is none the worse for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use causelog_io::{Entry, EntryKind, IoError, Storage};
use causelog_segment::{Directory, FileName, Findings, Group, LogError, STORE_FILE, Segment, Visit, inspect};
use causelog_types::{ByteOffset, Position, Root, StoreId};
use causelog_wire::StoreIdentity;
use causelog_wire::layout::STORE_FILE_BYTES;

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
    /// It was made for another state of the log: one of its two positions lies beyond the end or inside a group, or the
    /// log has another root there.
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

/// Looks at every index file of a directory: whether it is whole, and of this store and log, over which it walks for
/// that. Changes nothing. Whoever walks over the log anyway takes [`IndexInspection`].
///
/// # Errors
/// The system refuses. An index file that is of no use is no error, but a finding.
pub fn inspect_index_files(storage: Arc<dyn Storage>) -> Result<IndexFilesReport, IoError> {
    let mut files = IndexInspection::begin(Arc::clone(&storage))?;
    match inspect(storage, &mut |visit| files.visit(&visit), &mut |_| {}) {
        Ok(walked) => Ok(files.judge(walked.known_end, walked.in_use)),
        Err(LogError::Io(error)) => Err(error),
        // No store: there is no log that they could be of.
        Err(_) => Ok(files.judge_each(None)),
    }
}

/// A look at every index file beside a walk over the log, which shows what they must agree with.
#[derive(Debug)]
pub struct IndexInspection {
    directory: Directory,
    names: Vec<(RunRange, EntryKind)>,
    known: Known,
}

impl IndexInspection {
    /// Lists the index files; the walk is then watched for the positions that they are bound to.
    ///
    /// # Errors
    /// The system refuses.
    pub fn begin(storage: Arc<dyn Storage>) -> Result<Self, IoError> {
        let directory = Directory::new(storage);
        let index_file = |entry: Entry| match FileName::parse(&entry.name) {
            FileName::Index { base, next } => Some((RunRange { base, next }, entry.kind)),
            _ => None,
        };
        let mut names: Vec<_> = directory.list()?.into_iter().filter_map(index_file).collect();
        names.sort_unstable_by_key(|(range, _)| *range);
        let known = Known::new(&directory, names.iter().map(|(range, _)| *range));
        Ok(Self { directory, names, known })
    }

    /// Takes what the walk shows.
    pub fn visit(&mut self, visit: &Visit<'_>) {
        if let Visit::Group(group, segment) = visit {
            self.known.pass(group, segment);
        }
    }

    /// Judges each index file, after a walk over a log that is known to have ended here, and not before. Beside a writer,
    /// whose index files may be ahead of what it has published, nothing is called too long.
    #[must_use]
    pub fn judge(self, known_end: Position, in_use: bool) -> IndexFilesReport {
        self.judge_each((!in_use).then_some(known_end))
    }

    fn judge_each(self, end: Option<Position>) -> IndexFilesReport {
        let (mut sound, mut findings) = (0, Findings::default());
        for (range, kind) in &self.names {
            let found = match kind {
                EntryKind::File => self.known.judge(&self.directory, *range, end),
                EntryKind::Other => Judged::Useless(IndexFileFlaw::NotAFile, None),
            };
            let file = self.directory.path_of(&run_name(*range));
            match found {
                Judged::Sound => sound += 1,
                Judged::Gone => {}
                Judged::Useless(flaw, offset) => findings.push(IndexFileFinding { file, offset, flaw }),
            }
        }
        let (findings, more_findings) = findings.into_parts();
        IndexFilesReport { sound, findings, more_findings }
    }
}

enum Judged {
    Sound,
    /// A writer has merged it meanwhile.
    Gone,
    Useless(IndexFileFlaw, Option<ByteOffset>),
}

/// What the log says at the positions that index files are bound to.
#[derive(Debug)]
struct Known {
    store: Option<StoreId>,
    places: BTreeMap<Position, Place>,
}

/// What the log has at a position.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Nothing that was seen.
    Unseen,
    /// A boundary of groups with this root.
    Boundary(Root),
    /// The inside of a group.
    Inside,
}

impl Known {
    /// What cannot be read is not known; the log's verification says so.
    fn new(directory: &Directory, ranges: impl Iterator<Item = RunRange>) -> Self {
        let store = head_of(directory, STORE_FILE, STORE_FILE_BYTES)
            .and_then(|bytes| StoreIdentity::decode(&bytes).whole());
        let places = ranges.flat_map(|range| [range.base, range.next]);
        Self {
            store: store.map(|identity| identity.store),
            places: places.map(|position| (position, Place::Unseen)).collect(),
        }
    }

    fn pass(&mut self, group: &Group, segment: &Segment) {
        let (segment, header) = (segment.header(), &group.header);
        let next = header.next();
        self.store = Some(segment.store);
        for (_, place) in self.places.range_mut(header.base..next) {
            if let Place::Unseen = place {
                *place = Place::Inside;
            }
        }
        let boundaries = [(segment.base, segment.base_root), (header.base, header.root_before)];
        for (position, root) in boundaries.into_iter().chain([(next, header.root_after)]) {
            if let Some(place) = self.places.get_mut(&position) {
                *place = Place::Boundary(root);
            }
        }
    }

    /// Whether the log, which ends here, has another root at a position, or none.
    fn contradicts(&self, position: Position, root: Root, end: Option<Position>) -> bool {
        match self.places.get(&position) {
            Some(Place::Boundary(known)) => *known != root,
            Some(Place::Inside) => true,
            Some(Place::Unseen) | None => end.is_some_and(|end| position > end),
        }
    }

    fn judge(&self, directory: &Directory, range: RunRange, end: Option<Position>) -> Judged {
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
        let contradicted = |position, root| self.contradicts(position, root, end);
        if contradicted(header.base, header.root_before) || contradicted(header.next, header.root) {
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
