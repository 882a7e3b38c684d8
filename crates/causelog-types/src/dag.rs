//! Where an event stands in the causal graph and in time.

use std::collections::HashSet;

use crate::{Depth, EventId, Hlc, InvalidValue, limits};

/// The events that caused an event: at most 256 distinct ids, in the order given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Causes(Box<[EventId]>);

/// Where an event stands in the causal graph and in time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DagPosition {
    /// The conversation the event belongs to; its own id unless given.
    pub correlation_id: EventId,
    /// The events that caused it.
    pub causes: Causes,
    /// 1 + the greatest depth of its causes; 0 without any.
    pub depth: Depth,
    /// When it was recorded.
    pub hlc: Hlc,
    /// When it happened by the caller's own account, in milliseconds since 1970-01-01 UTC; only data.
    pub occurred_ms: Option<i64>,
}

impl Causes {
    /// No causes.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Checks and takes a list of ids.
    ///
    /// # Errors
    /// More than 256 ids, or one given twice.
    pub fn new(ids: impl IntoIterator<Item = EventId>) -> Result<Self, InvalidValue> {
        let ids: Vec<EventId> = ids.into_iter().collect();
        if ids.len() > limits::CAUSES_MAX {
            return Err(InvalidValue::TooMany {
                what: "causes",
                count: ids.len(),
                limit: limits::CAUSES_MAX,
            });
        }
        if let Some(twice) = first_duplicate(&ids) {
            return Err(InvalidValue::Duplicate { what: "cause", value: twice.to_string() });
        }
        Ok(Self(ids.into()))
    }

    /// The ids, in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[EventId] {
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

    /// Walks over the ids.
    pub fn iter(&self) -> impl Iterator<Item = EventId> + '_ {
        self.0.iter().copied()
    }
}

fn first_duplicate(ids: &[EventId]) -> Option<EventId> {
    // Most events have one to three causes: comparing those needs no set.
    if ids.len() <= 8 {
        return ids.iter().enumerate().find(|(i, id)| ids[..*i].contains(id)).map(|(_, id)| *id);
    }
    let mut seen = HashSet::with_capacity(ids.len());
    ids.iter().copied().find(|id| !seen.insert(*id))
}
