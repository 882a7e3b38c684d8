//! The single writer of causelog: judges, numbers, hashes, commits groups.
//!
//! [`Machine`] is the writer as a state machine, without thread, queue or wait, so that a simulated disk can
//! drive it; [`Writer`] shares one between threads. A [`Command`] is prepared on its caller's thread: ids made,
//! payloads hashed. It is judged at once, against all that is committed and all that is staged before it:
//! ids, conditions, causes and expected revisions. Positions and revisions are given and the stream's hash
//! chain goes on. A [`Job`] then makes the staged group durable with one write and one sync, while the next
//! group is judged; and only then is anybody answered.
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
//! use causelog_writer::{Command, RestartPolicy, Start, Writer, WriterSettings};
//! # use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let environment = Environment::real(Arc::new(MemoryStorage::new()));
//! let appender_settings = AppenderSettings::default();
//! let (log, snapshot, appender, _) = open_writer(&environment, appender_settings)?;
//! let writer = Writer::start(Start {
//!     environment: environment.clone(),
//!     log,
//!     snapshot,
//!     appender,
//!     appender_settings,
//!     index: Arc::new(MemoryIndex::new()),
//!     settings: WriterSettings::default(),
//!     restarts: RestartPolicy::Once,
//! })?;
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

pub use catch_up::{catch_up, catch_up_damaged};
pub use causelog_wire::EncodeError;
pub use command::{AppendCondition, AppendReceipt, Command, Outcome, new_id};
pub use durability::{Durability, RestartPolicy};
pub use error::{AppendError, AppendErrorKind, CatchUpError, CloseError, Fate, Place, Poison, WaitError};
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
