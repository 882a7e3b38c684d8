//! Waiting for what is published to be durable.

use causelog_types::Position;

use super::support::*;
use crate::{Published, Waited, open_reader};

#[test]
fn a_wait_ends_when_it_is_durable_when_the_writer_has_ended_or_when_its_time_is_over() {
    // Spec: COMMIT-1
    let store = Store::new();
    store.append_and_close(&["a"]);
    let (_, snapshot, _) = open_reader(&store.environment).unwrap();
    let published = Published::new(snapshot.clone());
    published.store(snapshot, Position(1));
    assert!(matches!(published.wait_durable(Position(1), 1_000), Waited::Durable));
    assert!(matches!(published.wait_durable(Position(2), 1), Waited::TimedOut));
    published.end();
    assert!(matches!(published.wait_durable(Position(2), 1_000), Waited::Ended));
    assert!(matches!(published.wait_durable(Position(1), 1_000), Waited::Durable));
}
