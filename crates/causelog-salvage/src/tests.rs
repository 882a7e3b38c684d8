//! Stores that are damaged in every way, and what is saved of them.

mod contested;
mod costs;
mod crashes;
mod damages;
mod lab;
mod property;
