//! A reader that looks at the directory and then at the published end, while the writer goes on to another segment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use causelog_io::Storage;
use causelog_types::SegmentNumber;
use parking_lot::Mutex;

use super::support::*;
use super::watched::{Watch, watched};
use crate::{Appender, DamageKind, open_reader};

/// A writer that begins a segment so many times, each between a listing and the read of the published end behind it.
struct MovingOn {
    appender: Mutex<Appender>,
    times: AtomicUsize,
    looks: AtomicUsize,
    was_listed: AtomicBool,
}

impl MovingOn {
    fn new(appender: Appender, times: usize) -> Arc<Self> {
        Arc::new(Self {
            appender: Mutex::new(appender),
            times: AtomicUsize::new(times),
            looks: AtomicUsize::new(0),
            was_listed: AtomicBool::new(false),
        })
    }
}

impl Watch for MovingOn {
    fn lists(&self) {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.was_listed.store(true, Ordering::SeqCst);
    }

    fn reads(&self, name: &str, _buffer_bytes: usize) {
        if name != "lock" || !self.was_listed.swap(false, Ordering::SeqCst) {
            return;
        }
        let left = |times: usize| times.checked_sub(1);
        if self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            let mut appender = self.appender.lock();
            let before = appender.synced().segments.len();
            while appender.synced().segments.len() == before {
                append(&mut appender, &["later"]).unwrap();
            }
        }
    }
}

#[test]
fn a_segment_that_is_begun_meanwhile_is_looked_for_again() {
    // Spec: LOCK-3, SEG-9
    for times in [usize::MAX, 1, 2] {
        let store = Store::small();
        let (mut appender, _) = store.open();
        for text in ["a", "b"] {
            append(&mut appender, &[text]).unwrap();
        }
        let watch = MovingOn::new(appender, times);
        let reader = Store { environment: watched(&store, &watch), ..store };
        let texts = reader.texts();
        assert_eq!(&texts[..2], ["a", "b"]);
        assert!(texts.len() > 2 && texts[2..].iter().all(|text| text == "later"), "{texts:?}");
        assert_eq!(watch.looks.load(Ordering::SeqCst), 2, "the first look saw no segment that was published");
        let found =
            crate::inspect(Arc::clone(&reader.environment.storage), &mut |_| {}, &mut |_| {}).unwrap();
        assert_eq!((found.findings, found.in_use), (vec![], true));
    }
}

#[test]
fn a_segment_that_stays_missing_is_told() {
    // Spec: SEG-9
    let store = Store::small();
    let (mut appender, _) = store.open();
    for text in ["a", "b", "c", "d"] {
        append(&mut appender, &[text]).unwrap();
    }
    store.storage.remove(&segment(2)).unwrap();
    let watch = MovingOn::new(appender, 0);
    let environment = watched(&store, &watch);
    let damage = damage_of(open_reader(&environment).map(drop).unwrap_err());
    assert_eq!(place_of(&damage), (&*segment(2), 0, &DamageKind::SegmentMissing(SegmentNumber(2))));
    assert_eq!(watch.looks.swap(0, Ordering::SeqCst), 2);
    let found = crate::inspect(Arc::clone(&environment.storage), &mut |_| {}, &mut |_| {}).unwrap();
    assert_eq!((&found.findings[0], watch.looks.load(Ordering::SeqCst)), (&damage, 2));
}
