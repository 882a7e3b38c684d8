//! Runs the command and holds what came of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The output, of a run that went well.
    #[track_caller]
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    /// The document printed, of a run that went well.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.fine()).unwrap()
    }

    /// That the run ended with a code and with a message that says all of this.
    #[track_caller]
    pub(crate) fn check_refused(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for words in says {
            assert!(self.err.contains(words), "{words:?} is not in {:?}", self.err);
        }
    }
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_causelog"))
}

pub(crate) fn run(args: &[&str]) -> Ran {
    run_with(b"", args)
}

/// Runs the command with something on standard input.
pub(crate) fn run_with(input: &[u8], args: &[&str]) -> Ran {
    let mut child = command()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Written beside the run: the command may print before it has read all, or end early.
    let writing = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A place for a store, and for what a test needs beside it.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the store is, or will be.
    pub(crate) fn store(&self) -> String {
        self.path("store").to_str().unwrap().to_owned()
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// A place with the store that the demo leaves.
pub(crate) fn demo() -> Place {
    let place = Place::new();
    run(&["demo", &place.store()]).fine();
    place
}

/// Imports lines with ids and causes, each of stream `/e|=e`; further options may follow.
pub(crate) fn import(place: &Place, lines: &str, options: &[&str]) -> Ran {
    let store = place.store();
    let fields = ["--entity=/e|=e", "--scope==s", "--kind=/k|=0x1001", "--id=/id", "--causes=/c"];
    let args = [&["import", &store, "-"], &fields[..], options].concat();
    run_with(lines.as_bytes(), &args)
}

/// Lines of a chain of events: each but the first is caused by the one before it.
pub(crate) fn chain(count: usize) -> String {
    let line = |n: usize| match n {
        0 => "{\"id\":\"n0\"}\n".to_owned(),
        n => format!("{{\"id\":\"n{n}\",\"c\":\"n{}\"}}\n", n - 1),
    };
    (0..count).map(line).collect()
}

/// The events of the store, each as `read --format jsonl` shows it.
pub(crate) fn events(place: &Place) -> Vec<Value> {
    let lines = run(&["read", &place.store(), "--format", "jsonl"]).fine();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The store's only segment.
pub(crate) fn segment(store: impl AsRef<Path>) -> PathBuf {
    store.as_ref().join("00000000000000000001.seg")
}

/// Turns over the bits of a byte of a file.
pub(crate) fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 0xff;
    fs::write(path, bytes).unwrap();
}
