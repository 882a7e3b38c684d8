//! The machine on a directory in memory, with indexes that fail and logs made by hand.

mod budget;
mod catching_up;
mod ending;
mod failing;
mod fates;
mod helpers;
mod indexes;
mod judging;
mod modelling;
mod order;
mod repeating;
mod retrying;
#[cfg(causelog_shuttle)]
mod schedules;
mod weaker;
