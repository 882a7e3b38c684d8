//! A child made by `fork` holds its parent's files and lock, and must not append with them.
//!
//! Nothing in a test can fork without `unsafe`, so the test starts itself under `strace`, which has the system
//! say from some call on that this is another process. Without strace it fails, unless
//! `CAUSELOG_TESTS_WITHOUT_STRACE` is `1`.

use std::path::Path;
use std::process::Command;

use causelog::{AppendErrorKind, Fate, Store};

use crate::helpers::{door, event};

/// The variable by which the test starts itself, with the directory to work in.
const CHILD: &str = "CAUSELOG_TEST_FORKS_IN";
/// What the system says then.
const OTHER: &str = "4242";
/// The last call of `getpid` that is answered truly: those of the test's own start, of the open and of an append.
const TRUE_CALLS: usize = 20;

fn append_until_refused(directory: &Path) {
    let process = std::process::id();
    let store = Store::open(directory.join("events")).unwrap();
    store.append(event(&door(), "as the parent")).unwrap();
    let refused = (0..TRUE_CALLS).find_map(|_| store.append(event(&door(), "x")).err()).unwrap();
    assert_eq!(refused.fate(), Fate::NotWritten);
    let of_parent =
        matches!(refused.kind(), AppendErrorKind::OtherProcess { opened_by } if *opened_by == process);
    assert!(of_parent, "{refused}");
    let before = store.end();
    assert!(matches!(
        store.submit(event(&door(), "x")).unwrap_err().kind(),
        AppendErrorKind::OtherProcess { .. }
    ));
    assert!(matches!(store.sync().unwrap_err().kind(), AppendErrorKind::OtherProcess { .. }));
    assert_eq!(store.end(), before);
    // It goes without a close, and without giving up the lock that its parent holds.
    drop(store);
    assert!(!directory.join("events").join("closed").exists());
}

/// Spec: COMMIT-18
#[test]
fn a_forked_child_cannot_append() {
    if let Some(directory) = std::env::var_os(CHILD) {
        append_until_refused(Path::new(&directory));
        return;
    }
    if std::env::var("CAUSELOG_TESTS_WITHOUT_STRACE").is_ok_and(|value| value == "1") {
        println!("not tested: CAUSELOG_TESTS_WITHOUT_STRACE is set");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let inject = format!("--inject=getpid:retval={OTHER}:when={}+", TRUE_CALLS + 1);
    let traced = Command::new("strace")
        .args(["--follow-forks", "--trace=getpid", &inject, "--output=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "forked::a_forked_child_cannot_append", "--nocapture"])
        .env(CHILD, directory.path())
        .output()
        .expect("install strace and allow it to trace, or set CAUSELOG_TESTS_WITHOUT_STRACE=1");
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));
    // What the parent had acknowledged is there.
    let store = Store::open(directory.path().join("events")).unwrap();
    assert!(store.end().position.0 > 0 && store.verify().unwrap().is_sound());
}
