//! Crashes for causelog: a simulated disk that loses what a disk can lose, and an oracle that knows what was
//! promised.
//!
//! Everything follows from a seed: which commands are offered in which order, which call fails and how, when the
//! power is cut and what the disk keeps. The code under test is the product's own, from the log to the reader.

pub mod damage;
pub mod draw;
pub mod exhaustive;
pub mod faults;
pub mod history;
pub mod ledger;
pub mod matrix;
pub mod offers;
pub mod oracle;
pub mod rescue;
pub mod scripts;
pub mod shrink;
pub mod simulation;
pub mod syncs;
pub mod tally;
pub mod until;
pub mod view;
pub mod world;
