//! A new store of all that is good in a damaged one.
//!
//! [`Salvage::read`] finds every whole commit group of a damaged store, whichever file it stands in, and changes
//! nothing there. [`Salvage::write`] copies them into an empty directory, byte for byte but for checksums: the same
//! positions, revisions, ids and hashes, with a gap group where something was lost. The new directory becomes a
//! store with its last step, so that a crash before leaves nothing that opens.
//!
//! # Example
//!
//! ```
//! use causelog_io::{Environment, MemoryStorage};
//! use causelog_salvage::Salvage;
//! use causelog_segment::{AppenderSettings, open_reader, open_writer};
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let damaged = MemoryStorage::new();
//! let (log, _, appender, _) = open_writer(&Environment::real(Arc::new(damaged.clone())), AppenderSettings::default())?;
//! appender.close()?;
//!
//! let new = Environment::real(Arc::new(MemoryStorage::new()));
//! let report = Salvage::read(Arc::new(damaged))?.write(&new)?;
//! assert!(report.findings.is_empty() && report.lost.is_empty());
//! assert_eq!(open_reader(&new)?.0.store(), log.store());
//! # Ok(())
//! # }
//! ```

mod copy;
mod error;
mod report;
mod salvage;

pub use error::SalvageError;
pub use report::{LostRevisions, SalvageReport};
pub use salvage::{Salvage, SalvageStep};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
