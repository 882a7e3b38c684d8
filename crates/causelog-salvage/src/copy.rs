//! The new store's files: segments under temporary names until all of them are whole and synced.

use causelog_io::{Environment, IoError};
use causelog_segment::{
    CLOSED_FILE, Directory, NamedFile, Rescued, STORE_FILE, segment_name, temporary_name,
};
use causelog_types::{ByteOffset, Hlc, SegmentNumber, StoreHead, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{
    CleanClose, GapReason, GroupHeader, GroupKind, Predecessor, Salt, SegmentHeader, StoreIdentity,
    restamp_group,
};

/// A segment is full at this length.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// So much is written at once.
const WRITE_BYTES: usize = 1024 * 1024;

/// A log that is written from its beginning, into an empty directory.
pub(crate) struct Copy<'a> {
    environment: &'a Environment,
    directory: Directory,
    identity: StoreIdentity,
    /// Its end.
    pub(crate) head: StoreHead,
    hlc: Hlc,
    epoch: u64,
    segment: Option<Open>,
}

/// The segment that is being written.
struct Open {
    file: NamedFile,
    header: SegmentHeader,
    /// What is to be written next, and where.
    bytes: Vec<u8>,
    written: u64,
    /// Whether it holds a gap, and is to hold nothing else.
    is_gap: bool,
}

impl Open {
    fn end(&self) -> ByteOffset {
        ByteOffset(self.written).plus(self.bytes.len())
    }

    fn is_empty(&self) -> bool {
        self.end() == ByteOffset::default().plus(SEGMENT_HEADER_BYTES)
    }

    fn write(&mut self) -> Result<(), IoError> {
        self.file.write_all(&self.bytes, self.written)?;
        self.written = self.end().0;
        self.bytes.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), IoError> {
        self.write()?;
        self.file.sync()
    }
}

impl<'a> Copy<'a> {
    /// Begins with a mark of a clean close that cannot be read: until the right one takes its place, nothing opens the
    /// directory, not even to make a new store in it.
    pub(crate) fn begin_in(
        environment: &'a Environment,
        identity: StoreIdentity,
        head: StoreHead,
    ) -> Result<Self, IoError> {
        let directory = Directory::new(environment.storage.clone());
        let synced = environment.storage.sync_parent();
        synced.map_err(IoError::on("sync the parent of", directory.path()))?;
        directory.publish(CLOSED_FILE, &[])?;
        Ok(Self { environment, directory, identity, head, hlc: Hlc::default(), epoch: 1, segment: None })
    }

    /// Copies a group of events that follows what is there; whether it was still whole.
    pub(crate) fn group(&mut self, rescued: &mut Rescued) -> Result<bool, IoError> {
        let header = rescued.group.header;
        let needed = header.total_bytes();
        let fits = self.segment.as_ref().is_some_and(|open| {
            !open.is_gap && (open.is_empty() || open.end().0.saturating_add(needed) <= SEGMENT_BYTES)
        });
        if !fits {
            self.begin()?;
        }
        let Some(open) = &mut self.segment else { unreachable!("a segment has been begun") };
        let from = (rescued.salt, rescued.group.location.offset);
        if restamp_group(&mut rescued.bytes, from, (open.header.salt, open.end())).is_err() {
            return Ok(false);
        }
        open.bytes.extend_from_slice(&rescued.bytes);
        if open.bytes.len() >= WRITE_BYTES {
            open.write()?;
        }
        self.head = StoreHead { position: header.next(), root: header.root_after };
        self.hlc = rescued.group.hlc().map_or(self.hlc, |hlc| hlc.max(self.hlc));
        self.epoch = self.epoch.max(header.epoch);
        Ok(true)
    }

    /// Leaves a gap up to a later end, in a segment of its own: so the others keep their index files.
    pub(crate) fn gap(&mut self, to: StoreHead) -> Result<(), IoError> {
        let Some(count) = to.position.since(self.head.position).filter(|count| *count > 0) else {
            return Ok(());
        };
        if self.segment.as_ref().is_none_or(|open| open.is_gap || !open.is_empty()) {
            self.begin()?;
        }
        let Some(open) = &mut self.segment else { unreachable!("a segment has been begun") };
        let header = GroupHeader {
            kind: GroupKind::Gap(GapReason::Lost),
            length: 0,
            count,
            base: self.head.position,
            epoch: self.epoch,
            synced_to: self.head.position,
            root_before: self.head.root,
            root_after: to.root,
        };
        let encoded = header.encode(open.header.salt, open.end());
        open.bytes.extend_from_slice(&encoded);
        open.is_gap = true;
        self.head = to;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), IoError> {
        let previous = match &mut self.segment {
            None => None,
            Some(open) => {
                open.finish()?;
                Some(Predecessor { number: open.header.number, length: open.written, root: self.head.root })
            }
        };
        let number = SegmentNumber(previous.map_or(1, |before| before.number.0.saturating_add(1)));
        let mut salt = [0; 8];
        let drawn = self.environment.random.fill(&mut salt);
        drawn.map_err(IoError::on("draw the salt of", self.directory.path_of(&segment_name(number))))?;
        let header = SegmentHeader {
            store: self.identity.store,
            number,
            base: self.head.position,
            base_root: self.head.root,
            base_hlc: self.hlc,
            salt: Salt(u64::from_le_bytes(salt)),
            previous,
        };
        let encoded = header.encode();
        let file = self.directory.make_temporary(&segment_name(number), &encoded)?;
        let (bytes, written) = (Vec::new(), widen(encoded.len()));
        self.segment = Some(Open { file, header, bytes, written, is_gap: false });
        Ok(())
    }

    /// Makes a store of what was written, with the last step: until `store` is there, segments are damage.
    pub(crate) fn finish(mut self) -> Result<(), IoError> {
        if self.segment.as_ref().is_some_and(|open| open.is_gap) {
            // What is appended later must not follow the gap in its segment.
            self.begin()?;
        }
        let mut segment = None;
        if let Some(open) = &mut self.segment {
            open.finish()?;
            segment = Some((open.header.number, open.written));
        }
        let mark = CleanClose {
            store: self.identity.store,
            position: self.head.position,
            root: self.head.root,
            hlc: self.hlc,
            segment: segment.map(|(number, _)| number),
            segment_length: segment.map_or(0, |(_, length)| length),
        };
        for number in 1..=segment.map_or(0, |(number, _)| number.0) {
            let name = segment_name(SegmentNumber(number));
            self.directory.rename(&temporary_name(&name), &name)?;
        }
        let storage = &self.environment.storage;
        storage.sync_dir().map_err(IoError::on("sync", self.directory.path()))?;
        self.directory.publish(CLOSED_FILE, &mark.encode())?;
        self.directory.publish(STORE_FILE, &self.identity.encode())
    }
}
