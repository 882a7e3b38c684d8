//! The three hashes, each a type of its own, so that one is never taken for another.

use std::fmt;
use std::str::FromStr;

use crate::InvalidValue;

macro_rules! hash {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// Reads 64 hexadecimal digits.
        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                from_hex(text)
                    .map(Self)
                    .ok_or_else(|| InvalidValue::Syntax { what: $what, text: text.into() })
            }
        }
    };
}

hash!(
    /// The hash of a stored payload. It stands in the event's header.
    PayloadHash,
    "a payload hash: 64 hexadecimal digits"
);
hash!(
    /// The hash of an event's header. The next event of the stream holds it as its previous hash.
    EventHash,
    "an event hash: 64 hexadecimal digits"
);
hash!(
    /// The running hash over every event of the store in order.
    Root,
    "a root: 64 hexadecimal digits"
);

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}
