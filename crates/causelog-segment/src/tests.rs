//! Tests of the log, by the rules of SPEC.md.

mod appending;
mod beginning;
mod behind;
mod crashes;
mod faults;
mod flips;
mod forged;
mod hostile;
mod inspecting;
mod locks;
mod names;
mod order;
mod poison;
mod recovery;
mod rotation;
mod segments;
mod support;
