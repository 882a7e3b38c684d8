//! R8: a trait has at least two implementations in the layers, or users implement it.
//!
//! An implementation that only forwards (for `&T`, `Box<T>`, `Arc<T>`) does not count, nor does one in tests.
//!
//! Not seen: implementations that a macro writes; two traits of one name count as one.

use std::collections::BTreeMap;

use syn::{Item, ItemImpl};

use crate::finding::Finding;
use crate::project::Project;
use crate::syntax;

pub(crate) const RULE: &str = "R8";
const MEND: &str = "use the type itself, or list the trait with its reason in r08_lone_traits.rs";
const MEND_STALE: &str = "take it out of EXCEPTIONS in r08_lone_traits.rs";

/// Traits that need no second implementation here, and why.
const EXCEPTIONS: &[(&str, &str)] = &[("Gate", "users write their policies as gates")];

/// Where they stand, for findings about the list.
const HERE: &str = "xtask/src/rules/r08_lone_traits.rs";

struct Definition {
    at: Finding,
    implementations: usize,
}

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    check_with(project, EXCEPTIONS)
}

fn check_with(project: &Project, exceptions: &[(&str, &str)]) -> Vec<Finding> {
    let mut definitions = definitions(project);
    count(project, &mut definitions);
    let mut findings = Vec::new();
    for (name, definition) in &definitions {
        let excepted = exceptions.iter().any(|(excepted, _)| excepted == name);
        if definition.implementations < 2 && !excepted {
            let what = format!("the trait `{name}` has {} implementations", definition.implementations);
            findings.push(Finding { what, ..definition.at.clone() });
        }
    }
    for (name, _) in exceptions {
        let needless = match definitions.get(*name) {
            None => Some("is no trait of a layer"),
            Some(definition) if definition.implementations >= 2 => Some("has two implementations by now"),
            Some(_) => None,
        };
        findings.extend(needless.map(|why| {
            let what = format!("the exception for `{name}` is stale: it {why}");
            Finding { file: HERE.into(), line: 0, rule: RULE, what, mend: MEND_STALE }
        }));
    }
    findings
}

fn definitions(project: &Project) -> BTreeMap<String, Definition> {
    let mut found = BTreeMap::new();
    for module in project.layers().flat_map(|krate| &krate.modules) {
        for item in &module.items {
            let Item::Trait(definition) = item else { continue };
            let at = module.finding(RULE, syntax::line(&definition.ident), "", MEND);
            found.insert(syntax::name(&definition.ident), Definition { at, implementations: 0 });
        }
    }
    found
}

fn count(project: &Project, definitions: &mut BTreeMap<String, Definition>) {
    for krate in project.layers() {
        let externs = krate.externs();
        let resolver = krate.resolver(&externs);
        for module in &krate.modules {
            for item in &module.items {
                let Item::Impl(block) = item else { continue };
                let Some((_, path, _)) = &block.trait_ else { continue };
                for resolved in resolver.resolve(&module.path, &syntax::segments(path)) {
                    let outside = resolver.is_external(&resolved)
                        && !resolved.first().is_some_and(|first| first.starts_with("causelog"));
                    let name = resolved.last().cloned().unwrap_or_default();
                    if let Some(definition) =
                        definitions.get_mut(&name).filter(|_| !outside && !forwards(block))
                    {
                        definition.implementations += 1;
                    }
                }
            }
        }
    }
}

fn forwards(block: &ItemImpl) -> bool {
    if matches!(&*block.self_ty, syn::Type::Reference(_)) {
        return true;
    }
    let name = syntax::type_name(&block.self_ty).unwrap_or_default();
    ["Arc", "Box", "Rc"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::check_with;
    use crate::fixture::{Fixture, assert_findings};

    #[test]
    fn one_implementation_is_not_enough() {
        let code = "trait Store {}\nimpl Store for A {}\nimpl<T: Store> Store for &T {}\n\
                    #[cfg(test)] impl Store for Mock {}";
        let project = Fixture::with("causelog-io", code).build();
        assert_findings(&check_with(&project, &[]), &["1: `Store` has 1 implementations"]);
    }

    #[test]
    fn two_are_wherever_they_stand_and_std_is_another_trait() {
        let user = "use causelog_index::Index; impl Index for B {} impl std::ops::Index<u8> for C {}";
        let with = |definition: &str| {
            Fixture::with("causelog-index", definition)
                .file("causelog-index-sealed", "src/lib.rs", user)
                .dep("causelog-index-sealed", "causelog-index")
                .build()
        };
        assert_findings(&check_with(&with("pub trait Index {} impl Index for A {}"), &[]), &[]);
        assert_findings(&check_with(&with("pub trait Index {}"), &[]), &["1: `Index` has 1"]);
    }

    #[test]
    fn exceptions_hold_until_they_are_stale() {
        let one = Fixture::with("causelog-gate", "pub trait Gate {} impl Gate for A {}").build();
        assert_findings(&check_with(&one, &[("Gate", "users")]), &[]);
        let two =
            Fixture::with("causelog-gate", "pub trait Gate {} impl Gate for A {} impl Gate for B {}").build();
        assert_findings(&check_with(&two, &[("Gate", "users")]), &["two implementations by now"]);
        assert_findings(&check_with(&two, &[("Port", "users")]), &["is no trait of a layer"]);
    }
}
