//! Opening a log, by its writer or read-only: lock, survey, tail, judgement.

use std::sync::Arc;

use causelog_io::{Environment, IoError};
use causelog_types::{ByteOffset, Hlc, Position, SegmentNumber, StoreId, planted};
use causelog_wire::{CleanClose, Slot, StoreIdentity, hash};

use crate::append::{Appender, AppenderSettings, AppenderStart};
use crate::directory::Directory;
use crate::ends::{check_mark, check_slot, vouched_for};
use crate::error::{Damage, DamageKind, LogError};
use crate::group::Payloads;
use crate::lock::{HeldLock, LockFile, SharedLock, hold_readers_off, hold_writers_off};
use crate::log::Log;
use crate::names::STORE_FILE;
use crate::published::{LogEnd, Snapshot};
use crate::report::{Left, OpenReport, TornTail};
use crate::scan::{Boundary, Scan};
use crate::segment::{Segment, sealed_end};
use crate::survey::Survey;
use crate::tail::{Behind, Tail, Watch, read_tail, scan_tail};

/// Opens a log to append to it, making the store if there is none.
///
/// Takes the lock, reads the end of the log, makes durable what it adopts, and publishes the recovered end. It
/// creates no file but `lock`, and `store` in a new store; it deletes and rewrites nothing.
///
/// # Errors
/// [`LogError::Locked`] when another writer has it open; [`LogError::Damaged`] when something that had been
/// durable is not as it was; or the system refuses.
pub fn open_writer(
    environment: &Environment,
    settings: AppenderSettings,
) -> Result<(Log, Snapshot, Appender, OpenReport), LogError> {
    let directory = Directory::new(Arc::clone(&environment.storage));
    let _readers_off = hold_readers_off(&directory, &*environment.clock)?;
    let lock = LockFile::exclusive(&directory, &*environment.clock)?;
    open_locked(environment, settings, directory, lock)
}

/// Opens a log again whose writer was given up, by its lock that has been held all the time: recovers from the
/// files as [`open_writer`] does. No write or sync of the writer that was given up may still be under way.
///
/// # Errors
/// As [`open_writer`], and [`LogError::Moved`].
pub fn reopen_writer(
    environment: &Environment,
    settings: AppenderSettings,
    held: &HeldLock,
) -> Result<(Log, Snapshot, Appender, OpenReport), LogError> {
    let directory = Directory::new(Arc::clone(&environment.storage));
    let lock = LockFile::again(&directory, held)?;
    open_locked(environment, settings, directory, lock)
}

fn open_locked(
    environment: &Environment,
    settings: AppenderSettings,
    directory: Directory,
    mut lock: LockFile,
) -> Result<(Log, Snapshot, Appender, OpenReport), LogError> {
    let _span = tracing::info_span!("open", directory = directory.path()).entered();
    let mut survey = Survey::take(&directory)?;
    let is_new = survey.is_empty();
    if is_new {
        survey.identity = Some(create_store(environment, &directory)?);
    }
    let identity = checked_identity(&directory, &mut survey)?;
    let slot = lock.newest_slot(identity.store)?;
    let found = recover(&directory, &survey, identity, slot)?;
    if !planted!("adopt-a-name-without-a-sync") {
        directory.sync()?;
    }

    let mut report = found.report(&survey)?;
    if is_new {
        report.left = Left::New;
    }
    let epoch = found.epoch.max(slot.map_or(0, |slot| slot.epoch)).saturating_add(1);
    report.epoch = epoch;
    report.holds_writers_off = true;
    // A full disk must not keep a store from opening: readers go on with the slot that is there.
    if let Err(error) = lock.write_slot(identity.store, &found.end.slot(epoch)) {
        tracing::warn!(%error, "the recovered end is not published; the next group tries again");
    }

    found.tell(&report);
    let snapshot = Snapshot { end: found.end, segments: survey.segments.into() };
    let start = AppenderStart {
        store: identity.store,
        snapshot: snapshot.clone(),
        tail_is_free: found.behind == Behind::Zeros || planted!("overwrite-a-torn-tail"),
        mark_stands: survey.closed.is_some(),
        mark_is_right: found.left == Left::Closed,
        last_number: survey.last_number,
        epoch,
        lock,
    };
    let appender = Appender::new(environment.clone(), directory.clone(), settings, start);
    Ok((Log::new(directory, identity), snapshot, appender, report))
}

