//! Index files as a thread writes them: appends go on beside it, and nothing is written once the lock is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use causelog::{
    AppendErrorKind, Environment, Fate, LogError, MemoryIndex, MemoryStorage, Store, inspect_index_files,
};
use causelog_index_sealed::{IndexFiles, SealedIndex};
use causelog_io::{Fault, Operation};
use causelog_segment::{AppenderSettings, open_reader, open_writer};
use causelog_writer::{CatchUpError, RestartPolicy, Start, Writer, WriterSettings};

use crate::held::{Gate, held_index_files, is_unlocked};
use crate::helpers::{Lab, SEGMENT_BYTES, bytes_of, door, id, long_event, names, options, with_file};
use crate::index_files::answers;

/// So that each group is an index file.
const TAIL_BYTES: u64 = 1;
/// So many of a size are merged.
const FANOUT: u64 = 8;
/// So many tails may wait, the one that is being written among them, before an append does.
const WAITING_MAX: u64 = 8;

/// Index files by their names.
type Which = fn(&str) -> bool;

fn any(name: &str) -> bool {
    name.ends_with(".idx.tmp")
}

/// The file of one event.
fn of_one(name: &str) -> bool {
    any(name) && !merged(name)
}

/// The file of the first events, merged.
fn merged(name: &str) -> bool {
    name == "00000000000000000000-00000000000000000008.idx.tmp"
}

/// A new store whose index files a thread writes, as it is where a directory is opened by its path.
fn open_threaded(lab: &Lab, disk: &MemoryStorage, which: Which) -> (Store, Environment, Gate) {
    lab.open(disk).close().unwrap();
    let (environment, gate) = held_index_files(lab, disk, which);
    let (log, snapshot, _) = open_reader(&environment).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained, TAIL_BYTES);
    let store = options().index(index).open_in(environment.clone()).unwrap();
    (store, environment, gate)
}

/// Appends the events of these numbers, each about a fourth of a segment.
fn append(store: &Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.append(long_event(&door(), 900).with_id(id(number.into()))).unwrap();
    }
}

/// Waits for what must come.
fn wait_until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// Gives what must not come the time to come.
fn wait_in_vain(mut comes: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if comes() {
            return;
        }
        thread::yield_now();
    }
}

/// The thread is in the middle of a file, of one event or of many that it merges: appends return and are answered
/// for, and once it goes on it catches up.
///
/// Spec: STORE-5, INDEX-11, INDEX-12
#[test]
fn appends_go_on_while_an_index_file_is_written() {
    let cases: [(Which, u64); 2] = [(of_one, 1), (merged, FANOUT)];
    for (which, before) in cases {
        let (lab, disk) = (Lab::new(), MemoryStorage::new());
        let (store, _, gate) = open_threaded(&lab, &disk, which);
        gate.shut();
        append(&store, 0..before);
        gate.wait_until_held();
        let files = names(&disk, ".idx");
        let frozen = u64::from(before == 1);
        append(&store, before..before + WAITING_MAX - frozen);
        assert_eq!(names(&disk, ".idx"), files, "the thread was not held");
        let of_memory = options().index(Arc::new(MemoryIndex::new()));
        let due = answers(&of_memory.open_read_only_in(lab.environment(&disk.kill())).unwrap());
        assert_eq!(due.counts.events, before + WAITING_MAX - frozen);
        assert_eq!(answers(&store), due);
        gate.open();
        let merged = usize::try_from(due.counts.events / FANOUT).unwrap();
        wait_until(|| names(&disk, ".idx").len() == merged);
        assert_eq!(answers(&store), due);
        store.close().unwrap();
        let found = inspect_index_files(Arc::new(disk.clone())).unwrap();
        assert!(found.findings.is_empty(), "{:?}", found.findings);
        assert_eq!(answers(&lab.try_open_read_only(&disk).unwrap()), due);
    }
}

/// A thread that stays slower than the appends holds them up in the end, so that what it has not written is bounded.
///
/// Spec: STORE-5
#[test]
fn what_waits_for_the_thread_is_bounded() {
    const EVENTS: usize = 40;
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, _, gate) = open_threaded(&lab, &disk, of_one);
    gate.shut();
    let appended = AtomicUsize::new(0);
    thread::scope(|scope| {
        let appending = scope.spawn(|| {
            for number in 0..EVENTS {
                append(&store, widen(number)..widen(number) + 1);
                let waiting = number + 1 - gate.passed().min(number + 1);
                assert!(widen(waiting) <= WAITING_MAX, "{waiting} files wait");
                appended.store(number + 1, Ordering::SeqCst);
            }
        });
        while !appending.is_finished() {
            let before = appended.load(Ordering::SeqCst);
            wait_in_vain(|| appended.load(Ordering::SeqCst) > before);
            gate.let_one_pass();
        }
        gate.open();
    });
    assert_eq!(store.counts().unwrap().events, widen(EVENTS));
    store.close().unwrap();
    assert_eq!(answers(&lab.try_open_read_only(&disk).unwrap()).all.len(), EVENTS);
}

