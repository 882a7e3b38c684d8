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
mod marks;
mod names;
mod order;
mod poison;
mod recovery;
mod refusals;
mod rescuing;
mod room;
mod roots;
mod rotation;
mod segments;
mod slots;
mod snapshots;
mod support;
mod waiting;
mod watched;
