//! The hashes of the format, all BLAKE3 in its key-derivation mode, with a context of their own.
//!
//! None depends on how events were grouped, on salts or on offsets, so groups can be shipped and stamped anew.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use causelog_types::{EventHash, EventId, PayloadHash, Root, StoreId};

/// The context of payload hashes.
pub const PAYLOAD_CONTEXT: &str = "causelog 2026-11-22 payload hash v1";
/// The context of event hashes.
pub const EVENT_CONTEXT: &str = "causelog 2026-11-22 event hash v1";
/// The context of the first root.
pub const FIRST_ROOT_CONTEXT: &str = "causelog 2026-11-22 first root v1";
/// The context of the hashes of ids in the filter of an index file.
pub const FILTER_CONTEXT: &str = "causelog 2026-11-24 index filter v1";
/// The context of every later root.
pub const ROOT_CONTEXT: &str = "causelog 2026-11-22 next root v1";

// Deriving a context's key is a hash of its own: done once, not once an event.
static PAYLOAD_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(PAYLOAD_CONTEXT));
static EVENT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(EVENT_CONTEXT));
static FILTER_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(FILTER_CONTEXT));
static ROOT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(ROOT_CONTEXT));

/// The hash of a payload as it is stored: its MessagePack value, with its salt before it if it has one.
#[must_use]
pub fn payload(stored: &[u8]) -> PayloadHash {
    PayloadHash(hash(&PAYLOAD_KEY, stored))
}

/// The hash of an event: of its encoded header, which holds its payload's hash.
#[must_use]
pub fn event(header: &[u8]) -> EventHash {
    EventHash(hash(&EVENT_KEY, header))
}

/// The hash that says where an id stands in the filter of an index file.
pub(crate) fn filter(id: EventId) -> [u8; 32] {
    hash(&FILTER_KEY, &id.as_u128().to_be_bytes())
}

/// The root of an empty store.
#[must_use]
pub fn first_root(store: StoreId) -> Root {
    Root(hash(&hash_derive_key_context(FIRST_ROOT_CONTEXT), &store.as_u128().to_be_bytes()))
}

/// The root after one more event.
#[must_use]
pub fn next_root(root: Root, event: EventHash) -> Root {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&root.0);
    both[32..].copy_from_slice(&event.0);
    Root(hash(&ROOT_KEY, &both))
}

fn hash(key: &ContextKey, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_from_context_key(key);
    hasher.update(bytes);
    *hasher.finalize().as_bytes()
}
