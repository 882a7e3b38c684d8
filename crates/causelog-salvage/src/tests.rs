//! Stores that are damaged in every way, and what is saved of them.

mod conditions;
mod contested;
mod costs;
mod crashes;
mod damages;
mod full;
mod held;
mod indexes;
mod lab;
mod property;
