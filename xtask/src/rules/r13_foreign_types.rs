//! R13: the public API is made of the standard library's types, the workspace's, and serde's traits.
//!
//! Looked at: signatures and bounds of public functions, methods, traits and their items; public fields,
//! constants and aliases; implementations for public types; re-exports. A glob import of a crate outside the
//! workspace is refused too, since names could hide behind it.
//!
//! Not seen: items that a macro writes, derived implementations, and a type that `impl Trait` hides.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Item, ItemImpl, Signature, Visibility};

use crate::finding::Finding;
use crate::imports::Resolver;
use crate::project::{Crate, Project};
use crate::source::Module;
use crate::syntax;

pub(crate) const RULE: &str = "R13";
const MEND: &str = "wrap it in a type of ours, or take and give plain bytes, integers or text";
const MEND_GLOB: &str = "import what is used by name";

/// What serde may lend to signatures.
const SERDE: &[&str] = &["Serialize", "Serializer", "Deserialize", "Deserializer", "DeserializeOwned"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let own: BTreeSet<String> = project.crates.iter().map(|krate| krate.name.replace('-', "_")).collect();
    project.layers().flat_map(|krate| check_crate(krate, &own)).collect()
}

fn check_crate(krate: &Crate, own: &BTreeSet<String>) -> Vec<Finding> {
    let externs = krate.externs();
    let resolver = krate.resolver(&externs);
    let judge = Judge { resolver: &resolver, own };
    let public = public_names(krate);
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mut surface = Surface::default();
        module.items.iter().for_each(|item| surface.add_item(item, &public));
        for path in &surface.paths {
            if let Some(foreign) = judge.foreign(module, &syntax::segments(path)) {
                let what = format!("`{foreign}` in the public API");
                findings.push(module.finding(RULE, syntax::line(path), what, MEND));
            }
        }
        findings.extend(check_imports(module, &judge));
    }
    findings.dedup();
    findings
}

fn check_imports(module: &Module, judge: &Judge<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in &module.items {
        let Item::Use(item) = item else { continue };
        for (path, given, line) in syntax::use_leaves(&item.tree) {
            // A glob stands for some name in what it opens.
            let path = if given.is_none() { [path, vec!["*".to_owned()]].concat() } else { path };
            let Some(foreign) = judge.foreign(module, &path) else { continue };
            if given.is_none() {
                let what = format!("a glob import: `{foreign}`");
                findings.push(module.finding(RULE, line, what, MEND_GLOB));
            } else if syntax::is_public(&item.vis) {
                findings.push(module.finding(RULE, line, format!("`{foreign}` is re-exported"), MEND));
            }
        }
    }
    findings
}

/// Says which paths are foreign.
struct Judge<'a> {
    resolver: &'a Resolver<'a>,
    own: &'a BTreeSet<String>,
}

impl Judge<'_> {
    fn foreign(&self, module: &Module, path: &[String]) -> Option<String> {
        let candidates = self.resolver.resolve(&module.path, path);
        let foreign = candidates.into_iter().find(|candidate| {
            let Some((first, rest)) = candidate.split_first() else { return false };
            let standard = matches!(first.as_str(), "std" | "core" | "alloc");
            let serde = first == "serde" && rest.last().is_some_and(|last| SERDE.contains(&last.as_str()));
            !rest.is_empty()
                && self.resolver.is_external(candidate)
                && !standard
                && !serde
                && !self.own.contains(first)
        });
        foreign.map(|path| path.join("::"))
    }
}

fn public_names(krate: &Crate) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in krate.modules.iter().flat_map(|module| &module.items) {
        let (visibility, ident) = match item {
            Item::Struct(item) => (&item.vis, &item.ident),
            Item::Enum(item) => (&item.vis, &item.ident),
            Item::Union(item) => (&item.vis, &item.ident),
            Item::Trait(item) => (&item.vis, &item.ident),
            _ => continue,
        };
        if syntax::is_public(visibility) {
            names.insert(syntax::name(ident));
        }
    }
    names
}

/// The paths that a user of the crate can meet.
#[derive(Default)]
struct Surface {
    paths: Vec<syn::Path>,
}

impl Surface {
    fn add_item(&mut self, item: &Item, public: &BTreeSet<String>) {
        match item {
            Item::Impl(block) => self.add_impl(block, public),
            Item::Struct(item) if syntax::is_public(&item.vis) => {
                self.visit_generics(&item.generics);
                let open = item.fields.iter().filter(|field| syntax::is_public(&field.vis));
                open.for_each(|field| self.visit_type(&field.ty));
            }
            Item::Enum(item) if syntax::is_public(&item.vis) => {
                self.visit_generics(&item.generics);
                let fields = item.variants.iter().flat_map(|variant| variant.fields.iter());
                fields.for_each(|field| self.visit_type(&field.ty));
            }
            Item::Trait(item) if syntax::is_public(&item.vis) => self.add_trait(item),
            Item::Fn(item) => self.add_function(&item.vis, &item.sig),
            Item::Const(item) if syntax::is_public(&item.vis) => self.visit_type(&item.ty),
            Item::Static(item) if syntax::is_public(&item.vis) => self.visit_type(&item.ty),
            Item::Type(item) if syntax::is_public(&item.vis) => self.visit_type(&item.ty),
            _ => {}
        }
    }

