//! A crash at every operation, by power cut and by kill, and again at every operation of the recovery.

use causelog_io::{MemoryStorage, Operation};

use super::support::*;
use crate::{Appender, LogError, StepError};

/// What a caller of the script has been told.
#[derive(Clone, Default)]
struct Told {
    /// Appends that were acknowledged.
    acknowledged: Vec<String>,
    /// The group whose fate nobody was told.
    unknown: Vec<String>,
}

impl Told {
    fn append(&mut self, appender: &mut Appender, texts: &[&str]) -> Result<(), StepError> {
        let (mut group, hlc) = group(appender.end().position, texts);
        appender.place(group.len())?;
        let texts = texts.iter().map(|text| (*text).to_owned());
        self.unknown = texts.collect();
        appender.write(&mut group, hlc)?;
        appender.sync()?;
        self.acknowledged.append(&mut self.unknown);
        let _ = appender.publish();
        Ok(())
    }

    /// Whether a log can hold these texts: all that was acknowledged, and the unknown group whole or not at all.
    fn allows(&self, texts: &[String]) -> bool {
        let rest = texts.strip_prefix(&self.acknowledged[..]);
        rest.is_some_and(|rest| rest.is_empty() || rest == self.unknown)
    }
}

/// A new store, appends, rotation, closes and reopenings, up to the first error.
fn script(store: &Store) -> Told {
    let mut told = Told::default();
    // The error is that of the crash; what counts is what was told before it.
    let _ = run(store, &mut told);
    told
}

fn run(store: &Store, told: &mut Told) -> Result<(), LogError> {
    let inner = StepError::into_inner;
    let (_, mut appender, _) = store.try_open()?;
    for texts in [&["a", "b"][..], &["c"], &["d"], &["e"]] {
        told.append(&mut appender, texts).map_err(inner)?;
    }
    appender.close()?;
    let (_, mut appender, _) = store.try_open()?;
    // Into the segment that was closed, and then into a new one.
    told.append(&mut appender, &["f"]).map_err(inner)?;
    told.append(&mut appender, &["g", "h", "i"]).map_err(inner)?;
    drop(appender);
    let (_, mut appender, _) = store.try_open()?;
    told.append(&mut appender, &["j"]).map_err(inner)?;
    appender.close()
}

fn good<T>(result: Result<T, LogError>, context: &dyn Fn() -> String) -> T {
    result.unwrap_or_else(|error| panic!("{}: {error}", context()))
}

/// Opens what a crash has left, appends, and cuts the power: the promise itself.
fn check_promise(found: &Store, told: &Told, context: &dyn Fn() -> String) {
    let (snapshot, mut appender, report) = good(found.try_open(), context);
    assert_eq!(snapshot.end.head(), report.head);
    let mut texts = good(found.try_texts(), context);
    assert!(told.allows(&texts), "{}: found {texts:?}, told {:?}", context(), told.acknowledged);
    append(&mut appender, &["more"]).unwrap();
    texts.push("more".to_owned());
    assert_eq!(good(found.after_power_cut().try_texts(), context), texts, "{}", context());
}

/// The promise, that nothing looks damaged, and that the store goes on after a kill as well.
fn check(found: &Store, told: &Told, context: &dyn Fn() -> String) {
    check_promise(&found.after_kill(), told, context);
    found.open();
    assert_eq!(found.inspect().findings, [], "{}", context());
    found.append_and_drop(&["more", "and more"]);
    for later in [found.after_power_cut(), found.after_kill()] {
        assert_eq!(later.texts()[found.texts().len() - 2..], ["more", "and more"], "{}", context());
        later.append_and_close(&["last"]);
        assert_eq!(later.inspect().findings, [], "{}", context());
    }
}

/// How many operations the script has, and which of them change something.
fn operations() -> (u64, Vec<u64>) {
    let store = Store::small();
    let told = script(&store);
    assert_eq!(told.acknowledged.len(), 10);
    assert!(store.report().segments > 2);
    let trace = store.storage.trace();
    let changes = (0..).zip(&trace).filter(|(_, done)| done.mutates()).map(|(nth, _)| nth);
    (store.storage.operations(), changes.collect())
}

fn crashed(nth: u64) -> (Store, Told) {
    let store = Store::small();
    store.storage.crash_at(nth);
    let told = script(&store);
    (store, told)
}

