//! R10: the library never stores a denial on its own; an application that wants one appends an event.
//!
//! Held here: the crates below the umbrella that write or read bytes do not name `Denial`; it is not
//! `Serialize`; nothing but an error is made from it; and no call in the umbrella whose name begins with
//! `append`, `submit` or `try_append` gets an argument that names the type or a variable `denial`.
//!
//! Not seen: a denial that was turned into text or bytes first, or that goes by another variable's name.

use syn::visit::{self, Visit};
use syn::{Expr, Item};

use crate::attributes;
use crate::finding::Finding;
use crate::project::{Crate, Project};
use crate::source::Module;
use crate::syntax;

pub(crate) const RULE: &str = "R10";
const MEND: &str = "return the denial to the caller; whether it is recorded is the application's choice";

/// Must not know denials at all.
const IGNORANT: &[&str] = &[
    "causelog-io",
    "causelog-wire",
    "causelog-index",
    "causelog-segment",
    "causelog-index-sealed",
    "causelog-index-redb",
    "causelog-writer",
    "causelog-reader",
];

const STORING: &[&str] = &["append", "submit", "try_append"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for krate in project.layers() {
        if IGNORANT.contains(&krate.name.as_str()) {
            findings.extend(named(krate));
        }
        for module in &krate.modules {
            findings.extend(module.items.iter().filter_map(|item| check_item(module, item)));
            let mut calls = StoringCalls(Vec::new());
            module.items.iter().for_each(|item| calls.visit_item(item));
            let stored = |line| module.finding(RULE, line, "a denial goes into an append", MEND);
            findings.extend(calls.0.into_iter().map(stored));
        }
    }
    findings
}

fn named(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mentions =
            module.mentions.iter().filter(|mention| mention.segments.iter().any(|name| name == "Denial"));
        let what = format!("{} names `Denial`", krate.name);
        findings.extend(mentions.map(|mention| module.finding(RULE, mention.line, what.clone(), MEND)));
    }
    findings
}

fn check_item(module: &Module, item: &Item) -> Option<Finding> {
    match item {
        Item::Struct(syn::ItemStruct { ident, attrs, .. })
        | Item::Enum(syn::ItemEnum { ident, attrs, .. })
            if ident == "Denial" =>
        {
            let paths = attributes::derives(attrs);
            let serialize =
                paths.iter().find(|path| syntax::segments(path).last().is_some_and(|n| n == "Serialize"))?;
            Some(module.finding(RULE, syntax::line(serialize), "`Denial` derives `Serialize`", MEND))
        }
        Item::Impl(block) => {
            let (_, path, _) = block.trait_.as_ref()?;
            let name = syntax::segments(path).pop()?;
            let target = syntax::type_name(&block.self_ty)?;
            let from_denial = path.segments.last().is_some_and(|last| {
                let syn::PathArguments::AngleBracketed(list) = &last.arguments else { return false };
                list.args.iter().any(|argument| {
                    matches!(argument, syn::GenericArgument::Type(ty)
                    if syntax::type_name(ty).is_some_and(|ty| ty == "Denial"))
                })
            });
            let what = match name.as_str() {
                "Serialize" if target == "Denial" => "`Denial` implements `Serialize`".to_owned(),
                "From" | "TryFrom" if from_denial && !target.ends_with("Error") => {
                    format!("`{target}` is made from a denial")
                }
                _ => return None,
            };
            Some(module.finding(RULE, syntax::line(path), what, MEND))
        }
        _ => None,
    }
}

/// The lines of calls that store something in which a denial is named.
struct StoringCalls(Vec<usize>);

impl StoringCalls {
    fn add<'a>(&mut self, name: &str, line: usize, arguments: impl IntoIterator<Item = &'a Expr>) {
        let mut named = NamesDenial(false);
        arguments.into_iter().for_each(|argument| named.visit_expr(argument));
        if named.0 && STORING.iter().any(|prefix| name.starts_with(prefix)) {
            self.0.push(line);
        }
    }
}

impl<'ast> Visit<'ast> for StoringCalls {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add(&syntax::name(&call.method), syntax::line(&call.method), &call.args);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let name = syntax::segments(&path.path).pop().unwrap_or_default();
            self.add(&name, syntax::line(call), &call.args);
        }
        visit::visit_expr_call(self, call);
    }
}

struct NamesDenial(bool);

impl<'ast> Visit<'ast> for NamesDenial {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0 |= syntax::segments(path).iter().any(|name| name == "Denial" || name == "denial");
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn denials_below_the_umbrella_and_in_appends_are_found() {
        let gate = "#[derive(Debug, Serialize)] pub struct Denial;\nimpl From<Denial> for Event {}";
        let umbrella = "fn a(s: Store) {\n s.append(x, encode(&denial)); append_all(Denial::new()); }";
        let project = Fixture::with("causelog-gate", gate)
            .file("causelog", "src/lib.rs", umbrella)
            .file("causelog-writer", "src/lib.rs", "\nfn a(d: Denial) {}")
            .build();
        let expected = [
            "2: goes into an append",
            "2: goes into an append",
            "1: derives",
            "2: `Event` is made",
            "2: names `Denial`",
        ];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn returning_a_denial_passes() {
        let umbrella = "impl From<Denial> for AppendError {}\n\
                        fn a(s: Store) -> Result<(), Denial> { let r = gates()?; s.append(r) }";
        let project = Fixture::with("causelog", umbrella)
            .file("causelog-gate", "src/lib.rs", "#[derive(Debug, Clone)] pub struct Denial;")
            .build();
        assert_findings(&check(&project), &[]);
    }
}
