//! What causelog must hold for any bytes and any history, as functions of raw input.
//!
//! Each module is one target: `check(data)` panics when a property does not hold. The binaries in `fuzz_targets`
//! hand these to libFuzzer; `tests/it` runs them over the corpora and past crashes on any toolchain.

#![forbid(unsafe_code)]

pub mod directory;
mod fixture;
pub mod frame;
mod headers;
pub mod index_file;
mod input;
mod mend;
pub mod seeds;
pub mod segment_scan;
pub mod store_ops;

/// A target: its name, which is that of its folders too, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("frame", frame::check),
    ("segment_scan", segment_scan::check),
    ("index_file", index_file::check),
    ("store_ops", store_ops::check),
    ("directory", directory::check),
    ("small_files", directory::check_small),
];
