//! The single writer of causelog: judges, numbers, hashes, commits groups.
//!
//! [`Machine`] is the writer as a state machine, without thread, queue or wait, so that a simulated disk can
//! drive it; [`Writer`] shares one between threads. A [`Command`] is prepared on its caller's thread: ids made,
//! payloads hashed. Then ids, causes and expected revisions are judged against all that is committed, positions
//! and revisions are given, the stream's hash chain goes on, and one write and one sync make the group durable
//! before anybody is answered.
//!
//! This crate decides no policy and knows no particular index backend.
//!
//! # Example
//!
//! ```
//! use causelog_index::MemoryIndex;
//! use causelog_io::{Environment, MemoryStorage};
//! use causelog_segment::{AppenderSettings, open_writer};
//! use causelog_types::*;
//! use causelog_writer::{Command, Machine, Writer, WriterSettings};
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::real(Arc::new(MemoryStorage::new()));
//! let (log, snapshot, appender, _) = open_writer(&environment, AppenderSettings::default())?;
//! let settings = WriterSettings::default();
//! let index = Arc::new(MemoryIndex::new());
//! let writer = Writer::new(Machine::start(&environment, log, snapshot, appender, index, settings)?);
//!
//! let door = Coordinate::new("door:1", "home")?;
//! let opened = NewEvent::new(&door, EventKind::of::<0x1001>(), "by key")?.expecting(ExpectedRevision::Empty);
//! let command = Command::application(vec![opened], None, &*environment.clock, &*environment.random)?;
//! let receipts = writer.append(&command)?;
//! assert_eq!((receipts[0].position, receipts[0].revision), (Position(0), Revision(0)));
//!
//! // The same command again, and its ids are found: it is answered with the first receipt.
//! assert_eq!(writer.append(&command)?[0].hash, receipts[0].hash);
//! writer.close()?;
//! # Ok(())
//! # }
//! ```

mod catch_up;
mod command;
mod durability;
mod error;
mod fan_out;
mod job;
mod judge;
mod machine;
mod request;
mod shared;
mod staged;
mod stored;
mod waiting;
mod writer;

pub use catch_up::catch_up;
pub use command::{AppendCondition, AppendReceipt, Command, Outcome, new_id};
pub use durability::{Durability, RestartPolicy};
pub use error::{AppendError, AppendErrorKind, CatchUpError, CloseError, Fate, Poison, WaitError};
pub use fan_out::{Notice, Notification, Notifications, ReceiveError};
pub use job::{Done, Job};
pub use machine::{Machine, Offered, WriterSettings};
pub use request::Ticket;
pub use shared::Start;
pub use waiting::Answered;
pub use writer::{DROP_WAIT_MS, Writer};

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
