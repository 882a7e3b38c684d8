//! Every kind of error at every operation: nothing acknowledged is lost, and what was refused can be tried again.

use std::io::ErrorKind;

use causelog_io::{Fault, Operation};

use super::support::*;
use crate::{Appender, LogError, StepError};

/// A caller that goes on after errors as far as it may, and knows what the log must hold.
struct Caller<'a> {
    store: &'a Store,
    appender: Option<Appender>,
    /// What the log holds.
    expected: Vec<String>,
    /// What it may hold besides, in this order.
    unknown: Vec<String>,
    errors: Errors,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Errors {
    opens: u32,
    refused: u32,
    fatal: u32,
    closes: u32,
    publishes: u32,
}

impl<'a> Caller<'a> {
    fn new(store: &'a Store) -> Self {
        Self { store, appender: None, expected: Vec::new(), unknown: Vec::new(), errors: Errors::default() }
    }

    fn run(&mut self) {
        for texts in [&["a", "b"][..], &["c"], &["d"]] {
            self.append(texts);
        }
        self.close();
        self.append(&["e"]);
        self.append(&["f"]);
        self.appender = None;
        self.append(&["g"]);
        self.append(&["h"]);
        self.close();
    }

    /// Opens the store; of two tries, at least the second succeeds. Whether a group whose fate was unknown is there.
    fn open(&mut self) -> bool {
        let opened = self.store.try_open().or_else(|_| {
            self.errors.opens += 1;
            self.store.try_open()
        });
        let (snapshot, appender, _) = opened.unwrap();
        let found = usize::try_from(snapshot.end.position.0).unwrap() > self.expected.len();
        if found {
            self.expected.append(&mut self.unknown);
        }
        self.unknown.clear();
        assert_eq!(snapshot.end.position.0, u64::try_from(self.expected.len()).unwrap());
        self.appender = Some(appender);
        found
    }

    fn append(&mut self, texts: &[&str]) {
        if self.appender.is_none() {
            self.open();
        }
        let mut appender = self.appender.take().unwrap();
        let before = (appender.end(), appender.synced().end);
        let appended = self.attempt(&mut appender, texts);
        let appended = match appended {
            Err(StepError::Refused(_)) => {
                self.errors.refused += 1;
                let now = appender.end();
                assert_eq!((now.position, now.root), (before.0.position, before.0.root));
                assert_eq!(appender.synced().end.position, before.1.position);
                self.attempt(&mut appender, texts)
            }
            done => done,
        };
        match appended {
            Ok(()) => self.appender = Some(appender),
            Err(StepError::Refused(error)) => panic!("refused again, though the fault has passed: {error}"),
            Err(StepError::Fatal(_)) => {
                self.errors.fatal += 1;
                let closed = self.store.file("closed");
                assert!(matches!(appender.sync(), Err(StepError::Fatal(LogError::Poisoned { .. }))));
                assert!(matches!(appender.close(), Err(LogError::Poisoned { .. })));
                // CLOSE-3
                assert_eq!(self.store.file("closed"), closed);
                // A retry settles what had become of it.
                if !self.open() {
                    self.append(texts);
                }
            }
        }
    }

    /// One try of a durable append. Only after its write has begun may the group be found later.
    fn attempt(&mut self, appender: &mut Appender, texts: &[&str]) -> Result<(), StepError> {
        let (mut group, hlc) = group(appender.end().position, texts);
        appender.place(group.len())?;
        self.unknown = texts.iter().map(|text| (*text).to_owned()).collect();
        appender.write(&mut group, hlc)?;
        appender.sync()?;
        self.expected.append(&mut self.unknown);
        self.errors.publishes += u32::from(appender.publish().is_err());
        Ok(())
    }

    fn close(&mut self) {
        if let Some(appender) = self.appender.take() {
            self.errors.closes += u32::from(appender.close().is_err());
        }
    }
}

/// What can go wrong with an operation.
fn faults(operation: &Operation) -> Vec<Fault> {
    let errors =
        [ErrorKind::Other, ErrorKind::StorageFull, ErrorKind::PermissionDenied, ErrorKind::Interrupted];
    let mut faults = errors.map(Fault::Error).to_vec();
    match operation {
        Operation::Write { .. } => faults.extend([0, 1, 60, 200].map(Fault::ShortWrite)),
        Operation::SyncData { .. } | Operation::SyncDir | Operation::SyncParent => {
            faults.push(Fault::SyncFailsAndDrops);
        }
        _ => {}
    }
    faults
}

