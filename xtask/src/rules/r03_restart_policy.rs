//! R3: the writer restarts `Once` or `Bounded { max_restarts, within_ms }`, and in no third way.
//!
//! Not seen: a policy under another name.

use syn::{Fields, Item, ItemEnum, Variant};

use crate::finding::Finding;
use crate::project::Project;
use crate::syntax;

pub(crate) const RULE: &str = "R3";
const MEND: &str =
    "keep exactly `Once` and `Bounded { max_restarts, within_ms }`; backoff belongs to the application";
const MEND_ONE: &str = "keep one `RestartPolicy`, and re-export it";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: Option<String> = None;
    for module in project.layers().flat_map(|krate| &krate.modules) {
        for item in &module.items {
            let Item::Enum(policy) = item else { continue };
            if policy.ident != "RestartPolicy" {
                continue;
            }
            let line = syntax::line(&policy.ident);
            if !is_as_agreed(policy) {
                findings.push(module.finding(
                    RULE,
                    line,
                    "`RestartPolicy` has other variants than agreed",
                    MEND,
                ));
            }
            if let Some(first) = &first {
                let what = format!("a second `RestartPolicy`; the first is in {first}");
                findings.push(module.finding(RULE, line, what, MEND_ONE));
            }
            first.get_or_insert_with(|| module.file.display().to_string());
        }
    }
    findings
}

fn is_as_agreed(policy: &ItemEnum) -> bool {
    let mut variants: Vec<(String, Vec<String>)> = policy.variants.iter().map(shape).collect();
    variants.sort();
    let bounded = vec!["max_restarts".to_owned(), "within_ms".to_owned()];
    variants == [("Bounded".to_owned(), bounded), ("Once".to_owned(), Vec::new())]
}

fn shape(variant: &Variant) -> (String, Vec<String>) {
    let mut fields: Vec<String> = match &variant.fields {
        Fields::Unit => Vec::new(),
        Fields::Named(fields) => {
            fields.named.iter().filter_map(|field| field.ident.as_ref().map(syntax::name)).collect()
        }
        Fields::Unnamed(fields) => fields.unnamed.iter().map(|_| "?".to_owned()).collect(),
    };
    fields.sort();
    (syntax::name(&variant.ident), fields)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    const AGREED: &str = "pub enum RestartPolicy { Once, Bounded { max_restarts: u32, within_ms: u64 } }";

    #[test]
    fn the_agreed_policy_passes() {
        let project = Fixture::with("causelog-writer", AGREED).build();
        assert_findings(&check(&project), &[]);
    }

    #[test]
    fn a_third_way_or_another_field_is_found() {
        let third =
            "pub enum RestartPolicy {\n Once, Bounded { max_restarts: u32, within_ms: u64 }, Always }";
        assert_findings(&check(&Fixture::with("causelog-writer", third).build()), &["1: other variants"]);
        let backoff = AGREED.replace("within_ms", "backoff_ms");
        assert_findings(&check(&Fixture::with("causelog-writer", &backoff).build()), &["1: other variants"]);
    }

    #[test]
    fn a_second_policy_is_found() {
        let project = Fixture::with("causelog", AGREED).file("causelog-writer", "src/lib.rs", AGREED).build();
        assert_findings(&check(&project), &["1: a second"]);
    }
}
