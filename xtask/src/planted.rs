//! `cargo xtask planted`: bugs on purpose, each of which the tests have to catch.
//!
//! `--cfg causelog_planted` compiles all of them in, wherever the code of a layer says `planted!`, and
//! `CAUSELOG_PLANTED` names the one that is there in a run. For each the cheapest test runs that catches it: it
//! must pass without the bug, and fail with it.

mod bugs;
mod build;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use syn::visit::{self, Visit};

use crate::planted::bugs::{BUGS, Bug, Catcher};
use crate::planted::build::Programs;
use crate::project::Project;

/// The variable that names the bug.
const VARIABLE: &str = "CAUSELOG_PLANTED";
/// What has said nothing by then has caught nothing.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs every bug; false if one is not caught.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    check_names(&Project::load(root)?)?;
    let programs = Programs::build(root)?;
    let output = root.join(build::DIRECTORY).join("output");
    let catchers: BTreeSet<Catcher> = BUGS.iter().map(|bug| bug.catcher).collect();
    for catcher in catchers {
        let ended = run_one(&programs, catcher, "", &output)?;
        ensure!(ended == End::Passed, "without a bug, {catcher} does not pass: see {}", output.display());
    }
    let mut caught = 0;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:36} {:>7}  caught by", "bug", "seconds")?;
    for Bug { name, catcher } in BUGS {
        let begun = Instant::now();
        let ended = run_one(&programs, *catcher, name, &output)?;
        let seconds = begun.elapsed().as_secs_f64();
        let verdict = match ended {
            End::Failed => format!("{catcher}{}", seed_in(&std::fs::read_to_string(&output)?)),
            End::Passed => format!("NOT CAUGHT by {catcher}"),
            End::Silent => format!("NOT CAUGHT by {catcher}: no verdict in {} s", LIMIT.as_secs()),
        };
        caught += usize::from(ended == End::Failed);
        writeln!(out, "{name:36} {seconds:>7.2}  {verdict}")?;
    }
    writeln!(out, "{caught} of {} planted bugs were caught", BUGS.len())?;
    Ok(caught == BUGS.len())
}

/// How a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Passed,
    Failed,
    Silent,
}

fn run_one(programs: &Programs, catcher: Catcher, bug: &str, output: &Path) -> anyhow::Result<End> {
    let (program, arguments) = programs.of(catcher)?;
    let file = std::fs::File::create(output)?;
    let mut command = Command::new(program);
    command.args(arguments).env(VARIABLE, bug).env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.spawn().with_context(|| format!("{} cannot be run", program.display()))?;
    let begun = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(End::Passed),
            Some(_) => return Ok(End::Failed),
            None if begun.elapsed() > LIMIT => {
                child.kill()?;
                child.wait()?;
                return Ok(End::Silent);
            }
            None => sleep(Duration::from_millis(5)),
        }
    }
}

/// Which history of the simulator has failed, if one has.
fn seed_in(output: &str) -> String {
    let seed = output.split_once("seed ").and_then(|(_, rest)| rest.split_once(" fails:"));
    seed.map_or_else(String::new, |(seed, _)| format!(", history {seed}"))
}

/// The bugs in the code are the ones listed here, each at one place.
fn check_names(project: &Project) -> anyhow::Result<()> {
    let mut planted: BTreeMap<String, usize> = BTreeMap::new();
    for module in project.layers().flat_map(|krate| &krate.modules) {
        let mut names = Names(Vec::new());
        module.items.iter().for_each(|item| names.visit_item(item));
        names.0.into_iter().for_each(|name| *planted.entry(name).or_default() += 1);
    }
    for Bug { name, .. } in BUGS {
        match planted.remove(*name) {
            Some(1) => {}
            Some(places) => bail!("the bug `{name}` is planted at {places} places, or listed twice"),
            None => bail!("the bug `{name}` is listed in xtask/src/planted/bugs.rs, and not planted once"),
        }
    }
    match planted.into_keys().next() {
        Some(name) => bail!("the bug `{name}` is planted, and not listed in xtask/src/planted/bugs.rs"),
        None => Ok(()),
    }
}

/// Collects the names that code gives to `planted!`.
struct Names(Vec<String>);

impl<'ast> Visit<'ast> for Names {
    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if mac.path.segments.last().is_some_and(|last| last.ident == "planted") {
            let first = mac.tokens.clone().into_iter().next();
            self.0.push(first.map_or_else(String::new, |name| name.to_string().trim_matches('"').to_owned()));
        }
        visit::visit_macro(self, mac);
    }
}

#[cfg(test)]
mod tests {
    use super::{check_names, seed_in};
    use crate::fixture::Fixture;
    use crate::project::Project;

    #[test]
    fn the_bugs_in_the_code_are_the_ones_that_are_run() {
        check_names(&Project::load(&crate::own_workspace()).unwrap()).unwrap();
    }

    #[test]
    fn a_bug_that_is_not_planted_is_found() {
        let error = check_names(&Fixture::with("causelog-wire", "fn a() {}").build()).unwrap_err();
        assert!(error.to_string().contains("not planted once"), "{error}");
    }

    #[test]
    fn a_failing_history_is_told() {
        assert_eq!(seed_in("seed 13 fails: life 2, Sync"), ", history 13");
        assert_eq!(seed_in("Error: cut at operation 0, state 0"), "");
    }
}
