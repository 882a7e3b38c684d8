//! The small files of a store: its identity, the mark of a clean close, the slots of the published end.

use causelog_types::{ByteOffset, Hlc, Position, Root, SegmentNumber, StoreId};

use crate::checksum::checksum;
use crate::fixed::{FixedReader, FixedWriter};
use crate::layout::{
    CLOSED_FILE_BYTES, CLOSED_MAGIC, FORMAT_VERSION, SLOT_BYTES, SLOT_MAGIC, STORE_FILE_BYTES, STORE_MAGIC,
};
use crate::{Decoded, Flaw, Rule, Salt};

/// The `store` file: which store this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreIdentity {
    /// The store.
    pub store: StoreId,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
}

/// The `closed` file: the log's end when a writer closed it with everything in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanClose {
    /// The store.
    pub store: StoreId,
    /// The position of the next event.
    pub position: Position,
    /// The root there.
    pub root: Root,
    /// The recorded time of the last event.
    pub hlc: Hlc,
    /// The last segment; `None` in a store that has none.
    pub segment: Option<SegmentNumber>,
    /// Its length.
    pub segment_length: u64,
}

/// A slot of the `lock` file: the end that a writer had published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which opening of the store wrote it.
    pub epoch: u64,
    /// The last segment; `None` in a store that has none.
    pub segment: Option<SegmentNumber>,
    /// The offset in it at which the next group will stand.
    pub offset: ByteOffset,
    /// The offset at which the last group before it begins; the same where none stands in the segment yet.
    pub group: ByteOffset,
    /// The position of the next event.
    pub position: Position,
    /// The root there.
    pub root: Root,
}

/// What seeds the checksums of files that belong to a store but to no segment: the lower half of its id.
fn salt_of(store: StoreId) -> Salt {
    let [_, _, _, _, _, _, _, _, low @ ..] = store.as_u128().to_be_bytes();
    Salt(u64::from_be_bytes(low))
}

impl StoreIdentity {
    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; STORE_FILE_BYTES] {
        let fields = FixedWriter::<STORE_FILE_BYTES>::new()
            .bytes(&STORE_MAGIC)
            .u16(FORMAT_VERSION)
            .u16(0)
            .store(self.store)
            .u64(self.created_ms);
        let checksum = checksum(Salt(0), ByteOffset(0), &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads a whole file.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        if bytes.len() < STORE_FILE_BYTES {
            return Decoded::Incomplete { need: STORE_FILE_BYTES };
        }
        Self::read(bytes).map_err(|rule| Flaw { rule, offset: ByteOffset(0) }).into()
    }

    fn read(bytes: &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        let (magic, version, flags) = (fields.array(), fields.u16(), fields.u16());
        let identity = Self { store: fields.store(), created_ms: fields.u64() };
        let fits = fields.u32() == checksum(Salt(0), ByteOffset(0), &[&bytes[..STORE_FILE_BYTES - 4]]);
        check_file(
            "store file",
            magic == STORE_MAGIC,
            fits,
            version,
            flags,
            bytes.len() == STORE_FILE_BYTES,
        )?;
        Ok(identity)
    }
}

impl CleanClose {
    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; CLOSED_FILE_BYTES] {
        let fields = FixedWriter::<CLOSED_FILE_BYTES>::new()
            .bytes(&CLOSED_MAGIC)
            .u16(FORMAT_VERSION)
            .u16(0)
            .store(self.store)
            .u64(self.position.0)
            .bytes(&self.root.0)
            .u64(self.hlc.wall_ms)
            .u32(self.hlc.counter)
            .u64(self.segment.map_or(0, |segment| segment.0))
            .u64(self.segment_length);
        let checksum = checksum(salt_of(self.store), ByteOffset(0), &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads a whole file.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        if bytes.len() < CLOSED_FILE_BYTES {
            return Decoded::Incomplete { need: CLOSED_FILE_BYTES };
        }
        Self::read(bytes).map_err(|rule| Flaw { rule, offset: ByteOffset(0) }).into()
    }

    fn read(bytes: &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        let (magic, version, flags) = (fields.array(), fields.u16(), fields.u16());
        let closed = Self {
            store: fields.store(),
            position: fields.position(),
            root: fields.root(),
            hlc: Hlc { wall_ms: fields.u64(), counter: fields.u32() },
            segment: segment(fields.u64()),
            segment_length: fields.u64(),
        };
        let covered = &bytes[..CLOSED_FILE_BYTES - 4];
        let fits = fields.u32() == checksum(salt_of(closed.store), ByteOffset(0), &[covered]);
        check_file(
            "closed file",
            magic == CLOSED_MAGIC,
            fits,
            version,
            flags,
            bytes.len() == CLOSED_FILE_BYTES,
        )?;
        Ok(closed)
    }
}

impl Slot {
    /// Writes it for this place in the `lock` file of a store.
    #[must_use]
    pub fn encode(&self, store: StoreId, offset: ByteOffset) -> [u8; SLOT_BYTES] {
        let fields = FixedWriter::<SLOT_BYTES>::new()
            .bytes(&SLOT_MAGIC)
            .u64(self.epoch)
            .u64(self.segment.map_or(0, |segment| segment.0))
            .u64(self.offset.0)
            .u64(self.group.0)
            .u64(self.position.0)
            .bytes(&self.root.0);
        let checksum = checksum(salt_of(store), offset, &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads the one at the beginning of `bytes`, which stand at `offset` in the `lock` file of a store.
    #[must_use]
    pub fn decode(bytes: &[u8], store: StoreId, offset: ByteOffset) -> Decoded<Self> {
        let Some(bytes) = bytes.get(..SLOT_BYTES) else {
            return Decoded::Incomplete { need: SLOT_BYTES };
        };
        Self::read(bytes, store, offset).map_err(|rule| Flaw { rule, offset }).into()
    }

    fn read(bytes: &[u8], store: StoreId, offset: ByteOffset) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        if fields.array() != SLOT_MAGIC {
            return Err(Rule::Magic);
        }
        let slot = Self {
            epoch: fields.u64(),
            segment: segment(fields.u64()),
            offset: ByteOffset(fields.u64()),
            group: ByteOffset(fields.u64()),
            position: fields.position(),
            root: fields.root(),
        };
        match fields.u32() == checksum(salt_of(store), offset, &[&bytes[..SLOT_BYTES - 4]]) {
            true => Ok(slot),
            false => Err(Rule::Checksum("slot")),
        }
    }
}

fn segment(number: u64) -> Option<SegmentNumber> {
    (number > 0).then_some(SegmentNumber(number))
}

/// The order in which a file is doubted: is it one, is it whole, is it of this version.
fn check_file(
    file: &'static str,
    magic: bool,
    fits: bool,
    version: u16,
    flags: u16,
    length: bool,
) -> Result<(), Rule> {
    if !magic {
        return Err(Rule::Magic);
    }
    if !fits {
        return Err(Rule::Checksum(file));
    }
    if version != FORMAT_VERSION {
        return Err(Rule::UnsupportedVersion(version));
    }
    if flags != 0 {
        return Err(Rule::Unsupported("file flag"));
    }
    match length {
        true => Ok(()),
        false => Err(Rule::Range("file length")),
    }
}
