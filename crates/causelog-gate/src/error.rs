//! The one error of this crate: misuse, told before any gate is asked. A denial is not an error of this kind.

use causelog_types::InvalidValue;

/// A set, a proposal or a bypass that cannot be made. No gate was asked, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// A set without gates: it would admit everything in silence.
    #[error("a gate set needs at least one gate; add one, or bypass the gates with a reason")]
    NoGates,
    /// A gate's name that is empty or holds a control character.
    #[error("gate {place}, counted from 0, cannot be named in evidence: {invalid}")]
    GateName {
        /// Where the gate stands in the set, counted from 0.
        place: usize,
        /// What is wrong with its name.
        invalid: InvalidValue,
    },
    /// Two gates of one set with the same name.
    #[error("gate {name} is in the set twice; give each gate a name of its own")]
    DuplicateGate {
        /// The name.
        name: String,
    },
    /// More gates, or longer names, than the evidence of one event holds.
    #[error("the names of the gates do not fit into an event's evidence: {invalid}")]
    SetTooLarge {
        /// The limit that they break.
        invalid: InvalidValue,
    },
    /// A proposal of no events.
    #[error("a proposal needs at least one event; none was given")]
    EmptyBatch,
    /// A proposal of more events than an atomic batch may have.
    #[error("{count} events proposed together; at most {limit} fit into one batch; split them")]
    BatchTooLarge {
        /// How many were given.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A bypass that does not say why, or says too much.
    #[error("the bypass cannot be recorded: {invalid}")]
    Bypass {
        /// What is wrong with its texts.
        invalid: InvalidValue,
    },
}
