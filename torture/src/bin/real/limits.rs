//! Systems that run out: of space, of names, of descriptors, of file length, of memory; and directories that may
//! not be written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use causelog::{LogError, OpenError, Store};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::children::{End, WriterLife};
use crate::history::{History, Tally, fresh};
use crate::process::{self, Ended, Process};
use crate::said::Said;
use crate::volume::run as system;

/// How many blocks a full disk holds.
const DISK_KIB: usize = 2048;

/// Goes through the limits, and then fills the disk again and again.
pub(crate) fn run(work: &Path, seed: u64, rounds: Until) -> anyhow::Result<Verdict> {
    let draw = Draw::new(seed);
    let limits = [
        ("file length", "ulimit -f", [1, 8, 9, 16, 17, 33, 64, 100, 200]),
        ("descriptors", "ulimit -n", [3, 4, 5, 6, 7, 8, 9, 10, 12]),
        ("memory", "ulimit -v", [5_000, 7_000, 8_000, 10_000, 12_000, 16_000, 24_000, 80_000, 200_000]),
    ];
    let mut counts = Vec::new();
    for (name, limit, values) in limits {
        let mut tally = Tally::default();
        for value in values {
            let context = || format!("{name}: {limit} {value}");
            tally += limited(work, seed, &format!("{limit} {value}"), name).with_context(context)?;
        }
        counts.push(format!(
            "{name}: {} limits, {} refused, {} acknowledged",
            values.len(),
            tally.not_written + tally.unknown + tally.faults,
            tally.acknowledged
        ));
    }
    let (lines, disk) = match Disk::mount(work.join("disk")) {
        Ok(disk) => (full_disks(&disk, &draw, seed, rounds)?, Some(disk)),
        Err(error) => (format!("SKIPPED full and read-only disks: {error:#}"), None),
    };
    let read_only = match &disk {
        Some(disk) => read_only(disk, seed)?,
        None => "",
    };
    Ok(Verdict::Ran(format!("seed {seed}, {lines}{read_only}; {}: 0 lost", counts.join("; "))))
}

/// A small file system in memory. It tells nothing of what is durable.
struct Disk {
    path: PathBuf,
}

impl Disk {
    fn mount(path: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&path)?;
        let size = format!("size={DISK_KIB}k,nr_inodes=400");
        system("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path.to_str().context("no text")?])?;
        Ok(Self { path })
    }

    fn set(&self, option: &str) -> anyhow::Result<()> {
        let path = self.path.to_str().context("no text")?;
        system("mount", &["-o", &format!("remount,{option}"), path]).map(drop)
    }

    /// Leaves so much space, and so many names.
    fn fill(&self, kib_left: usize, names_left: Option<usize>) -> anyhow::Result<()> {
        let mut names = 0;
        let made = |n: usize| File::create(self.path.join(format!("filler-{n}")));
        let mut filler = made(0)?;
        while filler.write_all(&[7; 4096]).is_ok() {}
        // The last write may have gone in by half.
        filler.set_len(filler.metadata()?.len().saturating_sub(u64::try_from(kib_left * 1024)?))?;
        while made(names + 1).is_ok() {
            names += 1;
        }
        let left = names_left.unwrap_or(names).min(names);
        for n in 0..left {
            fs::remove_file(self.path.join(format!("filler-{}", names - n)))?;
        }
        Ok(())
    }

