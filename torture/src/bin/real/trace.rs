//! What reaches the disk before an answer is given, as the system sees it: many appends of several threads under
//! strace, each acknowledgement after the sync of the write that holds its group, and after the sync of the directory
//! that has the segment's name.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use causelog::{Environment, Position, RealStorage};
use causelog_segment::open_reader;
use causelog_torture::oracle::Loss;

use crate::Verdict;
use crate::children::WriterLife;
use crate::history::{History, fresh};
use crate::process::{self, Process};
use crate::said::Said;

const THREADS: u64 = 8;
/// So that segments are begun and sealed while others wait for their answers.
const SEGMENT_BYTES: u64 = 64 * 1024;

/// Appends so many times, and holds every answer against the calls before it.
pub(crate) fn run(work: &Path, seed: u64, appends: u64) -> Result<Verdict> {
    match Command::new("strace").args(["-e", "trace=fsync", "true"]).output() {
        Ok(output) if output.status.success() => {}
        Ok(_) => return Ok(Verdict::Skipped("strace may not trace here".to_owned())),
        Err(_) => return Ok(Verdict::Skipped("there is no strace".to_owned())),
    }
    let directory = fresh(work, "trace")?;
    fs::create_dir_all(&directory)?;
    let (mut history, calls) = (History::new(directory.join("events"), seed), directory.join("calls"));
    let life = WriterLife { threads: THREADS, segment_bytes: SEGMENT_BYTES, ..history.life(appends) };
    let mut under = ["strace", "-f", "-qq", "-y", "-s", "64", "-e"].map(OsString::from).to_vec();
    under.extend(["trace=write,pwrite64,fdatasync,fsync,rename", "-o"].map(OsString::from));
    under.push(calls.clone().into());
    let ended = Process::start(&under, &process::writer(&life))?.wait()?;
    ensure!(ended.said.last() == Some(&Said::Closed), "the writer did not end in order: {ended:?}");
    history.lived(&ended)?;
    history.check(Loss::Nothing)?;
    let groups = groups(&history.directory)?;
    let mut trace = Trace { groups, ..Trace::default() };
    for line in fs::read_to_string(calls)?.lines() {
        trace.take(line).with_context(|| line.to_owned())?;
    }
    let segments = trace.groups.iter().map(|group| &group.file).collect::<BTreeSet<_>>().len();
    let answers = ended.said.iter().filter(|said| matches!(said, Said::Acknowledged(..))).count();
    ensure!(trace.answers == answers, "{} of {answers} acknowledgements were seen", trace.answers);
    Ok(Verdict::Ran(format!(
        "seed {seed}: {appends} appends of {THREADS} threads, {answers} acknowledged, {} groups in {segments} segments, {} \
         syncs: 0 acknowledged before their sync",
        trace.groups.len(),
        trace.syncs
    )))
}

/// Where a group stands.
#[derive(Debug)]
struct Placed {
    next: Position,
    file: String,
    bytes: Range<u64>,
}

fn groups(directory: &Path) -> Result<Vec<Placed>> {
    let storage = RealStorage::open(directory)?;
    let (log, snapshot, _) = open_reader(&Environment::real(Arc::new(storage)))?;
    let place = |group: Result<causelog_segment::Group, _>| {
        let group = group?;
        let (at, segment) = (group.location.offset.0, group.location.segment);
        let bytes = at..at + u64::from(group.location.bytes);
        Ok(Placed { next: group.header.next(), file: format!("{:020}.seg", segment.0), bytes })
    };
    log.groups(&snapshot, Position(0)).map(place).collect()
}

/// What was done to a file, or to the directory, in the order in which the calls returned.
#[derive(Debug, Default)]
struct Done {
    /// Bytes that were written.
    writes: Vec<Range<u64>>,
    /// Names that a rename has made.
    names: Vec<String>,
    /// How many of each were there when a sync that has returned began.
    synced: (usize, usize),
}

#[derive(Debug, Default)]
struct Trace {
    groups: Vec<Placed>,
    files: BTreeMap<String, Done>,
    /// Of each thread the call that has begun and not returned: its name, its arguments, and of a sync what was there.
    begun: BTreeMap<String, (String, String, (usize, usize))>,
    syncs: usize,
    answers: usize,
}

/// The name of the directory among the files.
const DIRECTORY: &str = "events";

impl Trace {
    fn take(&mut self, line: &str) -> Result<()> {
        let (thread, call) = line.split_once(' ').context("no thread")?;
        let call = call.trim_start();
        if call.starts_with("<... ") {
            let result = call.rsplit_once("= ").context("no result")?.1;
            let (name, arguments, there) = self.begun.remove(thread).context("nothing was begun")?;
            return self.returned(&name, &arguments, there, result);
        }
        let Some((name, rest)) = call.split_once('(') else { return Ok(()) };
        let there = self.begins(name, rest)?;
        match (rest.strip_suffix(" <unfinished ...>"), rest.rsplit_once(" = ")) {
            (Some(arguments), _) => {
                self.begun.insert(thread.to_owned(), (name.to_owned(), arguments.to_owned(), there));
                Ok(())
            }
            (None, Some((arguments, result))) => {
                let arguments = arguments.trim_end().strip_suffix(')').context("no end of the arguments")?;
                self.returned(name, arguments, there, result)
            }
            (None, None) => Ok(()),
        }
    }

