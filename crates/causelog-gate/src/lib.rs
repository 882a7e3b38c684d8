//! Policy gates of the causelog event store: pure predicates that turn a proposal into a sealed receipt or a
//! denial.
//!
//! A [`Gate`] looks at a [`Proposal`] and at a context of the caller's choice, and admits or denies. A
//! [`GateSet`] asks its gates in order; a [`Pipeline`] is a set with its mode. What all gates admit becomes a
//! [`Receipt`]; what one denies comes back with each [`Denial`].
//!
//! # Why the receipt is sealed
//!
//! Only this crate makes a [`Receipt`]: by admission, or by a bypass that says why. It cannot be cloned or built
//! from parts, and taking it apart consumes it. A function that asks for a receipt therefore cannot be called
//! with events that no gate has judged, nor twice for one judgement. What a receipt holds is what was judged,
//! unchanged, with the [`Evidence`](causelog_types::Evidence) of what allowed it. It shows which gates admitted
//! the events, by name; that they were the right ones is for the one who builds the set.
//!
//! # What this crate must not know
//!
//! It reaches no storage, reads no clock and does no I/O; it keeps no denial. What a gate needs to know of the
//! world (the time, a balance, who asks) stands in the context, so that the same question always has the same
//! answer.
//!
//! # Example
//!
//! Gates alone, with no store anywhere:
//!
//! ```
//! use causelog_gate::{Denial, GateSet, Mode, Pipeline, Proposal, gate_fn};
//! use causelog_types::{Coordinate, EventKind, Evidence, NewEvent};
//!
//! struct House {
//!     locked: bool,
//!     payload_bytes_max: usize,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let unlocked = gate_fn("unlocked", |house: &House, _: &Proposal| match house.locked {
//!     true => Err(Denial::new("locked", "the house is locked; unlock it first")),
//!     false => Ok(()),
//! });
//! let size = gate_fn("size", |house: &House, proposal: &Proposal| {
//!     let bytes = proposal.events().iter().map(|event| event.payload().as_bytes().len()).max().unwrap_or(0);
//!     match bytes > house.payload_bytes_max {
//!         true => Err(Denial::new("too_large", "a payload is too large").with_detail("bytes", bytes)),
//!         false => Ok(()),
//!     }
//! });
//!
//! let pipeline = Pipeline::new(GateSet::builder().push(unlocked).push(size).build()?, Mode::EvaluateAll);
//!
//! const OPENED: EventKind = EventKind::of::<0x1001>();
//! let event = NewEvent::new(&Coordinate::new("door:1", "home")?, OPENED, "by hand")?;
//!
//! // Denied: every reason, and the proposal comes back.
//! let locked = House { locked: true, payload_bytes_max: 4 };
//! let denied = pipeline.admit(&locked, Proposal::new(event)).unwrap_err();
//! let reasons: Vec<_> = denied.denials().iter().map(|denial| (&*denial.gate, &*denial.code)).collect();
//! assert_eq!(reasons, [("unlocked", "locked"), ("size", "too_large")]);
//!
//! // Admitted: the receipt holds the events and the names of the gates.
//! let open = House { locked: false, payload_bytes_max: 1024 };
//! let receipt = pipeline.admit(&open, denied.into_proposal())?;
//! let (events, evidence) = receipt.into_parts();
//! assert_eq!(events.len(), 1);
//! assert_eq!(evidence, Evidence::Admitted { gates: vec!["unlocked".into(), "size".into()] });
//! # Ok(())
//! # }
//! ```

mod denial;
mod error;
mod gate;
mod pipeline;
mod proposal;
mod receipt;
mod set;

pub use denial::{Denial, Denied};
pub use error::GateError;
pub use gate::{FnGate, Gate, gate_fn};
pub use pipeline::{Mode, Pipeline};
pub use proposal::Proposal;
pub use receipt::Receipt;
pub use set::{GateSet, GateSetBuilder};

#[cfg(test)]
mod tests;

/// Runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
