//! What happened: event kinds and their categories.

use std::fmt;
use std::str::FromStr;

use crate::InvalidValue;

/// What happened: 4 bits of category, 12 bits of type, for example `0x1001`.
///
/// Categories 0x0 and 0xD are the library's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKind(u16);

/// The upper 4 bits of a kind: 0x0 to 0xF.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(u8);

impl EventKind {
    /// Makes a kind for an application's event.
    ///
    /// # Errors
    /// [`InvalidValue::ReservedKind`] for categories 0x0 and 0xD.
    pub const fn new(bits: u16) -> Result<Self, InvalidValue> {
        match Self(bits).is_library() {
            true => Err(InvalidValue::ReservedKind { bits }),
            false => Ok(Self(bits)),
        }
    }

    /// Makes a kind known when the program is compiled; a reserved one does not compile.
    #[must_use]
    pub const fn of<const BITS: u16>() -> Self {
        const { assert!(!Self(BITS).is_library(), "categories 0x0 and 0xD are reserved for the library") }
        Self(BITS)
    }

    /// Takes any bits, as decoders must; ordinary appends refuse reserved ones.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// All 16 bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The upper 4 bits.
    #[must_use]
    pub const fn category(self) -> Category {
        let [high, _] = self.0.to_be_bytes();
        Category(high >> 4)
    }

    /// Whether the kind is one of the library's own.
    #[must_use]
    pub const fn is_library(self) -> bool {
        matches!(self.category().0, 0x0 | 0xD)
    }
}

impl Category {
    /// Makes a category of its number.
    ///
    /// # Errors
    /// [`InvalidValue::NoSuchCategory`] above 0xF.
    pub const fn new(bits: u8) -> Result<Self, InvalidValue> {
        match bits {
            0..=0xF => Ok(Self(bits)),
            _ => Err(InvalidValue::NoSuchCategory { bits: u16::from_be_bytes([0, bits]) }),
        }
    }

    /// Its number, 0x0 to 0xF.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

impl fmt::Debug for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKind({self})")
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Category({self})")
    }
}

/// Reads `0x1001` or `4097`; reserved kinds are accepted, so that they can be asked for.
impl FromStr for EventKind {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bits = match text.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16),
            None => text.parse(),
        };
        let syntax = |_| InvalidValue::Syntax { what: "an event kind such as 0x1001", text: text.into() };
        bits.map(Self).map_err(syntax)
    }
}

/// Reads `0x1` or `1`.
impl FromStr for Category {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let bits = match text.strip_prefix("0x") {
            Some(hex) => u8::from_str_radix(hex, 16),
            None => text.parse(),
        };
        let syntax = |_| InvalidValue::Syntax { what: "a category such as 0x1", text: text.into() };
        bits.map_err(syntax).and_then(Self::new)
    }
}
