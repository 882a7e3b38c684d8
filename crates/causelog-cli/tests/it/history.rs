//! Git repositories to import: one made here, the same every time, and the one that this checkout is.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::helpers::Place;

/// How many commits the made repository has before its last merges.
const COMMITS: usize = 400;

/// A repository.
pub(crate) struct Repository {
    path: PathBuf,
    is_own: bool,
}

impl Repository {
    /// Makes one, with branches, merges of two to five parents, and several roots; `None` without git.
    pub(crate) fn made(place: &Place) -> Option<Self> {
        let path = place.path("repository");
        let repository = Self { path: path.clone(), is_own: false };
        std::fs::create_dir(&path).unwrap();
        repository.try_git(&["init", "--quiet", "--initial-branch=main"])?;
        let mut child =
            repository.command(&["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stream().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Some(repository)
    }

    /// The checkout's own; `None` where it is not one, has no commit, or lacks a part of its history.
    pub(crate) fn own() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
        let repository = Self { path: root.to_owned(), is_own: true };
        let is_shallow = repository.try_git(&["rev-parse", "--is-shallow-repository"])?;
        repository.try_git(&["rev-parse", "--verify", "HEAD"])?;
        (is_shallow.trim() == "false").then_some(repository)
    }

    /// The output of git.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.try_git(args).unwrap()
    }

    fn try_git(&self, args: &[&str]) -> Option<String> {
        let output = self.command(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.path).args(args);
        // A hook that runs the tests names its own repository.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        if !self.is_own {
            command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        }
        command
    }
}

/// A generator of Knuth's (The Art of Computer Programming, volume 2, 3.3.4): the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Commits for `git fast-import`: about three in ten are merges, and the last ones join every branch into `main`.
fn stream() -> String {
    let (mut text, mut numbers, mut tips) = (String::new(), Numbers(7), Vec::<usize>::new());
    let mut commit = |mark: usize, parents: &[usize]| {
        let seconds = 1_700_000_000 + 60 * mark;
        write!(text, "commit refs/heads/c{mark}\nmark :{mark}\n").unwrap();
        writeln!(text, "author A <author{}@example.org> {seconds} +0200", mark % 5).unwrap();
        write!(text, "committer C <committer@example.org> {seconds} +0000\ndata 9\ncommit \"\\\n").unwrap();
        for (place, parent) in parents.iter().enumerate() {
            writeln!(text, "{} :{parent}", if place == 0 { "from" } else { "merge" }).unwrap();
        }
        text.push('\n');
    };
    let mut mark = 1;
    while mark <= COMMITS || tips.len() > 1 {
        let choice = if mark > COMMITS { 0 } else { numbers.below(20) };
        let parents = match choice {
            _ if tips.is_empty() => vec![],
            0..=6 if tips.len() > 1 => {
                let more = if numbers.below(4) == 0 { 1 + numbers.below(3) } else { 0 };
                let count = (2 + more).min(tips.len());
                (0..count).map(|_| tips.swap_remove(numbers.below(tips.len()))).collect()
            }
            0..=8 => vec![tips.swap_remove(numbers.below(tips.len()))],
            // A branch from any commit, merges included; now and then from none.
            9..=18 => vec![1 + numbers.below(mark - 1)],
            _ => vec![],
        };
        commit(mark, &parents);
        tips.push(mark);
        mark += 1;
    }
    writeln!(text, "reset refs/heads/main\nfrom :{}\n", tips[0]).unwrap();
    text
}
