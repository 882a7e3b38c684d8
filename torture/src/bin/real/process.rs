//! A child process, seen from its parent.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;

use crate::children::WriterLife;
use crate::said::Said;

/// A child that runs. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    said: Arc<Mutex<Vec<Said>>>,
    listener: Option<JoinHandle<anyhow::Result<()>>>,
    complaints: Option<JoinHandle<std::io::Result<String>>>,
}

/// A child that has ended, and everything it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: Vec<Said>,
    /// What stands on its standard error.
    pub(crate) complaints: String,
}

/// The arguments of a writer.
pub(crate) fn writer(life: &WriterLife) -> Vec<OsString> {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let retries: Vec<String> = life.retries.iter().map(u64::to_string).collect();
    let mut arguments: Vec<OsString> = ["writer", "--directory"].map(OsString::from).to_vec();
    arguments.push(life.directory.clone().into());
    for (option, value) in [
        ("--seed", life.seed.to_string()),
        ("--from", life.from.to_string()),
        ("--appends", life.appends.to_string()),
        ("--retries", retries.join(",")),
        ("--threads", life.threads.to_string()),
        ("--segment-bytes", life.segment_bytes.to_string()),
        ("--durability", name(life.durability.to_possible_value())),
        ("--end", name(life.end.to_possible_value())),
    ] {
        if !value.is_empty() {
            arguments.extend([option.into(), value.into()]);
        }
    }
    arguments
}

/// The arguments of a reader.
pub(crate) fn reader(directory: &Path) -> Vec<OsString> {
    vec!["reader".into(), "--directory".into(), directory.into()]
}

impl Process {
    /// Starts this program again, with these arguments, under another program if one is given.
    pub(crate) fn start(under: &[OsString], arguments: &[OsString]) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.into_os_string();
        let mut all = under.iter().cloned().chain([program]).chain(arguments.iter().cloned());
        let mut command = Command::new(all.next().context("no program")?);
        command.args(all).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("a child without pipes")
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&said);
        let listener = thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n') {
                let said = String::from_utf8(line?)?.parse()?;
                into.lock().map_err(|_| anyhow::anyhow!("a thread panicked"))?.push(said);
            }
            Ok(())
        });
        let complaints = thread::spawn(move || {
            let mut text = Vec::new();
            stderr.read_to_end(&mut text)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        });
        Ok(Self { child, said, listener: Some(listener), complaints: Some(complaints) })
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.lock().map(|said| said.clone()).unwrap_or_default()
    }

    /// Ends its input, which tells it to end.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) -> anyhow::Result<Ended> {
        self.child.kill()?;
        self.end()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> anyhow::Result<Ended> {
        self.end()
    }

    fn end(&mut self) -> anyhow::Result<Ended> {
        let status = self.child.wait()?;
        if let Some(listener) = self.listener.take() {
            listener.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        }
        let complaints = match self.complaints.take().map(JoinHandle::join) {
            Some(Ok(text)) => text?,
            _ => bail!("the child's standard error was not read"),
        };
        let ended = Ended { status, said: self.said(), complaints };
        ensure!(!ended.complaints.contains("panicked"), "a child panicked: {}", ended.complaints);
        let wrong = ended.said.iter().find(|said| matches!(said, Said::Wrong(_)));
        ensure!(wrong.is_none(), "{wrong:?}");
        Ok(ended)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Leaves out what was only acknowledged or shown after so many lines; how many that were.
pub(crate) fn leave_out_late(said: &mut Vec<Said>, lines: usize) -> u64 {
    let (mut line, mut late) = (0, 0);
    said.retain(|said| {
        line += 1;
        let stays = line <= lines || !matches!(said, Said::Acknowledged(..) | Said::Seen(..));
        late += u64::from(!stays);
        stays
    });
    late
}
