//! The only door of causelog to files, directories, locks, time, threads and randomness.
//!
//! A store asks the world for little: one directory, a few positional methods on files, a clock and random
//! bytes. These are the traits [`Storage`], [`File`], [`Clock`] and [`Random`], held together by
//! [`Environment`]. [`RealStorage`] is a directory of the file system. [`MemoryStorage`] is a directory in memory
//! that knows what was synced and what was not: it can be cut off at any operation, and then holds what a disk
//! would hold.
//!
//! # What this crate must not know
//! Events, formats, file names with a meaning, and what to do about an error. It never retries a write or a
//! sync, and never goes on with a short write.
//!
//! # Example
//! One function over both storages; then the power is cut.
//!
//! ```
//! use causelog_io::{Access, MemoryStorage, RealStorage, Storage, read_exact_at, write_once_at};
//!
//! fn save(storage: &dyn Storage) -> std::io::Result<()> {
//!     let file = storage.open("note.tmp", Access::CreateNew)?;
//!     write_once_at(&*file, b"kept", 0)?;
//!     file.sync_data()?;
//!     storage.rename("note.tmp", "note")
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let directory = tempfile::tempdir()?;
//! let real = RealStorage::open(directory.path())?;
//! save(&real)?;
//! real.sync_dir()?;
//!
//! let memory = MemoryStorage::new();
//! save(&memory)?;
//! assert!(memory.power_cut().files().is_empty(), "the directory was not synced");
//! memory.sync_dir()?;
//!
//! let found = memory.power_cut().open("note", Access::Read)?;
//! let mut bytes = [0; 4];
//! read_exact_at(&*found, &mut bytes, 0)?;
//! assert_eq!(&bytes, b"kept");
//! # Ok(())
//! # }
//! ```

mod concurrency;
mod environment;
mod error;
mod helpers;
mod memory;
mod names;
mod real;
mod storage;
mod system;

pub use concurrency::{Condvar, Guard, Mutex, Thread, Wake, process_id, yield_now};
pub use environment::{Clock, Environment, Random};
pub use error::IoError;
pub use helpers::{read_exact_at, read_up_to_at, write_all_at, write_once_at};
pub use memory::{Fault, MemoryStorage, Operation};
pub use real::RealStorage;
pub use storage::{Access, Entry, EntryKind, File, FileId, LockKind, Mapped, Storage};
pub use system::{ManualClock, SeededRandom, SystemClock, SystemRandom};

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
