//! The corpora and past crashes, as ordinary tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use causelog_fuzz::{TARGETS, seeds};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one replay at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// The most that an input may take, beside a multiple of its own length.
const BYTES_MAX: usize = 64 * 1024 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a target below a folder, in order; none where there is no such folder.
fn files(folder: &str, target: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root().join(folder).join(target)) else { return Vec::new() };
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    files.sort();
    files
}

/// Runs a target over its corpus and its past crashes; how many inputs that were.
fn replay(target: &str) -> usize {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, check) = TARGETS.into_iter().find(|(name, _)| *name == target).expect("there is such a target");
    // What is made once for all inputs is no input's.
    check(&[]);
    let files = [files("corpus", target), files("crashes", target)].concat();
    for file in &files {
        println!("{}", file.display());
        let data = fs::read(file).expect("the file can be read");
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        check(&data);
        let taken = MEMORY.peak_usage().saturating_sub(before);
        assert!(taken <= BYTES_MAX + 4 * data.len(), "{} took {taken} bytes", file.display());
    }
    files.len()
}

#[test]
fn frame_replays() {
    assert!(replay("frame") > 0);
}

#[test]
fn segment_scan_replays() {
    assert!(replay("segment_scan") > 0);
}

#[test]
fn index_file_replays() {
    assert!(replay("index_file") > 0);
}

#[test]
fn store_ops_replays() {
    assert!(replay("store_ops") > 0);
}

#[test]
fn directory_replays() {
    assert!(replay("directory") > 0);
}

#[test]
fn small_files_replays() {
    assert!(replay("small_files") > 0);
}

/// Seeds of an older format would no longer get past the checksums.
#[test]
fn seeds_are_of_this_format() {
    for (target, name, bytes) in seeds::all() {
        let file = root().join("corpus").join(target).join(name);
        let there = fs::read(&file).unwrap_or_default();
        assert!(there == bytes, "{} is out of date: cargo run --example seeds", file.display());
    }
}
