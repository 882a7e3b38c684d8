//! R12: the writer never waits for a subscriber; it sends with `try_send` and counts what was missed.
//!
//! Held in `causelog-writer` and `causelog-segment`, where wakers and subscribers are told: no method or function
//! named `send`, `send_timeout`, `send_deadline`, `send_ref` or `blocking_send`.
//!
//! Not seen: a call that waits under another name, and one that a macro expands to.

use syn::visit::{self, Visit};

use crate::finding::Finding;
use crate::project::Project;
use crate::syntax;

pub(crate) const RULE: &str = "R12";
const MEND: &str =
    "use `try_send`, and tell the subscriber how many it missed; for replies, a channel with room for one";

const CRATES: &[&str] = &["causelog-segment", "causelog-writer"];
const WAITING: &[&str] = &["send", "send_timeout", "send_deadline", "send_ref", "blocking_send"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let crates = project.layers().filter(|krate| CRATES.contains(&krate.name.as_str()));
    let mut findings = Vec::new();
    for module in crates.flat_map(|krate| &krate.modules) {
        let mut sends = Sends(Vec::new());
        module.items.iter().for_each(|item| sends.visit_item(item));
        findings.extend(sends.0.into_iter().map(|(name, line)| {
            module.finding(RULE, line, format!("`{name}` may wait for whoever receives"), MEND)
        }));
    }
    findings
}

struct Sends(Vec<(String, usize)>);

impl Sends {
    fn add(&mut self, name: String, line: usize) {
        if WAITING.contains(&name.as_str()) {
            self.0.push((name, line));
        }
    }
}

impl<'ast> Visit<'ast> for Sends {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add(syntax::name(&call.method), syntax::line(&call.method));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        let mut segments = syntax::segments(&path.path);
        let name = segments.pop().unwrap_or_default();
        if !segments.is_empty() {
            self.add(name, syntax::line(path));
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        for expr in syntax::macro_expressions(mac) {
            let mut inner = Sends(Vec::new());
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
    fn sends_that_wait_are_found() {
        let code = "fn a() {\n tx.send(1);\n drop(tx.send_timeout(1, d));\n flume::Sender::send(&tx, 1);\n\
                    assert!(tx.send(2).is_ok()); }";
        let project = Fixture::with("causelog-writer", code).build();
        let expected = ["2: `send`", "3: `send_timeout`", "4: `send`", "5: `send`"];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn trying_passes() {
        let project = Fixture::with("causelog-writer", "fn a() { let _ = tx.try_send(1); }").build();
        assert_findings(&check(&project), &[]);
    }
}
