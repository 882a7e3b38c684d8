//! Identities: of events and of stores.

use std::fmt;
use std::str::FromStr;

use crate::InvalidValue;

/// The identity of an event: 128 bits, unique in its store, and the key of idempotency.
///
/// By default a UUID of version 7 (RFC 9562); a caller may give any other 128 bits. Shown as a hyphenated UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

/// The identity of a store: 128 random bits, drawn when it is made. Shown as a hyphenated UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(u128);

impl EventId {
    /// Takes any 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Makes a UUID of version 7 from milliseconds since 1970 (48 bits are kept) and 10 random bytes.
    #[must_use]
    pub fn from_time(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid().as_u128())
    }

    /// Its 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl StoreId {
    /// Takes any 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

macro_rules! shown_as_uuid {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&uuid::Uuid::from_u128(self.0).hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// Reads the hyphenated form alone: 8-4-4-4-12 hexadecimal digits.
        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                let syntax = || InvalidValue::Syntax { what: $what, text: text.into() };
                if text.len() != 36 {
                    return Err(syntax());
                }
                uuid::Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| syntax())
            }
        }
    };
}

shown_as_uuid!(EventId, "an event id: a hyphenated UUID");
shown_as_uuid!(StoreId, "a store id: a hyphenated UUID");
