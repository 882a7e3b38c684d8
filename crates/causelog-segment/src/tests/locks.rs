//! One writer, any number of readers, and what readers see beside a writer.

use std::sync::Arc;

use causelog_io::{
    Access, Clock, Environment, File, LockKind, ManualClock, MemoryStorage, Storage, SystemClock,
};
use causelog_types::Position;
use parking_lot::Mutex;

use super::support::*;
use crate::{Appender, DamageKind, Left, LogError, StepError, open_reader, open_writer};

#[test]
fn a_second_writer_is_refused_at_once_and_the_directory_named() {
    // Spec: LOCK-1, LOCK-5
    let store = Store::new();
    let (_appender, _) = store.open();
    let clock = ManualClock::new(5);
    let mut environment = store.environment.clone();
    environment.clock = Arc::new(clock.clone());
    let refused = open_writer(&environment, SMALL).map(|_| ()).unwrap_err();
    assert!(matches!(&refused, LogError::Locked { directory } if directory == "memory"), "{refused:?}");
    assert!(refused.to_string().contains("memory"));
    assert_eq!(clock.now_ms(), 5, "nobody waited");
}

#[test]
fn the_lock_is_given_up_by_close_by_drop_and_by_an_open_that_fails() {
    // Spec: LOCK-1
    let store = Store::new();
    let (appender, _) = store.open();
    drop(appender);
    let (appender, _) = store.open();
    appender.close().unwrap();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    store.storage.fail(0, causelog_io::Fault::ShortWrite(1));
    assert!(write(&mut appender, &["b"]).is_err());
    assert!(appender.close().is_err());
    for nth in 0..100 {
        store.storage.fail(nth, causelog_io::Fault::Error(std::io::ErrorKind::Other));
        if let Err(error) = store.try_open().map(drop) {
            assert!(!matches!(error, LogError::Locked { .. }), "operation {nth}: {error}");
        }
        store.storage.crash_at(u64::MAX);
    }
    store.after_kill().open();
}

#[test]
fn a_log_outlives_its_appender_without_its_lock() {
    // Spec: LOCK-1
    let store = Store::new();
    let (log, _, mut appender, _) = open_writer(&store.environment, SMALL).unwrap();
    append(&mut appender, &["a"]).unwrap();
    let snapshot = appender.synced();
    drop(appender);
    let (_second, _) = store.open();
    assert_eq!(log.groups(&snapshot, Position(0)).count(), 1);
}

/// A clock during whose third sleep a reader gives up the lock.
struct Reader {
    lock: Mutex<Option<Arc<dyn File>>>,
    slept_ms: Mutex<Vec<u64>>,
    patience: usize,
}

impl Clock for Reader {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }

    fn sleep_ms(&self, ms: u64) {
        let mut slept = self.slept_ms.lock();
        slept.push(ms);
        if slept.len() == self.patience {
            self.lock.lock().take();
        }
    }
}

fn beside_a_reader(patience: usize) -> (Result<(), LogError>, u64) {
    let store = Store::new();
    store.append_and_close(&["a"]);
    let lock = store.storage.open("lock", Access::Read).unwrap();
    assert!(lock.try_lock(LockKind::Shared).unwrap());
    // Another reader is not kept waiting.
    assert_eq!(store.texts(), ["a"]);
    let reader = Arc::new(Reader { lock: Mutex::new(Some(lock)), slept_ms: Mutex::default(), patience });
    let mut environment = store.environment.clone();
    environment.clock = reader.clone();
    let opened = open_writer(&environment, SMALL).map(|_| ());
    let slept = reader.slept_ms.lock().iter().sum();
    (opened, slept)
}

#[test]
fn a_writer_waits_for_readers_and_then_succeeds() {
    // Spec: LOCK-5
    let (opened, slept) = beside_a_reader(3);
    opened.unwrap();
    assert!(slept > 0);
}

#[test]
fn a_writer_waits_for_readers_two_seconds_at_most() {
    // Spec: LOCK-5
    let (opened, slept) = beside_a_reader(usize::MAX);
    assert!(matches!(opened, Err(LogError::Locked { .. })));
    assert_eq!(slept, 2_000);
}

