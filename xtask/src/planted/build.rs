//! The programs that catch bugs, built once with all bugs in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use cargo_metadata::Message;

use crate::ci::SCHEDULES;
use crate::planted::bugs::{Catcher, HISTORIES};

/// Where they are built, apart from everything that has no bugs.
pub(super) const DIRECTORY: &str = "target/planted";

const BUILD: &[&str] = &["test", "--no-run", "--locked", "--profile", "quick"];
const PACKAGES: &[&str] =
    &["causelog-torture", "causelog-segment", "causelog-index-sealed", "causelog-writer", "causelog-reader"];
const SIMULATOR: &str = "causelog-torture";

/// The programs, by the names of their targets.
pub(super) struct Programs {
    plain: HashMap<String, PathBuf>,
    schedules: HashMap<String, PathBuf>,
}

impl Programs {
    pub(super) fn build(root: &Path) -> anyhow::Result<Self> {
        let packages: Vec<&str> = PACKAGES.iter().flat_map(|package| ["--package", package]).collect();
        let environment = [("RUSTFLAGS", "--cfg causelog_planted"), ("CARGO_TARGET_DIR", DIRECTORY)];
        let plain = build(root, &packages, &environment)?;
        // The build of the schedules has the bugs in it as well, so that there is no third one.
        let schedules = build(root, &["--package", "causelog-writer", "--lib"], SCHEDULES.environment)?;
        Ok(Self { plain, schedules })
    }

    /// What to run, and with which arguments.
    pub(super) fn of(&self, catcher: Catcher) -> anyhow::Result<(&Path, Vec<String>)> {
        let (programs, target, arguments) = match catcher {
            Catcher::Simulator => {
                let histories = HISTORIES.to_string();
                let arguments = ["histories", "--seed", "1", "--threads", "1", "--histories", &histories];
                (&self.plain, SIMULATOR.to_owned(), arguments.map(str::to_owned).to_vec())
            }
            Catcher::Scripts => {
                let arguments = ["scripts", "--states", "12", "--deep", "0"].map(str::to_owned).to_vec();
                (&self.plain, SIMULATOR.to_owned(), arguments)
            }
            Catcher::Test(package, test) => (&self.plain, package.replace('-', "_"), exactly(test)),
            Catcher::Schedules(test) => (&self.schedules, "causelog_writer".to_owned(), exactly(test)),
        };
        let program = programs.get(&target).with_context(|| format!("{target} was not built"))?;
        Ok((program, arguments))
    }
}

fn exactly(test: &str) -> Vec<String> {
    vec!["--exact".to_owned(), format!("tests::{test}")]
}

fn build(
    root: &Path,
    packages: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<HashMap<String, PathBuf>> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(BUILD).args(packages).arg("--message-format=json-render-diagnostics");
    command.envs(environment.iter().copied()).stdout(Stdio::piped());
    // Set by the cargo that runs this program, and no business of the ones it starts.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
    let mut cargo = command.spawn().context("cargo could not be started")?;
    let output = cargo.stdout.take().context("cargo says nothing")?;
    let mut programs = HashMap::new();
    for message in Message::parse_stream(std::io::BufReader::new(output)) {
        let Message::CompilerArtifact(artifact) = message? else { continue };
        let is_wanted = artifact.profile.test || artifact.target.is_bin();
        if let Some(program) = artifact.executable.filter(|_| is_wanted) {
            // A binary's own tests have its name, and are none of those that catch bugs.
            if !(artifact.profile.test && artifact.target.is_bin()) {
                programs.insert(artifact.target.name, program.into());
            }
        }
    }
    ensure!(cargo.wait()?.success(), "the programs with planted bugs could not be built");
    Ok(programs)
}
