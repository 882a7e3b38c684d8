//! How a store is opened.

use std::path::Path;
use std::sync::Arc;

use causelog_index::{Index, MemoryIndex};
use causelog_index_sealed::{IndexFiles, SealedIndex};
use causelog_io::{Environment, IoError, RealStorage};
use causelog_reader::Reader;
use causelog_segment::{AppenderSettings, Log, Published, Rescue, Snapshot, open_reader, open_writer};
use causelog_types::{limits, widen};
use causelog_writer::{Durability, RestartPolicy, Start, Writer, WriterSettings, catch_up, catch_up_damaged};

use crate::{OpenError, Store};

/// The least a segment can be set to.
const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
/// The most a segment can be set to.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// The least an event's limit can be set to.
const FRAME_BYTES_MIN: usize = 1024;
/// The longest an event can be set to wait for its sync: a day.
const INTERVAL_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// How a store is opened. The defaults are right for most.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Options {
    /// Where indexes live; the default backend unless given.
    index: Option<Arc<dyn Index>>,
    appender: AppenderSettings,
    settings: WriterSettings,
    restarts: RestartPolicy,
    maps: bool,
}

impl Options {
    /// Answers questions from this index, in place of the default backend. If it holds something else than the
    /// store's log, it is reset and filled anew.
    pub fn index(self, index: Arc<dyn Index>) -> Self {
        Self { index: Some(index), ..self }
    }

    /// At which length a segment is full: 4 KiB to 4 GiB, 64 MiB unless given.
    pub fn segment_bytes(self, segment_bytes: u64) -> Self {
        Self { appender: AppenderSettings { segment_bytes }, ..self }
    }

    /// How long one event may be, with all that stands around its payload: 1 KiB to 64 MiB, 16 MiB unless given.
    /// It binds appends alone.
    pub fn frame_bytes_max(self, frame_bytes_max: usize) -> Self {
        Self { settings: WriterSettings { frame_bytes_max, ..self.settings }, ..self }
    }

    /// When an append is answered: after its sync, unless given.
    pub fn durability(self, durability: Durability) -> Self {
        Self { settings: WriterSettings { durability, ..self.settings }, ..self }
    }

    /// What follows a panic in the writer: one restart, unless given.
    pub fn restart_policy(self, restarts: RestartPolicy) -> Self {
        Self { restarts, ..self }
    }

    /// Whether sealed segments are mapped into memory, and not read: not, unless given.
    ///
    /// Streams and scans give about a quarter more events a second; the pages count as the process's memory while the
    /// system keeps them. The price: where the device fails under a mapped page, or another program cuts a file, the
    /// system ends the process (`SIGBUS`) where a read would have been an error. Nothing that was appended is lost by
    /// that.
    pub fn maps(self, maps: bool) -> Self {
        Self { maps, ..self }
    }

