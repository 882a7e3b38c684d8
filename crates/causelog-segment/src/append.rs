//! The write side of a log: room, rotation, one write and one sync a group, the clean close.

use std::io::ErrorKind;
use std::sync::Arc;

use causelog_io::{Access, Environment, IoError};
use causelog_types::{ByteOffset, Hlc, SegmentNumber, StoreId, limits, planted, widen};
use causelog_wire::layout::SEGMENT_HEADER_BYTES;
use causelog_wire::{
    CleanClose, GroupBuffer, GroupHeader, GroupMeta, Predecessor, Rule, Salt, SegmentHeader,
};

use crate::directory::{Directory, NamedFile};
use crate::error::{Damage, DamageKind, LogError};
use crate::lock::{HeldLock, LockFile};
use crate::names::{CLOSED_FILE, segment_name};
use crate::published::{LogEnd, Snapshot};
use crate::scan::Boundary;
use crate::segment::{Segment, SegmentList};

/// The first piece of room made in advance, and the least.
const CHUNK_BYTES_MIN: u64 = 64 * 1024;
/// The greatest piece of room made in advance.
const CHUNK_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The default length at which a segment is full.
const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// How an appender works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppenderSettings {
    /// The length at which a segment is full, in bytes; a longer group gets a segment of its own.
    pub segment_bytes: u64,
}

impl Default for AppenderSettings {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES_DEFAULT }
    }
}

/// A step of an append that failed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Nothing had been written: the same step may be tried again.
    #[error(transparent)]
    Refused(LogError),
    /// Something may have been written: nothing more may be, until the log is opened anew.
    #[error(transparent)]
    Fatal(LogError),
}

/// The write side of a log: a sequence of plain steps, with no thread and no queue.
///
/// A group is `place`d, `write`ten and `sync`ed, each step once; after an error that is [`StepError::Fatal`] no
/// step may follow. The log's lock is held until this is dropped.
#[derive(Debug)]
pub struct Appender {
    environment: Environment,
    directory: Directory,
    settings: AppenderSettings,
    store: StoreId,
    epoch: u64,
    lock: LockFile,
    segments: SegmentList,
    /// The segment being written, once there has been an append.
    current: Option<Current>,
    /// The end of what has been written.
    end: LogEnd,
    /// Up to where a sync has returned.
    synced: LogEnd,
    /// Whether the next group can follow the last one in its segment.
    tail_is_free: bool,
    /// Whether the mark of a clean close stands.
    mark_stands: bool,
    /// Whether it says where the log ended at the open.
    mark_is_right: bool,
    /// Whether a step has failed after it may have written something.
    poisoned: bool,
    last_number: u64,
}

#[derive(Debug)]
struct Current {
    file: NamedFile,
    salt: Salt,
    /// Up to where room has been made.
    room: u64,
}

/// Where an appender begins.
#[derive(Debug)]
pub(crate) struct AppenderStart {
    pub(crate) store: StoreId,
    pub(crate) snapshot: Snapshot,
    pub(crate) tail_is_free: bool,
    pub(crate) mark_stands: bool,
    pub(crate) mark_is_right: bool,
    pub(crate) last_number: u64,
    pub(crate) epoch: u64,
    pub(crate) lock: LockFile,
}

/// Where a group will stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The end of the log before it.
    pub end: LogEnd,
    /// What seeds its checksums.
    pub salt: Salt,
}

impl Appender {
    pub(crate) fn new(
        environment: Environment,
        directory: Directory,
        settings: AppenderSettings,
        start: AppenderStart,
    ) -> Self {
        let AppenderStart { store, snapshot, tail_is_free, mark_stands, mark_is_right, .. } = start;
        let AppenderStart { last_number, epoch, lock, .. } = start;
        Self {
            environment,
            directory,
            settings,
            store,
            epoch,
            lock,
            segments: snapshot.segments,
            current: None,
            end: snapshot.end,
            synced: snapshot.end,
            tail_is_free,
            mark_stands,
            mark_is_right,
            poisoned: false,
            last_number,
        }
    }

