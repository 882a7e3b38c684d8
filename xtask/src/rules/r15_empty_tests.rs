//! R15: every test asserts something, and none is ignored.
//!
//! A test asserts where its body, closures and macro bodies included, has a macro whose name begins with
//! `assert`, `prop_assert`, `check`, `expect` or is `panic`; a call of a function or method whose name begins
//! with the word `assert`, `check` or `expect` (but not `expect` itself); or `unwrap_err`, and trybuild's
//! `compile_fail` and `pass`. `#[should_panic]` asserts too. Held in every package of the workspace and of the one
//! for fuzzing.
//!
//! Not seen: doc tests, tests that a macro makes (but those in `proptest!` are seen), and whether an
//! assertion is reached or says anything.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::visit::{self, Visit};

use crate::attributes;
use crate::finding::Finding;
use crate::project::Project;
use crate::syntax;

pub(crate) const RULE: &str = "R15";
const MEND: &str = "assert what the test is there to show";
const MEND_IGNORED: &str = "mend the test, or take it out";

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in project.crates.iter().flat_map(|krate| &krate.files) {
        let mut tests = Tests(Vec::new());
        tests.visit_file(&file.syntax);
        for test in tests.0 {
            let mut add = |what: String, mend| {
                findings.push(Finding { file: file.path.clone(), line: test.line, rule: RULE, what, mend });
            };
            if test.markers.iter().any(|marker| marker == "ignore") {
                add(format!("the test `{}` is ignored", test.name), MEND_IGNORED);
            }
            if !test.markers.iter().any(|marker| marker == "should_panic") && !asserts(&test.body) {
                add(format!("the test `{}` asserts nothing", test.name), MEND);
            }
        }
    }
    findings
}

struct Test {
    name: String,
    line: usize,
    markers: Vec<String>,
    body: TokenStream,
}

struct Tests(Vec<Test>);

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if item.attrs.iter().any(attributes::is_test_marker) {
            let markers = item.attrs.iter().filter_map(|attribute| syntax::segments(attribute.path()).pop());
            self.0.push(Test {
                name: syntax::name(&item.sig.ident),
                line: syntax::line(&item.sig.ident),
                markers: markers.collect(),
                body: item.block.to_token_stream(),
            });
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        for function in syntax::token_functions(&mac.tokens) {
            if function.markers.iter().any(|marker| marker == "test") {
                self.0.push(Test {
                    name: syntax::name(&function.ident),
                    line: syntax::line(&function.ident),
                    markers: function.markers,
                    body: function.body,
                });
            }
        }
    }
}

/// Looks for a macro or a call that asserts.
fn asserts(body: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = body.clone().into_iter().collect();
    trees.iter().enumerate().any(|(index, tree)| match tree {
        TokenTree::Group(group) => asserts(&group.stream()),
        TokenTree::Ident(ident) => {
            let before = index.checked_sub(1).and_then(|index| trees.get(index));
            let name = ident.to_string();
            match trees.get(index + 1) {
                Some(TokenTree::Punct(mark)) if mark.as_char() == '!' => is_asserting_macro(&name),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                    let defines = matches!(before, Some(TokenTree::Ident(keyword)) if keyword == "fn");
                    !defines && is_asserting_call(&name)
                }
                _ => false,
            }
        }
        _ => false,
    })
}

fn is_asserting_macro(name: &str) -> bool {
    let name = name.strip_prefix("prop_").unwrap_or(name);
    name == "panic" || ["assert", "check", "expect"].contains(&first_word(name))
}

fn is_asserting_call(name: &str) -> bool {
    let asserting = ["assert", "check", "expect"].contains(&first_word(name)) && name != "expect";
    asserting || ["unwrap_err", "compile_fail", "pass"].contains(&name)
}

fn first_word(name: &str) -> &str {
    name.split_once('_').map_or(name, |(first, _)| first)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn empty_and_ignored_tests_are_found() {
        let code = "#[test]\nfn a() { open().expect(\"works\"); }\n\
                    #[test]\nfn b() { matches!(c(), Some(_)); fn check() {} }\n\
                    #[test] #[ignore]\nfn d() { assert!(e()); }\n\
                    proptest! { #[test]\n fn f(x in 0..9u8) { g(x); } }";
        let project = Fixture::with("causelog", "").file("causelog", "tests/it/main.rs", code).build();
        let expected = [
            "2: `a` asserts nothing",
            "4: `b` asserts nothing",
            "6: `d` is ignored",
            "8: `f` asserts nothing",
        ];
        assert_findings(&check(&project), &expected);
    }

    #[test]
    fn every_way_to_assert_passes() {
        let code = "#[cfg(test)] mod tests {\n #[test] fn a() { for x in y { assert_eq!(x, 1); } }\n\
                    #[test] fn b() { check(1, 2); }\n #[test] fn c() { d().unwrap_err(); }\n\
                    #[test] #[should_panic] fn e() { f(); }\n #[test] fn g() { insta::assert_snapshot!(h); }\n\
                    #[test] fn i() { trybuild::TestCases::new().compile_fail(\"j\"); }\n\
                    proptest! { #[test] fn k(x in 0..9u8) { prop_assert!(x < 9); } } }";
        assert_findings(&check(&Fixture::with("causelog", code).build()), &[]);
    }
}
