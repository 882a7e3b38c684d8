//! A gate set with its mode, and the explained way past it.

use std::fmt;

use causelog_types::Evidence;

use crate::{Denial, Denied, GateError, GateSet, Proposal, Receipt};

/// How many gates a denied proposal hears from. What is admitted is the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Stop at the first denial.
    #[default]
    FailFast,
    /// Ask every gate and collect all denials.
    EvaluateAll,
}

/// A gate set and how it is asked.
pub struct Pipeline<Ctx: ?Sized> {
    gates: GateSet<Ctx>,
    mode: Mode,
}

impl<Ctx: ?Sized> Pipeline<Ctx> {
    /// Puts a set and its mode together.
    #[must_use]
    pub fn new(gates: GateSet<Ctx>, mode: Mode) -> Self {
        Self { gates, mode }
    }

    /// Its gates.
    #[must_use]
    pub fn gates(&self) -> &GateSet<Ctx> {
        &self.gates
    }

    /// How they are asked.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Asks the gates.
    ///
    /// # Errors
    /// The first denial, or all of them, by the mode; the proposal comes back with them.
    pub fn admit(&self, context: &Ctx, proposal: Proposal) -> Result<Receipt, Denied> {
        match self.mode {
            Mode::FailFast => self.gates.evaluate(context, proposal),
            Mode::EvaluateAll => self.gates.evaluate_all(context, proposal),
        }
    }

    /// Passes the gates over on purpose: none is asked, and the log will say who wanted it so and why.
    ///
    /// `reason` is a word or a code (`emergency`, `backfill`), `justification` is for the one who asks later;
    /// together at most [`EVIDENCE_BYTES_MAX`](causelog_types::limits::EVIDENCE_BYTES_MAX) bytes.
    ///
    /// # Errors
    /// [`GateError::Bypass`] when one of them is empty, or both together are too long.
    pub fn bypass(
        &self,
        proposal: Proposal,
        reason: impl Into<String>,
        justification: impl Into<String>,
    ) -> Result<Receipt, GateError> {
        let evidence = Evidence::Bypassed { reason: reason.into(), justification: justification.into() };
        evidence.check().map_err(|invalid| GateError::Bypass { invalid })?;
        Ok(Receipt::new(proposal, evidence))
    }

    /// Asks every gate, whatever the mode, and says what each answered. A dry run: it makes no receipt.
    #[must_use]
    pub fn explain(&self, context: &Ctx, proposal: &Proposal) -> Vec<(&str, Result<(), Denial>)> {
        self.gates.explain(context, proposal)
    }
}

impl<Ctx: ?Sized> fmt::Debug for Pipeline<Ctx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("gates", &self.gates).field("mode", &self.mode).finish()
    }
}
