//! A slice of what real processes and real file systems show, with fixed seeds. What cannot run here says so.

use std::process::Command;

/// Runs a tier to its end; whether its line says this, or that it cannot run here.
#[track_caller]
fn shows(what: &str, arguments: &[&str]) -> bool {
    let output =
        Command::new(env!("CARGO_BIN_EXE_real")).args(arguments).args(["--seed", "1"]).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {line}{}", String::from_utf8_lossy(&output.stderr));
    print!("{line}");
    line.contains(what) || line.contains(": SKIPPED: ")
}

/// Spec: COMMIT-2, COMMIT-3, COMMIT-8, IDEM-2, LOCK-1, LOCK-6, RECOVER-5
#[test]
fn killed_writers_lose_nothing_and_a_reader_sees_nothing_go() {
    assert!(shows("0 lost, 0 unopenable", &["kill", "--kills", "1000"]));
}

/// Spec: COMMIT-1, COMMIT-2, COMMIT-8, STORE-3, STORE-6, RECOVER-6, LOCK-3
#[test]
fn power_cuts_lose_nothing_that_was_synced() {
    assert!(shows("0 lost", &["power", "--ext4", "50", "--xfs", "25", "--after-kill", "25"]));
}

/// Spec: COMMIT-3, COMMIT-4, COMMIT-5, SLOT-4
#[test]
fn a_system_call_that_fails_is_a_typed_error_and_loses_nothing() {
    assert!(shows(
        "0 lost, 0 acknowledged after a failed sync",
        &["syscalls", "--every", "8", "--pairs", "60"]
    ));
}

/// Spec: COMMIT-1, COMMIT-6, SEG-3
#[test]
fn nothing_is_acknowledged_before_its_sync() {
    assert!(shows("0 acknowledged before their sync", &["trace", "--appends", "3000"]));
}

/// Spec: WIRE-7
#[test]
fn stores_of_every_released_format_are_as_they_were() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/causelog/tests/golden");
    assert!(shows("all as they were", &["golden", "--golden", golden]));
}

/// Spec: COMMIT-5, CLOSE-1, SLOT-4
#[test]
fn what_a_limit_refuses_is_settled_once_there_is_room() {
    assert!(shows("0 lost", &["limits", "--rounds", "30"]));
}

/// Spec: LOCK-3, LOCK-4, LOCK-5, LOCK-6
#[test]
fn a_second_writer_is_refused_and_readers_see_what_stays() {
    assert!(shows("nothing that was seen went away", &["openers", "--rounds", "6"]));
}
