//! Tests of the items of index blocks.

use causelog_types::*;

use crate::*;

/// Spec: INDEX-8
#[test]
fn items_are_taken_one_after_the_other() {
    let stream = StreamRow { entity: "door:1", scope: "home", last_hash: EventHash([7; 32]) };
    let cause = CauseRow { event: 3, cause: EventId::from_u128(9) };
    let tag = TagRow { event: 4, tag: "b" };
    let mut bytes = Vec::new();
    stream.encode(&mut bytes);
    cause.encode(&mut bytes);
    tag.encode(&mut bytes);
    let mut content = &bytes[..];
    assert_eq!(StreamRow::decode(&mut content), Ok(stream));
    assert_eq!(CauseRow::decode(&mut content), Ok(cause));
    assert_eq!(TagRow::decode(&mut content), Ok(tag));
    assert!(content.is_empty());
    let cut = |mut content: &[u8]| TagRow::decode(&mut content).is_err();
    assert!((0..bytes.len()).rev().take(6).all(|end| cut(&bytes[bytes.len() - 7..end])));
}
