//! What a snapshot lets be read.

use causelog_types::Position;

use super::support::*;
use crate::{DamageKind, open_reader};

#[test]
fn no_frame_beyond_the_end_of_a_snapshot_is_read() {
    // Spec: READ-1
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    let (log, before, _) = open_reader(&store.environment).unwrap();
    append(&mut appender, &["b"]).unwrap();
    let (_, after, _) = open_reader(&store.environment).unwrap();
    let group = log.groups(&after, Position(1)).next().unwrap().unwrap();
    let place = group.events[0].location;
    assert_eq!(log.frames(&after).read_event(place).unwrap().header.position, Position(1));
    let refused = damage_of(log.frames(&before).read_event(place).map(|_| ()).unwrap_err());
    assert!(matches!(refused.kind, DamageKind::Incomplete { .. }), "{refused}");
}
