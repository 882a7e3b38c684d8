//! The source of a crate as a tree of modules, the way the compiler finds it: from each target's root along
//! its `mod` items.
//!
//! Two views are kept of each crate. `files` is everything, tests included. `modules` is the code that a user
//! of the crate can run: no `#[cfg(test)]`, no `#[test]`, no `tests/`, `benches/` or `examples/`.
//!
//! Not seen: what a macro expands to, files reached by `include!`, and modules that a macro declares.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, Stmt};

use crate::attributes;
use crate::imports::Imports;
use crate::syntax;

/// One file as it is on disk.
pub(crate) struct SourceFile {
    /// Relative to the root of the workspace.
    pub(crate) path: PathBuf,
    /// All of it, tests too.
    pub(crate) syntax: syn::File,
    /// As it was read: the syntax has no comments.
    pub(crate) text: String,
    /// Reached only while tests, benchmarks or examples are built.
    pub(crate) test_only: bool,
}

/// One module without its tests; modules inside it stand on their own.
pub(crate) struct Module {
    /// The names from the crate's root; empty for the root itself.
    pub(crate) path: Vec<String>,
    pub(crate) file: PathBuf,
    pub(crate) items: Vec<Item>,
    pub(crate) imports: Imports,
    pub(crate) mentions: Vec<Mention>,
}

/// A path that a module's code names, in code, `use`, attribute or macro body.
pub(crate) struct Mention {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) leading_colon: bool,
}

/// A file that could not be read or parsed.
pub(crate) struct Unreadable {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Reads a file, by its path relative to the root of the workspace.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> Result<String, String>;

/// Collects the files and modules of one crate.
pub(crate) struct Sources<'a> {
    read: Read<'a>,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) modules: Vec<Module>,
    pub(crate) unreadable: Vec<Unreadable>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(read: Read<'a>) -> Self {
        Self { read, files: Vec::new(), modules: Vec::new(), unreadable: Vec::new() }
    }

    /// Adds the file a target begins with, and all it leads to.
    pub(crate) fn add_target(&mut self, root: &Path, test_only: bool) {
        let children = root.parent().unwrap_or(Path::new("")).to_path_buf();
        self.add_file(root, &children, &[], test_only);
    }

    fn add_file(&mut self, path: &Path, children: &Path, module: &[String], test_only: bool) {
        if self.files.iter().any(|file| file.path == path && (test_only || !file.test_only)) {
            return;
        }
        let text = match (self.read)(path) {
            Ok(text) => text,
            Err(reason) => return self.unreadable.push(Unreadable { path: path.into(), line: 0, reason }),
        };
        let syntax = match syn::parse_file(&text) {
            Ok(syntax) => syntax,
            Err(error) => {
                let (line, reason) = (error.span().start().line, error.to_string());
                return self.unreadable.push(Unreadable { path: path.into(), line, reason });
            }
        };
        let test_only = test_only || attributes::is_test_only(&syntax.attrs);
        self.add_children(path, children, module, &syntax.items, test_only);
        if !test_only {
            let mut code = syntax.clone();
            StripTests.visit_file_mut(&mut code);
            self.add_modules(path, module, &code.attrs, code.items);
        }
        self.files.retain(|file| file.path != path);
        self.files.push(SourceFile { path: path.into(), syntax, text, test_only });
    }

    /// Follows the `mod` items, those inside inline modules too.
    fn add_children(&mut self, file: &Path, dir: &Path, module: &[String], items: &[Item], test_only: bool) {
        for item in items {
            let Item::Mod(child) = item else { continue };
            let test_only = test_only || attributes::is_test_only(&child.attrs);
            let name = syntax::name(&child.ident);
            let inner: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
            if let Some((_, items)) = &child.content {
                self.add_children(file, &dir.join(&name), &inner, items, test_only);
            } else if let Some(given) = attributes::path_attribute(&child.attrs) {
                let path = file.parent().unwrap_or(Path::new("")).join(given);
                let children = path.parent().unwrap_or(Path::new("")).to_path_buf();
                self.add_file(&path, &children, &inner, test_only);
            } else {
                let flat = dir.join(format!("{name}.rs"));
                let nested = dir.join(&name).join("mod.rs");
                let path = if (self.read)(&nested).is_ok() { nested } else { flat };
                self.add_file(&path, &dir.join(&name), &inner, test_only);
            }
        }
    }

