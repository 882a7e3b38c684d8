//! System calls that fail: every call of a short life of a writer, each with every error, one at a time; and pairs of
//! them by lot.

mod pairs;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use causelog::Fate;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::children::{End, WriterLife};
use crate::history::{History, Tally, fresh};
use crate::process::{self, Ended, Process};
use crate::said::Said;

/// Calls that an append, an open or a close needs, but to files that can be made again.
const VITAL: [&str; 4] = ["fdatasync", "fsync", "pwrite64", "rename"];

/// Calls that are to no file.
const OF_PROCESS: [&str; 2] = ["clone3", "getrandom"];

/// What the writer finds.
const BEGINNINGS: [Option<End>; 3] = [None, Some(End::Exit), Some(End::Close)];

/// A call that was seen: the `nth` of its kind to the file, by one of the threads. Of a call to no file the path is
/// empty.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    name: String,
    path: String,
    nth: u32,
    thread: String,
    /// How many answers had been given before it.
    answers: usize,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It fails.
    Error(&'static str),
    /// It fails, and so does every one after it.
    Lasting(&'static str),
    /// It writes nothing and says that it wrote seven bytes.
    Short,
    /// The process is killed at it.
    Kill,
}

impl Fault {
    fn all(call: &str) -> Vec<Self> {
        let mut all = vec![
            Self::Error("EIO"),
            Self::Error("ENOSPC"),
            Self::Error("EINTR"),
            Self::Kill,
            Self::Lasting("EIO"),
        ];
        match call {
            // Its result says nothing of what was written, and for a directory the standard library panics on one.
            "close" => return vec![Self::Kill],
            "clone3" => return vec![Self::Error("EAGAIN"), Self::Error("ENOMEM"), Self::Kill],
            // As in a sandbox without the call. At another error the standard library's own maps panic.
            "getrandom" => return vec![Self::Error("ENOSYS"), Self::Kill],
            "openat" => all.extend([Self::Error("EMFILE"), Self::Lasting("EMFILE")]),
            "pwrite64" => all.extend([Self::Short, Self::Lasting("ENOSPC")]),
            "fallocate" => all.push(Self::Lasting("ENOSPC")),
            _ => {}
        }
        all
    }

    fn injection(self, nth: u32) -> String {
        match self {
            Self::Error(error) => format!("error={error}:when={nth}"),
            Self::Lasting(error) => format!("error={error}:when={nth}+"),
            Self::Short => format!("retval=7:when={nth}"),
            Self::Kill => format!("signal=KILL:when={nth}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.name, self.nth, self.path)
    }
}

impl Call {
    /// Whether an append, an open or a close cannot go on without it.
    fn is_vital(&self) -> bool {
        VITAL.contains(&self.name.as_str()) && !self.path.ends_with("/lock") && !self.path.contains(".idx")
    }
}

/// How much is to fail.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Each so many-th fault by itself.
    pub(crate) every: usize,
    /// So many pairs of faults.
    pub(crate) pairs: u64,
    /// In place of all of these as many as fit into so long, two thirds of it for the faults by themselves.
    pub(crate) seconds: Option<u64>,
    pub(crate) threads: u64,
}

/// Lets every so many-th fault happen, and then pairs of faults.
pub(crate) fn run(work: &Path, seed: u64, plan: Plan) -> anyhow::Result<Verdict> {
    let Plan { every, pairs, seconds, threads } = plan;
    match Command::new("strace").args(["-e", "inject=fsync:error=EIO", "true"]).output() {
        Ok(output) if output.status.success() => {}
        Ok(_) => return Ok(Verdict::Skipped("strace may not trace here".to_owned())),
        Err(_) => return Ok(Verdict::Skipped("there is no strace".to_owned())),
    }
    let calls = std::sync::Mutex::new(BTreeMap::<String, usize>::new());
    let until = Until::new(u64::MAX, seconds.map(|seconds| seconds * 2 / 3));
    let tally = crate::in_parallel(threads, |worker| {
        let mut tally = Tally::default();
        let benches = Bench::all(work, &format!("calls-{worker}"), seed)?;
        // The faults are dealt out to the workers by turns.
        let own = |n: &usize| -> bool { n.is_multiple_of(every) && widen(n / every) % threads == worker };
        for (done, (bench, call, fault)) in spread(&benches, own).into_iter().enumerate() {
            if until.is_over(widen(done)) {
                break;
            }
            let context = || format!("beginning {:?}: {call}: {fault:?}", bench.beginning);
            tally += bench.run(call, fault).with_context(context)?;
            let mut calls = calls.lock().map_err(|_| anyhow::anyhow!("a worker panicked"))?;
            *calls.entry(call.name.clone()).or_default() += 1;
        }
        Ok(tally)
    })?;
    let pairs = Until::new(pairs, seconds.map(|seconds| seconds.div_ceil(3)));
    let (pairs, paired) = pairs::run(work, seed, pairs, threads)?;
    let calls = calls.into_inner().map_err(|_| anyhow::anyhow!("a worker panicked"))?;
    let by_name: Vec<String> = calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let Tally { faults, kills, acknowledged, not_written, unknown, .. } = tally;
    Ok(Verdict::Ran(format!(
        "seed {seed}: {} faults ({}), {faults} of them came about, {kills} kills, {acknowledged} events \
         acknowledged, {not_written} not written, {unknown} unknown; {pairs} pairs of faults, both came about in {}: \
         0 lost, 0 acknowledged after a failed sync",
        calls.values().sum::<usize>(),
        by_name.join(", "),
        paired.faults
    )))
}

/// The faults of these numbers, those far from each other first: what is not reached in time is of every sort.
fn spread(benches: &[(Bench, Vec<Call>)], own: impl Fn(&usize) -> bool) -> Vec<(&Bench, &Call, Fault)> {
    const STRIDE: usize = 16;
    let calls = benches.iter().flat_map(|(bench, calls)| calls.iter().map(move |call| (bench, call)));
    let faults =
        calls.flat_map(|(bench, call)| Fault::all(&call.name).into_iter().map(move |f| (bench, call, f)));
    let own: Vec<_> = faults.enumerate().filter(|(n, _)| own(n)).map(|(_, fault)| fault).collect();
    (0..STRIDE).flat_map(|first| own.iter().skip(first).step_by(STRIDE).copied()).collect()
}

fn widen(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// A directory in which the same short life is lived again and again.
struct Bench {
    directory: PathBuf,
    beginning: Option<End>,
    /// What the writer finds, and what was promised of it.
    before: History,
}

impl Bench {
    /// One for each beginning, with its calls.
    fn all(work: &Path, name: &str, seed: u64) -> anyhow::Result<Vec<(Self, Vec<Call>)>> {
        let mut benches = Vec::new();
        for (n, beginning) in BEGINNINGS.into_iter().enumerate() {
            let directory = fresh(work, &format!("{name}-{n}"))?;
            fs::create_dir_all(&directory)?;
            let bench = Self::new(directory, seed, beginning)?;
            let calls = bench.calls()?;
            benches.push((bench, calls));
        }
        Ok(benches)
    }

    fn new(directory: PathBuf, seed: u64, beginning: Option<End>) -> anyhow::Result<Self> {
        let mut before = History::new(directory.join("events"), seed);
        if let Some(end) = beginning {
            let life = WriterLife { end, segment_bytes: 4096, ..before.life(12) };
            before.lived(&Process::start(&[], &process::writer(&life))?.wait()?)?;
            copy(&before.directory, &directory.join("template"))?;
        }
        Ok(Self { directory, beginning, before })
    }

    /// The store as it was at the beginning.
    fn begin(&self) -> anyhow::Result<(History, Vec<OsString>)> {
        let history = self.before.clone();
        fresh(&self.directory, "events")?;
        let template = self.directory.join("template");
        if template.is_dir() {
            copy(&template, &history.directory)?;
        }
        let retries = if template.is_dir() { vec![3, 11] } else { Vec::new() };
        let life = WriterLife { retries, segment_bytes: 4096, ..history.life(10) };
        Ok((history, process::writer(&life)))
    }

    /// Every call to a file of the store, or to the directory around it.
    fn calls(&self) -> anyhow::Result<Vec<Call>> {
        let (_, arguments) = self.begin()?;
        let trace = self.directory.join("trace");
        let under = ["strace", "-f", "-qq", "-y", "-s", "256", "-o"].map(OsString::from);
        let under: Vec<OsString> = under.into_iter().chain([trace.clone().into()]).collect();
        let ended = Process::start(&under, &arguments)?.wait()?;
        ensure!(ended.said.last() == Some(&Said::Closed), "{ended:?}");
        let directory = self.directory.to_str().context("a path that is no text")?;
        let calls = read_trace(&fs::read_to_string(trace)?, directory);
        for name in VITAL {
            let there = calls.iter().any(|call| call.is_vital() && call.name == name);
            ensure!(there, "a writer that opens, appends and closes makes no {name}");
        }
        Ok(calls)
    }

    /// A life with faults, each as strace takes it, at calls to these files; and what strace injected.
    fn live(
        &self,
        paths: &[&str],
        injections: &[(&str, String)],
    ) -> anyhow::Result<(History, Ended, String)> {
        let (mut history, arguments) = self.begin()?;
        let log = self.directory.join("injected");
        let mut under: Vec<OsString> = ["strace", "-f", "-qq", "-o"].map(OsString::from).to_vec();
        under.push(log.clone().into());
        for path in paths.iter().filter(|path| !path.is_empty()) {
            under.extend(["-P".into(), path.into()]);
        }
        let names: Vec<&str> = injections.iter().map(|(name, _)| *name).collect();
        under.extend(["-e".into(), format!("trace={}", names.join(",")).into()]);
        for (name, injection) in injections {
            under.extend(["-e".into(), format!("inject={name}:{injection}").into()]);
        }
        let ended = Process::start(&under, &arguments)?.wait()?;
        let killed = ended.status.signal() == Some(9);
        ensure!(
            killed || ended.status.success(),
            "the writer ended with {}: {}",
            ended.status,
            ended.complaints
        );
        history.tally = Tally { kills: u64::from(killed), ..Tally::default() };
        history.lived(&ended)?;
        check_answers(&ended)?;
        Ok((history, ended, fs::read_to_string(log)?))
    }

    fn run(&self, call: &Call, fault: Fault) -> anyhow::Result<Tally> {
        let injection = (call.name.as_str(), fault.injection(call.nth));
        let (mut history, ended, log) = self.live(&[&call.path], &[injection])?;
        let injected = history.tally.kills > 0 || log.contains("(INJECTED)");
        history.tally.faults = u64::from(injected);
        // An interrupted call is made again. That is right for a sync as well: it has not failed.
        let fails = matches!(fault, Fault::Error("EIO" | "ENOSPC") | Fault::Lasting(_) | Fault::Short);
        if injected && fails && call.is_vital() {
            let answer = ended.said.iter().filter(|said| said.is_answer()).nth(call.answers);
            ensure!(answer.is_some_and(Said::is_failure), "the fault was answered by {answer:?}");
        }
        history.check(Loss::Nothing)?;
        history.settle()?;
        Ok(history.tally)
    }
}

/// After an append that may have written something, nothing is acknowledged until the store is opened again.
fn check_answers(ended: &Ended) -> anyhow::Result<()> {
    let poisoned = |said: &Said| matches!(said, Said::Failed(_, Fate::Unknown | Fate::Written, _));
    let after = ended.said.iter().skip_while(|said| !poisoned(said));
    let acknowledged = after.clone().find(|said| matches!(said, Said::Acknowledged(..) | Said::Closed));
    ensure!(acknowledged.is_none(), "{acknowledged:?} after {:?}", after.clone().next());
    Ok(())
}

fn read_trace(trace: &str, directory: &str) -> Vec<Call> {
    let (mut calls, mut answers) = (Vec::new(), 0);
    let mut seen = BTreeMap::<(&str, &str, &str), u32>::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = call.trim_start().split_once('(') else { continue };
        if name == "write" {
            let is_answer = ["opened ", "acknowledged ", "closed"].iter();
            answers +=
                usize::from(is_answer.into_iter().any(|word| arguments.contains(&format!("\"{word}"))));
        }
        let path = match arguments.find(directory).filter(|_| name != "execve") {
            Some(from) => arguments[from..].split(['"', '>']).next().unwrap_or_default(),
            None if OF_PROCESS.contains(&name) => "",
            None => continue,
        };
        let nth = seen.entry((thread, name, path)).or_default();
        *nth += 1;
        let (name, path, thread) = (name.to_owned(), path.to_owned(), thread.to_owned());
        let call = Call { name, path, nth: *nth, thread: thread.clone(), answers };
        // Where two threads make the same one, the fault befalls both.
        let same = |known: &Call| Call { answers, thread: thread.clone(), ..known.clone() } == call;
        if !calls.iter().any(same) {
            calls.push(call);
        }
    }
    calls
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Call, read_trace};

    #[test]
    fn calls_are_counted_by_thread_kind_and_file() {
        let trace = "7  openat(AT_FDCWD</x>, \"/w/events/lock\", O_RDWR) = 5</w/events/lock>\n\
                     7  pwrite64(5</w/events/lock>, \"a\", 1, 0) = 1\n\
                     7  write(3<pipe:[1]>, \"opened 0\\n\", 9) = 9\n\
                     7  pwrite64(5</w/events/lock>, \"b\", 1, 0 <unfinished ...>\n\
                     8  fsync(4</w/events>) = 0\n\
                     7  <... pwrite64 resumed>) = 1\n\
                     7  getrandom(\"a\", 1, 0) = 1\n\
                     7  openat(AT_FDCWD</x>, \"/etc/ld.so.cache\", O_RDONLY) = 4\n\
                     8  rename(\"/w/events/a.tmp\", \"/w/events/a\") = 0\n";
        let call = |name: &str, path: &str, nth, answers| {
            let thread = if path == "/w/events" || name == "rename" { "8" } else { "7" };
            let (name, path, thread) = (name.to_owned(), path.to_owned(), thread.to_owned());
            Call { name, path, nth, thread, answers }
        };
        let expected = [
            call("openat", "/w/events/lock", 1, 0),
            call("pwrite64", "/w/events/lock", 1, 0),
            call("pwrite64", "/w/events/lock", 2, 1),
            call("fsync", "/w/events", 1, 1),
            call("getrandom", "", 1, 1),
            call("rename", "/w/events/a.tmp", 1, 1),
        ];
        assert_eq!(read_trace(trace, "/w"), expected);
        assert!(expected[3].is_vital() && !expected[2].is_vital());
    }
}
