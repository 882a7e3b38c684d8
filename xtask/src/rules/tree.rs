//! The tree: files that parse, files and functions that a person can hold in mind, and the parts that have to
//! be there.
//!
//! Not seen: the length of what a macro holds.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::project::{Crate, Project};
use crate::syntax;

pub(crate) const RULE: &str = "tree";
const MEND_FILE: &str = "split it by what changes together";
const MEND_FN: &str = "split it: `if`s up, leaves pure";
const MEND_PARSE: &str = "make it a file that compiles";
const MEND_THERE: &str = "add it; it belongs to the repository";

const FILE_LINES_MAX: usize = 600;
const FN_LINES_MAX: usize = 100;

/// What the repository has to have.
const THERE: &[&str] =
    &["Cargo.lock", "clippy.toml", "deny.toml", "fuzz/Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let missing = THERE.iter().filter(|path| !project.root.join(path).exists());
    let mut findings: Vec<Finding> = missing
        .map(|path| Finding {
            file: path.into(),
            line: 0,
            rule: RULE,
            what: "is missing".into(),
            mend: MEND_THERE,
        })
        .collect();
    findings.extend(project.crates.iter().flat_map(check_crate));
    findings
}

fn check_crate(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &krate.unreadable {
        let what = format!("cannot be read: {}", file.reason);
        findings.push(Finding {
            file: file.path.clone(),
            line: file.line,
            rule: RULE,
            what,
            mend: MEND_PARSE,
        });
    }
    let lengths = krate.files.iter().map(|file| (file, file.text.lines().count()));
    for (file, lines) in lengths.filter(|(_, lines)| *lines > FILE_LINES_MAX) {
        let what = format!("has {lines} lines, and {FILE_LINES_MAX} is the most");
        findings.push(Finding { file: file.path.clone(), line: 0, rule: RULE, what, mend: MEND_FILE });
    }
    for module in &krate.modules {
        let mut functions = Functions(Vec::new());
        module.items.iter().for_each(|item| functions.visit_item(item));
        for (name, line, lines) in functions.0.into_iter().filter(|(_, _, lines)| *lines > FN_LINES_MAX) {
            let what = format!("`{name}` has {lines} lines, and {FN_LINES_MAX} is the most");
            findings.push(module.finding(RULE, line, what, MEND_FN));
        }
    }
    findings
}

/// Name, first line and number of lines of every function.
struct Functions(Vec<(String, usize, usize)>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (syntax::line(signature), block.span().end().line);
        self.0.push((syntax::name(&signature.ident), first, last.saturating_sub(first) + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        item.default.iter().for_each(|block| self.add(&item.sig, block));
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::check_crate;
    use crate::finding::Finding;
    use crate::fixture::{Fixture, assert_findings};

    fn check_wire(code: &str) -> Vec<Finding> {
        Fixture::with("causelog-wire", code).build().crates.iter().flat_map(check_crate).collect()
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let lines = |count: usize| "\n".repeat(count);
        assert_findings(&check_wire(&lines(601)), &["has 601 lines"]);
        assert_findings(
            &check_wire(&format!("\nimpl A {{ fn b() {{{}}} }}", lines(100))),
            &["2: `b` has 101 lines"],
        );
        assert_findings(&check_wire(&format!("fn b() {{{}}}", lines(99))), &[]);
    }

    #[test]
    fn files_that_do_not_parse_or_are_not_there_are_found() {
        assert_findings(&check_wire("fn a() {\n let = 1;\n}"), &["2: cannot be read"]);
        assert_findings(&check_wire("mod gone;"), &["cannot be read: no such file"]);
    }
}