    /// The end of what has been written.
    #[must_use]
    pub fn end(&self) -> LogEnd {
        self.end
    }

    /// Which opening of the store this is.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What readers may see: the end up to which a sync has returned, with its segments.
    #[must_use]
    pub fn synced(&self) -> Snapshot {
        Snapshot { end: self.synced, segments: Arc::clone(&self.segments) }
    }

    /// The end of what has been written, with its segments.
    #[must_use]
    pub fn written(&self) -> Snapshot {
        Snapshot { end: self.end, segments: Arc::clone(&self.segments) }
    }

    /// The log's lock, to be held on beyond this appender.
    #[must_use]
    pub fn lock(&self) -> HeldLock {
        self.lock.held()
    }

    /// Makes room for a group of `bytes`: takes away the mark of a clean close, begins a new segment if need be,
    /// allocates. Says where the group will stand.
    ///
    /// # Errors
    /// [`StepError::Refused`] when there is no room or no descriptor, which may pass; else
    /// [`StepError::Fatal`].
    pub fn place(&mut self, bytes: usize) -> Result<Placement, StepError> {
        assert!(bytes <= limits::GROUP_BYTES_MAX, "a group is longer than the format allows");
        self.step(|appender| appender.try_place(bytes))
    }

    fn try_place(&mut self, bytes: usize) -> Result<Placement, StepError> {
        self.take_mark_away()?;
        let needed = widen(bytes);
        let fits = self.end.offset.0.saturating_add(needed) <= self.settings.segment_bytes
            || self.end.offset == ByteOffset::default().plus(SEGMENT_HEADER_BYTES);
        if self.end.segment.is_none() || !self.tail_is_free || !fits {
            self.begin_segment(needed)?;
        }
        let salt = self.make_room(needed)?;
        Ok(Placement { end: self.end, salt })
    }

    /// Writes a placed group, in one call.
    ///
    /// # Errors
    /// [`StepError::Fatal`]: whether any of it is in the file is unknown.
    pub fn write(&mut self, group: &mut GroupBuffer, hlc: Hlc) -> Result<(), StepError> {
        self.step(|appender| appender.try_write(group, hlc))
    }

    fn try_write(&mut self, group: &mut GroupBuffer, hlc: Hlc) -> Result<(), StepError> {
        let Some(current) = &self.current else { unreachable!("a group is placed before it is written") };
        let meta = GroupMeta {
            epoch: self.epoch,
            base: self.end.position,
            root_before: self.end.root,
            synced_to: if planted!("wrong-synced-to") { self.end } else { self.synced }.position,
        };
        let position = self.end.position.checked_add(widen(group.frames().len()));
        let Some(position) = position else { unreachable!("2^64 events were written") };
        let sealed = group.seal(current.salt, self.end.offset, &meta);
        let Ok(bytes) = sealed else { unreachable!("a group within its limits can be sealed") };
        // What is about to be written must be what recovery will read.
        let header = GroupHeader::decode(bytes, current.salt, self.end.offset).whole();
        let Some(header) = header else { unreachable!("a sealed group decodes") };
        let failed = if planted!("try-a-failed-write-again") { refused } else { fatal };
        current.file.write_once(bytes, self.end.offset.0).map_err(failed)?;
        let offset = self.end.offset.plus(bytes.len());
        let group = self.end.offset;
        self.end = LogEnd { offset, group, position, root: header.root_after, hlc, ..self.end };
        planted!("publish-before-the-sync" => _ = self.lock.write_slot(self.store, &self.end.slot(self.epoch)));
        Ok(())
    }

    /// Makes durable all that has been written.
    ///
    /// # Errors
    /// [`StepError::Fatal`]: whether any of it is durable is unknown, and a second sync would not tell.
    pub fn sync(&mut self) -> Result<(), StepError> {
        self.step(Self::try_sync)
    }