    fn make_room(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("filler-") {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = system("umount", &[self.path.to_str().unwrap_or_default()]) {
            eprintln!("a disk is left behind: {error:#}");
        }
    }
}

fn full_disks(disk: &Disk, draw: &Draw, seed: u64, until: Until) -> anyhow::Result<String> {
    let (mut tally, mut full, mut rounds) = (Tally::default(), 0, 0);
    while !until.is_over(rounds) {
        let seed = seed + rounds;
        rounds += 1;
        let mut history = History::new(fresh(&disk.path, "events")?, seed);
        // Half of the stores are there before the disk is full.
        if draw.once_in(2) {
            let life =
                WriterLife { end: draw.of(&[End::Close, End::Exit]).unwrap_or(End::Exit), ..history.life(8) };
            history.lived(&lived(&[], &life)?)?;
        }
        disk.fill(draw.below(48), draw.once_in(3).then(|| draw.below(5)))?;
        let life = WriterLife { threads: draw.of(&[1, 4]).unwrap_or(1), ..history.draw_life(draw) };
        let ended = lived(&[], &WriterLife { end: End::Close, appends: 60, ..life })?;
        full += u64::from(ended.said.iter().any(Said::is_failure));
        let context = || format!("full disk, seed {seed}");
        history.lived(&ended).with_context(context)?;
        history.check(Loss::Nothing).with_context(context)?;
        disk.make_room()?;
        history.settle().with_context(context)?;
        tally += history.tally;
    }
    ensure!(rounds < 10 || full > rounds / 4, "the disk was full {full} times in {rounds} rounds");
    let Tally { acknowledged, not_written, unknown, .. } = tally;
    Ok(format!(
        "full disk: {rounds} rounds, {full} with refusals, {acknowledged} acknowledged, {not_written} not written, \
         {unknown} unknown, and all settled once there was room"
    ))
}

/// A store in a file system that may only be read: a writer is refused, a reader sees it all.
fn read_only(disk: &Disk, seed: u64) -> anyhow::Result<&'static str> {
    for end in [End::Close, End::Exit] {
        let mut history = History::new(fresh(&disk.path, "events")?, seed);
        history.lived(&lived(&[], &WriterLife { end, ..history.life(8) })?)?;
        disk.set("ro")?;
        let opened = Store::open(&history.directory);
        let refused = matches!(&opened, Err(OpenError::Log(LogError::Io(_))));
        let checked = history.check(Loss::Nothing);
        let new = Store::open(disk.path.join("new"));
        disk.set("rw")?;
        ensure!(refused && new.is_err(), "a writer opens a directory that may only be read: {opened:?}");
        checked.context("a directory that may only be read")?;
        history.settle()?;
    }
    Ok("; read-only directory: writer refused, all read")
}

/// A writer under a limit; then one without.
fn limited(work: &Path, seed: u64, limit: &str, name: &str) -> anyhow::Result<Tally> {
    let mut history = History::new(fresh(work, "limited")?, seed);
    let mut refused = 0;
    for beginning in 0..2 {
        // A signal that is ignored stays so in the program that the shell becomes.
        let script = format!("trap '' XFSZ; {limit} || exit 77; exec \"$0\" \"$@\"");
        let under: Vec<OsString> = ["sh", "-c", &script].map(OsString::from).to_vec();
        let life = WriterLife { end: End::Close, segment_bytes: 65_536, ..history.life(60 + beginning) };
        let ended = Process::start(&under, &process::writer(&life))?.wait()?;
        ensure!(ended.status.code() != Some(77), "the limit cannot be set: {}", ended.complaints);
        // With too little memory, or too few descriptors to load its libraries, a program ends at once.
        let may_end = name == "memory" || (name == "descriptors" && ended.said.is_empty());
        ensure!(may_end || ended.status.success(), "ended with {}: {}", ended.status, ended.complaints);
        refused += u64::from(ended.said.is_empty() || ended.said.iter().any(Said::is_failure));
        history.lived(&ended)?;
        history.check(Loss::Nothing)?;
    }
    history.settle()?;
    history.tally.faults = refused;
    Ok(history.tally)
}

fn lived(under: &[OsString], life: &WriterLife) -> anyhow::Result<Ended> {
    let ended = Process::start(under, &process::writer(life))?.wait()?;
    ensure!(ended.status.success(), "a writer ended with {}: {}", ended.status, ended.complaints);
    Ok(ended)
}
