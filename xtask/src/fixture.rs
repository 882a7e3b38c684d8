//! Small workspaces in memory, for the rules' tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::finding::Finding;
use crate::project::{Crate, Dep, Project};
use crate::source::Sources;

/// Describes a workspace, crate by crate.
#[derive(Default)]
pub(crate) struct Fixture {
    crates: BTreeMap<String, Described>,
}

#[derive(Default)]
struct Described {
    files: BTreeMap<PathBuf, String>,
    deps: Vec<String>,
    reaches: Vec<String>,
    manifest: String,
}

impl Fixture {
    /// A crate with nothing but its root file.
    pub(crate) fn with(krate: &str, code: &str) -> Self {
        Self::default().file(krate, "src/lib.rs", code)
    }

    pub(crate) fn file(mut self, krate: &str, path: &str, code: &str) -> Self {
        let path = Path::new("crates").join(krate).join(path);
        self.crates.entry(krate.to_owned()).or_default().files.insert(path, code.to_owned());
        self
    }

    pub(crate) fn dep(mut self, krate: &str, package: &str) -> Self {
        self.crates.entry(krate.to_owned()).or_default().deps.push(package.to_owned());
        self.reaches(krate, package)
    }

    pub(crate) fn reaches(mut self, krate: &str, package: &str) -> Self {
        self.crates.entry(krate.to_owned()).or_default().reaches.push(package.to_owned());
        self
    }

    pub(crate) fn manifest(mut self, krate: &str, text: &str) -> Self {
        self.crates.entry(krate.to_owned()).or_default().manifest = text.to_owned();
        self
    }

    pub(crate) fn build(self) -> Project {
        let manifest = "[workspace.lints.rust]\nunsafe_code = \"forbid\"".parse().expect("a manifest");
        let crates = self.crates.into_iter().map(|(name, described)| described.build(name)).collect();
        Project { root: PathBuf::new(), manifest, crates }
    }
}

impl Described {
    fn build(self, name: String) -> Crate {
        let read = |path: &Path| self.files.get(path).cloned().ok_or_else(|| "no such file".to_owned());
        let mut sources = Sources::new(&read);
        for path in self.files.keys() {
            let tests = path.components().any(|part| part.as_os_str() == "tests");
            if tests || path.ends_with("src/lib.rs") {
                sources.add_target(path, tests);
            }
        }
        let default = "[lints]\nworkspace = true\n".to_owned();
        let manifest_text = if self.manifest.is_empty() { default } else { self.manifest };
        let dep = |package: &String| Dep {
            package: package.clone(),
            ident: package.replace('-', "_"),
            in_workspace: package.starts_with("causelog"),
        };
        Crate {
            dir: Path::new("crates").join(&name),
            manifest: manifest_text.parse().expect("a manifest"),
            manifest_text,
            deps: self.deps.iter().map(dep).collect(),
            reaches: self.reaches.into_iter().map(|package| (package, name.clone())).collect(),
            files: sources.files,
            modules: sources.modules,
            unreadable: sources.unreadable,
            name,
        }
    }
}

/// Compares findings with `LINE: words of the message`, one for each finding, in order.
#[track_caller]
pub(crate) fn assert_findings(found: &[Finding], expected: &[&str]) {
    let shown: Vec<String> =
        found.iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect();
    let agree = shown.len() == expected.len() && shown.iter().zip(expected).all(|(a, b)| agrees(a, b));
    assert!(agree, "found {shown:#?}\nexpected {expected:#?}");
}

fn agrees(shown: &str, expected: &str) -> bool {
    match expected.split_once(": ") {
        Some((line, words)) if line.bytes().all(|byte| byte.is_ascii_digit()) => {
            shown.starts_with(&format!("{line}: ")) && shown.contains(words)
        }
        _ => shown.contains(expected),
    }
}