    fn add_function(&mut self, visibility: &Visibility, signature: &Signature) {
        if syntax::is_public(visibility) {
            self.visit_signature(signature);
        }
    }

    fn add_trait(&mut self, definition: &syn::ItemTrait) {
        self.visit_generics(&definition.generics);
        definition.supertraits.iter().for_each(|bound| self.visit_type_param_bound(bound));
        for item in &definition.items {
            match item {
                syn::TraitItem::Fn(method) => self.visit_signature(&method.sig),
                item => self.visit_trait_item(item),
            }
        }
    }

    fn add_impl(&mut self, block: &ItemImpl, public: &BTreeSet<String>) {
        let target = syntax::type_name(&block.self_ty).unwrap_or_default();
        let Some((_, path, _)) = &block.trait_ else {
            if public.contains(&target) {
                self.visit_generics(&block.generics);
            }
            return block.items.iter().for_each(|item| match item {
                syn::ImplItem::Fn(method) if public.contains(&target) => {
                    self.add_function(&method.vis, &method.sig)
                }
                syn::ImplItem::Const(item) if syntax::is_public(&item.vis) => self.visit_type(&item.ty),
                _ => {}
            });
        };
        let named = Self::of_path(path).paths;
        let mut arguments = named.iter().flat_map(syntax::segments);
        // `impl From<Ours> for Theirs` is as public as `impl From<Theirs> for Ours`.
        if public.contains(&target) || arguments.any(|name| public.contains(&name)) {
            self.visit_generics(&block.generics);
            self.visit_type(&block.self_ty);
            self.visit_path(path);
            for item in &block.items {
                if let syn::ImplItem::Type(ty) = item {
                    self.visit_type(&ty.ty);
                }
            }
        }
    }

    fn of_path(path: &syn::Path) -> Self {
        let mut surface = Self::default();
        surface.visit_path(path);
        surface
    }
}

impl<'ast> Visit<'ast> for Surface {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.clone());
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_block(&mut self, _: &'ast syn::Block) {}
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::finding::Finding;
    use crate::fixture::{Fixture, assert_findings};

    fn check_types(code: &str) -> Vec<Finding> {
        let fixture = Fixture::with("causelog-types", code).file(
            "causelog-types",
            "src/ids.rs",
            "pub(crate) use uuid::Uuid as Raw;",
        );
        let with =
            ["uuid", "serde", "rmp-serde"].into_iter().fold(fixture, |f, dep| f.dep("causelog-types", dep));
        check(&with.build())
    }

    #[test]
    fn foreign_types_are_found_where_users_meet_them() {
        let code = "mod ids;\nuse crate::ids::Raw;\npub fn a(x: &[Raw]) {}\npub struct B {\n pub id: Option<uuid::Uuid>,\n\
                    raw: Raw }\npub enum C {\n Bad(rmp_serde::encode::Error) }\nimpl From<Raw> for B { }\n\
                    impl B {\n pub fn d(&self) -> Raw { e() } fn f() -> Raw { e() } }\npub type G = Raw;\n\
                    pub trait H {\n fn i() -> Raw; }\npub use uuid::Uuid;\nuse rmp_serde::*;";
        let expected = [
            "3: uuid::Uuid",
            "5: uuid",
            "8: rmp_serde",
            "9: uuid",
            "11: uuid",
            "12: uuid",
            "14: uuid",
            "15: re-exported",
            "16: glob import",
        ];
        assert_findings(&check_types(code), &expected);
    }

    #[test]
    fn serde_bounds_and_private_types_pass() {
        let code = "use serde::{Serialize, de::DeserializeOwned}; use uuid::Uuid;\n\
                    pub fn a<T: Serialize + DeserializeOwned>(x: T) -> Result<Vec<u8>, std::io::Error> { b() }\n\
                    pub struct Id(Uuid); struct Own; impl From<Uuid> for Own {} impl Own { pub fn c() -> Uuid { d() } }\n\
                    impl serde::Serialize for Id { fn serialize<S: serde::Serializer>(&self, s: S) {} }\n\
                    pub(crate) fn e(x: Uuid) {}";
        assert_findings(&check_types(code), &[]);
    }
}
