//! What the benchmarks share: the bare loops that causelog is measured against, the events that are appended,
//! the directory that is worked in, and the figures of interleaved rounds.
//!
//! README.md says how to run them and what each figure means.

pub mod bare;
pub mod events;
pub mod figures;
pub mod place;
