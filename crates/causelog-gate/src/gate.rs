//! The trait that users implement, and gates made of closures.

use std::fmt;
use std::sync::Arc;

use crate::{Denial, Proposal};

/// One policy: a named predicate over a proposal and a context.
///
/// A gate is pure: all it needs to know stands in the context, it changes nothing, and the same question always
/// has the same answer. It may be asked again, by a dry run too, and from several threads at once.
pub trait Gate<Ctx: ?Sized>: Send + Sync {
    /// Its name, which the log keeps as evidence. It is read once, when the gate is added to a set.
    fn name(&self) -> &str;

    /// Admits the proposal as a whole, or denies it.
    ///
    /// A panic counts as a denial with the code [`Denial::GATE_PANICKED`], unless the program is built to abort
    /// on panics.
    ///
    /// # Errors
    /// The denial. The set fills in the gate's name.
    fn evaluate(&self, context: &Ctx, proposal: &Proposal) -> Result<(), Denial>;
}

/// One gate in several sets.
impl<Ctx: ?Sized, G: Gate<Ctx> + ?Sized> Gate<Ctx> for Arc<G> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn evaluate(&self, context: &Ctx, proposal: &Proposal) -> Result<(), Denial> {
        (**self).evaluate(context, proposal)
    }
}

/// Makes a gate of a closure.
pub fn gate_fn<Ctx, F>(name: impl Into<String>, judge: F) -> FnGate<F>
where
    Ctx: ?Sized,
    F: Fn(&Ctx, &Proposal) -> Result<(), Denial> + Send + Sync,
{
    FnGate { name: name.into(), judge }
}

/// A gate made of a closure by [`gate_fn`].
#[derive(Clone)]
pub struct FnGate<F> {
    name: String,
    judge: F,
}

impl<Ctx, F> Gate<Ctx> for FnGate<F>
where
    Ctx: ?Sized,
    F: Fn(&Ctx, &Proposal) -> Result<(), Denial> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn evaluate(&self, context: &Ctx, proposal: &Proposal) -> Result<(), Denial> {
        (self.judge)(context, proposal)
    }
}

impl<F> fmt::Debug for FnGate<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FnGate({:?})", self.name)
    }
}
