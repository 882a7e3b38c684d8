//! A file system of its own in a file, mounted through a loop device, whose power can be cut.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};

/// Which file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

/// A mounted file system. It is unmounted and its device given back when this is dropped.
pub(crate) struct Volume {
    kind: Kind,
    device: String,
    pub(crate) mountpoint: PathBuf,
}

/// Why there can be no volume here, by trying; `None` if there can.
pub(crate) fn missing(work: &Path, kinds: &[Kind]) -> Option<String> {
    if let Err(error) = run("xfs_io", &["-V"]) {
        return Some(format!("{error:#}"));
    }
    let tried = kinds.iter().map(|kind| Volume::make(work, "trial", *kind));
    let error = tried.filter_map(Result::err).next()?;
    Some(format!("no file system can be made and mounted here, which takes root and loop devices: {error:#}"))
}

impl Kind {
    fn maker(self) -> &'static str {
        match self {
            Self::Ext4 => "mkfs.ext4",
            Self::Xfs => "mkfs.xfs",
        }
    }

    fn bytes(self) -> u64 {
        match self {
            Self::Ext4 => 64 << 20,
            Self::Xfs => 300 << 20,
        }
    }
}

impl Volume {
    /// Makes a file system in a file of `work`.
    pub(crate) fn make(work: &Path, name: &str, kind: Kind) -> anyhow::Result<Self> {
        let image = work.join(format!("{name}.image"));
        let mountpoint = work.join(name);
        fs::create_dir_all(&mountpoint)?;
        File::create(&image)?.set_len(kind.bytes())?;
        let image = image.to_str().context("a path that is no text")?;
        let force = if kind == Kind::Ext4 { "-F" } else { "-f" };
        run(kind.maker(), &["-q", force, image])?;
        let device = run("losetup", &["--find", "--show", image])?.trim().to_owned();
        let volume = Self { kind, device, mountpoint };
        volume.mount()?;
        Ok(volume)
    }

    fn mount(&self) -> anyhow::Result<()> {
        let kind = if self.kind == Kind::Ext4 { "ext4" } else { "xfs" };
        run("mount", &["-t", kind, &self.device, self.path()?]).map(drop)
    }

    fn path(&self) -> anyhow::Result<&str> {
        self.mountpoint.to_str().context("a path that is no text")
    }

    /// Cuts the power: what is not on the device by now never gets there, the journal's last part included.
    pub(crate) fn cut(&self) -> anyhow::Result<()> {
        run("xfs_io", &["-x", "-c", "shutdown", self.path()?]).map(drop)
    }

    /// The power is back. Nobody may have anything of it open.
    pub(crate) fn restore(&self) -> anyhow::Result<()> {
        run("umount", &[self.path()?])?;
        self.mount()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let Ok(path) = self.path() else { return };
        // Who has just been killed may hold it a moment longer.
        for _ in 0..20 {
            if run("umount", &[path]).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        if let Err(error) = run("losetup", &["--detach", &self.device]) {
            eprintln!("{} is left behind: {error:#}", self.device);
        }
    }
}

/// Runs a program; what it printed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| format!("start {program}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{program} {}: {}",
        arguments.join(" "),
        complaints.lines().next().unwrap_or_default()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