/// A clock during whose third sleep a writer that has been opening is done with it.
struct OpeningWriter {
    environment: Environment,
    held: Mutex<Vec<Arc<dyn File>>>,
    sleeps: Mutex<usize>,
    opened: Mutex<Option<Appender>>,
}

impl Clock for OpeningWriter {
    fn now_ms(&self) -> u64 {
        0
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }

    fn sleep_ms(&self, _ms: u64) {
        *self.sleeps.lock() += 1;
        if *self.sleeps.lock() == 3 {
            self.held.lock().clear();
            let (_, _, appender, _) = open_writer(&self.environment, SMALL).unwrap();
            *self.opened.lock() = Some(appender);
        }
    }
}

/// What one reader adopted that found no writer, the next one sees beside a writer that is still opening.
#[test]
fn a_reader_waits_until_a_writer_that_opens_has_published() {
    // Spec: LOCK-3, LOCK-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["b"]).unwrap();
    drop(appender);
    assert_eq!(store.texts(), ["a", "b"]);
    let alone = |name| {
        let file = store.storage.open(name, Access::Read).unwrap();
        assert!(file.try_lock(LockKind::Exclusive).unwrap());
        file
    };
    let clock = Arc::new(OpeningWriter {
        environment: store.environment.clone(),
        held: Mutex::new(vec![alone("store"), alone("lock")]),
        sleeps: Mutex::default(),
        opened: Mutex::default(),
    });
    let environment = Environment { clock: clock.clone(), ..store.environment.clone() };
    let (log, snapshot, report) = open_reader(&environment).unwrap();
    assert_eq!((report.left, snapshot.end.position), (Left::InUse, Position(2)));
    assert_eq!((log.groups(&snapshot, Position(0)).count(), *clock.sleeps.lock()), (2, 3));
    assert!(clock.opened.lock().is_some());

    // One that opens for ever is not waited for.
    clock.opened.lock().take();
    *clock.held.lock() = vec![alone("store"), alone("lock")];
    open_reader(&environment).unwrap();
    assert_eq!(*clock.sleeps.lock(), 403);
}

/// Or else it would hold a kept head against an end that was published before that writer.
#[test]
fn a_verification_waits_for_a_writer_that_opens() {
    // Spec: LOCK-6, VERIFY-3
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["b"]).unwrap();
    drop(appender);
    assert_eq!(store.texts(), ["a", "b"]);
    let held = ["store", "lock"].map(|name| {
        let file = store.storage.open(name, Access::Read).unwrap();
        assert!(file.try_lock(LockKind::Exclusive).unwrap());
        file
    });
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            SystemClock.sleep_ms(100);
            drop(held);
            store.open()
        });
        let inspection = store.inspect();
        let _appender = writer.join().unwrap();
        assert_eq!((inspection.head.position, inspection.findings), (Position(2), vec![]));
    });
}

/// Another writer that is still opening counts as a writer.
#[test]
fn a_writer_holds_the_store_file_until_it_has_published() {
    // Spec: LOCK-5, LOCK-6
    let store = Store::new();
    store.append_and_close(&["a"]);
    let file = store.storage.open("store", Access::Read).unwrap();
    assert!(file.try_lock(LockKind::Exclusive).unwrap());
    assert!(matches!(store.try_open().map(drop), Err(LogError::Locked { .. })));
    file.unlock().unwrap();
    let (_appender, _) = store.open();
    assert!(file.try_lock(LockKind::Exclusive).unwrap(), "it was held on");
}

#[test]
fn beside_a_writer_readers_see_exactly_what_is_published() {
    // Spec: LOCK-3, SLOT-3
    let store = Store::small();
    let (mut appender, _) = store.open();
    assert_eq!(store.report().left, Left::InUse);
    assert_eq!(store.texts(), Vec::<String>::new());
    let mut published = Vec::new();
    for i in 0..12 {
        let text = format!("event {i}");
        write(&mut appender, &[&text]).unwrap();
        appender.publish().unwrap();
        assert_eq!(store.texts(), published, "written only");
        appender.sync().unwrap();
        assert_eq!(store.texts(), published, "synced only");
        let inspection = store.inspect();
        assert!(inspection.in_use);
        assert_eq!((inspection.findings, inspection.torn_tail), (vec![], None));
        assert_eq!(inspection.groups, i);
        appender.publish().unwrap();
        published.push(text);
        assert_eq!(store.texts(), published);
        assert_eq!(store.report().left, Left::InUse);
    }
    assert!(appender.synced().segments.len() > 3);
    drop(appender);
    assert_eq!(store.texts(), published);
    assert_eq!(store.report().left, Left::Unclosed);
}