/// What a kill and a power cut would leave: crashes with the same of both are the same.
fn state(store: &Store) -> [Vec<(String, Vec<u8>)>; 2] {
    [store.storage.files(), store.storage.power_cut().files()]
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_script_is_cut() {
    // Spec: RECOVER-6, GROUP-4
    let (count, _) = operations();
    assert!(count > 100);
    let mut before = None;
    for nth in 0..=count {
        let (store, told) = crashed(nth);
        if before.replace(state(&store)) == before {
            continue;
        }
        check(&store.after_power_cut(), &told, &|| format!("power cut at {nth}"));
        check(&store.after_kill(), &told, &|| format!("kill at {nth}"));
        check(&store.after_kill().after_power_cut(), &told, &|| format!("kill, then power cut at {nth}"));
    }
}

/// Opens, appends and closes what a crash has left, up to the first error.
fn recovery(found: &Store, told: &mut Told) {
    let run = |told: &mut Told| -> Result<(), LogError> {
        let (snapshot, mut appender, _) = found.try_open()?;
        // What a crash left undecided is decided by the first open that succeeds.
        let there = usize::try_from(snapshot.end.position.0).unwrap();
        if there > told.acknowledged.len() {
            told.acknowledged.append(&mut told.unknown);
        }
        told.append(&mut appender, &["recovered"]).map_err(StepError::into_inner)?;
        appender.close()
    };
    let _ = run(told);
}

#[test]
fn a_crash_in_the_recovery_from_a_crash_loses_nothing() {
    // Spec: RECOVER-6
    let (_, changes) = operations();
    let (mut states, mut before) = (0, None);
    for nth in changes {
        let (store, told) = crashed(nth);
        if before.replace(state(&store)) == before {
            continue;
        }
        for first in [store.after_power_cut(), store.after_kill()] {
            let whole = first.after_kill();
            recovery(&whole, &mut told.clone());
            let trace = whole.storage.trace();
            let cuts = (0..).zip(&trace).filter(|(_, done)| done.mutates()).map(|(nth, _)| nth);
            let mut before = None;
            for again in cuts.collect::<Vec<u64>>() {
                let second = first.after_kill();
                second.storage.crash_at(again);
                let mut told = told.clone();
                recovery(&second, &mut told);
                if before.replace(state(&second)) == before {
                    continue;
                }
                let context = || format!("crash at {nth}, and at {again} of the recovery");
                check_promise(&second.after_power_cut(), &told, &context);
                check_promise(&second.after_kill(), &told, &context);
                states += 1;
            }
        }
    }
    assert!(states > 300, "{states}");
}

/// What each part of a file may hold after a power cut: every part of it that differs is old or new.
fn torn(old: &[u8], new: &[u8]) -> Vec<Vec<u8>> {
    let length = old.len().max(new.len());
    let byte = |file: &[u8], i: usize| file.get(i).copied().unwrap_or(0);
    let differs: Vec<usize> = (0..length).filter(|i| byte(old, *i) != byte(new, *i)).collect();
    let (Some(first), Some(last)) = (differs.first(), differs.last()) else {
        return vec![old.to_vec(), new.to_vec()];
    };
    let part = (last - first) / 4 + 1;
    let states = (0..16_u32).map(|kept| {
        let of = |i: usize| match (first..=last).contains(&&i) && kept >> ((i - first) / part) & 1 == 1 {
            true => byte(new, i),
            false => byte(old, i),
        };
        (0..length).map(of).collect()
    });
    states.collect()
}

#[test]
fn a_group_that_was_torn_or_came_out_of_order_is_whole_or_absent() {
    // Spec: RECOVER-1, RECOVER-3, GROUP-4
    let (_, changes) = operations();
    let (mut states, mut tails) = (0, 0);
    for nth in changes {
        let (store, told) = crashed(nth);
        let (old, new) = (store.after_power_cut(), store.after_kill());
        for (name, content) in new.storage.files() {
            let Some(before) = old.file(&name) else { continue };
            if before == content || name == "lock" {
                continue;
            }
            for state in torn(&before, &content) {
                for rest in [&old, &new] {
                    let found = rest.with_file(&name, Some(state.clone()));
                    tails += u32::from(found.try_open().unwrap().2.torn_tail.is_some());
                    check(&found, &told, &|| format!("cut at {nth}, {name} torn"));
                    states += 1;
                }
            }
        }
    }
    assert!(states > 150 && tails > 100, "{states}, {tails}");
}

#[test]
fn five_crashes_in_a_row_leave_a_store_that_opens_and_few_segments() {
    // Spec: RECOVER-5. An open makes no segment of its own.
    let mut store = Store::new();
    let mut expected = Vec::new();
    for round in 0..20_u32 {
        let text = format!("round {round}");
        let (mut appender, _) = store.open();
        append(&mut appender, &[&text]).unwrap();
        expected.push(text);
        write(&mut appender, &["torn"]).unwrap();
        let torn = appender.end().offset.0;
        let last = segment(appender.end().segment.unwrap().0);
        let killed = store.after_kill();
        drop(appender);
        // The last group loses its end, and nobody appends at the next two opens.
        store = killed.edited(&last, |bytes| bytes[usize::try_from(torn).unwrap() - 5..].fill(0));
        for _ in 0..2 {
            let (_, report) = store.open();
            assert!(report.torn_tail.is_some());
            store = store.after_power_cut();
        }
        assert_eq!(store.texts(), expected);
    }
    let report = store.report();
    assert_eq!(report.segments, 20, "one for each torn tail that was followed by an append");
    assert!(report.dead_bytes > 0);
    assert_eq!(store.inspect().findings, []);
    assert_eq!(store.inspect().dead_bytes, report.dead_bytes);
}

#[test]
fn a_new_store_whose_directory_is_not_durable_yet_is_made_durable_by_the_next_open() {
    // Spec: STORE-3
    let (_, changes) = operations();
    for nth in changes.into_iter().take(12) {
        let store = Store::at(MemoryStorage::created());
        store.storage.crash_at(nth);
        let _ = store.try_open();
        let killed = store.after_kill();
        killed.append_and_drop(&["a"]);
        assert_eq!(killed.after_power_cut().texts(), ["a"], "killed at {nth}");
    }
}

#[test]
fn the_script_crosses_every_kind_of_change() {
    let store = Store::small();
    script(&store);
    let done = store.storage.trace();
    let has = |what: fn(&Operation) -> bool| assert!(done.iter().any(what));
    has(|done| matches!(done, Operation::Rename { to, .. } if to.ends_with(".seg")));
    has(|done| matches!(done, Operation::Rename { to, .. } if to == "closed"));
    has(|done| matches!(done, Operation::Remove { .. }));
    has(|done| matches!(done, Operation::SetLen { bytes, .. } if *bytes > 0));
    has(|done| matches!(done, Operation::Allocate { .. }));
    has(|done| matches!(done, Operation::SyncParent));
    has(|done| matches!(done, Operation::DropCached { .. }));
}
