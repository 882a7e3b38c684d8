//! Tests of groups that are moved.

use causelog_types::ByteOffset;

use super::samples::*;
use crate::*;

/// Spec: SALVAGE-1
#[test]
fn short_events_are_stamped_anew_wherever_they_stand_in_a_group() {
    let (mut bytes, frames) = group_of(&vec![plain(); 40]);
    let to = (Salt(99), ByteOffset(5000));
    restamp_group(&mut bytes, (SALT, OFFSET), to).unwrap();
    assert!(GroupHeader::decode(&bytes, to.0, to.1).whole().is_some());
    for place in frames {
        let frame = decode_frame(&bytes[place.clone()], to.0, to.1.plus(place.start)).whole().unwrap();
        assert_eq!((frame.header, frame.bytes), (plain(), place.len()));
    }
}
