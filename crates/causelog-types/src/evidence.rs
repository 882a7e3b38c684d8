//! What allowed an event: plain data that stands in its header.

use crate::{InvalidValue, limits};

/// What allowed an event into the log.
///
/// It is plain data: whoever may write to the log through the writer's own crate can state it. The umbrella
/// crate attaches it only when it commits a gate's receipt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Every one of these gates was asked, and none denied.
    Admitted {
        /// The gates' names, in the order asked.
        gates: Vec<String>,
    },
    /// The gates were passed over on purpose.
    Bypassed {
        /// Why, in a word or a code: `emergency`, `backfill`.
        reason: String,
        /// Why, for the one who asks later.
        justification: String,
    },
}

impl Evidence {
    /// Checks the limits: 1 to 64 gates, 4 KiB of text in all, a bypass with both texts given.
    ///
    /// # Errors
    /// No gate or too many, too much text, or a bypass without a reason or a justification.
    pub fn check(&self) -> Result<(), InvalidValue> {
        let bytes = match self {
            Self::Admitted { gates } if gates.is_empty() => {
                return Err(InvalidValue::Empty { what: "the list of gates" });
            }
            Self::Admitted { gates } => {
                let (count, limit) = (gates.len(), limits::EVIDENCE_GATES_MAX);
                if count > limit {
                    return Err(InvalidValue::TooMany { what: "gates", count, limit });
                }
                gates.iter().map(String::len).sum()
            }
            Self::Bypassed { reason, .. } if reason.is_empty() => {
                return Err(InvalidValue::Empty { what: "the reason of a bypass" });
            }
            Self::Bypassed { justification, .. } if justification.is_empty() => {
                return Err(InvalidValue::Empty { what: "the justification of a bypass" });
            }
            Self::Bypassed { reason, justification } => reason.len().saturating_add(justification.len()),
        };
        match bytes > limits::EVIDENCE_BYTES_MAX {
            true => {
                Err(InvalidValue::TooLong { what: "gate evidence", bytes, limit: limits::EVIDENCE_BYTES_MAX })
            }
            false => Ok(()),
        }
    }
}
