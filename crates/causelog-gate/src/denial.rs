//! What comes back in place of a receipt.

use std::collections::BTreeMap;
use std::fmt;

use crate::Proposal;

/// One gate's refusal: plain data for the caller.
///
/// The library keeps no denials. A caller who wants them in a log appends events of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The name of the gate that denied, as its set knows it. Empty until the set has filled it in.
    pub gate: String,
    /// Why, for programs: a short, stable word such as `too_large`.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// What else there is to know, by key.
    pub details: BTreeMap<String, String>,
}

impl Denial {
    /// The code of a denial that stands for a gate's panic.
    pub const GATE_PANICKED: &'static str = "gate_panicked";

    /// Denies. The set fills in the gate's name.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { gate: String::new(), code, message, details: BTreeMap::new() }
    }

    /// Adds what else there is to know, in place of what was said under the same key before.
    #[must_use]
    pub fn with_detail(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.details.insert(key.into(), value.to_string());
        self
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.gate.is_empty() {
            write!(f, "gate {}: ", self.gate)?;
        }
        write!(f, "{}: {}", self.code, self.message)?;
        for (place, (key, value)) in self.details.iter().enumerate() {
            let before = if place == 0 { " (" } else { ", " };
            write!(f, "{before}{key}={value}")?;
        }
        if self.details.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// A proposal that at least one gate has denied, with every denial there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    proposal: Proposal,
    denials: Vec<Denial>,
}

impl Denied {
    pub(crate) fn new(proposal: Proposal, denials: Vec<Denial>) -> Self {
        assert!(!denials.is_empty(), "a proposal was denied by no gate");
        Self { proposal, denials }
    }

    /// The denials, in the order in which the gates were asked; at least one.
    #[must_use]
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// The proposal, as it was judged.
    pub fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    /// Gives the proposal back, to be changed or offered again.
    pub fn into_proposal(self) -> Proposal {
        self.proposal
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("denied by ")?;
        for (place, denial) in self.denials.iter().enumerate() {
            let before = if place == 0 { "" } else { "; " };
            write!(f, "{before}{denial}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Denied {}
