//! Tests of the hashes against the plain key-derivation mode.

use causelog_types::{EventHash, Root};
use proptest::prelude::*;

use super::samples::STORE;
use crate::hash::{self, EVENT_CONTEXT, FIRST_ROOT_CONTEXT, PAYLOAD_CONTEXT, ROOT_CONTEXT};

proptest! {
    /// Spec: HASH-1, HASH-2, HASH-3, HASH-4, HASH-5
    #[test]
    fn hashes_are_derived_with_their_contexts(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        root in any::<[u8; 32]>(),
        event in any::<[u8; 32]>(),
    ) {
        prop_assert_eq!(hash::payload(&bytes).0, blake3::derive_key(PAYLOAD_CONTEXT, &bytes));
        prop_assert_eq!(hash::event(&bytes).0, blake3::derive_key(EVENT_CONTEXT, &bytes));
        let id = STORE.as_u128().to_be_bytes();
        prop_assert_eq!(hash::first_root(STORE).0, blake3::derive_key(FIRST_ROOT_CONTEXT, &id));
        let next = hash::next_root(Root(root), EventHash(event));
        prop_assert_eq!(next.0, blake3::derive_key(ROOT_CONTEXT, &[root, event].concat()));
    }
}
