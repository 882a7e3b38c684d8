//! Licences, sources and bans of every package, those that only fuzzing needs included, as `deny.toml` says: what
//! `cargo deny check bans licenses sources` holds, in short, where cargo-deny is not installed.
//!
//! A licence or an exception that no package needs is a fault as well.
//!
//! Read of `deny.toml`: `licenses.allow`, `licenses.exceptions`, `sources.allow-registry`, `bans.deny`,
//! `bans.wildcards` and `bans.allow-wildcard-paths`.
//! Not looked at: duplicate versions, licence files, and everything about advisories.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::semver::VersionReq;
use cargo_metadata::{Metadata, Package};
use spdx::{Expression, LicenseReq, ParseMode};
use toml::{Table, Value};

use crate::project;

/// Prints what is wrong, and says whether nothing is.
pub(crate) fn check(root: &Path) -> anyhow::Result<bool> {
    let text = std::fs::read_to_string(root.join("deny.toml")).context("deny.toml")?;
    let policy = Policy::read(&text.parse().context("deny.toml")?);
    let workspaces = project::all_metadata(root)?;
    let packages: Vec<Facts<'_>> = workspaces
        .iter()
        .flat_map(|metadata| metadata.packages.iter().map(move |package| Facts::of(package, metadata)))
        .collect();
    // Most packages are in both workspaces.
    let mut faults: BTreeSet<String> = packages.iter().flat_map(|package| policy.judge(package)).collect();
    faults.extend(policy.stale(&packages));
    faults.iter().for_each(|fault| println!("deny.toml: {fault}"));
    let ids: BTreeSet<_> =
        workspaces.iter().flat_map(|metadata| &metadata.packages).map(|package| &package.id).collect();
    println!("{} packages: {} faults", ids.len(), faults.len());
    Ok(faults.is_empty())
}

/// What is judged of a package.
struct Facts<'a> {
    name: &'a str,
    licence: Option<&'a str>,
    /// None for a package of this workspace.
    source: Option<&'a str>,
    /// The packages that depend on it themselves, in tests too.
    needed_by: BTreeSet<&'a str>,
    /// What it takes in any version.
    wildcards: Vec<Wildcard<'a>>,
}

/// A dependency in any version.
struct Wildcard<'a> {
    name: &'a str,
    /// A path in a package that is not published: then the version is whatever stands there.
    is_private_path: bool,
}

impl<'a> Facts<'a> {
    fn of(package: &'a Package, metadata: &'a Metadata) -> Self {
        let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let needed_by = nodes
            .filter(|node| node.dependencies.contains(&package.id))
            .map(|node| metadata[&node.id].name.as_str())
            .collect();
        Self {
            needed_by,
            name: package.name.as_str(),
            licence: package.license.as_deref(),
            source: package.source.as_ref().map(|source| source.repr.as_str()),
            wildcards: wildcards(package),
        }
    }
}

#[derive(Clone)]
struct Policy {
    licences: BTreeSet<String>,
    exceptions: Vec<(String, BTreeSet<String>)>,
    registries: BTreeSet<String>,
    /// Each with the packages that may depend on it themselves all the same.
    banned: Vec<(String, BTreeSet<String>)>,
    /// Whether a dependency must say which versions it takes.
    denies_wildcards: bool,
    /// But for paths in packages that are not published.
    allows_private_paths: bool,
}

impl Policy {
    fn read(config: &Table) -> Self {
        let at = |table: &str, key: &str| config.get(table).and_then(|table| table.get(key)).cloned();
        let name = |entry: &Value| {
            let named = entry.get("crate").or_else(|| entry.get("name")).unwrap_or(entry);
            named.as_str().unwrap_or_default().to_owned()
        };
        let entries =
            |value: Option<Value>| value.and_then(|value| value.as_array().cloned()).unwrap_or_default();
        Self {
            licences: strings(at("licenses", "allow").as_ref()),
            exceptions: entries(at("licenses", "exceptions"))
                .iter()
                .map(|entry| (name(entry), strings(entry.get("allow"))))
                .collect(),
            registries: strings(at("sources", "allow-registry").as_ref()),
            banned: entries(at("bans", "deny"))
                .iter()
                .map(|entry| (name(entry), strings(entry.get("wrappers"))))
                .collect(),
            denies_wildcards: at("bans", "wildcards") == Some("deny".into()),
            allows_private_paths: at("bans", "allow-wildcard-paths") == Some(true.into()),
        }
    }

