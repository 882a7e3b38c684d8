//! An embedded, sync-first, causal event store: open a path, append, read.
//!
//! Events are appended to streams, hash-chained, linked to the events that caused them, admitted by policy
//! gates, and read back through one predicate type. There is no server and no async runtime. When an append
//! returns, it is on disk; when something is wrong, you are told exactly what.
//!
//! This crate puts the layers together and holds no algorithm of its own. Each layer is a crate that can be
//! used alone.
//!
//! # Example
//!
//! ```
//! use causelog::{Coordinate, EventKind, ExpectedRevision, NewEvent, Query, Region, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("events");
//! const OPENED: EventKind = EventKind::of::<0x1001>();
//! const ALARM: EventKind = EventKind::of::<0x1002>();
//!
//! let store = Store::open(&path)?;
//! let door = Coordinate::new("door:1", "home")?;
//! let siren = Coordinate::new("siren", "home")?;
//!
//! let opened = NewEvent::new(&door, OPENED, &("by", "key"))?.expecting(ExpectedRevision::Empty);
//! let opened = store.append(opened)?;
//! let alarm = NewEvent::new(&siren, ALARM, &("volume", 11))?.caused_by([opened.id])?;
//! let alarm = store.append(alarm)?;
//!
//! for event in store.read(&Region::stream(&door)) {
//!     let (how, with): (String, String) = event?.decode()?;
//!     assert_eq!((how.as_str(), with.as_str()), ("by", "key"));
//! }
//! let last = store.read(Query::new(Region::all()).backwards().limit(1)).next().transpose()?;
//! assert_eq!(last.map(|event| event.header.id), Some(alarm.id));
//! assert_eq!(store.ancestors(alarm.id)?.count(), 2);
//!
//! assert!(store.verify()?.is_sound());
//! store.close()?;
//! # Ok(())
//! # }
//! ```

mod batch;
mod error;
mod options;
mod reading;
mod store;
mod verifying;

pub use batch::Batch;
pub use causelog_gate::{
    Denial, Denied, FnGate, Gate, GateError, GateSet, GateSetBuilder, Mode, Pipeline, Proposal, Receipt,
    gate_fn,
};
pub use causelog_index::{Counts, Direction, Index, IndexError, MemoryIndex};
pub use causelog_index_sealed::{IndexFileFinding, IndexFileFlaw, IndexFilesReport, inspect_index_files};
pub use causelog_io::{
    Access, Clock, Entry, EntryKind, Environment, File, FileId, IoError, LockKind, ManualClock,
    MemoryStorage, Random, RealStorage, SeededRandom, Storage, SystemClock, SystemRandom,
};
pub use causelog_reader::{
    Ancestors, Descendants, Finding, FindingKind, Gaps, IndexQuestion, IndexReport, Payloads, Query,
    ReadError, VerifyReport, verify, verify_against, verify_telling,
};
pub use causelog_segment::{Damage, DamageKind, Left, LogError, OpenReport, Progress, TornTail};
pub use causelog_types::{
    ByteOffset, Category, Causes, Clause, Coordinate, DagPosition, Depth, EntityMatch, Event, EventHash,
    EventId, EventKind, Evidence, ExpectedRevision, Facts, Header, Hlc, InvalidValue, KindMatch, Location,
    NewEvent, Payload, PayloadHash, Position, Region, Revision, Root, SegmentNumber, StoreHead, StoreId,
    StreamHead, Tags, limits,
};
pub use causelog_writer::{
    AppendError, AppendErrorKind, AppendReceipt, CatchUpError, CloseError, Durability, EncodeError, Fate,
    Notice, Notification, Notifications, Outcome, Place, Poison, ReceiveError, RestartPolicy, Ticket,
    WaitError,
};
pub use error::OpenError;
pub use options::Options;
pub use reading::{Events, Witness};
pub use store::Store;
pub use verifying::verify_all;

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The example of this crate's own README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;
