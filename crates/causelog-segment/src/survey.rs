//! What stands in a directory: the first look at a store, which fails only when the system refuses.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::{EntryKind, IoError};
use causelog_types::{ByteOffset, SegmentNumber, StoreId, widen};
use causelog_wire::layout::{CLOSED_FILE_BYTES, SEGMENT_HEADER_BYTES, STORE_FILE_BYTES};
use causelog_wire::{CleanClose, Decoded, Predecessor, SegmentHeader, StoreIdentity, hash};

use crate::directory::{Directory, NamedFile};
use crate::error::{Damage, DamageKind};
use crate::names::{CLOSED_FILE, FileName, STORE_FILE, segment_name};
use crate::segment::Segment;

/// What stands in a directory.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Which store this is, as far as anything here says.
    pub(crate) store: Option<StoreId>,
    /// What the `store` file says; if that is another store's, it is among the findings.
    pub(crate) identity: Option<StoreIdentity>,
    pub(crate) closed: Option<CleanClose>,
    /// The segments whose headers are right, in order.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The greatest number that a segment has.
    pub(crate) last_number: u64,
    pub(crate) unknown: Vec<String>,
    pub(crate) temporary: Vec<String>,
    pub(crate) findings: Vec<Damage>,
}

impl Survey {
    pub(crate) fn take(directory: &Directory) -> Result<Self, IoError> {
        let mut survey = Self {
            store: None,
            identity: None,
            closed: None,
            segments: Vec::new(),
            last_number: 0,
            unknown: Vec::new(),
            temporary: Vec::new(),
            findings: Vec::new(),
        };
        let numbers = survey.sort_names(directory)?;
        let small = |name, most| match survey.is_named(&directory.path_of(name)) {
            true => Ok(None),
            false => survey.read_small(directory, name, most),
        };
        let store = small(STORE_FILE, STORE_FILE_BYTES)?;
        let closed = small(CLOSED_FILE, CLOSED_FILE_BYTES)?;
        survey.identity = store
            .and_then(|bytes| survey.decoded(directory.path_of(STORE_FILE), StoreIdentity::decode(&bytes)));
        survey.closed = closed
            .and_then(|bytes| survey.decoded(directory.path_of(CLOSED_FILE), CleanClose::decode(&bytes)));
        let mut heads = Vec::new();
        for number in numbers {
            let Some(file) = directory.open_if_there(&segment_name(number))? else { continue };
            heads.push((number, read_head(&file, SEGMENT_HEADER_BYTES)?));
        }
        survey.find_store(directory, &heads);
        for (number, head) in heads {
            survey.add_segment(directory, number, &head)?;
        }
        Ok(survey)
    }

    /// Whether nothing of a store is here: what is not there cannot be damaged.
    pub(crate) fn is_empty(&self) -> bool {
        self.identity.is_none() && self.closed.is_none() && self.findings.is_empty() && self.last_number == 0
    }

    /// The greatest number that a segment has.
    pub(crate) fn last(&self) -> Option<SegmentNumber> {
        (self.last_number > 0).then_some(SegmentNumber(self.last_number))
    }

    pub(crate) fn find_missing(&mut self, directory: &Directory, number: SegmentNumber) {
        self.find(directory.path_of(&segment_name(number)), DamageKind::SegmentMissing(number));
    }

    fn sort_names(&mut self, directory: &Directory) -> Result<Vec<SegmentNumber>, IoError> {
        let mut numbers = Vec::new();
        for entry in directory.list()? {
            match (FileName::parse(&entry.name), entry.kind) {
                (FileName::Store | FileName::Lock | FileName::Closed, EntryKind::File) => {}
                (FileName::Segment(number), EntryKind::File) => {
                    numbers.push(number);
                    self.last_number = self.last_number.max(number.0);
                }
                (FileName::Index { .. }, EntryKind::File) => {}
                (FileName::Temporary, EntryKind::File) => self.temporary.push(entry.name),
                (name @ (FileName::Store | FileName::Lock | FileName::Closed | FileName::Segment(_)), _) => {
                    if let FileName::Segment(number) = name {
                        self.last_number = self.last_number.max(number.0);
                    }
                    self.find(directory.path_of(&entry.name), DamageKind::NotAFile);
                }
                _ => self.unknown.push(entry.name),
            }
        }
        // Named in the directory's order, which is none.
        self.findings.sort_unstable_by(|a, b| a.file.cmp(&b.file));
        numbers.sort_unstable();
        self.unknown.sort_unstable();
        self.temporary.sort_unstable();
        Ok(numbers)
    }

    /// Reads a file that has a fixed length; one byte more is enough to see that it is too long.
    fn read_small(&self, directory: &Directory, name: &str, most: usize) -> Result<Option<Vec<u8>>, IoError> {
        let Some(file) = directory.open_if_there(name)? else { return Ok(None) };
        Ok(Some(read_head(&file, most + 1)?))
    }

    fn decoded<T>(&mut self, file: String, decoded: Decoded<T>) -> Option<T> {
        let (offset, kind) = match decoded {
            Decoded::Whole(thing) => return Some(thing),
            Decoded::Incomplete { need } => (ByteOffset(0), DamageKind::Incomplete { need: widen(need) }),
            Decoded::Corrupt(flaw) => (flaw.offset, DamageKind::Rule(flaw.rule)),
        };
        self.findings.push(Damage { file, offset, kind });
        None
    }