/// Opens a log read-only. It creates and changes no file.
///
/// While a writer lives, only what it has published is served; otherwise what is adopted is made durable first.
///
/// # Errors
/// [`LogError::NotAStore`], [`LogError::Damaged`], or the system refuses.
pub fn open_reader(environment: &Environment) -> Result<(Log, Snapshot, OpenReport), LogError> {
    let directory = Directory::new(Arc::clone(&environment.storage));
    let _span = tracing::info_span!("open_read_only", directory = directory.path()).entered();
    let writers_off = hold_writers_off(&directory, &*environment.clock)?;
    let mut lock = LockFile::shared(&directory)?;
    let (mut survey, slot) = look(&directory, &mut lock)?;
    drop(writers_off);
    let identity = checked_identity(&directory, &mut survey)?;
    let found = if lock.writer_lives() {
        beside_a_writer(&directory, &survey, identity, slot)?
    } else {
        let found = recover(&directory, &survey, identity, slot)?;
        directory.sync()?;
        found
    };
    let mut report = found.report(&survey)?;
    found.tell(&report);
    report.epoch = found.epoch.max(slot.map_or(0, |slot| slot.epoch));
    let snapshot = Snapshot { end: found.end, segments: survey.segments.into() };
    Ok((Log::new(directory, identity), snapshot, report))
}

/// Looks at what stands in the directory, and at the published end; beside a writer, at nothing beyond that.
pub(crate) fn look(directory: &Directory, lock: &mut SharedLock) -> Result<(Survey, Option<Slot>), LogError> {
    let mut survey = Survey::take(directory)?;
    if survey.is_empty() {
        return Err(LogError::NotAStore { directory: directory.path() });
    }
    let Some(store) = survey.store else { return Ok((survey, None)) };
    let slot = lock.newest_slot(store)?;
    let (true, Some(published)) = (lock.writer_lives(), slot) else { return Ok((survey, slot)) };
    if published.segment > survey.last() {
        // The writer has begun a segment since the directory was listed. It was there before it was published, so it
        // is listed now, whatever the writer has begun since.
        survey = Survey::take(directory)?;
        if let Some(number) = published.segment.filter(|number| Some(*number) > survey.last()) {
            survey.find_missing(directory, number);
        }
    }
    survey.segments.retain(|segment| Some(segment.number()) <= published.segment);
    Ok((survey, slot))
}

fn create_store(environment: &Environment, directory: &Directory) -> Result<StoreIdentity, LogError> {
    let mut id = [0; 16];
    environment.random.fill(&mut id).map_err(IoError::on("draw the id of", directory.path()))?;
    let store = StoreId::from_u128(u128::from_be_bytes(id));
    let identity = StoreIdentity { store, created_ms: environment.clock.now_ms() };
    // First the directory's own name: once `store` is there, nobody takes the store for new and syncs it.
    if !planted!("skip-the-sync-of-the-parent") {
        directory.sync_parent()?;
    }
    directory.publish(STORE_FILE, &identity.encode())?;
    Ok(identity)
}

/// Strict: the first finding is the answer.
fn checked_identity(directory: &Directory, survey: &mut Survey) -> Result<StoreIdentity, LogError> {
    if !survey.findings.is_empty() {
        return Err(survey.findings.swap_remove(0).into());
    }
    survey.identity.ok_or_else(|| {
        let file = directory.path_of(STORE_FILE);
        Damage { file, offset: ByteOffset(0), kind: DamageKind::IdentityMissing }.into()
    })
}

/// What a look at the end of the log has found.
pub(crate) struct Found {
    pub(crate) end: LogEnd,
    pub(crate) behind: Behind,
    pub(crate) epoch: u64,
    left: Left,
}

/// Reads the end of a log that nobody writes, makes durable what it adopts, and judges it.
fn recover(
    directory: &Directory,
    survey: &Survey,
    identity: StoreIdentity,
    slot: Option<Slot>,
) -> Result<Found, LogError> {
    let closed = survey.closed.as_ref();
    let mut watch = Watch::new(vouched_for(closed, slot));
    let (tail, segment) = match survey.segments.last() {
        None => (Tail::empty(identity.store), None),
        Some(segment) => (adopt(segment, closed, slot, &mut watch)?, Some(segment)),
    };
    if let Some(damage) = tail.damage {
        return Err(damage.into());
    }
    let end = tail.end.log_end(segment.map(|segment| segment.number()));
    let left = check_mark(directory, survey, &end, &watch)?;
    check_slot(directory, survey, slot, &end, &watch)?;
    Ok(Found { end, behind: tail.behind, epoch: tail.epoch, left })
}