#[test]
fn beside_a_writer_without_slots_readers_see_what_later_groups_show_to_be_synced() {
    // Spec: LOCK-3
    let store = Store::new();
    let (mut appender, _) = store.open();
    for text in ["a", "b", "c"] {
        write(&mut appender, &[text]).unwrap();
        appender.sync().unwrap();
    }
    store.storage.open("lock", Access::ReadWrite).unwrap().set_len(0).unwrap();
    assert_eq!(store.texts(), ["a", "b"]);
    let inspection = store.inspect();
    assert_eq!((inspection.in_use, inspection.findings), (true, vec![]));
    append(&mut appender, &["d"]).unwrap();
    assert_eq!(store.texts(), ["a", "b", "c", "d"]);
}

#[test]
fn a_reader_beside_a_writer_neither_syncs_nor_adopts() {
    // Spec: LOCK-3
    let store = Store::new();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    write(&mut appender, &["unsynced"]).unwrap();
    store.storage.clear_trace();
    assert_eq!(store.texts(), ["a"]);
    assert_eq!(store.changes(), []);
    assert_eq!(store.after_power_cut().texts(), ["a"]);
}

#[test]
fn a_published_segment_that_is_missing_is_named() {
    // Spec: SEG-9
    let store = Store::small();
    let (mut appender, _) = store.open();
    for text in ["a", "b", "c", "d"] {
        append(&mut appender, &[text]).unwrap();
    }
    store.storage.remove(&segment(2)).unwrap();
    let damage = damage_of(store.try_texts().unwrap_err());
    assert!(matches!(damage.kind, DamageKind::SegmentMissing(number) if number.0 == 2), "{damage}");
    assert_eq!(store.inspect().findings[0], damage);
}

#[test]
fn damage_below_the_published_end_is_an_error_beside_a_writer_too() {
    // Spec: SLOT-6
    let store = Store::new();
    let (mut appender, _) = store.open();
    for text in ["a", "b", "c"] {
        append(&mut appender, &[text]).unwrap();
    }
    let file = store.storage.open(&segment(1), Access::ReadWrite).unwrap();
    file.write_at(&[0xFF], 300).unwrap();
    assert!(matches!(store.try_texts(), Err(LogError::Damaged(_))));
    assert_ne!(store.inspect().findings, []);
}

/// Replaces the lock file, as a careless restore of a backup does.
fn replace_lock(storage: &MemoryStorage) {
    storage.rename("lock", "lock.old").unwrap();
    storage.open("lock", Access::CreateNew).unwrap();
}

#[test]
fn a_replaced_lock_file_is_noticed_at_rotation_and_at_close() {
    // Spec: LOCK-2
    let store = Store::small();
    let (mut appender, _) = store.open();
    append(&mut appender, &["a"]).unwrap();
    replace_lock(&store.storage);
    let error = (0..5).map(|_| append(&mut appender, &["b"])).find_map(Result::err).unwrap();
    assert!(matches!(error, StepError::Fatal(LogError::Moved { .. })), "{error:?}");
    assert!(store.file(&segment(2)).is_none());
    assert!(matches!(appender.close(), Err(LogError::Poisoned { .. })));

    for remove in [true, false] {
        let store = Store::new();
        let (mut appender, _) = store.open();
        write(&mut appender, &["a"]).unwrap();
        match remove {
            true => store.storage.remove("lock").unwrap(),
            false => replace_lock(&store.storage),
        }
        assert!(matches!(appender.close(), Err(LogError::Moved { .. })));
        assert!(store.file("closed").is_none());
        assert_eq!(store.after_power_cut().texts(), ["a"], "it was synced all the same");
    }
}
