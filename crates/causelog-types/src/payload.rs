//! Payloads: any serialisable value, as MessagePack with named fields.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{InvalidValue, limits};

/// The data of an event: one MessagePack value, in which structs are maps with their fields' names.
///
/// Cloning is cheap.
#[derive(Clone)]
pub struct Payload {
    bytes: Arc<[u8]>,
    /// Where it begins: an event that was read shares one allocation with its payload.
    start: u32,
}

impl Payload {
    /// Encodes any serialisable value. Byte vectors and byte slices become MessagePack `bin`, not arrays.
    ///
    /// # Errors
    /// [`InvalidValue::PayloadEncoding`] when the value refuses to be serialised, and
    /// [`InvalidValue::TooLong`] beyond the hard limit of a frame.
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, InvalidValue> {
        let mut bytes = Vec::with_capacity(128);
        let mut serializer = rmp_serde::Serializer::new(&mut bytes)
            .with_struct_map()
            .with_bytes(rmp_serde::config::BytesMode::ForceIterables);
        value
            .serialize(&mut serializer)
            .map_err(|error| InvalidValue::PayloadEncoding { reason: error.to_string() })?;
        check_length(bytes.len())?;
        Ok(Self::from_stored(&bytes))
    }

    /// Takes bytes that are already one MessagePack value.
    ///
    /// # Errors
    /// [`InvalidValue::PayloadEncoding`] when they are not exactly one value, or nested deeper than 128 levels.
    pub fn from_msgpack(bytes: &[u8]) -> Result<Self, InvalidValue> {
        check_length(bytes.len())?;
        let mut rest = bytes;
        let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
        deserializer.set_max_depth(limits::PAYLOAD_NESTING_MAX);
        let refused = |reason: String| InvalidValue::PayloadEncoding { reason };
        <serde::de::IgnoredAny as serde::Deserialize>::deserialize(&mut deserializer)
            .map_err(|error| refused(error.to_string()))?;
        drop(deserializer);
        match rest.len() {
            0 => Ok(Self::from_stored(bytes)),
            more => Err(refused(format!("{more} bytes follow the value"))),
        }
    }

    /// Takes bytes from a log without looking at them: a frame's checksum and hash speak for them.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Self {
        Self { bytes: bytes.into(), start: 0 }
    }

    /// What stands from `start` on in bytes that others hold too.
    pub(crate) fn within(bytes: &Arc<[u8]>, start: u32) -> Self {
        Self { bytes: Arc::clone(bytes), start }
    }

    /// The MessagePack bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Decodes the value as a type of the caller's choice.
    ///
    /// # Errors
    /// [`InvalidValue::PayloadDecoding`] when the value is not of that type, or nested deeper than 128 levels.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, InvalidValue> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(self.as_bytes());
        deserializer.set_max_depth(limits::PAYLOAD_NESTING_MAX);
        T::deserialize(&mut deserializer)
            .map_err(|error| InvalidValue::PayloadDecoding { reason: error.to_string() })
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Payload {}

impl Hash for Payload {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.as_bytes().len())
    }
}

fn check_length(bytes: usize) -> Result<(), InvalidValue> {
    match bytes > limits::FRAME_BYTES_MAX {
        true => Err(InvalidValue::TooLong { what: "payload", bytes, limit: limits::FRAME_BYTES_MAX }),
        false => Ok(()),
    }
}
