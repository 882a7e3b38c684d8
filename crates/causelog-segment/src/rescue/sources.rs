//! The files of a damaged log that may hold its groups, and which store they say it is.

use std::collections::HashMap;
use std::sync::Arc;

use causelog_io::EntryKind;
use causelog_types::{ByteOffset, Hlc, Position, SegmentNumber, StoreId};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{Decoded, Salt, SegmentHeader, StoreIdentity, hash};

use crate::directory::Directory;
use crate::error::{Damage, DamageKind, LogError};
use crate::group::Payloads;
use crate::names::{FileName, STORE_FILE};
use crate::scan::{Boundary, Scan};
use crate::segment::Segment;
use crate::survey::{Survey, read_head, which_store};

/// A file that may hold groups of the store.
pub(super) struct Source {
    /// Numbered by its name, which no other has.
    pub(super) segment: Arc<Segment>,
    /// Its number by its own header.
    pub(super) number: SegmentNumber,
    /// Whether its header is damaged: then only its salt is believed, and only if it finds groups.
    pub(super) mended: bool,
}

impl Source {
    pub(super) fn is_misnamed(&self) -> bool {
        self.mended || self.number != self.segment.number()
    }
}

pub(super) struct Sources {
    pub(super) identity: StoreIdentity,
    pub(super) all: Vec<Source>,
    /// Up to where segments are valid, as their successors say.
    pub(super) limits: HashMap<SegmentNumber, u64>,
    /// Headers that were read with a bit turned back.
    pub(super) turned: Vec<Damage>,
}

impl Sources {
    pub(super) fn find(directory: &Directory, survey: &Survey) -> Result<Self, LogError> {
        let (mut files, mut turned) = (Vec::new(), Vec::new());
        for entry in directory.list()? {
            if let (FileName::Segment(number), EntryKind::File) = (FileName::parse(&entry.name), entry.kind) {
                let Some(file) = directory.open_if_there(&entry.name)? else { continue };
                let head = read_head(&file, SEGMENT_HEADER_BYTES)?;
                let Some((mended, at)) = turned_back(directory, number, &head)? else {
                    files.push((number, head));
                    continue;
                };
                files.push((number, mended));
                let file = directory.path_of(&entry.name);
                turned.push(Damage { file, offset: at, kind: DamageKind::HeaderBitFlipped });
            }
        }
        files.sort_unstable_by_key(|(number, _)| *number);
        let decoded = files.iter().filter_map(|(_, head)| SegmentHeader::decode(head).whole());
        let stores = decoded.map(|header| header.store).collect();
        let store = match which_store(survey.identity, stores, survey.closed) {
            None => proven_store(directory, &files)?,
            named => named,
        };
        let made = |store| StoreIdentity { store, created_ms: 0 };
        let named = store
            .map(|store| survey.identity.filter(|identity| identity.store == store).unwrap_or(made(store)));
        let identity = named.ok_or_else(|| match survey.is_empty() {
            true => LogError::NotAStore { directory: directory.path() },
            false => {
                let (file, offset) = (directory.path_of(STORE_FILE), ByteOffset(0));
                Damage { file, offset, kind: DamageKind::IdentityMissing }.into()
            }
        })?;
        let mut sources = Self { identity, all: Vec::new(), limits: HashMap::new(), turned };
        for (number, head) in files {
            sources.add(directory, number, &head);
        }
        Ok(sources)
    }

    fn add(&mut self, directory: &Directory, number: SegmentNumber, head: &[u8]) {
        let (header, mended) = match SegmentHeader::decode(head) {
            Decoded::Whole(header) if header.store != self.identity.store => return,
            Decoded::Whole(header) => (header, false),
            Decoded::Incomplete { .. } | Decoded::Corrupt(_) => {
                let Some((_, salt)) = SegmentHeader::claims(head) else { return };
                (bare_header(self.identity.store, number, salt), true)
            }
        };
        if let Some(previous) = header.previous.filter(|_| header.number == number) {
            self.limits.insert(previous.number, previous.length);
        }
        let by_name = SegmentHeader { number, ..header };
        let segment = Arc::new(Segment::new(by_name, directory.clone(), None));
        self.all.push(Source { segment, number: header.number, mended });
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = SegmentHeader> {
        self.all.iter().filter(|source| !source.mended).map(|source| *source.segment.header())
    }
}

/// A damaged header with the one bit turned back that makes its checksum fit, and where that bit stands. It is believed
/// only if a group behind it knows its salt: then neither is there by chance.
fn turned_back(
    directory: &Directory,
    number: SegmentNumber,
    head: &[u8],
) -> Result<Option<(Vec<u8>, ByteOffset)>, LogError> {
    if head.len() < SEGMENT_HEADER_BYTES || !matches!(SegmentHeader::decode(head), Decoded::Corrupt(_)) {
        return Ok(None);
    }
    let (mut tried, mut found) = (head.to_vec(), None);
    for at in 0..tried.len() {
        for bit in 0..u8::BITS {
            tried[at] ^= 1 << bit;
            if let Some(header) = SegmentHeader::decode(&tried).whole()
                && found.replace((header, tried.clone(), ByteOffset::default().plus(at))).is_some()
            {
                return Ok(None);
            }
            tried[at] ^= 1 << bit;
        }
    }
    let Some((header, mended, at)) = found else { return Ok(None) };
    let by_name = SegmentHeader { number, ..header };
    let segment = Segment::new(by_name, directory.clone(), None);
    let mut scan = Scan::new(&segment, Boundary::first(&by_name), u64::MAX, Payloads::Trusted)?;
    Ok(scan.search(ByteOffset(0))?.map(|_| (mended, at)))
}

/// A header of which nothing is known but this.
fn bare_header(store: StoreId, number: SegmentNumber, salt: Salt) -> SegmentHeader {
    let (base, base_root, base_hlc) = (Position(0), hash::first_root(store), Hlc::default());
    SegmentHeader { store, number, base, base_root, base_hlc, salt, previous: None }
}

/// The store that a damaged header claims and that the first root behind it proves.
fn proven_store(
    directory: &Directory,
    files: &[(SegmentNumber, Vec<u8>)],
) -> Result<Option<StoreId>, LogError> {
    for (number, head) in files {
        let Some((store, salt)) = SegmentHeader::claims(head) else { continue };
        let header = bare_header(store, *number, salt);
        let segment = Segment::new(header, directory.clone(), None);
        let mut scan = Scan::new(&segment, Boundary::first(&header), u64::MAX, Payloads::Trusted)?;
        if let Some((_, group)) = scan.search(ByteOffset(0))?
            && (group.base, group.root_before) == (header.base, header.base_root)
        {
            return Ok(Some(store));
        }
    }
    Ok(None)
}