    fn try_sync(&mut self) -> Result<(), StepError> {
        if let Some(current) = &self.current
            && self.synced != self.end
            && !planted!("skip-the-data-sync")
        {
            let _span = tracing::trace_span!("sync", to = self.end.position.0).entered();
            planted!("try-a-failed-sync-again" => _ = current.file.sync());
            current.file.sync().map_err(fatal)?;
        }
        self.synced = self.end;
        Ok(())
    }

    /// Tells readers in other processes up to where a sync has returned.
    ///
    /// # Errors
    /// The system refuses; nothing is lost by that, and the next group tries again.
    pub fn publish(&mut self) -> Result<(), IoError> {
        self.lock.write_slot(self.store, &self.synced.slot(self.epoch))
    }

    /// Ends the log in order: syncs, gives back the room behind its end, and leaves the mark of a clean close;
    /// not where a torn tail was found and nothing appended. The lock is given up.
    ///
    /// # Errors
    /// The first step that failed, now or before. The log is then as after a crash, and the next open recovers
    /// it.
    pub fn close(mut self) -> Result<(), LogError> {
        let unpublished = self.synced != self.end;
        self.sync().map_err(StepError::into_inner)?;
        let mark_stays = self.mark_stands && self.mark_is_right;
        if mark_stays || !self.tail_is_free {
            return Ok(());
        }
        self.lock.check_place()?;
        self.give_room_back()?;
        // So that the next open begins where this one ends.
        if unpublished && let Err(error) = self.publish() {
            tracing::warn!(%error, "the end is not published; the next open reads more");
        }
        let mark = CleanClose {
            store: self.store,
            position: self.end.position,
            root: self.end.root,
            hlc: self.end.hlc,
            segment: self.end.segment,
            segment_length: if self.end.segment.is_some() { self.end.offset.0 } else { 0 },
        };
        self.directory.publish(CLOSED_FILE, &mark.encode())?;
        tracing::info!(position = mark.position.0, "closed cleanly");
        Ok(())
    }

    fn give_room_back(&mut self) -> Result<(), IoError> {
        let Some(segment) = self.segments.last() else { return Ok(()) };
        let written = self.current.as_ref().map(|current| current.file.clone());
        let file = written.map_or_else(|| segment.file_for_now(), Ok)?;
        if file.length()? <= self.end.offset.0 {
            return Ok(());
        }
        let file = match self.current {
            Some(_) => file,
            None => self.directory.open(&segment_name(segment.number()), Access::ReadWrite)?,
        };
        file.set_len(self.end.offset.0)?;
        file.sync()
    }

    /// The mark of a clean close goes before anything is written.
    fn take_mark_away(&mut self) -> Result<(), StepError> {
        if self.mark_stands && !planted!("leave-the-mark-of-a-close") {
            match self.directory.remove(CLOSED_FILE) {
                Err(error) if error.source.kind() != ErrorKind::NotFound => return Err(refused(error)),
                _ => self.directory.sync().map_err(fatal)?,
            }
            self.mark_stands = false;
        }
        Ok(())
    }

    /// Makes room behind the end for `needed` bytes, in pieces that grow with the segment.
    fn make_room(&mut self, needed: u64) -> Result<Salt, StepError> {
        let end = self.end;
        let current = match &mut self.current {
            Some(current) => current,
            None => {
                let Some(last) = self.segments.last() else { unreachable!("a segment has been begun") };
                let file =
                    self.directory.open(&segment_name(last.number()), Access::ReadWrite).map_err(refused)?;
                let room = file.length().map_err(refused)?;
                self.current.insert(Current { file, salt: last.header().salt, room })
            }
        };
        let due = end.offset.0.saturating_add(needed);
        if due > current.room {
            let chunk = chunk_bytes(current.room, needed, self.settings.segment_bytes);
            current.file.allocate(current.room, chunk.max(due - current.room)).map_err(refused)?;
            current.room = current.room.saturating_add(chunk.max(due - current.room));
        }
        Ok(current.salt)
    }

