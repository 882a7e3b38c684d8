//! Who and where: the name of a stream.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::error::check_text;
use crate::{InvalidValue, limits};

/// The name of a stream: an entity (who) in a scope (where).
///
/// Revisions, hash chain and head belong to the pair, so two scopes share nothing.
/// Both are non-empty UTF-8 without control characters, at most 512 and 255 bytes.
/// Entities that start with `$` are the library's own: they can be named, but ordinary appends refuse them.
///
/// Neither can be erased later: keep personal data in payloads. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Coordinate {
    /// The entity, then the scope.
    text: Arc<str>,
    entity_bytes: u16,
}

impl Coordinate {
    /// Makes a coordinate.
    ///
    /// # Errors
    /// An empty or too long text, or one with a control character.
    pub fn new(entity: impl AsRef<str>, scope: impl AsRef<str>) -> Result<Self, InvalidValue> {
        let (entity, scope) = (entity.as_ref(), scope.as_ref());
        check_text("entity", entity, limits::ENTITY_BYTES_MAX)?;
        check_text("scope", scope, limits::SCOPE_BYTES_MAX)?;
        let too_long = |_| InvalidValue::TooLong {
            what: "entity",
            bytes: entity.len(),
            limit: limits::ENTITY_BYTES_MAX,
        };
        let entity_bytes = u16::try_from(entity.len()).map_err(too_long)?;
        Ok(Self { text: joined(entity, scope), entity_bytes })
    }

    /// Who: the first half of the name.
    #[must_use]
    pub fn entity(&self) -> &str {
        &self.text[..usize::from(self.entity_bytes)]
    }

    /// Where: the second half of the name.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.text[usize::from(self.entity_bytes)..]
    }

    /// Whether the entity is one of the library's own (it starts with `$`).
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.text.starts_with('$')
    }
}

/// Two texts, one behind the other. Most are short: they are put together without an allocation of their own.
fn joined(first: &str, second: &str) -> Arc<str> {
    let mut short = [0; 64];
    let whole = first.len() + second.len();
    if let Some(room) = short.get_mut(..whole) {
        let (head, tail) = room.split_at_mut(first.len());
        head.copy_from_slice(first.as_bytes());
        tail.copy_from_slice(second.as_bytes());
        if let Ok(text) = std::str::from_utf8(room) {
            return text.into();
        }
    }
    [first, second].concat().into()
}

impl Ord for Coordinate {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.entity(), self.scope()).cmp(&(other.entity(), other.scope()))
    }
}

impl PartialOrd for Coordinate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coordinate").field("entity", &self.entity()).field("scope", &self.scope()).finish()
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.entity(), self.scope())
    }
}
