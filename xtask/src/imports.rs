//! Resolving paths through `use`, type aliases and re-exports inside one crate.
//!
//! Names are looked up per module; a `use` inside a function counts for its whole module. Where a name has
//! several meanings (a type and a function, or the branches of a `cfg`), all of them are candidates.
//!
//! Not seen: what a glob import from another crate brings in (rule R13 refuses such globs of crates outside
//! the workspace), names that a macro makes, and types that inference alone determines.

use std::collections::HashMap;

use syn::visit::{self, Visit};
use syn::{Item, ItemType, ItemUse};

use crate::source::Module;
use crate::syntax;

/// Enough for any honest chain of re-exports; ends the loops of dishonest ones.
const DEPTH_MAX: usize = 16;

/// What the names of one module stand for, relative to that module.
#[derive(Default)]
pub(crate) struct Imports {
    names: HashMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

impl Imports {
    pub(crate) fn of(items: &[Item]) -> Self {
        let mut imports = Self::default();
        items.iter().for_each(|item| imports.visit_item(item));
        imports
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (path, given, _) in syntax::use_leaves(&item.tree) {
            match given {
                Some(given) => self.names.entry(given).or_default().push(path),
                None => self.globs.push(path),
            }
        }
    }

    fn visit_item_type(&mut self, alias: &'ast ItemType) {
        let paths = syntax::paths_in_type(&alias.ty);
        let targets = paths.iter().map(syntax::segments);
        self.names.entry(syntax::name(&alias.ident)).or_default().extend(targets);
        visit::visit_item_type(self, alias);
    }
}

/// Where a path leads, with an external crate or `crate` as its first segment.
pub(crate) struct Resolver<'a> {
    modules: HashMap<&'a [String], &'a Imports>,
    externs: &'a [String],
}

impl<'a> Resolver<'a> {
    /// `externs` are the names by which the crate's code knows its dependencies.
    pub(crate) fn new(modules: &'a [Module], externs: &'a [String]) -> Self {
        let modules = modules.iter().map(|module| (module.path.as_slice(), &module.imports)).collect();
        Self { modules, externs }
    }

    /// All that a path written in a module can stand for; the path itself where nothing is known.
    pub(crate) fn resolve(&self, module: &[String], path: &[String]) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.resolve_into(module, path, DEPTH_MAX, &mut found);
        found.sort();
        found.dedup();
        found
    }

    /// True where the first segment of a resolved path is another crate.
    pub(crate) fn is_external(&self, resolved: &[String]) -> bool {
        resolved.first().is_some_and(|first| self.is_extern_name(first))
    }

    fn is_extern_name(&self, name: &str) -> bool {
        matches!(name, "std" | "core" | "alloc") || self.externs.iter().any(|known| known == name)
    }

    fn resolve_into(&self, module: &[String], path: &[String], depth: usize, found: &mut Vec<Vec<String>>) {
        let Some((first, rest)) = path.split_first() else { return };
        if depth == 0 {
            return found.push(path.to_vec());
        }
        match first.as_str() {
            "crate" => return self.resolve_local(&[], rest, depth, found),
            "self" => return self.resolve_local(module, rest, depth, found),
            "super" => {
                let parent = module.split_last().map_or(module, |(_, parent)| parent);
                let path: Vec<String> = ["self".to_owned()].into_iter().chain(rest.iter().cloned()).collect();
                let rest = if rest.first().is_some_and(|next| next == "super") { rest } else { &path };
                return self.resolve_into(parent, rest, depth - 1, found);
            }
            _ => {}
        }
        if !self.resolve_imported(module, first, rest, depth, found) {
            if self.is_extern_name(first) {
                found.push(path.to_vec());
            } else {
                self.resolve_local(module, path, depth - 1, found);
            }
        }
    }

    /// Follows a path from a module of this crate; the path's first names may be modules below it.
    fn resolve_local(&self, base: &[String], path: &[String], depth: usize, found: &mut Vec<Vec<String>>) {
        let mut module = base.to_vec();
        let mut rest = path;
        while let Some((next, after)) = rest.split_first() {
            let below: Vec<String> = module.iter().cloned().chain([next.clone()]).collect();
            if !self.modules.contains_key(below.as_slice()) || after.is_empty() {
                break;
            }
            (module, rest) = (below, after);
        }
        let followed = rest
            .split_first()
            .is_some_and(|(first, after)| self.resolve_imported(&module, first, after, depth, found));
        if !followed {
            let absolute = ["crate".to_owned()].into_iter().chain(module).chain(rest.iter().cloned());
            found.push(absolute.collect());
        }
    }

    /// Replaces a name by what the module imports under it; false where it imports no such name.
    fn resolve_imported(
        &self,
        module: &[String],
        first: &String,
        rest: &[String],
        depth: usize,
        found: &mut Vec<Vec<String>>,
    ) -> bool {
        let Some(imports) = self.modules.get(module).filter(|_| depth > 0) else { return false };
        let targets = imports.names.get(first).map(Vec::as_slice).unwrap_or_default();
        let mut followed = false;
        for target in targets.iter().filter(|target| !matches!(target.as_slice(), [only] if only == first)) {
            let path: Vec<String> = target.iter().chain(rest).cloned().collect();
            self.resolve_into(module, &path, depth - 1, found);
            followed = true;
        }
        if !followed {
            followed = self.resolve_glob(module, imports, first, rest, depth, found);
        }
        followed
    }

    /// Looks a name up in the modules of this crate that are imported as a whole.
    fn resolve_glob(
        &self,
        module: &[String],
        imports: &Imports,
        first: &String,
        rest: &[String],
        depth: usize,
        found: &mut Vec<Vec<String>>,
    ) -> bool {
        imports.globs.iter().any(|glob| {
            let local = match glob.split_first() {
                Some((head, below)) if head == "crate" => below.to_vec(),
                Some((head, below)) if head == "self" => [module, below].concat(),
                Some((head, below)) if head == "super" => {
                    let parent = module.split_last().map_or(module, |(_, parent)| parent);
                    [parent, below].concat()
                }
                _ => [module, glob.as_slice()].concat(),
            };
            let Some(target) = self.modules.get(local.as_slice()) else { return false };
            if local == module || !target.names.contains_key(first) {
                return false;
            }
            self.resolve_imported(&local, first, rest, depth - 1, found)
        })
    }
}