    fn add_modules(&mut self, file: &Path, path: &[String], attributes: &[Attribute], mut items: Vec<Item>) {
        for item in &mut items {
            let Item::Mod(child) = item else { continue };
            if let Some((_, inner)) = child.content.take() {
                let inner_path: Vec<String> =
                    path.iter().cloned().chain([syntax::name(&child.ident)]).collect();
                self.add_modules(file, &inner_path, &[], inner);
            }
        }
        let imports = Imports::of(&items);
        let mentions = Mentions::of(attributes, &items);
        self.modules.push(Module { path: path.to_vec(), file: file.into(), items, imports, mentions });
    }
}

/// Takes out everything that exists only while tests are built.
struct StripTests;

impl StripTests {
    fn keeps(statement: &Stmt) -> bool {
        let attributes: &[Attribute] = match statement {
            Stmt::Local(local) => &local.attrs,
            Stmt::Item(item) => syntax::item_attributes(item),
            Stmt::Macro(mac) => &mac.attrs,
            Stmt::Expr(syn::Expr::Block(block), _) => &block.attrs,
            Stmt::Expr(..) => &[],
        };
        !attributes::is_test_only(attributes)
    }
}

impl VisitMut for StripTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !attributes::is_test_only(syntax::item_attributes(item)));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !attributes::is_test_only(syntax::item_attributes(item)));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| match item {
            syn::ImplItem::Fn(method) => !attributes::is_test_only(&method.attrs),
            syn::ImplItem::Const(constant) => !attributes::is_test_only(&constant.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }

    fn visit_item_trait_mut(&mut self, definition: &mut syn::ItemTrait) {
        definition.items.retain(|item| match item {
            syn::TraitItem::Fn(method) => !attributes::is_test_only(&method.attrs),
            _ => true,
        });
        visit_mut::visit_item_trait_mut(self, definition);
    }

    fn visit_fields_named_mut(&mut self, fields: &mut syn::FieldsNamed) {
        let kept = std::mem::take(&mut fields.named).into_iter();
        fields.named = kept.filter(|field| !attributes::is_test_only(&field.attrs)).collect();
    }

    fn visit_block_mut(&mut self, block: &mut syn::Block) {
        block.stmts.retain(Self::keeps);
        visit_mut::visit_block_mut(self, block);
    }
}

/// Collects the paths that code names.
struct Mentions(Vec<Mention>);

impl Mentions {
    fn of(attributes: &[Attribute], items: &[Item]) -> Vec<Mention> {
        let mut mentions = Self(Vec::new());
        attributes.iter().for_each(|attribute| mentions.visit_attribute(attribute));
        items.iter().for_each(|item| mentions.visit_item(item));
        mentions.0
    }

    fn add_tokens(&mut self, tokens: &TokenStream) {
        for path in syntax::token_paths(tokens) {
            self.0.push(Mention { segments: path.segments, line: path.line, leading_colon: false });
        }
    }
}

impl<'ast> Visit<'ast> for Mentions {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(Mention {
            segments: syntax::segments(path),
            line: syntax::line(path),
            leading_colon: path.leading_colon.is_some(),
        });
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for (segments, _, line) in syntax::use_leaves(&item.tree) {
            self.0.push(Mention { segments, line, leading_colon: item.leading_colon.is_some() });
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let (segments, line) = (vec![syntax::name(&item.ident)], syntax::line(item));
        self.0.push(Mention { segments, line, leading_colon: true });
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.add_tokens(&mac.tokens);
        visit::visit_macro(self, mac);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.add_tokens(&list.tokens);
        visit::visit_meta_list(self, list);
    }
}
