//! The architecture on one screen: which crate may use which.
//!
//! Rule R6 compares this table with Cargo's resolved graph, with the code, and with ARCHITECTURE.md. What is
//! not listed is refused, and a permission that nothing uses is refused too.

/// A crate of the product.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    /// The layers it uses, without the prefix `causelog-`.
    pub(crate) uses: &'static [&'static str],
    /// The crates from outside the workspace that it uses itself, outside tests, with all its features.
    pub(crate) external: &'static [&'static str],
}

const fn layer(
    name: &'static str,
    uses: &'static [&'static str],
    external: &'static [&'static str],
) -> Layer {
    Layer { name, uses, external }
}

/// From the bottom to the top.
#[rustfmt::skip]
pub(crate) const LAYERS: &[Layer] = &[
    layer("causelog-types",        &[], &["rmp-serde", "serde", "thiserror", "uuid"]),
    layer("causelog-io",           &[], &["getrandom", "memmap2", "parking_lot", "rustix", "shuttle", "thiserror"]),
    layer("causelog-wire",         &["types"], &["blake3", "crc32fast", "thiserror"]),
    layer("causelog-gate",         &["types"], &["thiserror"]),
    layer("causelog-index",        &["types"], &["hashbrown", "parking_lot", "proptest", "thiserror"]),
    layer("causelog-segment",      &["types", "wire", "io"], &["parking_lot", "thiserror", "tracing"]),
    layer("causelog-index-sealed", &["types", "wire", "io", "segment", "index"], &["hashbrown", "parking_lot", "quick_cache", "thiserror", "tracing"]),
    layer("causelog-index-redb",   &["types", "io", "index"], &["redb", "thiserror", "tracing"]),
    layer("causelog-writer",       &["types", "wire", "io", "segment", "index"], &["flume", "hashbrown", "thiserror", "tracing"]),
    layer("causelog-reader",       &["types", "io", "segment", "index"], &["thiserror"]),
    layer("causelog-salvage",      &["types", "wire", "io", "segment", "reader"], &["thiserror", "tracing"]),
    layer("causelog",              &["types", "io", "gate", "segment", "index", "index-sealed", "writer", "reader"], &["thiserror"]),
];
