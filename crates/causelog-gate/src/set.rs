//! Gates in their order, and the one place where they are asked.
//!
//! A set has at least one gate, and the names of all its gates fit into the evidence of one event: both are
//! checked when it is built, so that asking can only admit or deny.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use causelog_types::{Evidence, InvalidValue};

use crate::{Denial, Denied, Gate, GateError, Proposal, Receipt};

/// One or more gates, asked in the order in which they were added.
pub struct GateSet<Ctx: ?Sized> {
    gates: Vec<Named<Ctx>>,
}

/// Collects gates for a [`GateSet`]; [`build`](Self::build) checks them all.
#[must_use = "a builder does nothing until `build`"]
pub struct GateSetBuilder<Ctx: ?Sized> {
    gates: Vec<Named<Ctx>>,
}

/// A gate with the name that it gave when it was added: what the evidence says cannot change afterwards.
struct Named<Ctx: ?Sized> {
    name: String,
    gate: Box<dyn Gate<Ctx>>,
}

impl<Ctx: ?Sized> GateSet<Ctx> {
    /// Begins a set.
    pub fn builder() -> GateSetBuilder<Ctx> {
        GateSetBuilder { gates: Vec::new() }
    }

    /// The names of the gates, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.gates.iter().map(|named| named.name.as_str())
    }

    /// Asks the gates in order and stops at the first denial.
    ///
    /// # Errors
    /// The first denial, with the proposal.
    pub fn evaluate(&self, context: &Ctx, proposal: Proposal) -> Result<Receipt, Denied> {
        let denials = self.verdicts(context, &proposal).find_map(Result::err).into_iter().collect();
        self.conclude(proposal, denials)
    }

    /// Asks every gate, in order, and collects all denials.
    ///
    /// # Errors
    /// All denials, with the proposal.
    pub fn evaluate_all(&self, context: &Ctx, proposal: Proposal) -> Result<Receipt, Denied> {
        let denials = self.verdicts(context, &proposal).filter_map(Result::err).collect();
        self.conclude(proposal, denials)
    }

    /// Asks every gate, in order, and says what each answered. A dry run: it makes no receipt.
    #[must_use]
    pub fn explain(&self, context: &Ctx, proposal: &Proposal) -> Vec<(&str, Result<(), Denial>)> {
        self.names().zip(self.verdicts(context, proposal)).collect()
    }

    /// What each gate answers, asked only as far as the iterator is driven.
    fn verdicts(&self, context: &Ctx, proposal: &Proposal) -> impl Iterator<Item = Result<(), Denial>> {
        self.gates.iter().map(move |named| named.ask(context, proposal))
    }

    fn conclude(&self, proposal: Proposal, denials: Vec<Denial>) -> Result<Receipt, Denied> {
        match denials.is_empty() {
            true => Ok(Receipt::new(proposal, self.evidence())),
            false => Err(Denied::new(proposal, denials)),
        }
    }

    fn evidence(&self) -> Evidence {
        Evidence::Admitted { gates: self.names().map(str::to_owned).collect() }
    }
}

impl<Ctx: ?Sized> GateSetBuilder<Ctx> {
    /// Adds a gate behind the others and reads its name.
    pub fn push(mut self, gate: impl Gate<Ctx> + 'static) -> Self {
        self.gates.push(Named { name: gate.name().to_owned(), gate: Box::new(gate) });
        self
    }

    /// Checks the gates and makes the set.
    ///
    /// # Errors
    /// - [`GateError::NoGates`]: none was added.
    /// - [`GateError::GateName`]: a name is empty or holds a control character.
    /// - [`GateError::DuplicateGate`]: two gates have one name.
    /// - [`GateError::SetTooLarge`]: more than 64 gates, or more than 4 KiB of names.
    pub fn build(self) -> Result<GateSet<Ctx>, GateError> {
        if self.gates.is_empty() {
            return Err(GateError::NoGates);
        }
        let mut names = BTreeSet::new();
        for (place, Named { name, .. }) in self.gates.iter().enumerate() {
            check_name(name).map_err(|invalid| GateError::GateName { place, invalid })?;
            if !names.insert(name) {
                return Err(GateError::DuplicateGate { name: name.clone() });
            }
        }
        let set = GateSet { gates: self.gates };
        set.evidence().check().map_err(|invalid| GateError::SetTooLarge { invalid })?;
        Ok(set)
    }
}

impl<Ctx: ?Sized> Named<Ctx> {
    /// Asks the gate. A panic is a denial, and whatever the gate says, the denial names this gate.
    fn ask(&self, context: &Ctx, proposal: &Proposal) -> Result<(), Denial> {
        // Nothing of ours is left half changed: the gate sees shared references, and a proposal has no interior
        // mutability. What the gate and the context hold is their author's to keep whole.
        let verdict = catch_unwind(AssertUnwindSafe(|| self.gate.evaluate(context, proposal)));
        verdict
            .unwrap_or_else(|panic| Err(Denial::new(Denial::GATE_PANICKED, panic_text(panic))))
            .map_err(|denial| Denial { gate: self.name.clone(), ..denial })
    }
}

impl<Ctx: ?Sized> fmt::Debug for GateSet<Ctx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl<Ctx: ?Sized> fmt::Debug for GateSetBuilder<Ctx> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.gates.iter().map(|named| &named.name)).finish()
    }
}

/// The rule for every name of the data model; its length is judged with the others'.
fn check_name(name: &str) -> Result<(), InvalidValue> {
    let what = "the gate's name";
    if name.is_empty() {
        return Err(InvalidValue::Empty { what });
    }
    match name.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => Err(InvalidValue::ControlCharacter { what, at }),
        None => Ok(()),
    }
}

fn panic_text(panic: Box<dyn Any + Send>) -> String {
    let text = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "the gate panicked with a value that is not text".to_owned(),
    };
    // The value is the gate's own type, and dropping it may panic again. What that panic carries is leaked, for
    // its drop might go on for ever.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
    text
}
