//! The one error of this crate: a value that the data model does not allow.

/// A value that the data model does not allow. Nothing was made, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// A text that must not be empty is.
    #[error("{what} is empty; give at least one character")]
    Empty {
        /// What the text is.
        what: &'static str,
    },
    /// A text is longer than its limit.
    #[error("{what} has {bytes} bytes; at most {limit} are allowed")]
    TooLong {
        /// What the text is.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A text holds a control character.
    #[error("{what} has a control character at byte {at}; remove it")]
    ControlCharacter {
        /// What the text is.
        what: &'static str,
        /// Where the character begins, in bytes.
        at: usize,
    },
    /// More values than allowed.
    #[error("{count} {what} given; at most {limit} are allowed")]
    TooMany {
        /// What the values are, in the plural.
        what: &'static str,
        /// How many were given.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A value stands twice where each may stand once.
    #[error("{what} {value} is given twice; give it once")]
    Duplicate {
        /// What the value is.
        what: &'static str,
        /// The value, as text.
        value: String,
    },
    /// A kind of a category that is the library's own.
    #[error(
        "kind {bits:#06x} is of a category reserved for the library (0x0 and 0xD); use another upper digit"
    )]
    ReservedKind {
        /// The kind's bits.
        bits: u16,
    },
    /// A category that does not exist: categories are 0x0 to 0xF.
    #[error("category {bits:#x} does not exist; categories are 0x0 to 0xf")]
    NoSuchCategory {
        /// The number given.
        bits: u16,
    },
    /// A text that cannot be read as what it should be.
    #[error("{text:?} is not {what}")]
    Syntax {
        /// What the text should be, with its article.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A range that ends before it begins.
    #[error("the range of {what} ends at {end} before it begins at {start}")]
    ReversedRange {
        /// What the range is over.
        what: &'static str,
        /// First value.
        start: u64,
        /// The value after the last.
        end: u64,
    },
    /// A value that cannot be written as MessagePack.
    #[error("the payload cannot be encoded as MessagePack: {reason}")]
    PayloadEncoding {
        /// What the encoder said.
        reason: String,
    },
    /// A stored payload that is not the type asked for.
    #[error("the payload cannot be decoded as the type asked for: {reason}")]
    PayloadDecoding {
        /// What the decoder said.
        reason: String,
    },
    /// A payload that has been erased.
    #[error("the payload has been erased; only the event's header remains")]
    PayloadErased,
    /// A number that has reached its end.
    #[error("{what} has reached its greatest value")]
    Exhausted {
        /// What is counted.
        what: &'static str,
    },
}

/// Checks a text that names something: not empty, at most `limit` bytes, no control characters.
pub(crate) fn check_text(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidValue> {
    if text.is_empty() {
        return Err(InvalidValue::Empty { what });
    }
    if text.len() > limit {
        return Err(InvalidValue::TooLong { what, bytes: text.len(), limit });
    }
    // Most texts are ASCII without any: that is told from their bytes.
    if text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(InvalidValue::ControlCharacter { what, at }),
        None => Ok(()),
    }
}
