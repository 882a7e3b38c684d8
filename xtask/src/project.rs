//! The workspace as the rules see it: Cargo's resolved graph, the manifests and the syntax trees.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};

use crate::finding::Finding;
use crate::imports::Resolver;
use crate::layers::LAYERS;
use crate::source::{Module, SourceFile, Sources, Unreadable};

/// The command-line crate: not a layer, but the rules on unsafe code, async, exceptions and tests hold there.
pub(crate) const COMMAND_LINE: &str = "causelog-cli";

/// The only crate that may touch files, clock and randomness.
pub(crate) const IO: &str = "causelog-io";

/// Where the workspace for fuzzing is: one of its own, so that nothing else is built with its flags.
const FUZZ: &str = "fuzz";

/// A workspace, read once, with the one for fuzzing.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) manifest: toml::Table,
    pub(crate) crates: Vec<Crate>,
}

/// A package of the workspace, or of the one for fuzzing.
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Relative to the root.
    pub(crate) dir: PathBuf,
    pub(crate) manifest: toml::Table,
    pub(crate) manifest_text: String,
    /// What it depends on itself, outside tests.
    pub(crate) deps: Vec<Dep>,
    /// Every package in its resolved graph, by normal and build edges, with one of the packages that need it.
    pub(crate) reaches: BTreeMap<String, String>,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) modules: Vec<Module>,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// One direct, normal dependency, resolved.
pub(crate) struct Dep {
    pub(crate) package: String,
    /// How code names it.
    pub(crate) ident: String,
    pub(crate) in_workspace: bool,
}

impl Project {
    /// Reads the workspace below `root`, and the one for fuzzing in it; needs an up-to-date lock file and no network.
    pub(crate) fn load(root: &Path) -> anyhow::Result<Self> {
        let root = root.canonicalize().with_context(|| format!("no directory {}", root.display()))?;
        let manifest = std::fs::read_to_string(root.join("Cargo.toml"))?.parse()?;
        let mut crates = Vec::new();
        for metadata in all_metadata(&root)? {
            let graph = Graph::new(&metadata);
            for package in metadata.workspace_packages() {
                crates.push(load_crate(&root, package, &graph)?);
            }
        }
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { root, manifest, crates })
    }

    /// The crates of the layer table.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|krate| krate.is_layer())
    }

    /// The crates of the layer table, and the command-line crate.
    pub(crate) fn layers_and_command_line(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|krate| krate.is_layer() || krate.name == COMMAND_LINE)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Crate> {
        self.crates.iter().find(|krate| krate.name == name)
    }

    /// The text of a file of the workspace, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok()
    }
}

impl Crate {
    pub(crate) fn is_layer(&self) -> bool {
        LAYERS.iter().any(|layer| layer.name == self.name)
    }

    /// The names by which its code knows its dependencies.
    pub(crate) fn externs(&self) -> Vec<String> {
        self.deps.iter().map(|dep| dep.ident.clone()).collect()
    }

    pub(crate) fn resolver<'a>(&'a self, externs: &'a [String]) -> Resolver<'a> {
        Resolver::new(&self.modules, externs)
    }

    /// A finding in the manifest, at the line that begins with `key`.
    pub(crate) fn manifest_finding(
        &self,
        rule: &'static str,
        key: &str,
        what: String,
        mend: &'static str,
    ) -> Finding {
        let begins = |line: &str| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with(['.', ' ', '=', ']']) || rest.is_empty())
        };
        let line = self.manifest_text.lines().position(begins).map_or(0, |index| index + 1);
        Finding { file: self.dir.join("Cargo.toml"), line, rule, what, mend }
    }
}

impl Module {
    /// A finding in this module's file.
    pub(crate) fn finding(
        &self,
        rule: &'static str,
        line: usize,
        what: impl Into<String>,
        mend: &'static str,
    ) -> Finding {
        Finding { file: self.file.clone(), line, rule, what: what.into(), mend }
    }
}

/// Cargo's view of the workspace below `root`, and of the one for fuzzing that it leaves out.
pub(crate) fn all_metadata(root: &Path) -> anyhow::Result<Vec<Metadata>> {
    let workspaces = [root.to_path_buf(), root.join(FUZZ)];
    workspaces.iter().filter(|path| path.join("Cargo.toml").exists()).map(|path| metadata(path)).collect()
}

/// Cargo's view of a workspace, with all features, without touching the network or the lock file.
fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .features(cargo_metadata::CargoOpt::AllFeatures)
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata --locked failed; where Cargo.lock is out of date, build once and commit it")
}

fn load_crate(root: &Path, package: &Package, graph: &Graph<'_>) -> anyhow::Result<Crate> {
    let manifest_path = package.manifest_path.as_std_path();
    let manifest_text = std::fs::read_to_string(manifest_path)?;
    let dir = manifest_path.parent().and_then(|dir| dir.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    let read = |path: &Path| std::fs::read_to_string(root.join(path)).map_err(|error| error.to_string());
    let mut sources = Sources::new(&read);
    for target in &package.targets {
        let test_only = target
            .kind
            .iter()
            .any(|kind| matches!(kind, TargetKind::Test | TargetKind::Bench | TargetKind::Example));
        let path = target.src_path.as_std_path();
        sources.add_target(path.strip_prefix(root).unwrap_or(path), test_only);
    }
    Ok(Crate {
        name: package.name.to_string(),
        dir: dir.to_path_buf(),
        manifest: manifest_text.parse().with_context(|| format!("in {}", manifest_path.display()))?,
        manifest_text,
        deps: graph.direct(&package.id),
        reaches: graph.reaches(&package.id),
        files: sources.files,
        modules: sources.modules,
        unreadable: sources.unreadable,
    })
}

/// The resolved graph without the edges that only tests use.
struct Graph<'a> {
    packages: HashMap<&'a PackageId, &'a Package>,
    edges: HashMap<&'a PackageId, Vec<(&'a PackageId, &'a str)>>,
    members: BTreeSet<&'a PackageId>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Metadata) -> Self {
        let packages = metadata.packages.iter().map(|package| (&package.id, package)).collect();
        let mut edges = HashMap::new();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let outside_tests = node
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|info| info.kind != DependencyKind::Development));
            edges.insert(&node.id, outside_tests.map(|dep| (&dep.pkg, dep.name.as_str())).collect());
        }
        Self { packages, edges, members: metadata.workspace_members.iter().collect() }
    }

    fn name(&self, id: &PackageId) -> String {
        self.packages.get(id).map(|package| package.name.to_string()).unwrap_or_default()
    }

    fn direct(&self, id: &PackageId) -> Vec<Dep> {
        let edges = self.edges.get(id).map(Vec::as_slice).unwrap_or_default();
        let dep = |(to, ident): &(&'a PackageId, &'a str)| Dep {
            package: self.name(to),
            ident: (*ident).to_owned(),
            in_workspace: self.members.contains(to),
        };
        edges.iter().map(dep).collect()
    }

    fn reaches(&self, id: &PackageId) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::from([id]);
        let mut due = vec![id];
        while let Some(from) = due.pop() {
            for (to, _) in self.edges.get(from).map(Vec::as_slice).unwrap_or_default() {
                if seen.insert(to) {
                    found.entry(self.name(to)).or_insert_with(|| self.name(from));
                    due.push(to);
                }
            }
        }
        found
    }
}
