//! R16: SPEC.md and what cites it say the same.
//!
//! A citation is a comment that begins with `Spec: ` and names of rules; it ends at a full stop. It names rules that
//! SPEC.md has, and every rule that is in force is cited by a test: by a comment in a file, module or function that
//! exists only while tests are built. A rule is not in force while its text holds a remark in italics and brackets
//! that says `reserved` or `not built yet`. The rules of an area have the numbers 1, 2, 3 and so on, and whatever
//! SPEC.md itself refers to is there.
//!
//! Not seen: whether a test shows what the rule that it cites says, and a citation within a line or a macro's output.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Item, ItemFn};

use crate::attributes;
use crate::finding::Finding;
use crate::project::Project;
use crate::source::SourceFile;
use crate::syntax;

pub(crate) const RULE: &str = "R16";
const SPEC: &str = "SPEC.md";
const MEND_CITATION: &str =
    "cite rules of SPEC.md, with commas between them, and end with a full stop before other words";
const MEND_UNCITED: &str = "cite it on a test that shows it, or mark it as reserved or not built yet";
const MEND_NUMBER: &str = "number the rules of an area 1, 2, 3 in their order";
const MEND_REFERENCE: &str = "refer to a rule that is there";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    check_citations(&project.text(SPEC).unwrap_or_default(), project)
}

fn check_citations(spec: &str, project: &Project) -> Vec<Finding> {
    let (rules, mut findings) = rules(spec);
    if rules.is_empty() {
        return vec![in_spec(0, "has no rules".to_owned(), MEND_NUMBER)];
    }
    findings.extend(dangling(spec, &rules));
    let mut shown = BTreeSet::new();
    for file in project.crates.iter().flat_map(|krate| &krate.files) {
        let tests = test_lines(file);
        for (line, name) in citations(&file.text) {
            if !rules.contains_key(name) {
                let what = format!("cites `{name}`, which is no rule of {SPEC}");
                findings.push(Finding {
                    file: file.path.clone(),
                    line,
                    rule: RULE,
                    what,
                    mend: MEND_CITATION,
                });
            } else if tests.iter().any(|lines| lines.contains(&line)) {
                shown.insert(name);
            }
        }
    }
    let uncited = rules.iter().filter(|(name, rule)| rule.is_in_force && !shown.contains(*name));
    findings.extend(
        uncited.map(|(name, rule)| in_spec(rule.line, format!("no test cites `{name}`"), MEND_UNCITED)),
    );
    findings
}

fn in_spec(line: usize, what: String, mend: &'static str) -> Finding {
    Finding { file: SPEC.into(), line, rule: RULE, what, mend }
}

/// A rule as SPEC.md has it.
struct Rule {
    line: usize,
    is_in_force: bool,
}

/// The rules of SPEC.md by their names, and what is wrong with their numbers.
fn rules(spec: &str) -> (BTreeMap<&str, Rule>, Vec<Finding>) {
    let (mut rules, mut last, mut findings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut lines = (1..).zip(spec.lines()).peekable();
    while let Some((line, text)) = lines.next() {
        let Some((name, first)) = text.strip_prefix("- **").and_then(|text| text.split_once("**")) else {
            continue;
        };
        let mut is_in_force = !is_remark(first);
        while let Some((_, more)) = lines.next_if(|(_, text)| text.starts_with("  ")) {
            is_in_force &= !is_remark(more);
        }
        let (area, number) = name.split_once('-').unwrap_or((name, ""));
        let due = last.get(area).map_or(1, |last| last + 1);
        if number.parse() != Ok(due) {
            findings.push(in_spec(line, format!("`{name}` stands where `{area}-{due}` is due"), MEND_NUMBER));
        }
        last.insert(area, number.parse().unwrap_or(due));
        rules.insert(name, Rule { line, is_in_force });
    }
    (rules, findings)
}

/// Whether a line says that its rule is not in force.
fn is_remark(line: &str) -> bool {
    let remarks = line.split("*(").skip(1).filter_map(|rest| rest.split_once(")*"));
    remarks.into_iter().any(|(remark, _)| remark.contains("reserved") || remark.contains("not built yet"))
}

/// Names in SPEC.md that look like those of rules, and are none.
fn dangling(spec: &str, rules: &BTreeMap<&str, Rule>) -> Vec<Finding> {
    let areas: BTreeSet<&str> = rules.keys().filter_map(|name| name.split('-').next()).collect();
    let refers = |word: &&str| {
        word.split_once('-')
            .is_some_and(|(area, number)| areas.contains(area) && number.parse::<u32>().is_ok())
    };
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(spec.lines()) {
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter(refers);
        for word in words.filter(|word| !rules.contains_key(word)) {
            findings.push(in_spec(line, format!("refers to `{word}`, which is no rule"), MEND_REFERENCE));
        }
    }
    findings
}

/// The names that a file cites, each with its line.
fn citations(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let Some(comment) = text.trim_start().strip_prefix("//") else { continue };
        let comment = comment.trim_start_matches(['/', '!']).trim_start();
        let Some(cited) = comment.strip_prefix("Spec: ") else { continue };
        let names = cited.split(". ").next().unwrap_or(cited).trim_end_matches('.');
        found.extend(names.split(", ").map(|name| (line, name.trim())));
    }
    found
}

