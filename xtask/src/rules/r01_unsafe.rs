//! R1: unsafe code stands in `causelog-io` only.
//!
//! The compiler holds it through the workspace lint `unsafe_code = "forbid"`; this rule holds that every other
//! crate inherits the lint, and finds unsafe code that is compiled for another system only.
//!
//! Not seen: unsafe code that a macro expands to (the lint sees it, where it is compiled).

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::project::{Crate, IO, Project};
use crate::syntax;

pub(crate) const RULE: &str = "R1";
const MEND: &str = "move it behind a safe function of causelog-io, with its proof, or do without";
const MEND_LINTS: &str =
    "write `[lints] workspace = true`, and keep `unsafe_code = \"forbid\"` in the workspace";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let crates = || project.layers_and_command_line().filter(|krate| krate.name != IO);
    let mut findings: Vec<Finding> = crates().flat_map(check_code).collect();
    findings.extend(crates().filter_map(check_lints));
    let forbidden = project.manifest.get("workspace").and_then(|table| table.get("lints"));
    let level = forbidden.and_then(|lints| lints.get("rust")).and_then(|rust| rust.get("unsafe_code"));
    if level.and_then(toml::Value::as_str) != Some("forbid") {
        let what = "the workspace lints do not forbid unsafe code".to_owned();
        findings.push(Finding { file: "Cargo.toml".into(), line: 0, rule: RULE, what, mend: MEND_LINTS });
    }
    findings
}

fn check_lints(krate: &Crate) -> Option<Finding> {
    let inherits = krate.manifest.get("lints").and_then(|lints| lints.get("workspace"));
    let missing = inherits.and_then(toml::Value::as_bool) != Some(true);
    let what = format!("{} does not inherit the workspace lints", krate.name);
    missing.then(|| krate.manifest_finding(RULE, "[lints", what, MEND_LINTS))
}

fn check_code(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mut found = Unsafe(Vec::new());
        module.items.iter().for_each(|item| found.visit_item(item));
        findings.extend(
            found
                .0
                .into_iter()
                .map(|(line, what)| module.finding(RULE, line, format!("unsafe {what}"), MEND)),
        );
    }
    findings
}

struct Unsafe(Vec<(usize, &'static str)>);

impl<'ast> Visit<'ast> for Unsafe {
    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.0.push((syntax::line(block), "block"));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.unsafety.is_some() {
            self.0.push((signature.ident.span().start().line, "function"));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        if block.unsafety.is_some() {
            self.0.push((block.impl_token.span().start().line, "impl"));
        }
        visit::visit_item_impl(self, block);
    }

    fn visit_item_trait(&mut self, definition: &'ast syn::ItemTrait) {
        if definition.unsafety.is_some() {
            self.0.push((definition.ident.span().start().line, "trait"));
        }
        visit::visit_item_trait(self, definition);
    }

    fn visit_item_foreign_mod(&mut self, block: &'ast syn::ItemForeignMod) {
        self.0.push((syntax::line(block), "extern block"));
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        syntax::macro_expressions(mac).iter().for_each(|expr| {
            let mut inner = Unsafe(Vec::new());
            inner.visit_expr(expr);
            self.0.extend(inner.0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn unsafe_code_is_found_outside_io() {
        let code = "fn a() {\n unsafe { b() }\n}\nunsafe fn c() {}\nunsafe impl Send for X {}\n\
                    unsafe trait T {}\nfn d() { assert!(unsafe { b() }) }";
        let project = Fixture::with("causelog-wire", code).build();
        let expected =
            ["2: unsafe block", "4: unsafe function", "5: unsafe impl", "6: unsafe trait", "7: unsafe block"];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn io_and_tests_may() {
        let tests = "#[cfg(test)] mod tests { fn a() { unsafe { b() } } }";
        let project = Fixture::with("causelog-io", "unsafe fn c() {}").file("causelog", "src/lib.rs", tests);
        assert_findings(&check(&project.build()), &[]);
    }

    #[test]
    fn every_other_layer_inherits_the_lints() {
        let project = Fixture::with("causelog-wire", "").manifest("causelog-wire", "[lints.rust]\n").build();
        assert_findings(&check(&project), &["1: does not inherit"]);
    }
}
