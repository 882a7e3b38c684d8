//! R2: no async code, and no async runtime below a layer.
//!
//! Not seen: async code that a macro expands to, and runtimes whose names the list does not have.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::project::{Crate, Project};
use crate::syntax;

pub(crate) const RULE: &str = "R2";
const MEND: &str = "return a ticket over a channel that any runtime can await, or none";
const MEND_GRAPH: &str = "turn off the feature that brings it in, or choose a crate without it";

/// Crates that run futures; `futures-core` and the like only name them.
const RUNTIMES: &[&str] = &[
    "actix-rt",
    "async-executor",
    "async-global-executor",
    "async-io",
    "async-std",
    "embassy-executor",
    "futures-executor",
    "glommio",
    "monoio",
    "pollster",
    "smol",
    "tokio",
    "tokio-util",
];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    project
        .layers_and_command_line()
        .flat_map(|krate| [check_graph(krate), check_code(krate)].concat())
        .collect()
}

fn check_graph(krate: &Crate) -> Vec<Finding> {
    let runtimes = krate.reaches.iter().filter(|(package, _)| RUNTIMES.contains(&package.as_str()));
    runtimes
        .map(|(package, through)| {
            let what = format!("{} reaches the async runtime `{package}` through `{through}`", krate.name);
            krate.manifest_finding(RULE, package, what, MEND_GRAPH)
        })
        .collect()
}

fn check_code(krate: &Crate) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mut found = Async(Vec::new());
        module.items.iter().for_each(|item| found.visit_item(item));
        findings.extend(found.0.into_iter().map(|(line, what)| module.finding(RULE, line, what, MEND)));
    }
    findings
}

struct Async(Vec<(usize, &'static str)>);

impl<'ast> Visit<'ast> for Async {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(keyword) = &signature.asyncness {
            self.0.push((keyword.span().start().line, "an `async fn`"));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.0.push((syntax::line(block), "an `async` block"));
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if closure.asyncness.is_some() {
            self.0.push((syntax::line(closure), "an `async` closure"));
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.0.push((expr.await_token.span().start().line, "an `.await`"));
        visit::visit_expr_await(self, expr);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        for expr in syntax::macro_expressions(mac) {
            let mut inner = Async(Vec::new());
            inner.visit_expr(&expr);
            self.0.extend(inner.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn async_code_is_found() {
        let code = "trait T {\n async fn a();\n}\nfn b() { async { 1 }; }\nfn c() { let d = async || 1; }";
        let project = Fixture::with("causelog-writer", code).build();
        assert_findings(&check(&project), &["2: async fn", "4: async` block", "5: async` closure"]);
    }

    #[test]
    fn a_runtime_anywhere_below_is_found() {
        let project = Fixture::with("causelog-writer", "").reaches("causelog-writer", "tokio").build();
        assert_findings(&check(&project), &["async runtime `tokio`"]);
    }

    #[test]
    fn futures_may_be_named_and_made_by_hand() {
        let code = "impl std::future::Future for Ticket {}";
        let project =
            Fixture::with("causelog-writer", code).reaches("causelog-writer", "futures-core").build();
        assert_findings(&check(&project), &[]);
    }
}
