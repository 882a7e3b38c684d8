//! What an index and the thread that writes its files share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use causelog_index::{IndexError, Watermark};
use causelog_io::{Condvar, Mutex, Thread};
use causelog_segment::{Directory, Log};
use causelog_types::{Position, Root};
use parking_lot::RwLock;

use crate::file::{BlockCache, Unusable};
use crate::names::RunRange;
use crate::parts::{Part, Parts};
use crate::rebuild::NotMade;
use crate::tail::Tail;

/// Whether index files are written, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexFiles {
    /// They are read, written and merged, by a thread that is started when there is something to do.
    Maintained,
    /// The same, but within the call that finds something to do: so that what happens follows from the calls alone.
    MaintainedInline,
    /// They are only read.
    ReadOnly,
}

/// How an index is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) files: IndexFiles,
    /// When the tail goes into a file: when its frames are so long, or it has so many events.
    pub(crate) tail_bytes: u64,
    pub(crate) tail_events: usize,
}

/// The most that an open has to read of the log because no index file tells of it.
const TAIL_BYTES_MAX: u64 = 2 * 1024 * 1024;
/// The same in events, for small ones.
const TAIL_EVENTS_MAX: usize = 16 * 1024;
/// How many tails may wait to be written before an append helps.
const FROZEN_MAX: usize = 8;

impl Settings {
    pub(crate) fn new(files: IndexFiles, tail_bytes: u64) -> Self {
        Self { files, tail_bytes: tail_bytes.min(TAIL_BYTES_MAX), tail_events: TAIL_EVENTS_MAX }
    }
}

/// Says at its end, be it a panic, that nobody writes files any more.
pub(crate) struct Working<'a>(&'a Shared);

impl Working<'_> {
    /// Ends it, unless a tail waits to be written. Whoever adds one while somebody works starts nobody, so it must not be
    /// between the last look for one and the end.
    fn end_if_done(self) -> Option<Self> {
        let mut working = self.0.working.lock();
        if self.0.frozen() > 0 {
            drop(working);
            return Some(self);
        }
        *working = false;
        drop(working);
        self.0.idle.notify_all();
        std::mem::forget(self);
        None
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        *self.0.working.lock() = false;
        self.0.idle.notify_all();
    }
}

/// What an index and the thread that writes its files share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) log: Log,
    pub(crate) settings: Settings,
    pub(crate) cache: Arc<BlockCache>,
    /// Held for a copy alone.
    parts: RwLock<Arc<Parts>>,
    pub(crate) watermark: parking_lot::Mutex<Option<Watermark>>,
    /// Whether somebody writes files. Nobody else changes what is there of `Parts::earlier` meanwhile, but adds to it.
    working: Mutex<bool>,
    idle: Condvar,
    /// Whether the close has begun: nothing is begun any more, and a merge ends.
    pub(crate) closing: AtomicBool,
    /// Whether what is made again stays in memory: after the close, and where files that were just written cannot be read.
    in_memory: AtomicBool,
    /// How many tails are written before another merge is tried, after one has failed.
    pub(crate) merge_after: AtomicU32,
    /// Tails whose files could not be written since the work began, because of their names.
    pub(crate) unwritable: parking_lot::Mutex<Vec<RunRange>>,
}

