//! A kernel of its own, in user mode, whose device mapper lets writes vanish or fail under a writer.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use causelog_torture::draw::Draw;
use causelog_torture::oracle::Loss;
use causelog_torture::until::Until;

use crate::Verdict;
use crate::children::Mode;
use crate::history::{History, Tally};
use crate::process::{self, Process};
use crate::volume::run as system;

const MODULES: &str = "/usr/lib/uml/modules";
const SECTORS: u64 = 131_072;
/// What the kernel needs to start and to halt, about.
const BOOT_SECONDS: u64 = 4;
/// The first mapped device; its name under `/dev/mapper` is made by a daemon that is not there.
const MAPPED: &str = "/dev/dm-0";

/// What becomes of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    Reach,
    Vanish,
    Fail,
}

/// Starts the kernel, which goes through the rounds.
pub(crate) fn run(work: &Path, seed: u64, rounds: u64, seconds: Option<u64>) -> anyhow::Result<Verdict> {
    if Command::new("linux.uml").arg("--version").output().is_err() {
        return Ok(Verdict::Skipped("there is no linux.uml (Debian: user-mode-linux)".to_owned()));
    }
    if system("id", &["-u"])?.trim() != "0" {
        return Ok(Verdict::Skipped("only root may mount inside that kernel".to_owned()));
    }
    let Some(modules) = modules() else {
        return Ok(Verdict::Skipped(format!("{MODULES} has no dm-flakey")));
    };
    if ["dmsetup", "insmod", "mkfs.ext4"]
        .iter()
        .any(|name| Command::new(name).arg("--version").output().is_err())
    {
        return Ok(Verdict::Skipped("there is no dmsetup, insmod or mkfs.ext4".to_owned()));
    }
    let work = work.join("uml");
    fs::create_dir_all(work.join("mounted"))?;
    let image = work.join("image");
    File::create(&image)?.set_len(SECTORS * 512)?;
    let init = work.join("init");
    let program = std::env::current_exe()?;
    let seconds = seconds.map_or_else(String::new, |seconds| {
        format!(" --seconds {}", seconds.saturating_sub(BOOT_SECONDS).max(1))
    });
    fs::write(
        &init,
        format!(
            "#!/bin/sh\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin RUST_BACKTRACE=0\nmount -t proc proc /proc\nmount -t sysfs sys /sys\n\
             insmod {modules}/dm-mod.ko\ninsmod {modules}/dm-flakey.ko\n\
             {} --seed {seed} --work {}{seconds} uml-inside --rounds {rounds} 2>&1\nhalt -f\n",
            program.display(),
            work.display(),
            modules = modules.display(),
        ),
    )?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    let kernel = Command::new("timeout")
        .args(["900", "linux.uml", "mem=256M", "rootfstype=hostfs", "rootflags=/", "rw"])
        .args([format!("init={}", init.display()), format!("ubd0={}", image.display())])
        .args(["con=null", "con0=fd:0,fd:1"])
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&kernel.stdout).into_owned();
    let verdict = said.lines().find_map(|line| line.trim().strip_prefix("uml-inside: "));
    match verdict {
        // How long it took is said once, and by this kernel.
        Some(line) => Ok(Verdict::Ran(line.rsplit_once(" (").map_or(line, |(line, _)| line).to_owned())),
        None => {
            let from = said.find("as init process").unwrap_or(0);
            bail!("the kernel says:\n{}", &said[from..])
        }
    }
}

fn modules() -> Option<PathBuf> {
    let versions = fs::read_dir(MODULES).ok()?.filter_map(Result::ok);
    let mut drivers = versions.map(|version| version.path().join("kernel/drivers/md"));
    drivers.find(|drivers| drivers.join("dm-flakey.ko").is_file())
}

/// Inside that kernel: a writer is at work when writes begin to vanish, as in a power cut, or to fail.
pub(crate) fn inside(work: &Path, seed: u64, until: Until) -> anyhow::Result<Verdict> {
    let mounted = work.join("mounted");
    let mut failed = Tally::default();
    let mut vanished = Tally::default();
    system("dmsetup", &["create", "flaky", "--noudevsync", "--table", &table(Writes::Reach)])?;
    for (round, seed) in (seed..).enumerate() {
        // At least one of each.
        if round > 1 && until.is_over(u64::try_from(round)?) {
            break;
        }
        let writes = if round % 2 == 0 { Writes::Fail } else { Writes::Vanish };
        system("mkfs.ext4", &["-q", "-F", MAPPED])?;
        mount(&mounted)?;
        let history = History::new(mounted.join("events"), seed);
        let more =
            one(history, seed, &mounted, writes).with_context(|| format!("seed {seed}, {writes:?}"))?;
        system("umount", &[text(&mounted)?])?;
        if writes == Writes::Fail { failed += more } else { vanished += more }
    }
    Ok(Verdict::Ran(format!(
        "from seed {seed}, writes that fail: {} rounds, {} acknowledged, {} unknown; writes that vanish: {} cuts, {} \
         acknowledged, {} answers during a cut not counted: 0 lost",
        failed.faults,
        failed.acknowledged,
        failed.unknown,
        vanished.cuts,
        vanished.acknowledged,
        vanished.not_counted
    )))
}

fn one(mut history: History, seed: u64, mounted: &Path, writes: Writes) -> anyhow::Result<Tally> {
    let draw = Draw::new(seed);
    for _ in 0..3 {
        let mut life = history.draw_life(&draw);
        if writes == Writes::Fail {
            // What was answered before its sync has no promise here.
            life.durability = Mode::Sync;
        }
        life.appends = 400;
        let writer = Process::start(&[], &process::writer(&life))?;
        thread::sleep(Duration::from_millis(u64::try_from(20 + draw.below(150))?));
        let told = writer.said().len();
        set(writes)?;
        thread::sleep(Duration::from_millis(100));
        let mut ended = writer.kill()?;
        if writes == Writes::Vanish {
            history.tally.not_counted += process::leave_out_late(&mut ended.said, told);
            history.tally.cuts += 1;
        } else {
            let refused = ended.said.iter().any(|said| said.is_failure());
            history.tally.faults += u64::from(refused);
        }
        system("umount", &[text(mounted)?])?;
        set(Writes::Reach)?;
        mount(mounted)?;
        history.lived(&ended)?;
        history.check(Loss::Unsynced)?;
    }
    history.settle()?;
    ensure!(history.tally.acknowledged > 0, "nothing was acknowledged");
    Ok(history.tally)
}

fn table(writes: Writes) -> String {
    let flaky = |feature| format!("0 {SECTORS} flakey /dev/ubda 0 0 1 1 {feature}");
    match writes {
        Writes::Reach => format!("0 {SECTORS} linear /dev/ubda 0"),
        Writes::Vanish => flaky("drop_writes"),
        Writes::Fail => flaky("error_writes"),
    }
}

/// Changes what becomes of writes, without a sync of the file system, which a suspended device has otherwise.
fn set(writes: Writes) -> anyhow::Result<()> {
    system("dmsetup", &["suspend", "flaky", "--noflush", "--nolockfs", "--noudevsync"])?;
    system("dmsetup", &["reload", "flaky", "--table", &table(writes)])?;
    system("dmsetup", &["resume", "flaky", "--noudevsync"]).map(drop)
}

fn mount(mounted: &Path) -> anyhow::Result<()> {
    system("mount", &["-t", "ext4", MAPPED, text(mounted)?]).map(drop)
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is no text")
}
