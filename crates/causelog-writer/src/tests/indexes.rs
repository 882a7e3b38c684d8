//! An index that somebody else changes while a writer lives.

use std::sync::Arc;

use causelog_index::{AppliedGroup, Index, IndexError, MemoryIndex, Watermark};
use causelog_io::MemoryStorage;
use causelog_types::{Position, Root, StoreId};

use super::helpers::{append, start};
use crate::AppendErrorKind;

/// What an index says of itself when a second event comes, after this was done to it.
fn judged(change: impl Fn(Watermark) -> Option<Watermark>) -> Option<(Position, Position)> {
    let index = Arc::new(MemoryIndex::new());
    let mut machine = start(&MemoryStorage::new(), index.clone());
    append(&mut machine, 1).unwrap();
    let known = index.watermark().unwrap().unwrap();
    index.reset().unwrap();
    if let Some(after) = change(known) {
        index.apply(&AppliedGroup { events: &[], after }).unwrap();
    }
    let refused = append(&mut machine, 2).unwrap_err();
    assert!(append(&mut machine, 3).is_err());
    let AppendErrorKind::IndexFailed(error) = refused.kind() else { panic!("{refused}") };
    match **error {
        IndexError::OtherStore => None,
        IndexError::OutOfOrder { expected, found } => Some((expected, found)),
        ref other => panic!("{other}"),
    }
}

/// Spec: INDEX-7
#[test]
fn an_index_that_was_changed_ends_the_writer_and_says_how() {
    let other = StoreId::from_u128(1);
    assert_eq!(judged(|_| None), Some((Position(0), Position(1))));
    assert_eq!(
        judged(|known| Some(Watermark { next: Position(2), ..known })),
        Some((Position(2), Position(1)))
    );
    assert_eq!(judged(|known| Some(Watermark { root: Root([7; 32]), ..known })), None);
    assert_eq!(judged(|known| Some(Watermark { store: other, ..known })), None);
    assert_eq!(judged(|known| Some(Watermark { store: other, next: Position(2), ..known })), None);
}