#[test]
fn no_error_of_any_operation_loses_what_was_acknowledged() {
    // Spec: SEG-8, CLOSE-3, SLOT-4, RECOVER-6
    let whole = Store::small();
    let mut caller = Caller::new(&whole);
    caller.run();
    assert_eq!(caller.errors, Errors::default());
    let (trace, texts) = (whole.storage.trace(), whole.texts());
    let mut seen = Errors::default();
    for (nth, operation) in (0..).zip(&trace) {
        for fault in faults(operation) {
            let store = Store::small();
            store.storage.fail(nth, fault);
            let mut caller = Caller::new(&store);
            caller.run();
            let context = || format!("{fault:?} at {nth}, {operation:?}");
            assert_eq!(caller.expected, texts, "{}", context());
            assert_eq!(store.texts(), texts, "{}", context());
            assert_eq!(store.inspect().findings, [], "{}", context());
            // After a directory's failed sync the system may say that a name is durable which is not, and no
            // later sync tells: that is beyond any recovery.
            let hopeless =
                fault == Fault::SyncFailsAndDrops && !matches!(operation, Operation::SyncData { .. });
            if !hopeless {
                let later = store.after_power_cut();
                assert_eq!(later.texts(), texts, "{}", context());
                later.append_and_close(&["more"]);
                assert_eq!(later.after_power_cut().texts().len(), texts.len() + 1);
            }
            let errors = caller.errors;
            seen.opens += errors.opens;
            seen.refused += errors.refused;
            seen.fatal += errors.fatal;
            seen.closes += errors.closes;
            seen.publishes += errors.publishes;
        }
    }
    let Errors { opens, refused, fatal, closes, publishes } = seen;
    assert!(opens > 50 && refused > 10 && fatal > 20 && closes > 10 && publishes > 10, "{seen:?}");
}

/// What the first append of a new store says when one of its operations fails.
fn first_append_with(what: fn(&Operation) -> bool, fault: Fault) -> (Store, Appender, StepError) {
    let whole = Store::new();
    let (mut appender, _) = whole.open();
    let before = whole.storage.operations();
    append(&mut appender, &["a"]).unwrap();
    let skip = usize::try_from(before).unwrap();
    let nth = (0..).zip(&whole.storage.trace()[skip..]).find(|(_, done)| what(done)).unwrap().0;

    let store = Store::new();
    let (mut appender, _) = store.open();
    store.storage.fail(nth, fault);
    let error = append(&mut appender, &["a"]).unwrap_err();
    (store, appender, error)
}

#[test]
fn what_fails_before_anything_was_written_can_be_tried_again() {
    // Spec: SEG-8
    let steps: [fn(&Operation) -> bool; 5] = [
        |done| matches!(done, Operation::Open { .. }),
        |done| matches!(done, Operation::SetLen { .. }),
        |done| matches!(done, Operation::Write { offset: 0, .. }),
        |done| matches!(done, Operation::Allocate { .. }),
        |done| matches!(done, Operation::SyncData { .. }),
    ];
    for step in steps {
        for fault in [Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite(3), Fault::SyncFailsAndDrops] {
            let (store, mut appender, error) = first_append_with(step, fault);
            assert!(matches!(error, StepError::Refused(LogError::Io(_))), "{error:?}");
            assert_eq!(
                store.names(),
                ["00000000000000000001.seg.tmp", "lock", "store"]
                    .into_iter()
                    .filter(|name| store.file(name).is_some())
                    .collect::<Vec<_>>()
            );
            append(&mut appender, &["a"]).unwrap();
            assert_eq!(store.after_power_cut().texts(), ["a"]);
        }
    }
}

#[test]
fn what_fails_after_a_name_or_a_byte_may_be_there_is_fatal() {
    // Spec: SEG-8
    let steps: [fn(&Operation) -> bool; 3] = [
        |done| matches!(done, Operation::Rename { .. }),
        |done| matches!(done, Operation::SyncDir),
        |done| matches!(done, Operation::Write { offset, .. } if *offset > 0),
    ];
    for step in steps {
        for fault in [Fault::Error(ErrorKind::StorageFull), Fault::ShortWrite(3)] {
            let (store, mut appender, error) = first_append_with(step, fault);
            assert!(matches!(error, StepError::Fatal(LogError::Io(_))), "{error:?}");
            let again = append(&mut appender, &["a"]).unwrap_err();
            assert!(matches!(again, StepError::Fatal(LogError::Poisoned { .. })), "{again:?}");
            drop(appender);
            assert_eq!(store.texts(), Vec::<String>::new());
            store.append_and_drop(&["b"]);
            assert_eq!(store.after_power_cut().texts(), ["b"]);
        }
    }
}