fn widen(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

/// Runs what gives up a store, or an index, while the thread is held in a file, and lets the thread go on once that is
/// done or has had the time to be: whatever the thread has still written, it was before that returned, and under
/// the lock if there was one.
#[track_caller]
fn check_nothing_after<T: Send>(
    disk: &MemoryStorage,
    environment: Environment,
    gate: &Gate,
    give_up: impl FnOnce() -> T + Send,
) -> T {
    let (given, at_return, was_locked) = thread::scope(|scope| {
        let giving_up = scope.spawn(|| {
            let given = give_up();
            (given, disk.mutations())
        });
        wait_until(|| gate.holds_one() || giving_up.is_finished());
        assert!(gate.holds_one(), "no index file was begun");
        let was_locked = !is_unlocked(disk);
        wait_in_vain(|| giving_up.is_finished() || was_locked && is_unlocked(disk));
        gate.open();
        let (given, at_return) = giving_up.join().unwrap();
        (given, at_return, was_locked)
    });
    // The thread is the last that holds on to it.
    let storage = environment.storage;
    wait_until(|| Arc::strong_count(&storage) == 1);
    assert_eq!(disk.mutations(), at_return, "something was written afterwards");
    assert!(!was_locked || gate.unlocked() == 0, "index files were touched without the lock");
    given
}

/// A store that was killed while the files of its first events were being merged: none of them is merged yet.
fn killed_before_a_merge(lab: &Lab) -> MemoryStorage {
    let disk = MemoryStorage::new();
    let (store, _, gate) = open_threaded(lab, &disk, merged);
    gate.shut();
    append(&store, 0..FANOUT);
    gate.wait_until_held();
    append(&store, FANOUT..FANOUT + WAITING_MAX);
    let killed = disk.kill();
    gate.open();
    assert_eq!(names(&killed, ".idx").len(), 8);
    killed
}

/// The same directory with one bit of a group flipped in the last segment but one.
fn damaged(disk: &MemoryStorage) -> MemoryStorage {
    let segments = names(disk, ".seg");
    let segment = &segments[segments.len() - 2];
    let mut bytes = bytes_of(disk, segment);
    bytes[1500] ^= 1;
    with_file(disk, segment, Some(bytes))
}

/// Opens a directory as `Store::open` does, with something to wait for once the index is there.
fn start(environment: &Environment, wait: impl FnOnce()) -> Result<Writer, CatchUpError> {
    let settings = AppenderSettings { segment_bytes: SEGMENT_BYTES };
    let (log, snapshot, appender, _) = open_writer(environment, settings)?;
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained, TAIL_BYTES);
    wait();
    Writer::start(Start {
        environment: environment.clone(),
        log,
        snapshot,
        appender,
        appender_settings: settings,
        index,
        settings: WriterSettings::default(),
        restarts: RestartPolicy::default(),
    })
}

/// The log is damaged where the index is brought up to it, while the thread writes what the open has brought it, or
/// merges what it has found.
///
/// Spec: RECOVER-5, LOCK-1
#[test]
fn nothing_is_written_after_an_open_that_has_failed() {
    let lab = Lab::new();
    let unmerged = killed_before_a_merge(&lab);
    let bare = unmerged.files().into_iter().filter(|(name, _)| !name.ends_with(".idx"));
    let bare = MemoryStorage::from_files(bare.collect());
    let cases: [(MemoryStorage, Which); 2] = [(damaged(&bare), any), (damaged(&unmerged), merged)];
    for (disk, which) in cases {
        let (environment, gate) = held_index_files(&lab, &disk, which);
        gate.shut();
        let merges = names(&disk, ".idx").len() == 8;
        let wait = || {
            if merges {
                gate.wait_until_held();
            }
        };
        let opened = environment.clone();
        let result = check_nothing_after(&disk, environment, &gate, move || start(&opened, wait).map(drop));
        let error = result.unwrap_err();
        assert!(matches!(error, CatchUpError::Log(LogError::Damaged(_))), "{error}");
        assert!(is_unlocked(&disk));
    }
}

/// An index that was opened and is not used, as where the rest of an open fails.
///
/// Spec: LOCK-1
#[test]
fn nothing_is_written_after_an_index_was_dropped() {
    let lab = Lab::new();
    let disk = killed_before_a_merge(&lab);
    let (environment, gate) = held_index_files(&lab, &disk, merged);
    gate.shut();
    let (log, snapshot, _) = open_reader(&environment).unwrap();
    let index = SealedIndex::open(&log, &snapshot, IndexFiles::Maintained, TAIL_BYTES);
    gate.wait_until_held();
    drop((log, snapshot));
    check_nothing_after(&disk, environment, &gate, move || drop(index));
    assert!(names(&disk, ".tmp").is_empty(), "{:?}", names(&disk, ""));
}

/// Beside a writer that has failed, index files tell of what was acknowledged alone; and once its store is dropped
/// nothing is written.
///
/// Spec: COMMIT-4, LOCK-1, INDEX-7
#[test]
fn a_writer_that_has_failed_writes_index_files_of_what_was_acknowledged_alone() {
    let (lab, disk) = (Lab::new(), MemoryStorage::new());
    let (store, environment, gate) = open_threaded(&lab, &disk, any);
    gate.shut();
    append(&store, 0..1);
    gate.wait_until_held();
    disk.clear_trace();
    append(&store, 1..2);
    // The next append does the same.
    let sync = disk.trace().iter().position(Operation::is_sync).unwrap();
    disk.fail(widen(sync), Fault::SyncFailsAndDrops);
    let error = store.append(long_event(&door(), 900).with_id(id(2))).unwrap_err();
    assert_eq!(error.fate(), Fate::Unknown);
    let again = store.append(long_event(&door(), 900)).unwrap_err();
    assert!(matches!(again.kind(), AppendErrorKind::Poisoned(_)), "{again}");
    let acknowledged = store.end();
    assert_eq!(acknowledged.position.0, 2);
    check_nothing_after(&disk, environment, &gate, move || drop(store));
    let last = format!("-{:020}.idx", 2);
    let files = names(&disk, ".idx");
    assert!(files.iter().any(|name| name.ends_with(&last)), "{files:?}");
    assert!(files.iter().all(|name| name[20..] <= *last), "{files:?}");
    let store = lab.open(&disk.power_cut());
    assert_eq!((store.end(), store.counts().unwrap().events), (acknowledged, 2));
}
