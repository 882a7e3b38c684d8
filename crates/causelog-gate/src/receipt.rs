//! The sealed proof that a proposal was admitted.

use causelog_types::{Evidence, NewEvent};

use crate::Proposal;

/// Proof that these events were admitted by gates, or passed them by an explained bypass.
///
/// There is no way to make one but [`GateSet`](crate::GateSet) and [`Pipeline`](crate::Pipeline), no way to copy
/// one, and [`into_parts`](Self::into_parts) uses it up: one judgement, one use.
#[derive(Debug)]
#[must_use = "admitted events are not in any log until the receipt is committed"]
pub struct Receipt {
    proposal: Proposal,
    evidence: Evidence,
}

impl Receipt {
    pub(crate) fn new(proposal: Proposal, evidence: Evidence) -> Self {
        assert!(evidence.check().is_ok(), "a receipt was made with evidence that no event can hold");
        Self { proposal, evidence }
    }

    /// The events, as they were judged; at least one.
    #[must_use]
    pub fn events(&self) -> &[NewEvent] {
        self.proposal.events()
    }

    /// What allowed them.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Uses the receipt: its events, in order, and what allowed each of them.
    #[must_use]
    pub fn into_parts(self) -> (Vec<NewEvent>, Evidence) {
        (self.proposal.into_events(), self.evidence)
    }
}
