//! R4: clock, files, randomness, sleeping and the environment are `causelog-io`'s alone.
//!
//! Clippy holds it by resolved path, through `clippy.toml` at the root; this rule holds that the list there is
//! whole, and finds the same paths in code that this system does not compile.
//!
//! Not seen: methods whose path is not written, such as `path.exists()`; clippy's list names those.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::project::{Crate, IO, Project};

pub(crate) const RULE: &str = "R4";
const MEND: &str = "take it from causelog-io, as a parameter";
const MEND_LIST: &str = "add the path to clippy.toml, with a reason";

/// Refused with all that is below them.
const REFUSED: &[&str] = &[
    "chrono",
    "core::time::Instant",
    "fastrand",
    "fs_err",
    "getrandom",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "libc",
    "memmap2",
    "nix",
    "rand",
    "rustix",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os",
    "std::process::Command",
    "std::thread::park_timeout",
    "std::thread::sleep",
    "std::thread::sleep_until",
    "std::time::Instant",
    "std::time::SystemTime",
    "tempfile",
    "time",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v1",
    "uuid::Uuid::now_v6",
    "uuid::Uuid::now_v7",
];

/// What clippy.toml at the root must list among its methods.
const CLIPPY_METHODS: &[&str] = &[
    "getrandom::fill",
    "std::env::args",
    "std::env::current_dir",
    "std::env::temp_dir",
    "std::env::var",
    "std::env::var_os",
    "std::fs::canonicalize",
    "std::fs::copy",
    "std::fs::create_dir",
    "std::fs::create_dir_all",
    "std::fs::exists",
    "std::fs::hard_link",
    "std::fs::metadata",
    "std::fs::read",
    "std::fs::read_dir",
    "std::fs::read_link",
    "std::fs::read_to_string",
    "std::fs::remove_dir",
    "std::fs::remove_dir_all",
    "std::fs::remove_file",
    "std::fs::rename",
    "std::fs::set_permissions",
    "std::fs::symlink_metadata",
    "std::fs::write",
    "std::path::Path::canonicalize",
    "std::path::Path::exists",
    "std::path::Path::is_dir",
    "std::path::Path::is_file",
    "std::path::Path::is_symlink",
    "std::path::Path::metadata",
    "std::path::Path::read_dir",
    "std::path::Path::read_link",
    "std::path::Path::symlink_metadata",
    "std::path::Path::try_exists",
    "std::thread::park_timeout",
    "std::thread::sleep",
    "std::time::Instant::elapsed",
    "std::time::Instant::now",
    "std::time::SystemTime::elapsed",
    "std::time::SystemTime::now",
    "uuid::Uuid::new_v4",
    "uuid::Uuid::now_v7",
];

/// What clippy.toml at the root must list among its types.
const CLIPPY_TYPES: &[&str] =
    &["std::fs::File", "std::fs::OpenOptions", "std::time::Instant", "std::time::SystemTime"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let code = project.layers().filter(|krate| krate.name != IO).flat_map(check_code);
    code.chain(check_clippy_toml(project.text("clippy.toml").as_deref())).collect()
}

fn check_code(krate: &Crate) -> Vec<Finding> {
    let externs = krate.externs();
    let resolver = krate.resolver(&externs);
    let mut findings = Vec::new();
    for module in &krate.modules {
        for mention in &module.mentions {
            for path in resolver.resolve(&module.path, &mention.segments) {
                if let Some(refused) = REFUSED.iter().find(|refused| is_below(&path, refused)) {
                    let what = format!("`{}` is `{refused}`", mention.segments.join("::"));
                    findings.push(module.finding(RULE, mention.line, what, MEND));
                }
            }
        }
    }
    findings.dedup();
    findings
}

fn is_below(path: &[String], refused: &str) -> bool {
    let mut written = path.iter();
    refused.split("::").all(|segment| written.next().is_some_and(|next| next == segment))
}

fn check_clippy_toml(text: Option<&str>) -> Vec<Finding> {
    let finding =
        |what: String| Finding { file: "clippy.toml".into(), line: 0, rule: RULE, what, mend: MEND_LIST };
    let config: toml::Table = match text.map(str::parse) {
        Some(Ok(config)) => config,
        Some(Err(error)) => return vec![finding(format!("is not TOML: {error}"))],
        None => return vec![finding("is missing".to_owned())],
    };
    let mut findings = Vec::new();
    for (key, wanted) in [("disallowed-methods", CLIPPY_METHODS), ("disallowed-types", CLIPPY_TYPES)] {
        let entries = config.get(key).and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut listed = BTreeSet::new();
        for entry in entries {
            let path = entry.get("path").and_then(toml::Value::as_str).unwrap_or_default();
            if entry.get("reason").and_then(toml::Value::as_str).is_none_or(str::is_empty) {
                findings.push(finding(format!("`{key}` has no reason for `{path}`")));
            }
            listed.insert(path);
        }
        let missing = wanted.iter().filter(|path| !listed.contains(**path));
        findings.extend(missing.map(|path| finding(format!("`{key}` does not list `{path}`"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{CLIPPY_METHODS, CLIPPY_TYPES, check_clippy_toml, check_code};
    use crate::finding::Finding;
    use crate::fixture::{Fixture, assert_findings};

    fn check_writer(code: &str) -> Vec<Finding> {
        let project = Fixture::with("causelog-writer", code).dep("causelog-writer", "uuid").build();
        project.crates.iter().flat_map(check_code).collect()
    }

    #[test]
    fn paths_are_found_however_they_are_written() {
        let code = "use std::{fs, time as clock};\nfn a() { clock::Instant::now(); }\n\
                    fn b() { ::std::fs::read(1); }\nfn c() { assert!(std::env::var(\"X\").is_ok()) }\n\
                    fn d() -> uuid::Uuid { uuid::Uuid::now_v7() }";
        let expected = [
            "1: `std::fs` is `std::fs`",
            "2: `clock::Instant::now` is `std::time::Instant`",
            "3: `std::fs::read` is `std::fs`",
            "4: `std::env::var` is `std::env`",
            "5: `uuid::Uuid::now_v7`",
        ];
        assert_findings(&check_writer(code), &expected);
    }

    #[test]
    fn durations_paths_and_tests_pass() {
        let code = "use std::time::Duration; mod fs { pub fn read() {} } fn a() { fs::read(); }\n\
                    #[cfg(test)] mod tests { use std::fs; }\n\
                    #[cfg(causelog_planted)] fn b() { std::env::var(\"X\"); }";
        assert_findings(&check_writer(code), &[]);
    }

    #[test]
    fn the_list_of_clippy_is_whole_and_has_reasons() {
        let entries = |paths: &[&str]| -> String {
            paths.iter().map(|path| format!("{{ path = \"{path}\", reason = \"r\" }},")).collect()
        };
        let (methods, types) = (entries(CLIPPY_METHODS), entries(CLIPPY_TYPES));
        let whole = format!("disallowed-methods = [{methods}]\ndisallowed-types = [{types}]");
        assert_findings(&check_clippy_toml(Some(&whole)), &[]);
        let without = whole.replace("std::thread::sleep", "std::thread::snooze");
        assert_findings(&check_clippy_toml(Some(&without)), &["does not list `std::thread::sleep`"]);
        let mute = whole.replace("std::fs::File\", reason = \"r\"", "std::fs::File\", reason = \"\"");
        assert_findings(&check_clippy_toml(Some(&mute)), &["no reason for `std::fs::File`"]);
        assert_findings(&check_clippy_toml(None), &["is missing"]);
    }
}