    fn judge(&self, package: &Facts<'_>) -> Vec<String> {
        let name = package.name;
        let mut faults = Vec::new();
        for (_, wrappers) in self.banned.iter().filter(|(banned, _)| banned == name) {
            if package.needed_by.is_empty() || package.needed_by.iter().any(|user| !wrappers.contains(*user))
            {
                faults.push(format!("`{name}` is banned; do without it, or say under [bans] why not"));
            }
        }
        match package.source.map(|source| source.split_once('+').unwrap_or(("", source))) {
            None => {}
            Some(("registry" | "sparse", url)) if self.registries.contains(url) => {}
            Some((kind, url)) => {
                faults.push(format!("`{name}` comes from {kind} {url}, which [sources] does not allow"))
            }
        }
        faults.extend(self.judge_licence(package));
        let allowed = |wildcard: &&Wildcard<'_>| self.allows_private_paths && wildcard.is_private_path;
        let wildcards =
            package.wildcards.iter().filter(|wildcard| self.denies_wildcards && !allowed(wildcard));
        faults.extend(wildcards.map(|wildcard| {
            format!("`{name}` takes `{}` in any version; say in its manifest which", wildcard.name)
        }));
        faults
    }

    /// Licences and exceptions that no package needs.
    fn stale(&self, packages: &[Facts<'_>]) -> Vec<String> {
        let count =
            |policy: &Self| packages.iter().filter_map(|package| policy.judge_licence(package)).count();
        let needless = |policy: &Self| count(policy) == count(self);
        let mut stale = Vec::new();
        for licence in &self.licences {
            let mut without = self.clone();
            without.licences.remove(licence);
            if needless(&without) {
                stale.push(format!("no package needs the licence `{licence}`; take it out of [licenses]"));
            }
        }
        for (name, _) in &self.exceptions {
            let mut without = self.clone();
            without.exceptions.retain(|(excepted, _)| excepted != name);
            if needless(&without) {
                stale.push(format!("`{name}` needs no exception; take it out of [licenses]"));
            }
        }
        stale
    }

    fn judge_licence(&self, package: &Facts<'_>) -> Option<String> {
        let name = package.name;
        let Some(licence) = package.licence else {
            return Some(format!("`{name}` states no licence"));
        };
        let expression = match Expression::parse_mode(licence, ParseMode::LAX) {
            Ok(expression) => expression,
            Err(error) => {
                return Some(format!("`{name}`: the licence `{licence}` is no SPDX expression: {error}"));
            }
        };
        let extra = self.exceptions.iter().filter(|(excepted, _)| excepted == name);
        let allowed: BTreeSet<&String> = extra.flat_map(|(_, allow)| allow).chain(&self.licences).collect();
        let holds = |requirement: &LicenseReq| allowed.contains(&requirement.to_string());
        let fault = || format!("`{name}` is under `{licence}`, which [licenses] does not allow");
        (!expression.evaluate(holds)).then(fault)
    }
}

fn wildcards(package: &Package) -> Vec<Wildcard<'_>> {
    let is_private = package.publish.as_ref().is_some_and(Vec::is_empty);
    let any = package.dependencies.iter().filter(|dependency| dependency.req == VersionReq::STAR);
    any.map(|dependency| Wildcard {
        name: &dependency.name,
        is_private_path: is_private && dependency.path.is_some(),
    })
    .collect()
}