    /// Opens the store in a directory to read and append, making both if they are not there; the directory's
    /// parent must be.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        self.check()?;
        let path = path.as_ref();
        let storage = RealStorage::create(path).map_err(|error| not_opened(path, error))?;
        let environment = Environment::real(self.mapping(storage));
        self.open_with(environment, IndexFiles::Maintained)
    }

    /// Opens the store in a directory read-only. Beside a living writer it holds what that one had published.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        self.check()?;
        let path = path.as_ref();
        let storage = RealStorage::open(path).map_err(|error| not_opened(path, error))?;
        let environment = Environment::real(self.mapping(storage));
        self.open_read_only_in(environment)
    }

    /// As [`Options::open`], in a directory, with a clock and with randomness of any kind. Index files are written by
    /// the calls that find it to do and not by a thread, so that what happens follows from the calls.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_in(self, environment: Environment) -> Result<Store, OpenError> {
        self.open_with(environment, IndexFiles::MaintainedInline)
    }

    fn open_with(self, environment: Environment, files: IndexFiles) -> Result<Store, OpenError> {
        self.check()?;
        let (log, snapshot, appender, report) = open_writer(&environment, self.appender)?;
        let index = self.index_of(&log, &snapshot, files);
        let writer = Writer::start(Start {
            environment: environment.clone(),
            log: log.clone(),
            snapshot,
            appender,
            appender_settings: self.appender,
            index: Arc::clone(&index),
            settings: self.settings,
            restarts: self.restarts,
        })?;
        let reader = Reader::new(log, writer.published(), index);
        Ok(Store::new(environment, reader, Some(writer), report))
    }

    /// As [`Options::open_read_only`], in a directory, with a clock and with randomness of any kind.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only_in(self, environment: Environment) -> Result<Store, OpenError> {
        self.check()?;
        let (log, snapshot, report) = open_reader(&environment)?;
        let index = self.index_of(&log, &snapshot, IndexFiles::ReadOnly);
        catch_up(&*index, &log, &snapshot)?;
        let reader = Reader::new(log, Published::new(snapshot), index);
        Ok(Store::new(environment, reader, None, report))
    }

    /// The index that was given, or the default backend.
    fn index_of(&self, log: &Log, snapshot: &Snapshot, files: IndexFiles) -> Arc<dyn Index> {
        match &self.index {
            Some(index) => Arc::clone(index),
            None => SealedIndex::open(log, snapshot, files, self.appender.segment_bytes),
        }
    }

    /// Opens a damaged store read-only: everything that is still good is served, with explicit gaps where something is
    /// not ([`ReadError::Lost`](crate::ReadError::Lost), [`Store::gaps`]), and
    /// [`OpenReport::damage`](crate::OpenReport::damage) names what is damaged. It reads the whole log.
    ///
    /// # Errors
    /// See [`OpenError`]: nothing says which store it was, a writer has it open, or a newer release wrote it.
    pub fn open_damaged(self, path: impl AsRef<Path>) -> Result<Store, OpenError> {
        let path = path.as_ref();
        let storage = RealStorage::open(path).map_err(|error| not_opened(path, error))?;
        self.open_damaged_in(Environment::real(Arc::new(storage)))
    }

    /// As [`Options::open_damaged`], in a directory, with a clock and with randomness of any kind.
    ///
    /// # Errors
    /// As [`Options::open_damaged`].
    pub fn open_damaged_in(self, environment: Environment) -> Result<Store, OpenError> {
        self.check()?;
        let rescue = Rescue::read(Arc::clone(&environment.storage))?;
        let index = self.index.unwrap_or_else(|| Arc::new(MemoryIndex::new()));
        let (log, snapshot, report) = rescue.open(catch_up_damaged(&*index, &rescue)?)?;
        let reader = Reader::new(log, Published::new(snapshot), index);
        Ok(Store::new(environment, reader, None, report).rescued(rescue))
    }

    fn mapping(&self, storage: RealStorage) -> Arc<RealStorage> {
        Arc::new(if self.maps { storage.with_maps() } else { storage })
    }

    fn check(&self) -> Result<(), OpenError> {
        let within = |option, given, least, most| match (least..=most).contains(&given) {
            true => Ok(()),
            false => Err(OpenError::Option { option, given, least, most }),
        };
        within("segment_bytes", self.appender.segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)?;
        let (least, most) = (widen(FRAME_BYTES_MIN), widen(limits::FRAME_BYTES_MAX));
        within("frame_bytes_max", widen(self.settings.frame_bytes_max), least, most)?;
        if let Durability::Interval { max_ms, max_events } = self.settings.durability {
            within("max_ms", max_ms, 1, INTERVAL_MS_MAX)?;
            within("max_events", max_events, 1, u64::MAX)?;
        }
        if let RestartPolicy::Bounded { within_ms, .. } = self.restarts {
            within("within_ms", within_ms, 1, u64::MAX)?;
        }
        Ok(())
    }
}

/// The storage has named the directory already, where it could.
fn not_opened(path: &Path, error: std::io::Error) -> IoError {
    error.downcast().unwrap_or_else(IoError::on("open", path.display().to_string()))
}
