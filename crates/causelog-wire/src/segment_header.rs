//! The header of a segment file.

use causelog_types::{ByteOffset, Hlc, Position, Root, SegmentNumber, StoreId};

use crate::checksum::checksum;
use crate::fixed::{FixedReader, FixedWriter};
use crate::layout::{FORMAT_VERSION, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC};
use crate::{Decoded, Flaw, Rule, Salt};

/// What a segment file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The store it belongs to.
    pub store: StoreId,
    /// Its number, also its name.
    pub number: SegmentNumber,
    /// The position of its first event.
    pub base: Position,
    /// The root before its first event.
    pub base_root: Root,
    /// The recorded time of the event before its first.
    pub base_hlc: Hlc,
    /// What seeds its checksums.
    pub salt: Salt,
    /// The segment before it; `None` in a store's first.
    pub previous: Option<Predecessor>,
}

/// What a segment says of the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predecessor {
    /// Its number.
    pub number: SegmentNumber,
    /// Up to where it is valid; bytes after it are dead.
    pub length: u64,
    /// The root at its end.
    pub root: Root,
}

impl SegmentHeader {
    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let none = Predecessor { number: SegmentNumber(0), length: 0, root: Root([0; 32]) };
        let previous = self.previous.unwrap_or(none);
        let fields = FixedWriter::<SEGMENT_HEADER_BYTES>::new()
            .bytes(&SEGMENT_MAGIC)
            .u16(FORMAT_VERSION)
            .u16(0)
            .store(self.store)
            .u64(self.number.0)
            .u64(self.base.0)
            .bytes(&self.base_root.0)
            .u64(self.base_hlc.wall_ms)
            .u32(self.base_hlc.counter)
            .u64(self.salt.0)
            .u64(previous.number.0)
            .u64(previous.length)
            .bytes(&previous.root.0);
        let checksum = checksum(self.salt, ByteOffset(0), &[fields.written()]);
        fields.u32(checksum).finish()
    }

    /// Reads the one at the beginning of a file.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Some(bytes) = bytes.get(..SEGMENT_HEADER_BYTES) else {
            return Decoded::Incomplete { need: SEGMENT_HEADER_BYTES };
        };
        Self::read(bytes).map_err(|rule| Flaw { rule, offset: ByteOffset(0) }).into()
    }

    /// Store and salt in a header whose checksum does not fit. Whether they are right shows by the groups behind it.
    #[must_use]
    pub fn claims(bytes: &[u8]) -> Option<(StoreId, Salt)> {
        let mut fields = FixedReader::new(bytes.get(..SEGMENT_HEADER_BYTES)?);
        let _: ([u8; 8], u16, u16) = (fields.array(), fields.u16(), fields.u16());
        let store = fields.store();
        let _: (u64, Position, Root) = (fields.u64(), fields.position(), fields.root());
        let _: (u64, u32) = (fields.u64(), fields.u32());
        Some((store, Salt(fields.u64())))
    }

    fn read(bytes: &[u8]) -> Result<Self, Rule> {
        let mut fields = FixedReader::new(bytes);
        if fields.array() != SEGMENT_MAGIC {
            return Err(Rule::Magic);
        }
        let (version, flags) = (fields.u16(), fields.u16());
        let store = fields.store();
        let number = SegmentNumber(fields.u64());
        let base = fields.position();
        let base_root = fields.root();
        let base_hlc = Hlc { wall_ms: fields.u64(), counter: fields.u32() };
        let salt = Salt(fields.u64());
        let previous =
            Predecessor { number: SegmentNumber(fields.u64()), length: fields.u64(), root: fields.root() };
        let (covered, _) = bytes.split_at(SEGMENT_HEADER_BYTES - 4);
        if fields.u32() != checksum(salt, ByteOffset(0), &[covered]) {
            return Err(Rule::Checksum("segment header"));
        }
        if version != FORMAT_VERSION {
            return Err(Rule::UnsupportedVersion(version));
        }
        if flags != 0 {
            return Err(Rule::Unsupported("segment flag"));
        }
        if number.0 == 0 {
            return Err(Rule::Range("number"));
        }
        let previous = match previous.number.0 {
            0 if previous.length == 0 && previous.root == Root([0; 32]) => None,
            before if before > 0 && before < number.0 => Some(previous),
            _ => return Err(Rule::Range("predecessor")),
        };
        Ok(Self { store, number, base, base_root, base_hlc, salt, previous })
    }
}