impl Shared {
    pub(crate) fn new(log: Log, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            log,
            settings,
            cache: BlockCache::new(),
            parts: RwLock::default(),
            watermark: parking_lot::Mutex::new(None),
            working: Mutex::new(false),
            idle: Condvar::default(),
            closing: AtomicBool::new(false),
            in_memory: AtomicBool::new(false),
            merge_after: AtomicU32::new(0),
            unwritable: parking_lot::Mutex::default(),
        })
    }

    /// Whether index files are written.
    pub(crate) fn writes(&self) -> bool {
        self.settings.files != IndexFiles::ReadOnly && !self.in_memory.load(Ordering::Acquire)
    }

    /// Writes no more files: those that were just written cannot be read.
    pub(crate) fn stay_in_memory(&self) {
        if !self.in_memory.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                "index files cannot be read back; the index stays in memory until the store is opened again"
            );
        }
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.log.directory()
    }

    pub(crate) fn parts(&self) -> Arc<Parts> {
        Arc::clone(&self.parts.read())
    }

    /// Puts a new list of parts in the place of the old one.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.parts.write();
        let mut changed = Parts::clone(&parts);
        change(&mut changed);
        *parts = Arc::new(changed);
    }

    /// The events in memory to which more are added; new ones from a position on, if there are none.
    pub(crate) fn active(&self, base: Position, root: Root) -> Arc<Tail> {
        if let Some(active) = &self.parts().active {
            return Arc::clone(active);
        }
        let tail = Arc::new(Tail::new(base, root));
        self.change(|parts| parts.active = Some(Arc::clone(&tail)));
        tail
    }

    pub(crate) fn tail_is_full(&self) -> bool {
        let parts = self.parts();
        let Some(active) = &parts.active else { return false };
        let events = active.events.read();
        self.writes()
            && (events.frame_bytes >= self.settings.tail_bytes || events.len() >= self.settings.tail_events)
    }

    /// Adds no more events to those in memory, up to where a watermark stands, and has them written.
    pub(crate) fn freeze(self: &Arc<Self>, after: Option<Watermark>) {
        self.freeze_alone(after);
        self.have_written();
    }

    fn freeze_alone(&self, after: Option<Watermark>) {
        let Some(after) = after else { return };
        self.change(|parts| {
            if let Some(tail) = parts.active.take() {
                parts.earlier.push(Part::Frozen(tail, after));
            }
        });
    }

    pub(crate) fn add_gap(&self, range: RunRange) {
        self.change(|parts| parts.earlier.push(Part::Gap(range)));
    }

    pub(crate) fn forget(&self) {
        let _working = self.begin_work();
        self.change(|parts| *parts = Parts::default());
        *self.watermark.lock() = None;
    }

    /// Ends what is at work, writes what is in memory, and writes nothing more.
    pub(crate) fn close(&self) {
        if self.settings.files == IndexFiles::ReadOnly || self.closing.swap(true, Ordering::AcqRel) {
            return;
        }
        let _working = self.begin_work();
        if self.writes() {
            self.freeze_alone(*self.watermark.lock());
            self.write_last();
        }
        self.in_memory.store(true, Ordering::Release);
    }

    /// Ends what is at work, and writes nothing more.
    pub(crate) fn stop(&self) {
        self.closing.store(true, Ordering::Release);
        let _working = self.begin_work();
        self.in_memory.store(true, Ordering::Release);
    }

    /// Waits until nobody works, and is the one that does.
    pub(crate) fn begin_work(&self) -> Working<'_> {
        let mut working = self.working.lock();
        while *working {
            working = self.idle.wait(working);
        }
        *working = true;
        drop(working);
        Working(self)
    }

    /// Has what waits written and merged: by a thread, unless one is at it, or here. Waits for it when too much waits to be
    /// written.
    pub(crate) fn have_written(self: &Arc<Self>) {
        match self.settings.files {
            _ if !self.writes() => {}
            IndexFiles::ReadOnly => {}
            IndexFiles::MaintainedInline => {
                let _working = self.begin_work();
                self.work();
            }
            IndexFiles::Maintained => self.have_written_by_a_thread(),
        }
    }

    fn have_written_by_a_thread(self: &Arc<Self>) {
        let mut working = self.working.lock();
        if !*working && !self.closing.load(Ordering::Acquire) {
            *working = true;
            let shared = Arc::clone(self);
            let body = move || {
                let mut working = Working(&shared);
                while shared.work() {
                    match working.end_if_done() {
                        Some(goes_on) => working = goes_on,
                        None => return,
                    }
                }
            };
            if let Err(error) = Thread::start("causelog-index", body) {
                tracing::warn!(%error, "no thread to write index files; the next tail tries again");
                *working = false;
            }
        }
        while *working && self.frozen() > FROZEN_MAX {
            working = self.idle.wait(working);
        }
    }

    pub(crate) fn frozen(&self) -> usize {
        let parts = self.parts();
        parts.earlier.iter().filter(|part| matches!(part, Part::Frozen(..))).count()
    }

    /// Wakes who waits for tails to be written.
    pub(crate) fn tell_written(&self) {
        let _working = self.working.lock();
        self.idle.notify_all();
    }

    /// Makes an index file again that has turned out to be of no use; or one before it, if that has to be asked for it and
    /// is of no use either.
    pub(crate) fn make_again(&self, range: RunRange, reason: Unusable) -> Result<(), IndexError> {
        let _working = self.begin_work();
        let parts = self.parts();
        if !parts.earlier.iter().any(|part| matches!(part, Part::Run(run) if run.range() == range)) {
            // It has been merged or made again meanwhile.
            return Ok(());
        }
        let (mut range, mut reason) = (range, reason);
        loop {
            match self.remake(range, &reason) {
                Err(NotMade::Earlier(before, its_reason)) => (range, reason) = (before, its_reason),
                made => return Ok(made?),
            }
        }
    }
}
