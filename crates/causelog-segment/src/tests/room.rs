//! Room for a group that is longer than the pieces in which room is made.

use causelog_io::Operation;

use super::support::*;

#[test]
fn room_is_made_for_the_whole_of_a_long_group() {
    // Spec: SEG-7
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    append(&mut appender, &[&"x".repeat(1_000_000)]).unwrap();
    let (mut room, mut written) = (0, 0);
    for done in store.storage.trace() {
        match done {
            Operation::Allocate { offset, bytes, .. } => room = room.max(offset + bytes),
            Operation::Write { name, offset, bytes } if name.contains(".seg") => {
                written = written.max(offset + bytes);
            }
            _ => {}
        }
    }
    assert!((1_000_000..=room).contains(&written), "{written} bytes, room for {room}");
}
