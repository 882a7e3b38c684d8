//! R7: public names are the field's own, and none of a product built on the store.
//!
//! The nouns stand in SPEC.md after `Product nouns`, in backticks. A name is split into words at underscores and
//! capitals, and the words are compared, plurals included: `Ordering` is no `order`, `by_order` is one, and
//! `out_of_order` is a sequence.
//!
//! Not seen: names that a macro makes.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Ident, ImplItem, Item, Visibility};

use crate::finding::Finding;
use crate::markdown;
use crate::project::{Crate, Project};
use crate::syntax;

pub(crate) const RULE: &str = "R7";
const MEND: &str = "name it for what the store does, or keep it out of the public API";
const MEND_SPEC: &str = "write `Product nouns:` and the nouns in backticks into SPEC.md";

/// Words before `order` that make it a sequence.
const SEQUENCE: &[&str] = &["byte", "commit", "in", "of"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let spec = project.text("SPEC.md").unwrap_or_default();
    let nouns = markdown::code_words(&spec, "Product nouns").unwrap_or_default();
    if nouns.is_empty() {
        let what = "has no list of product nouns".to_owned();
        return vec![Finding { file: "SPEC.md".into(), line: 0, rule: RULE, what, mend: MEND_SPEC }];
    }
    let nouns: BTreeSet<String> = nouns.into_iter().map(|noun| noun.to_lowercase()).collect();
    project.layers().flat_map(|krate| check_crate(krate, &nouns)).collect()
}

fn check_crate(krate: &Crate, nouns: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &krate.modules {
        let mut names = PublicNames(Vec::new());
        module.items.iter().for_each(|item| names.visit_item(item));
        for ident in names.0 {
            if let Some(noun) = product_noun(&words(&syntax::name(&ident)), nouns) {
                let what = format!("the public name `{ident}` speaks of a product (`{noun}`)");
                findings.push(module.finding(RULE, syntax::line(&ident), what, MEND));
            }
        }
    }
    findings
}

fn product_noun<'a>(words: &'a [String], nouns: &BTreeSet<String>) -> Option<&'a String> {
    let singular = |word: &str| word.strip_suffix('s').unwrap_or_default().to_owned();
    let is_sequence = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| words.get(before));
        before.is_some_and(|before| SEQUENCE.contains(&before.as_str()))
    };
    words
        .iter()
        .enumerate()
        .filter(|(index, word)| *word != "order" || !is_sequence(*index))
        .map(|(_, word)| word)
        .find(|word| nouns.contains(*word) || nouns.contains(&singular(word)))
}

/// Splits `snake_case`, `CamelCase` and `HTTPServer` into words in lower case.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, letter) in letters.iter().enumerate() {
        let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        let after_lower =
            index.checked_sub(1).and_then(|i| letters.get(i)).is_some_and(|last| !last.is_uppercase());
        if *letter == '_' || (letter.is_uppercase() && (after_lower || before_lower)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| *letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The names a user of the crate can write.
struct PublicNames(Vec<Ident>);

impl PublicNames {
    fn add(&mut self, visibility: &Visibility, ident: &Ident) -> bool {
        let public = syntax::is_public(visibility);
        if public {
            self.0.push(ident.clone());
        }
        public
    }
}

impl<'ast> Visit<'ast> for PublicNames {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Const(item) => {
                self.add(&item.vis, &item.ident);
            }
            Item::Enum(item) if self.add(&item.vis, &item.ident) => {
                for variant in &item.variants {
                    self.0.push(variant.ident.clone());
                    self.0.extend(variant.fields.iter().filter_map(|field| field.ident.clone()));
                }
            }
            Item::Fn(item) => {
                self.add(&item.vis, &item.sig.ident);
            }
            Item::Mod(item) => {
                self.add(&item.vis, &item.ident);
            }
            Item::Static(item) => {
                self.add(&item.vis, &item.ident);
            }
            Item::Struct(item) => {
                self.add(&item.vis, &item.ident);
            }
            Item::Trait(item) if self.add(&item.vis, &item.ident) => {
                self.0.extend(item.items.iter().filter_map(trait_item_name));
            }
            Item::Type(item) => {
                self.add(&item.vis, &item.ident);
            }
            _ => {}
        }
        if !matches!(item, Item::Fn(_)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(ident) = &field.ident {
            self.add(&field.vis, ident);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        match item {
            ImplItem::Fn(method) => self.add(&method.vis, &method.sig.ident),
            ImplItem::Const(constant) => self.add(&constant.vis, &constant.ident),
            _ => false,
        };
    }
}

fn trait_item_name(item: &syn::TraitItem) -> Option<Ident> {
    match item {
        syn::TraitItem::Fn(method) => Some(method.sig.ident.clone()),
        syn::TraitItem::Const(constant) => Some(constant.ident.clone()),
        syn::TraitItem::Type(ty) => Some(ty.ident.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_crate, words};
    use crate::finding::Finding;
    use crate::fixture::{Fixture, assert_findings};

    fn check_types(code: &str) -> Vec<Finding> {
        let nouns = ["order", "tenant"].map(str::to_owned).into();
        let project = Fixture::with("causelog-types", code).build();
        project.crates.iter().flat_map(|krate| check_crate(krate, &nouns)).collect()
    }

    #[test]
    fn nouns_in_public_names_are_found() {
        let code = "pub struct TenantId {\n pub order: u8, tenant: u8 }\nimpl TenantId {\n pub fn by_order() {} }\n\
                    pub enum E {\n Tenants }\npub trait T {\n fn order(); }";
        let expected = ["1: TenantId", "2: order", "4: by_order", "6: Tenants", "8: order"];
        assert_findings(&check_types(code), &expected);
    }

    #[test]
    fn other_words_and_private_names_pass() {
        let code = "pub fn ordering(order: u8) {} pub struct Border; pub struct OutOfOrder; fn tenant() {} pub(crate) struct Order;";
        assert_findings(&check_types(code), &[]);
    }

    #[test]
    fn a_specification_without_nouns_is_an_error() {
        assert_findings(&check(&Fixture::with("causelog-types", "").build()), &["no list of product nouns"]);
    }

    #[test]
    fn names_are_split_as_people_read_them() {
        assert_eq!(words("HTTPOrderById_and_more"), ["http", "order", "by", "id", "and", "more"]);
    }
}
