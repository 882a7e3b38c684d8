//! What the benchmarks and the command `causelog bench` share: the bare loops that causelog is measured against, the
//! events that are appended, the directory that is worked in, the rounds of many callers, and their figures.
//!
//! README.md says how to run the benchmarks and what each figure means.

pub mod bare;
mod callers;
mod error;
pub mod events;
pub mod figures;
pub mod latencies;
pub mod place;
mod platform;
pub mod rounds;
mod syncs;
mod target;

pub use error::BenchError;
