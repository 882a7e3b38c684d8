//! R14: every exception to a lint says why.
//!
//! Held in every package of the workspace and of the one for fuzzing, tests included. That exceptions are `expect`, so that a stale one is
//! an error, is clippy's `allow_attributes`.
//!
//! Not seen: attributes that a macro writes.

use syn::visit::{self, Visit};

use crate::attributes;
use crate::finding::Finding;
use crate::project::Project;
use crate::syntax;

pub(crate) const RULE: &str = "R14";
const MEND: &str = "write `#[expect(the::lint, reason = \"why it does not apply here\")]`, or mend the code";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in project.crates.iter().flat_map(|krate| &krate.files) {
        let mut exceptions = Exceptions(Vec::new());
        exceptions.visit_file(&file.syntax);
        for (name, line) in exceptions.0 {
            let what = format!("`{name}` without a reason");
            findings.push(Finding { file: file.path.clone(), line, rule: RULE, what, mend: MEND });
        }
    }
    findings
}

struct Exceptions(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Exceptions {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let exceptions = attributes::lint_exceptions(&attribute.meta).into_iter();
        let mute = exceptions.filter(|(_, has_reason)| !has_reason);
        self.0.extend(mute.map(|(name, _)| (name, syntax::line(attribute))));
        visit::visit_attribute(self, attribute);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn exceptions_without_a_reason_are_found_in_tests_too() {
        let code = "#![allow(dead_code)]\n#[cfg_attr(unix, expect(unused))]\nfn a() {\n\
                    #[expect(unused, reason = \" \")]\nlet b = 1; }\n#[cfg(test)] mod tests {\n #[allow(x)] fn c() {} }";
        let project = Fixture::with("causelog-cli", code).build();
        let expected = ["1: `allow`", "2: `expect`", "4: `expect`", "7: `allow`"];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn a_reason_passes() {
        let code = "#[expect(unused, reason = \"kept for the example\")] fn a() { x.expect(1); }";
        assert_findings(&check(&Fixture::with("causelog", code).build()), &[]);
    }
}