    /// Finds out which store this is, and what of the small files is another's.
    fn find_store(&mut self, directory: &Directory, heads: &[(SegmentNumber, Vec<u8>)]) {
        let store_is_named = self.is_named(&directory.path_of(STORE_FILE));
        if self.identity.is_none() && !store_is_named && (!heads.is_empty() || self.closed.is_some()) {
            self.find(directory.path_of(STORE_FILE), DamageKind::IdentityMissing);
        }
        let headers = heads.iter().filter_map(|(_, head)| SegmentHeader::decode(head).whole());
        let (identity, closed) = (self.identity, self.closed);
        self.store = which_store(identity, headers.map(|header| header.store).collect(), closed);
        let foreign = |of: StoreId| self.store.is_some_and(|store| store != of).then_some(of);
        let foreign_identity = identity.and_then(|identity| foreign(identity.store));
        let foreign_mark = closed.and_then(|closed| foreign(closed.store));
        if let Some(other) = foreign_identity {
            self.find(directory.path_of(STORE_FILE), DamageKind::SegmentForeign(other));
        }
        if let Some(other) = foreign_mark {
            self.find(directory.path_of(CLOSED_FILE), DamageKind::SegmentForeign(other));
            self.closed = None;
        }
    }

    fn add_segment(
        &mut self,
        directory: &Directory,
        number: SegmentNumber,
        head: &[u8],
    ) -> Result<(), IoError> {
        let path = directory.path_of(&segment_name(number));
        let Some(header) = self.decoded(path.clone(), SegmentHeader::decode(head)) else { return Ok(()) };
        if self.store.is_some_and(|store| store != header.store) {
            self.find(path, DamageKind::SegmentForeign(header.store));
            return Ok(());
        }
        if header.number != number {
            self.find(path, DamageKind::SegmentMisnamed(header.number));
            return Ok(());
        }
        self.check_order(&header, path)?;
        self.segments.push(Arc::new(Segment::new(header, directory.clone(), None)));
        Ok(())
    }

    /// Whether a segment follows the one found before it.
    fn check_order(&mut self, header: &SegmentHeader, path: String) -> Result<(), IoError> {
        let before = self.segments.last().cloned();
        match (before, header.previous) {
            (None, None) => {
                let starts = header.base.0 == 0 && header.base_root == hash::first_root(header.store);
                if !starts {
                    self.find(path, DamageKind::SegmentOutOfOrder);
                }
            }
            (Some(before), Some(previous)) if previous.number == before.number() => {
                self.check_predecessor(&before, previous, header, path)?;
            }
            (before, Some(previous)) if before.as_ref().is_none_or(|b| b.number() < previous.number) => {
                self.find(path, DamageKind::SegmentMissing(previous.number));
            }
            _ => self.find(path, DamageKind::SegmentOutOfOrder),
        }
        Ok(())
    }

    fn check_predecessor(
        &mut self,
        before: &Segment,
        previous: Predecessor,
        header: &SegmentHeader,
        path: String,
    ) -> Result<(), IoError> {
        let length = before.file_for_now()?.length()?;
        if length < previous.length {
            let kind = DamageKind::SegmentShort { length, recorded: previous.length };
            self.findings.push(Damage { file: before.path(), offset: ByteOffset(length), kind });
        }
        let follows = previous.root == header.base_root
            && header.base >= before.header().base
            && header.base_hlc >= before.header().base_hlc
            && previous.length >= widen(SEGMENT_HEADER_BYTES);
        if !follows {
            self.find(path, DamageKind::SegmentOutOfOrder);
        }
        Ok(())
    }

    /// Whether a file is among the findings.
    pub(crate) fn is_named(&self, file: &str) -> bool {
        self.findings.iter().any(|found| found.file == file)
    }

    fn find(&mut self, file: String, kind: DamageKind) {
        self.findings.push(Damage { file, offset: ByteOffset(0), kind });
    }
}

/// Which store a directory is, by its `store` file, the headers of its segments and the mark of a clean close.
pub(crate) fn which_store(
    identity: Option<StoreIdentity>,
    segments: Vec<StoreId>,
    closed: Option<CleanClose>,
) -> Option<StoreId> {
    // A store file that no segment agrees with is another store's.
    let named = identity.map(|identity| identity.store);
    let named = named.filter(|named| segments.is_empty() || segments.contains(named));
    named.or_else(|| most_frequent(segments)).or(closed.map(|closed| closed.store))
}

/// Of equally frequent ones, any.
fn most_frequent(stores: Vec<StoreId>) -> Option<StoreId> {
    let mut counts: HashMap<StoreId, usize> = HashMap::new();
    for store in stores {
        *counts.entry(store).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(store, count)| (*count, Reverse(store.as_u128()))).map(|(store, _)| store)
}

pub(crate) fn read_head(file: &NamedFile, most: usize) -> Result<Vec<u8>, IoError> {
    let mut bytes = vec![0; most];
    let read = file.read(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
