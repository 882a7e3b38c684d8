//! The three outcomes of decoding, and the rules that bytes can break.

use causelog_types::ByteOffset;

/// What decoding found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded<T> {
    /// The thing, whole and valid.
    Whole(T),
    /// The bytes end before the thing does.
    Incomplete {
        /// How many bytes, from the beginning of the thing, are needed to go on.
        need: usize,
    },
    /// The bytes are not the thing, and more of them would not help.
    Corrupt(Flaw),
}

/// Which rule bytes break, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule} (at offset {offset})")]
pub struct Flaw {
    /// The rule.
    pub rule: Rule,
    /// Where, from the beginning of the file.
    pub offset: ByteOffset,
}

/// A rule of the format that bytes can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The file or record does not begin with its magic.
    #[error("the magic at its beginning is wrong")]
    Magic,
    /// The checksum of what is named does not fit the bytes at this place.
    #[error("the checksum of the {0} does not fit")]
    Checksum(&'static str),
    /// A number is outside its range, or contradicts another.
    #[error("its {0} is out of range")]
    Range(&'static str),
    /// Bytes that must be zero are not.
    #[error("its reserved bytes are not zero")]
    Reserved,
    /// A frame's length is zero or beyond the limit.
    #[error("the frame's length is zero or beyond the limit")]
    FrameLength,
    /// A header is longer than the limit.
    #[error("the header is longer than the limit")]
    HeaderLength,
    /// The header is not well-formed MessagePack, or a value is not of its key's type.
    #[error("the header is not well-formed MessagePack, or not of the types it must have")]
    Malformed,
    /// The header is not in the one form that its content has.
    #[error("the header is not canonical: {0}")]
    NotCanonical(&'static str),
    /// A header's key is missing.
    #[error("the header has no key {0:?}")]
    MissingKey(&'static str),
    /// A header's value is not what the data model allows.
    #[error("the header's value of key {0:?} is not allowed")]
    Value(&'static str),
    /// A header's key that is neither known nor allowed as an unknown one.
    #[error("the header has a key that is neither known nor a letter's")]
    KeyName,
    /// A payload is missing, or its salt is.
    #[error("the payload or its salt is missing")]
    Payload,
    /// An erased payload's bytes are not zeros.
    #[error("the payload is marked as erased, but its bytes are not zeros")]
    ErasedPayload,
    /// A version of the format that this code does not know.
    #[error("its format version {0} is not supported; use a newer release")]
    UnsupportedVersion(u16),
    /// A kind, a flag or a key that this code must know to go on, and does not.
    #[error("its {0} is not supported; use a newer release")]
    Unsupported(&'static str),
}

impl Rule {
    /// Whether the bytes may be right, but for a newer release.
    #[must_use]
    pub fn is_unsupported(self) -> bool {
        matches!(self, Self::UnsupportedVersion(_) | Self::Unsupported(_))
    }
}

impl<T> Decoded<T> {
    /// The thing, if it is whole.
    #[must_use]
    pub fn whole(self) -> Option<T> {
        match self {
            Self::Whole(thing) => Some(thing),
            Self::Incomplete { .. } | Self::Corrupt(_) => None,
        }
    }

    pub(crate) fn corrupt(rule: Rule, offset: ByteOffset) -> Self {
        Self::Corrupt(Flaw { rule, offset })
    }
}

impl<T> From<Result<T, Flaw>> for Decoded<T> {
    fn from(result: Result<T, Flaw>) -> Self {
        match result {
            Ok(thing) => Self::Whole(thing),
            Err(flaw) => Self::Corrupt(flaw),
        }
    }
}
