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
        let mut text = String::with_capacity(entity.len() + scope.len());
        text.push_str(entity);
        text.push_str(scope);
        Ok(Self { text: text.into(), entity_bytes })
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
