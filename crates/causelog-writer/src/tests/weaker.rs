//! What is said of events that are written and not synced.

use std::sync::Arc;

use causelog_index::MemoryIndex;
use causelog_io::MemoryStorage;
use causelog_types::Position;

use super::helpers::{append, start_machine};
use crate::{Durability, Machine, Outcome};

/// Spec: COMMIT-1
#[test]
fn a_retry_says_how_durable_the_stored_event_is() {
    let index = Arc::new(MemoryIndex::new());
    let mut machine: Machine = start_machine(&MemoryStorage::new(), index, Durability::Os);
    for number in 1..=2 {
        append(&mut machine, number).unwrap();
    }
    assert_eq!(machine.published().durable(), Position(0));
    for number in 1..=2 {
        let receipts = append(&mut machine, number).unwrap();
        assert_eq!((receipts[0].outcome, receipts[0].durability), (Outcome::Found, Durability::Os));
    }
}
