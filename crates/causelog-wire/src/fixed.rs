//! Fixed layouts: fields one after the other, integers little-endian, ids in the byte order of their text.

use causelog_types::{EventId, Position, Root, StoreId};

/// Writes the fields of one fixed layout in order.
pub(crate) struct FixedWriter<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> FixedWriter<N> {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    pub(crate) fn bytes(mut self, field: &[u8]) -> Self {
        let end = self.at + field.len();
        self.bytes[self.at..end].copy_from_slice(field);
        self.at = end;
        self
    }

    pub(crate) fn u8(self, field: u8) -> Self {
        self.bytes(&[field])
    }

    pub(crate) fn u16(self, field: u16) -> Self {
        self.bytes(&field.to_le_bytes())
    }

    pub(crate) fn u32(self, field: u32) -> Self {
        self.bytes(&field.to_le_bytes())
    }

    pub(crate) fn u64(self, field: u64) -> Self {
        self.bytes(&field.to_le_bytes())
    }

    pub(crate) fn store(self, field: StoreId) -> Self {
        self.bytes(&field.as_u128().to_be_bytes())
    }

    /// What has been written so far, for the checksum over it.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes[..self.at]
    }

    pub(crate) fn finish(self) -> [u8; N] {
        assert_eq!(self.at, N, "a fixed layout must be written to its end");
        self.bytes
    }
}

/// Reads the fields of one fixed layout in order. The caller has checked the length of the whole.
pub(crate) struct FixedReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> FixedReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        field
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn position(&mut self) -> Position {
        Position(self.u64())
    }

    pub(crate) fn root(&mut self) -> Root {
        Root(self.array())
    }

    pub(crate) fn event_id(&mut self) -> EventId {
        EventId::from_u128(u128::from_be_bytes(self.array()))
    }

    pub(crate) fn store(&mut self) -> StoreId {
        StoreId::from_u128(u128::from_be_bytes(self.array()))
    }
}
