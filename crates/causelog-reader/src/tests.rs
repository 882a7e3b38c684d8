//! Logs made by hand, so that they can say what no writer would, and indexes that say what is not so.

mod comparing;
mod forge;
mod gaps;
mod indexes;
mod reading;
mod verifying;
