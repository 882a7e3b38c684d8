//! Both storages held to the same behaviours, and each to its own.

mod conformance;
mod faults;
mod helpers;
mod losses;
mod lots;
mod real;
mod support;
mod system;
