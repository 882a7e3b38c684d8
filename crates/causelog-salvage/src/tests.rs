//! Stores that are damaged in every way, and what is saved of them.

mod conditions;
mod contested;
mod crashes;
mod damages;
mod lab;
mod property;
