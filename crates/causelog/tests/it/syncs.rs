//! What reaches the disk, as the system sees it: one sync a group, each before its acknowledgements.
//!
//! The test starts itself again under `strace`, as a process in which many callers append. Without strace it
//! fails, unless `CAUSELOG_TESTS_WITHOUT_STRACE` is `1`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use causelog::{Environment, Position, RealStorage, Store};
use causelog_segment::open_reader;

use crate::helpers::{event, stream};

/// The variable by which the test starts itself, with the directory to work in.
const CHILD: &str = "CAUSELOG_TEST_APPENDS_IN";
const CALLERS: u64 = 16;
const APPENDS: u64 = 1600;

/// A clean close gives back the room behind the log's end, and syncs that.
const SYNCS_OF_A_CLOSE: usize = 1;

/// Appends from many threads; each answer is written out, in one call, as soon as it is there.
fn append_all(directory: &Path) {
    let store = Store::open(directory.join("events")).unwrap();
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..APPENDS / CALLERS {
                    let receipt = store.append(event(&stream("caller", &caller.to_string()), "x")).unwrap();
                    writeln!(io::stdout(), "answer {}", receipt.position).unwrap();
                }
            });
        }
    });
    store.close().unwrap();
}

/// Runs it under strace; what was called, in order.
fn trace(directory: &Path) -> String {
    let calls = directory.join("calls");
    let traced = Command::new("strace")
        .args(["--follow-forks", "--decode-fds=path", "--trace=write,pwrite64,fdatasync,fsync", "--output"])
        .arg(&calls)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "syncs::each_group_is_synced_once_and_before_its_answers", "--nocapture"])
        .env(CHILD, directory)
        .output();
    let mend = "install strace and allow it to trace, or set CAUSELOG_TESTS_WITHOUT_STRACE=1";
    match traced {
        Ok(output) if output.status.success() => fs::read_to_string(calls).unwrap(),
        Ok(output) => panic!("strace failed: {}; {mend}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("strace cannot be started: {error}; {mend}"),
    }
}

/// A call that matters, in the order in which it began or returned.
#[derive(Debug, PartialEq, Eq)]
enum Call {
    /// A sync of a segment has returned.
    Synced,
    /// An answer is being written out.
    Answer(u64),
}

fn calls(trace: &str) -> Vec<Call> {
    // The threads whose call of a segment's sync has begun and not returned.
    let (mut syncing, mut calls) = (BTreeMap::new(), Vec::new());
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        let is_sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if is_sync && call.contains(".seg>") {
            match call.contains("<unfinished") {
                true => _ = syncing.insert(thread, ()),
                false => calls.push(Call::Synced),
            }
        } else if call.contains("sync resumed>") {
            calls.extend(syncing.remove(thread).map(|()| Call::Synced));
        } else if let Some((_, answer)) = call.split_once("\"answer ") {
            calls.push(Call::Answer(answer.split('\\').next().unwrap().parse().unwrap()));
        }
    }
    calls
}

/// The position after each group of the log.
fn groups(directory: &Path) -> Vec<Position> {
    let storage = RealStorage::open(directory.join("events")).unwrap();
    let (log, snapshot, _) = open_reader(&Environment::real(Arc::new(storage))).unwrap();
    log.groups(&snapshot, Position(0)).map(|group| group.unwrap().header.next()).collect()
}

/// Spec: COMMIT-1, COMMIT-6, COMMIT-13
#[test]
fn each_group_is_synced_once_and_before_its_answers() {
    if let Some(directory) = std::env::var_os(CHILD) {
        append_all(Path::new(&directory));
        return;
    }
    if std::env::var("CAUSELOG_TESTS_WITHOUT_STRACE").is_ok_and(|value| value == "1") {
        println!("not tested: CAUSELOG_TESTS_WITHOUT_STRACE is set");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = trace(directory.path());
    let calls = calls(&trace);
    let groups = groups(directory.path());
    let report = Store::open_read_only(directory.path().join("events")).unwrap().verify().unwrap();
    assert_eq!((report.events, report.groups), (APPENDS, u64::try_from(groups.len()).unwrap()));
    let syncs = calls.iter().filter(|call| **call == Call::Synced).count();
    assert_eq!(syncs, groups.len() + SYNCS_OF_A_CLOSE);
    assert!(
        report.groups <= APPENDS / 2,
        "{} groups for {APPENDS} appends of {CALLERS} callers",
        report.groups
    );

    let (mut synced, mut answers) = (0, 0);
    for call in &calls {
        match call {
            Call::Synced => synced += 1,
            Call::Answer(position) => {
                let group = groups.partition_point(|next| next.0 <= *position);
                assert!(
                    group < synced,
                    "the answer for position {position} came before the sync of group {group}"
                );
                answers += 1;
            }
        }
    }
    assert_eq!(answers, APPENDS);
}