fn strings(value: Option<&Value>) -> BTreeSet<String> {
    let entries = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Facts, Policy, Wildcard};

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
        exceptions = [{ crate = "ids", allow = ["Unicode-3.0"] }]
        [bans]
        deny = [{ crate = "tokio", reason = "sync" }, "smol", { crate = "rt", wrappers = ["example"] }]
        wildcards = "deny"
        allow-wildcard-paths = true
        [sources]
        allow-registry = ["https://github.com/rust-lang/crates.io-index"]
    "#;
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[track_caller]
    fn check(name: &str, licence: &str, source: &str, expected: &[&str]) {
        let policy = Policy::read(&POLICY.parse().expect("a policy"));
        let needed_by = BTreeSet::from(["example"]);
        let faults = policy.judge(&Facts {
            name,
            licence: Some(licence),
            source: Some(source),
            needed_by,
            wildcards: Vec::new(),
        });
        let agree = faults.len() == expected.len() && faults.iter().zip(expected).all(|(a, b)| a.contains(b));
        assert!(agree, "found {faults:?}\nexpected {expected:?}");
    }

    #[test]
    fn allowed_licences_from_the_registry_pass() {
        check("a", "MIT OR GPL-3.0-only", REGISTRY, &[]);
        check("a", "MIT/Apache-2.0", REGISTRY, &[]);
        check("a", "Apache-2.0 WITH LLVM-exception", REGISTRY, &[]);
        check("ids", "MIT AND Unicode-3.0", REGISTRY, &[]);
    }

    #[test]
    fn other_licences_sources_and_bans_are_faults() {
        check("a", "MIT AND Unicode-3.0", REGISTRY, &["does not allow"]);
        check("a", "My own", REGISTRY, &["no SPDX expression"]);
        check("a", "MIT", "git+https://example.org/a", &["comes from git"]);
        check("tokio", "MIT", REGISTRY, &["is banned"]);
        check("smol", "MIT", REGISTRY, &["is banned"]);
    }

    #[test]
    fn a_ban_holds_but_for_the_packages_it_names() {
        let policy = Policy::read(&POLICY.parse().expect("a policy"));
        let judge = |users: &[&'static str]| {
            let needed_by = users.iter().copied().collect();
            policy.judge(&Facts {
                name: "rt",
                licence: Some("MIT"),
                source: None,
                needed_by,
                wildcards: Vec::new(),
            })
        };
        assert_eq!(judge(&["example"]), [""; 0]);
        assert_eq!(judge(&["example", "layer"]).len(), 1);
        assert_eq!(judge(&[]).len(), 1);
    }

    #[test]
    fn a_dependency_in_any_version_is_a_fault_but_for_a_path_of_ones_own() {
        let faults = |policy: &str, is_private_path| {
            let wildcards = vec![Wildcard { name: "b", is_private_path }];
            let needed_by = BTreeSet::new();
            let policy = Policy::read(&policy.parse().expect("a policy"));
            policy.judge(&Facts { name: "a", licence: Some("MIT"), source: None, needed_by, wildcards })
        };
        assert_eq!(faults(POLICY, false), ["`a` takes `b` in any version; say in its manifest which"]);
        assert_eq!(faults(POLICY, true).len(), 0);
        assert_eq!(faults(&POLICY.replace("paths = true", "paths = false"), true).len(), 1);
        assert_eq!(faults(&POLICY.replace(r#"wildcards = "deny""#, ""), false).len(), 0);
    }

    #[test]
    fn what_no_package_needs_is_a_fault() {
        let policy = Policy::read(&POLICY.parse().expect("a policy"));
        let package = |name, licence| Facts {
            name,
            licence: Some(licence),
            source: None,
            needed_by: BTreeSet::new(),
            wildcards: Vec::new(),
        };
        let one = [package("a", "MIT"), package("ids", "MIT AND Unicode-3.0")];
        assert_eq!(policy.stale(&one).len(), 1, "{:?}", policy.stale(&one));
        assert_eq!(policy.stale(&[package("a", "Apache-2.0 WITH LLVM-exception")]).len(), 2);
    }

    #[test]
    fn a_package_without_a_licence_is_a_fault() {
        let policy = Policy::read(&POLICY.parse().expect("a policy"));
        let faults = policy.judge(&Facts {
            name: "a",
            licence: None,
            source: None,
            needed_by: BTreeSet::new(),
            wildcards: Vec::new(),
        });
        assert_eq!(faults, ["`a` states no licence"]);
    }
}
