//! R11: persisted types hold integers of a stated width, and values are written with their field names.
//!
//! Persisted are the public types of `causelog-types` and every type of `causelog-wire`, but for errors. A
//! float, a `Duration` or a `usize` in one of their fields is refused, however deep in generic arguments.
//! In every layer rmp-serde is called in its form with named fields only.
//!
//! Not seen: a field whose type is an alias from another crate, or that a macro writes.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, Fields, Item};

use crate::attributes;
use crate::finding::Finding;
use crate::project::{Crate, Project};
use crate::source::Module;
use crate::syntax;

pub(crate) const RULE: &str = "R11";
const MEND: &str = "use an integer of a stated width and unit; where it never reaches disk, list the type in r11_persisted_types.rs";
const MEND_STALE: &str = "take it out of MEMORY_ONLY in r11_persisted_types.rs";
const MEND_NAMES: &str =
    "write maps with field names: `to_vec_named`, or `Serializer::new(..).with_struct_map()`";

const REFUSED: &[&str] = &["f32", "f64", "Duration", "usize", "isize"];

/// Types of the persisted crates that never reach disk and measure memory, and why.
const MEMORY_ONLY: &[(&str, &str)] = &[
    ("Decoded", "says how many bytes of a slice are missing"),
    ("Field", "describes a layout in code; the layout itself is bytes"),
    ("FixedReader", "walks a slice"),
    ("FixedWriter", "walks an array"),
    ("Frame", "borrows from a buffer, and says how much of it"),
    ("IndexNode", "borrows a block, and says how many entries it has"),
    ("NodeBuilder", "points into a buffer"),
    ("PushedFrame", "points into a buffer"),
    ("Reader", "walks a slice"),
];

const HERE: &str = "xtask/src/rules/r11_persisted_types.rs";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    check_with(project, MEMORY_ONLY)
}

fn check_with(project: &Project, memory_only: &[(&str, &str)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut needed = BTreeSet::new();
    for krate in project.layers() {
        let all = krate.name == "causelog-wire";
        if all || krate.name == "causelog-types" {
            for module in &krate.modules {
                let types = module.items.iter().filter_map(|item| persisted(item, all));
                for (ident, fields) in types {
                    let found = check_fields(module, &ident, &fields);
                    if memory_only.iter().any(|(name, _)| *name == ident) && !found.is_empty() {
                        needed.insert(ident);
                    } else {
                        findings.extend(found);
                    }
                }
            }
        }
        findings.extend(check_calls(krate));
    }
    for (name, _) in memory_only.iter().filter(|(name, _)| !needed.contains(*name)) {
        let what = format!("the exception for `{name}` is stale");
        findings.push(Finding { file: HERE.into(), line: 0, rule: RULE, what, mend: MEND_STALE });
    }
    findings
}

/// A type's name and fields, if it counts as persisted.
fn persisted(item: &Item, all: bool) -> Option<(String, Vec<&Fields>)> {
    let (visibility, ident, attributes, fields) = match item {
        Item::Struct(item) => (&item.vis, &item.ident, &item.attrs, vec![&item.fields]),
        Item::Enum(item) => {
            let fields = item.variants.iter().map(|variant| &variant.fields).collect();
            (&item.vis, &item.ident, &item.attrs, fields)
        }
        _ => return None,
    };
    let counts = (all || syntax::is_public(visibility)) && !is_error(attributes);
    counts.then(|| (syntax::name(ident), fields))
}

fn is_error(attributes: &[Attribute]) -> bool {
    let derives = attributes::derives(attributes);
    derives.iter().any(|path| syntax::segments(path).last().is_some_and(|name| name == "Error"))
}

fn check_fields(module: &Module, ident: &str, fields: &[&Fields]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for field in fields.iter().flat_map(|fields| fields.iter()) {
        for path in syntax::paths_in_type(&field.ty) {
            let name = syntax::segments(&path).pop().unwrap_or_default();
            if REFUSED.contains(&name.as_str()) {
                let what = format!("the persisted type `{ident}` has a field of `{name}`");
                findings.push(module.finding(RULE, syntax::line(field), what, MEND));
            }
        }
    }
    findings
}

fn check_calls(krate: &Crate) -> Vec<Finding> {
    let externs = krate.externs();
    let resolver = krate.resolver(&externs);
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mut calls = Calls(Vec::new());
        module.items.iter().for_each(|item| calls.visit_item(item));
        for (path, line) in calls.0 {
            let resolved = resolver.resolve(&module.path, &path);
            if resolved.iter().any(|path| is_nameless(path)) {
                let what = format!("`{}` writes values without field names", path.join("::"));
                findings.push(module.finding(RULE, line, what, MEND_NAMES));
            }
        }
    }
    findings
}

fn is_nameless(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    matches!(
        path.as_slice(),
        ["rmp_serde", "to_vec"]
            | ["rmp_serde", "encode", "to_vec" | "write"]
            | ["rmp_serde", "Serializer", "new" | "compact"]
            | ["rmp_serde", "encode", "Serializer", "new" | "compact"]
    )
}

/// Calls by path, but for the start of a chain that asks for maps.
struct Calls(Vec<(Vec<String>, usize)>);

impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method != "with_struct_map" {
            return visit::visit_expr_method_call(self, call);
        }
        let mut receiver = &*call.receiver;
        while let syn::Expr::MethodCall(inner) = receiver {
            receiver = &inner.receiver;
        }
        if let syn::Expr::Call(start) = receiver {
            start.args.iter().for_each(|argument| self.visit_expr(argument));
        }
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.0.push((syntax::segments(&path.path), syntax::line(path)));
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        for expr in syntax::macro_expressions(mac) {
            let mut inner = Calls(Vec::new());
            inner.visit_expr(&expr);
            self.0.extend(inner.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_with;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn widths_that_depend_on_the_machine_are_found() {
        let types = "pub struct A {\n pub a: Option<f64>,\n b: std::time::Duration }\npub enum E { X { n: usize } }\n\
                     struct Private(usize); #[derive(thiserror::Error)] pub enum TooLong { A { len: usize } }";
        let project = Fixture::with("causelog-types", types)
            .file("causelog-wire", "src/lib.rs", "struct W(usize);")
            .build();
        let expected = ["2: field of `f64`", "3: field of `Duration`", "4: field of `usize`", "1: type `W`"];
        assert_findings(&check_with(&project, &[]), &expected);
    }

    #[test]
    fn exceptions_hold_until_they_are_stale() {
        let project = Fixture::with("causelog-wire", "struct Cursor { at: usize }").build();
        assert_findings(&check_with(&project, &[("Cursor", "walks a slice")]), &[]);
        let stale = check_with(&project, &[("Cursor", "walks a slice"), ("Gone", "was here")]);
        assert_findings(&stale, &["exception for `Gone` is stale"]);
    }

    #[test]
    fn values_have_field_names() {
        let code = "use rmp_serde::{encode, Serializer as Ser};\nfn a() { encode::to_vec(&1); }\n\
                    fn b() { Ser::new(w).with_bytes(x); }\nfn c() { Ser::new(w).with_bytes(x).with_struct_map(); }\n\
                    fn d() { rmp_serde::to_vec_named(&1); }\nfn e() { x.map(rmp_serde::to_vec); }";
        let project = Fixture::with("causelog-types", code).dep("causelog-types", "rmp-serde").build();
        let expected = ["2: `encode::to_vec`", "3: `Ser::new`", "6: `rmp_serde::to_vec`"];
        assert_findings(&check_with(&project, &[]), &expected);
    }
}
