//! Reading attributes: which items are tests, and what is derived.

use syn::punctuated::Punctuated;
use syn::{Attribute, Meta, Path, Token};

type Metas = Punctuated<Meta, Token![,]>;

/// True for `#[test]`, and for any `cfg` that holds only while tests are built, planted bugs among them.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("cfg") {
            attribute.parse_args::<Meta>().is_ok_and(|predicate| implies_test(&predicate))
        } else {
            is_test_marker(attribute)
        }
    })
}

/// True for `#[test]`, and for the attributes of test harnesses that end in `test`.
pub(crate) fn is_test_marker(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test" || last.ident == "bench")
}

fn implies_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test") || path.is_ident("causelog_planted"),
        Meta::List(list) => {
            let nested = list.parse_args_with(Metas::parse_terminated).unwrap_or_default();
            if list.path.is_ident("all") {
                nested.iter().any(implies_test)
            } else {
                list.path.is_ident("any") && !nested.is_empty() && nested.iter().all(implies_test)
            }
        }
        Meta::NameValue(_) => false,
    }
}

/// The paths in the `derive` attributes, those inside `cfg_attr` too.
pub(crate) fn derives(attributes: &[Attribute]) -> Vec<Path> {
    let mut found = Vec::new();
    for attribute in attributes {
        collect_derives(&attribute.meta, &mut found);
    }
    found
}

fn collect_derives(meta: &Meta, found: &mut Vec<Path>) {
    let Meta::List(list) = meta else { return };
    if list.path.is_ident("derive") {
        let paths = list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        found.extend(paths.unwrap_or_default());
    } else if list.path.is_ident("cfg_attr") {
        let nested = list.parse_args_with(Metas::parse_terminated).unwrap_or_default();
        nested.iter().skip(1).for_each(|inner| collect_derives(inner, found));
    }
}

/// The `allow` and `expect` in an attribute, those inside `cfg_attr` too, each with whether it has a reason.
pub(crate) fn lint_exceptions(meta: &Meta) -> Vec<(String, bool)> {
    let Meta::List(list) = meta else { return Vec::new() };
    let nested = list.parse_args_with(Metas::parse_terminated).unwrap_or_default();
    if list.path.is_ident("cfg_attr") {
        return nested.iter().skip(1).flat_map(lint_exceptions).collect();
    }
    let name = match list.path.get_ident() {
        Some(name) if name == "allow" || name == "expect" => name.to_string(),
        _ => return Vec::new(),
    };
    vec![(name, nested.iter().any(is_reason))]
}

fn is_reason(meta: &Meta) -> bool {
    let Meta::NameValue(pair) = meta else { return false };
    let syn::Expr::Lit(literal) = &pair.value else { return false };
    let syn::Lit::Str(text) = &literal.lit else { return false };
    pair.path.is_ident("reason") && !text.value().trim().is_empty()
}

/// The value of `#[path = "..."]`.
pub(crate) fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}
