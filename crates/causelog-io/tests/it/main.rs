//! Both storages held to the same behaviours, and each to its own.

mod conformance;
mod faults;
mod helpers;
mod losses;
mod real;
mod support;
mod system;
