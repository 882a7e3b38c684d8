//! Tags: names by which conditions and queries reach over several streams.

use crate::error::check_text;
use crate::{InvalidValue, limits};

/// Up to 16 distinct tags, sorted by bytes. They cannot be erased later: keep personal data in payloads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags(Box<[Box<str>]>);

impl Tags {
    /// No tags.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Checks, sorts and takes a list of tags, each 1 to 128 bytes without control characters.
    ///
    /// # Errors
    /// More than 16 tags, one given twice, or one that is empty, too long or holds a control character.
    pub fn new<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidValue> {
        let tags = tags.into_iter();
        let mut all: Vec<Box<str>> = Vec::with_capacity(tags.size_hint().0.min(limits::TAGS_MAX));
        for tag in tags {
            check_tag(tag.as_ref())?;
            all.push(tag.as_ref().into());
        }
        if all.len() > limits::TAGS_MAX {
            return Err(InvalidValue::TooMany { what: "tags", count: all.len(), limit: limits::TAGS_MAX });
        }
        all.sort_unstable();
        if let Some(pair) = all.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidValue::Duplicate { what: "tag", value: pair[0].to_string() });
        }
        Ok(Self(all.into()))
    }

    /// The tags, sorted by bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[Box<str>] {
        &self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Walks over the tags.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

pub(crate) fn check_tag(tag: &str) -> Result<(), InvalidValue> {
    check_text("tag", tag, limits::TAG_BYTES_MAX)
}
