//! Comparing what is offered with what is stored under the same id.

use causelog_index::{IndexEntry, IndexError};
use causelog_types::{Header, Location};
use causelog_wire::{Frame, hash};

use crate::command::{AppendReceipt, Outcome, Prepared};
use crate::durability::Durability;
use crate::error::AppendErrorKind;
use crate::judge::index_failed;

/// An index that names another event's place must not decide what is in the store.
pub(crate) fn check_place(frame: &Frame<'_>, entry: &IndexEntry) -> Result<(), AppendErrorKind> {
    match frame.header.id == entry.id && frame.header.position == entry.position {
        true => Ok(()),
        false => {
            let reason = format!("event {} does not stand where it says", entry.id);
            Err(index_failed(IndexError::Backend(reason.into())))
        }
    }
}

/// Whether an event whose payload is not salted has the content offered.
pub(crate) fn has_content(stored: &Header, offered: &Prepared<'_>) -> bool {
    same_beside_payload(stored, offered) && stored.payload_hash == offered.payload_hash
}

/// The receipt of a stored event with the content offered, or a conflict.
pub(crate) fn compare(
    offered: &Prepared<'_>,
    frame: &Frame<'_>,
    location: Location,
    durability: Durability,
) -> Result<AppendReceipt, AppendErrorKind> {
    let stored = &frame.header;
    // A salted payload's hash covers its salt, which is gone once it is erased: then it cannot be compared.
    let same_payload = match (stored.salted, frame.erased) {
        (false, _) => stored.payload_hash == offered.payload_hash,
        (true, true) => true,
        (true, false) => {
            let salt = frame.stored_payload.len() - frame.payload().map_or(0, <[u8]>::len);
            let salted = [&frame.stored_payload[..salt], offered.event.payload().as_bytes()].concat();
            hash::payload(&salted) == stored.payload_hash
        }
    };
    match same_payload && same_beside_payload(stored, offered) {
        false => Err(AppendErrorKind::IdConflict { id: offered.id, position: stored.position }),
        true => Ok(receipt(frame, location, durability)),
    }
}

/// The receipt of an event that was found in the log.
pub(crate) fn receipt(frame: &Frame<'_>, location: Location, durability: Durability) -> AppendReceipt {
    let Header { id, position, revision, salted, .. } = frame.header;
    let outcome = if frame.erased && salted { Outcome::FoundErased } else { Outcome::Found };
    AppendReceipt { id, position, revision, hash: frame.hash(), location, outcome, durability }
}

/// The clock, the gate evidence and the conditions do not count.
fn same_beside_payload(stored: &Header, offered: &Prepared<'_>) -> bool {
    let event = offered.event;
    stored.id == offered.id
        && stored.coordinate == *event.coordinate()
        && stored.kind == event.kind()
        && stored.payload_version == event.payload_version()
        && stored.dag.causes == *event.causes()
        && stored.dag.correlation_id == event.correlation_id().unwrap_or(offered.id)
        && stored.tags == *event.tags()
        && stored.dag.occurred_ms == event.occurred_ms()
}