    /// A call begins: an answer counts from here on, and a sync makes durable what is there by now.
    fn begins(&mut self, name: &str, arguments: &str) -> Result<(usize, usize)> {
        if name == "write" {
            if let Some((_, answer)) = arguments.split_once("\"acknowledged ") {
                let position = answer.split_once(' ').and_then(|(_, places)| places.split(':').next());
                self.answered(Position(position.context("no position")?.parse()?))?;
            }
            return Ok((0, 0));
        }
        let file = file_of(arguments).and_then(|file| self.files.get(file));
        Ok(file.map_or((0, 0), |done| (done.writes.len(), done.names.len())))
    }

    fn returned(&mut self, name: &str, arguments: &str, there: (usize, usize), result: &str) -> Result<()> {
        let result: i64 = result.split(' ').next().context("no result")?.parse()?;
        if name == "rename" {
            let name = arguments.trim_end_matches('"').rsplit('/').next().context("no name")?;
            self.files.entry(DIRECTORY.to_owned()).or_default().names.push(name.to_owned());
            return Ok(());
        }
        let Some(file) = file_of(arguments) else { return Ok(()) };
        match name {
            "pwrite64" => {
                let mut parts = arguments.rsplitn(2, ", ");
                let at: u64 = parts.next().context("no offset")?.parse()?;
                let end = at + u64::try_from(result)?;
                self.files.entry(file.to_owned()).or_default().writes.push(at..end);
            }
            "fdatasync" | "fsync" => {
                ensure!(result == 0, "a sync failed");
                self.syncs += 1;
                let done = self.files.entry(file.to_owned()).or_default();
                done.synced = (done.synced.0.max(there.0), done.synced.1.max(there.1));
            }
            _ => {}
        }
        Ok(())
    }

    /// An acknowledgement is about to be given.
    fn answered(&mut self, position: Position) -> Result<()> {
        self.answers += 1;
        let n = self.groups.partition_point(|group| group.next <= position);
        let group = self.groups.get(n).with_context(|| format!("{position} is in no group"))?;
        let done = self.files.get(&group.file).with_context(|| format!("{} was not written", group.file))?;
        let holds = |write: &Range<u64>| write.start <= group.bytes.start && group.bytes.end <= write.end;
        let synced = done.writes.iter().take(done.synced.0).any(holds);
        ensure!(synced, "position {position} is acknowledged before the sync of {group:?}");
        let named = self.files.get(DIRECTORY).is_some_and(|directory| {
            directory.names.iter().take(directory.synced.1).any(|name| *name == group.file)
        });
        ensure!(named, "position {position} is acknowledged before the name of {} is synced", group.file);
        Ok(())
    }
}

/// The last name of the file or directory that a call is about.
fn file_of(arguments: &str) -> Option<&str> {
    let path = arguments.split_once('<')?.1.split_once('>')?.0;
    path.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use causelog::Position;

    use super::{Placed, Trace};

    /// Whether each answer of a trace comes after its sync.
    fn holds(lines: &str) -> bool {
        let group = |next, bytes| Placed { next: Position(next), file: "1.seg".to_owned(), bytes };
        let mut trace = Trace { groups: vec![group(2, 100..150), group(3, 150..180)], ..Trace::default() };
        lines.lines().try_for_each(|line| trace.take(line)).is_ok()
    }

    #[test]
    fn an_answer_before_its_sync_is_noticed() {
        let named = "1 rename(\"/w/events/1.seg.tmp\", \"/w/events/1.seg\") = 0\n1 fsync(3</w/events>) = 0\n";
        let written = "1 pwrite64(4</w/events/1.seg>, \"a\\\", (\"..., 50, 100) = 50\n";
        let (synced, answer) = (
            "2 fdatasync(4</w/events/1.seg>) = 0\n",
            "1 write(1<pipe:[7]>, \"acknowledged 9 1:0:ab:synced\", 12) = 12\n",
        );
        assert!(holds(&[named, written, synced, answer].concat()));
        assert!(!holds(&[named, written, answer, synced].concat()));
        assert!(!holds(&[named, synced, written, answer].concat()));
        assert!(!holds(&[written, synced, answer, named].concat()), "its name is not synced");
        let second = "1 write(1<pipe:[7]>, \"acknowledged 10 2:0:ab:synced\", 12) = 12\n";
        assert!(!holds(&[named, written, synced, second].concat()), "the other group is not written");
        let short = "1 pwrite64(4</w/events/1.seg>, \"a\", 50, 100) = 49\n";
        assert!(!holds(&[named, short, synced, answer].concat()));
    }

    #[test]
    fn a_sync_covers_what_was_written_when_it_began() {
        let named = "1 rename(\"/w/events/1.seg.tmp\", \"/w/events/1.seg\") = 0\n1 fsync(3</w/events>) = 0\n";
        let begun = "2 fdatasync(4</w/events/1.seg> <unfinished ...>\n";
        let written = "1 pwrite64(4</w/events/1.seg>, \"a\"..., 50, 100 <unfinished ...>\n1 <... pwrite64 resumed>) = 50\n";
        let (ended, answer) = (
            "2 <... fdatasync resumed>) = 0\n",
            "3 write(1<pipe:[7]>, \"acknowledged 9 1:0:ab:synced\", 12 <unfinished ...>\n",
        );
        assert!(holds(&[named, written, begun, ended, answer].concat()));
        assert!(!holds(&[named, begun, written, ended, answer].concat()));
        assert!(!holds(&[named, written, begun, answer, ended].concat()));
    }
}
