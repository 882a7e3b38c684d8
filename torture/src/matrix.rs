//! Damage to a small store at rest: every bit of every file, and everything that can happen to whole files.
//!
//! Each case damages one thing in a copy of a store whose events are known, opens it, reads it in every way and
//! verifies it. The promise: what is served is what was appended, and what is missing is missed.

mod changes;
mod expected;
mod forged;
mod forgeries;
pub mod judge;
mod reading;
mod said;
pub mod samples;