/// Reads the end of the last segment; what nothing shows to have been synced is synced, dropped from memory and read again.
fn adopt(
    segment: &Arc<Segment>,
    closed: Option<&CleanClose>,
    slot: Option<Slot>,
    watch: &mut Watch,
) -> Result<Tail, IoError> {
    let file = segment.file()?;
    let first = read_tail(segment, scan_tail(segment, u64::MAX, closed, slot)?, closed, watch)?;
    let was_closed = closed.is_some_and(|closed| {
        closed.position == first.end.position && closed.segment_length == first.end.offset.0
    });
    if was_closed || first.damage.is_some() || planted!("adopt-a-tail-without-a-sync") {
        return Ok(first);
    }
    tracing::debug!(
        file = segment.path(),
        "syncing and reading again what nothing shows to have been synced"
    );
    file.sync()?;
    let from = first.confirmed.offset.0;
    file.drop_cached(from, file.length()?.saturating_sub(from))?;
    let scan = Scan::new(segment, first.confirmed, u64::MAX, Payloads::Trusted)?;
    let again = read_tail(segment, scan, closed, watch)?;
    Ok(Tail { epoch: first.epoch.max(again.epoch), ..again })
}

/// Reads the end that a living writer has published. Nothing beyond it is looked at.
fn beside_a_writer(
    directory: &Directory,
    survey: &Survey,
    identity: StoreIdentity,
    slot: Option<Slot>,
) -> Result<Found, LogError> {
    let mut watch = Watch::default();
    let (tail, number) = match survey.segments.last() {
        None => (Tail::empty(identity.store), None),
        Some(segment) => {
            let limit = slot.filter(|_| !planted!("read-beyond-the-published-end"));
            let limit = limit.map_or(u64::MAX, |slot| slot.offset.0);
            let scan = scan_tail(segment, limit, None, slot)?;
            let tail = read_tail(segment, scan, None, &mut watch)?;
            (tail, Some(segment.number()))
        }
    };
    // Without a slot the writer is still opening: only what a later group shows to have been synced counts.
    let end = if slot.is_some() { tail.end } else { tail.confirmed }.log_end(number);
    check_slot(directory, survey, slot, &end, &watch)?;
    Ok(Found { end, behind: Behind::Zeros, epoch: tail.epoch, left: Left::InUse })
}

impl Found {
    /// For whoever operates the store.
    fn tell(&self, report: &OpenReport) {
        let (position, segments) = (self.end.position.0, report.segments);
        tracing::info!(position, segments, left = ?report.left, "opened");
        if let Some(torn) = &report.torn_tail {
            tracing::warn!(
                file = torn.file,
                offset = torn.offset.0,
                bytes = torn.bytes,
                "a torn tail is not served"
            );
        }
    }

    fn report(&self, survey: &Survey) -> Result<OpenReport, IoError> {
        let (mut bytes, mut dead_bytes, mut torn_tail) = (0, 0, None);
        for (i, segment) in survey.segments.iter().enumerate() {
            let length = segment.file_for_now()?.length()?;
            bytes += length;
            match sealed_end(&survey.segments, i) {
                Some(end) => dead_bytes += length.saturating_sub(end.length),
                None if self.behind == Behind::Torn => {
                    let offset = self.end.offset;
                    let bytes = length.saturating_sub(offset.0);
                    torn_tail = Some(TornTail { file: segment.path(), offset, bytes });
                }
                None => {}
            }
        }
        Ok(OpenReport {
            head: self.end.head(),
            left: self.left,
            segments: survey.segments.len(),
            bytes,
            torn_tail,
            dead_bytes,
            unknown_names: survey.unknown.clone(),
            temporary_names: survey.temporary.clone(),
            epoch: self.epoch,
            damage: Vec::new(),
            more_damage: 0,
            holds_writers_off: false,
        })
    }
}

impl Tail {
    /// The end of a store without segments.
    pub(crate) fn empty(store: StoreId) -> Self {
        let end = Boundary {
            offset: ByteOffset(0),
            group: ByteOffset(0),
            position: Position(0),
            root: hash::first_root(store),
            hlc: Hlc::default(),
        };
        Self { end, behind: Behind::Zeros, damage: None, epoch: 0, confirmed: end }
    }
}

impl Boundary {
    pub(crate) fn log_end(self, segment: Option<SegmentNumber>) -> LogEnd {
        let Self { offset, group, position, root, hlc } = self;
        LogEnd { segment, offset, group, position, root, hlc }
    }
}

impl LogEnd {
    pub(crate) fn slot(&self, epoch: u64) -> Slot {
        let Self { segment, offset, group, position, root, .. } = *self;
        Slot { epoch, segment, offset, group, position, root }
    }
}
