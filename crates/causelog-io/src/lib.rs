//! x
mod environment;
mod error;
mod storage;
pub use environment::{Clock, Environment, Random};
pub use error::IoError;
pub use storage::{Access, Entry, EntryKind, File, FileId, LockKind, Storage};