/// The lines of a file that exist only while tests are built, their documentation included.
fn test_lines(file: &SourceFile) -> Vec<RangeInclusive<usize>> {
    if file.test_only {
        return vec![1..=usize::MAX];
    }
    let mut tests = Tests(Vec::new());
    tests.visit_file(&file.syntax);
    tests.0
}

struct Tests(Vec<RangeInclusive<usize>>);

impl Tests {
    fn add(&mut self, node: &impl Spanned) {
        self.0.push(node.span().start().line..=node.span().end().line);
    }
}

impl<'ast> Visit<'ast> for Tests {
    fn visit_item(&mut self, item: &'ast Item) {
        match attributes::is_test_only(syntax::item_attributes(item)) {
            true => self.add(item),
            false => visit::visit_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if item.attrs.iter().any(attributes::is_test_marker) {
            self.add(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_citations;
    use crate::fixture::{Fixture, assert_findings};

    const RULES: &str =
        "- **A-1** One.\n- **A-2** Two, as A-1.\n  More *(not built yet)*.\n- **A-3** *(reserved)* Three.\n";

    fn citing(comment: &str) -> Fixture {
        let test = format!("#[cfg(test)] mod tests {{\n{comment}\n#[test] fn a() {{ assert!(b()) }} }}");
        Fixture::with("causelog-types", &test)
    }

    #[test]
    fn every_rule_in_force_is_cited_by_a_test() {
        for comment in ["/// Spec: A-1", "// Spec: A-1, A-3. And more, said in words.", "//! Spec: A-2, A-1."]
        {
            assert_findings(&check_citations(RULES, &citing(comment).build()), &[]);
        }
        let in_file = Fixture::with("causelog", "").file("causelog", "tests/it/main.rs", "//! Spec: A-1\n");
        assert_findings(&check_citations(RULES, &in_file.build()), &[]);
        let on_function = "/// Says why.\n///\n/// Spec: A-1\n#[test]\nfn a() {}";
        assert_findings(&check_citations(RULES, &Fixture::with("causelog", on_function).build()), &[]);
    }

    #[test]
    fn a_rule_that_only_code_cites_is_found() {
        let code = "/// Spec: A-1\npub fn a() {}\n#[cfg(test)] mod tests {\n// Spec: A-2\n}";
        let found = check_citations(RULES, &Fixture::with("causelog", code).build());
        assert_findings(&found, &["1: no test cites `A-1`"]);
        let marked = RULES.replace("One.", "One *(a lone word: not built yet)*.");
        assert_findings(&check_citations(&marked, &Fixture::with("causelog", code).build()), &[]);
    }

    #[test]
    fn what_is_cited_is_there() {
        let found = check_citations(RULES, &citing("/// Spec: A-1, A-4, B-1").build());
        assert_findings(&found, &["2: cites `A-4`", "2: cites `B-1`"]);
        // Other words belong behind a full stop.
        let found = check_citations(RULES, &citing("// Spec: A-1: in words\n// Spec: A-1").build());
        assert_findings(&found, &["2: cites `A-1: in words`"]);
    }

    #[test]
    fn rules_are_numbered_and_referred_to_as_they_stand() {
        let spec = "- **A-1** As A-7.\n- **A-3** Three.\n- **B-1** One, UTF-8.\n";
        let found = check_citations(spec, &citing("/// Spec: A-1, A-3, B-1").build());
        assert_findings(&found, &["2: `A-3` stands where `A-2` is due", "1: refers to `A-7`"]);
        assert_findings(&check_citations("No rules.", &citing("").build()), &["has no rules"]);
    }
}