    /// Begins a segment. Its name appears only when its header is whole, and its predecessor durable.
    fn begin_segment(&mut self, needed: u64) -> Result<(), StepError> {
        self.lock.check_place().map_err(StepError::Fatal)?;
        let number = self.next_number()?;
        let name = segment_name(number);
        let path = self.directory.path_of(&name);
        let mut salt = [0; 8];
        let drawn = self.environment.random.fill(&mut salt);
        drawn.map_err(IoError::on("draw the salt of", &*path)).map_err(refused)?;
        let header = SegmentHeader {
            store: self.store,
            number,
            base: self.end.position,
            base_root: self.end.root,
            base_hlc: self.end.hlc,
            salt: Salt(u64::from_le_bytes(salt)),
            previous: self.end.segment.map(|number| Predecessor {
                number,
                length: self.end.offset.0,
                root: self.end.root,
            }),
        };
        let file = self.directory.make_temporary(&name, &header.encode()).map_err(refused)?;
        let first = widen(SEGMENT_HEADER_BYTES);
        let chunk = chunk_bytes(0, needed, self.settings.segment_bytes).max(needed);
        file.allocate(first, chunk).map_err(refused)?;
        if !planted!("skip-the-sync-of-a-new-segment") {
            file.sync().map_err(refused)?;
        }
        if !planted!("skip-the-sync-of-a-full-segment") {
            self.sync()?;
        }
        self.directory.reveal(&name).map_err(fatal)?;
        self.finish_segment().map_err(fatal)?;

        let segment = Arc::new(Segment::new(header, self.directory.clone(), None));
        self.segments = self.segments.iter().cloned().chain([segment]).collect();
        let file = file.renamed(path);
        self.current = Some(Current { file, salt: header.salt, room: first.saturating_add(chunk) });
        self.end = Boundary::first(&header).log_end(Some(number));
        self.synced = self.end;
        self.tail_is_free = true;
        self.last_number = number.0;
        tracing::debug!(
            segment = number.0,
            base = self.end.position.0,
            "began a segment, and sealed the one before it"
        );
        Ok(())
    }

    /// The number of the next segment; a number is never used twice.
    fn next_number(&self) -> Result<SegmentNumber, StepError> {
        let number = self.last_number.checked_add(1).map(SegmentNumber);
        number.ok_or_else(|| {
            let kind = DamageKind::Rule(Rule::Range("number"));
            let file = self.directory.path_of(&segment_name(SegmentNumber(self.last_number)));
            StepError::Refused(Damage { file, offset: ByteOffset(0), kind }.into())
        })
    }

    /// Takes one step, unless one has failed after it may have written something.
    fn step<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, StepError>) -> Result<T, StepError> {
        if self.poisoned {
            return Err(StepError::Fatal(LogError::Poisoned { directory: self.directory.path() }));
        }
        let done = step(self);
        self.poisoned = matches!(done, Err(StepError::Fatal(_))) && !planted!("go-on-after-a-failure");
        done
    }

    /// Gives back the zeros behind the end of a segment that has a successor now; a torn tail is never cut.
    fn finish_segment(&mut self) -> Result<(), IoError> {
        match (self.tail_is_free || planted!("cut-a-torn-tail")) && self.end.segment.is_some() {
            true => self.give_room_back(),
            false => Ok(()),
        }
    }
}

impl StepError {
    /// What happened, whatever follows from it.
    #[must_use]
    pub fn into_inner(self) -> LogError {
        match self {
            Self::Refused(error) | Self::Fatal(error) => error,
        }
    }
}

fn refused(error: IoError) -> StepError {
    StepError::Refused(error.into())
}

fn fatal(error: IoError) -> StepError {
    StepError::Fatal(error.into())
}

/// As much again as there is, within bounds, and not beyond a full segment unless one group needs it.
fn chunk_bytes(room: u64, needed: u64, segment_bytes: u64) -> u64 {
    let left = segment_bytes.saturating_sub(room).max(needed);
    room.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX).min(left)
}
