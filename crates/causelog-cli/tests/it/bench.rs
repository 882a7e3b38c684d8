//! `bench`: its rows, and that nothing is left of it. Whether the figures are good, no test says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::helpers::{Ran, command, demo, run};

const FIELDS: [&str; 14] = [
    "callers",
    "payload_bytes",
    "batch",
    "durability",
    "events_per_s",
    "p50_us",
    "p99_us",
    "events_per_sync",
    "bare_loop_events_per_s",
    "bare_events_per_s",
    "ratio",
    "ratio_low",
    "ratio_high",
    "rounds",
];

/// Beside what is built: temporary files may be in memory, which is refused.
fn on_disk() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn bench(directory: &Path, options: &[&str]) -> Ran {
    run(&[&["bench", directory.to_str().unwrap()], options].concat())
}

/// All that is in a directory, with what the files hold.
fn state(directory: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut state: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).ok())).collect();
    state.sort();
    state
}

#[test]
fn rows_have_the_named_fields_and_sane_values() {
    let parent = on_disk();
    let options =
        ["--callers=1", "--callers=2", "--seconds=1", "--payload-bytes=1", "--batch=3", "--format=json"];
    let rows = bench(&parent.path().join("new"), &options).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["callers"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
    for row in rows {
        assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), FIELDS);
        assert_eq!((&row["payload_bytes"], &row["batch"]), (&1.into(), &3.into()));
        assert_eq!(row["durability"], "sync");
        let figure = |name: &str| row[name].as_f64().unwrap();
        let positive = FIELDS[4..].iter().all(|name| figure(name) > 0.0);
        assert!(positive, "{row}");
        assert!(figure("p50_us") <= figure("p99_us"), "{row}");
        assert!(figure("ratio_low") <= figure("ratio") && figure("ratio") <= figure("ratio_high"), "{row}");
        assert!(row["rounds"].as_u64().unwrap() >= 10, "{row}");
    }
    assert!(rows[0]["events_per_sync"].as_f64().unwrap() <= 3.0, "one caller shares no sync");
    assert_eq!(rows[0]["bare_loop_events_per_s"], rows[0]["bare_events_per_s"]);
    assert_eq!(state(parent.path()), []);
}

#[test]
fn the_table_has_a_row_for_each_number_of_callers() {
    let directory = on_disk();
    let table =
        bench(directory.path(), &["--callers", "2,1,2", "--seconds=1", "--payload-bytes=1000"]).fine();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("payloads of 1,000 bytes, 1 event an append, durability sync"), "{table}");
    assert!(lines[2].starts_with("CALLERS  EVENTS/S"), "{table}");
    let callers = |line: &str| line.split_whitespace().next().map(str::to_owned);
    assert_eq!(lines[3..5].iter().map(|line| callers(line).unwrap()).collect::<Vec<_>>(), ["2", "1"]);
    assert!(lines[5].is_empty() && lines[6].starts_with("bare loop:"), "{table}");
    assert_eq!(state(directory.path()), []);
}

#[test]
fn what_is_there_stays_as_it_is() {
    let store = demo();
    let directory = on_disk();
    for (path, bytes) in state(&store.path("store")) {
        fs::write(directory.path().join(path.file_name().unwrap()), bytes.unwrap()).unwrap();
    }
    fs::write(directory.path().join("letter"), "dear").unwrap();
    let before = state(directory.path());
    bench(directory.path(), &["--callers=1", "--seconds=1"]).fine();
    assert_eq!(state(directory.path()), before);
    run(&["verify", directory.path().to_str().unwrap()]).fine();
}

#[test]
fn bad_options_are_misuse_and_make_nothing() {
    let parent = on_disk();
    let directory = parent.path().join("new");
    for options in [
        &["--callers=0"][..],
        &["--callers=1,1025"],
        &["--callers=few"],
        &["--callers="],
        &["--seconds=0"],
        &["--seconds=3601"],
        &["--payload-bytes=0"],
        &["--payload-bytes=1048577"],
        &["--batch=0"],
        &["--batch=16385"],
        &["--batch=16384", "--payload-bytes=4096"],
        &["--durability=interval:5"],
        &["--callers=1024", "--batch=1024", "--payload-bytes=1025"],
        &["--durability=never"],
        &["--durability=interval:0:1"],
        &["--format=jsonl"],
    ] {
        let ran = bench(&directory, options);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options:?}: {ran:?}");
        assert!(!ran.err.is_empty(), "{options:?}");
    }
    assert_eq!(state(parent.path()), []);
}

#[test]
fn a_directory_that_cannot_be_is_told() {
    let parent = on_disk();
    let file = parent.path().join("file");
    fs::write(&file, "no directory").unwrap();
    bench(&file, &[]).check_refused(3, &[file.to_str().unwrap()]);
    let orphan = parent.path().join("gone").join("new");
    bench(&orphan, &[]).check_refused(3, &["create the directory", orphan.to_str().unwrap()]);
    assert_eq!(state(parent.path()).len(), 1);
}

#[test]
fn memory_is_refused() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !mounts.lines().any(|line| line.contains(" /dev/shm tmpfs ")) {
        return;
    }
    let Ok(parent) = TempDir::new_in("/dev/shm") else { return };
    bench(&parent.path().join("new"), &[]).check_refused(2, &["in memory", "choose a directory on a disk"]);
    assert_eq!(state(parent.path()), []);
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing() {
    let parent = on_disk();
    let directory = parent.path().join("new");
    let mut command = command();
    command.arg("bench").arg(&directory).args(["--callers=1", "--seconds=3600"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    // What watches for a signal is in place before the first directory is made.
    while !directory.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let kill = format!("kill -INT {}", child.id());
    let killed = std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b""[..]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "causelog: interrupted before the end\n");
    assert_eq!(state(parent.path()), []);
}
