//! R9: a gate's receipt is made by the gates alone, and used once.
//!
//! The struct `Receipt` of `causelog-gate` has only private fields, no way to copy or default it, and only the
//! listed public functions return one. The compiler keeps its fields private; compile-fail tests show it.
//!
//! Not seen: a public function that returns a receipt inside a type of its own, or by `impl Trait`.

use syn::visit::{self, Visit};
use syn::{Item, ItemStruct, ReturnType};

use crate::attributes;
use crate::finding::Finding;
use crate::project::{Crate, Project};
use crate::source::Module;
use crate::syntax;

pub(crate) const RULE: &str = "R9";
const MEND_FIELD: &str = "make the field private and give it a method that reads it";
const MEND_IMPL: &str = "take it out: a receipt stands for one decision and is spent by one append";
const MEND_MAKER: &str =
    "let the gates' evaluation or the bypass make receipts, or list it in r09_receipts.rs";
const MEND_MISSING: &str = "keep the sealed struct `Receipt` in causelog-gate, and this rule in step with it";

const HOME: &str = "causelog-gate";

/// Traits that would copy a receipt or make one from nothing.
const REFUSED: &[&str] =
    &["Clone", "Copy", "Default", "Deserialize", "DeserializeOwned", "From", "FromStr", "TryFrom"];

/// The public functions that return a receipt.
const MAKERS: &[&str] = &["admit", "bypass", "evaluate", "evaluate_all"];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    project.find(HOME).map(|krate| check_crate(krate, MAKERS)).unwrap_or_default()
}

fn check_crate(krate: &Crate, makers: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut defined = false;
    let mut used = Vec::new();
    for module in &krate.modules {
        for item in &module.items {
            match item {
                Item::Struct(receipt) if receipt.ident == "Receipt" => {
                    defined = true;
                    findings.extend(check_struct(module, receipt));
                }
                Item::Impl(block) => findings.extend(check_impl(module, block)),
                _ => {}
            }
        }
        let mut returning = Returning(Vec::new());
        module.items.iter().for_each(|item| returning.visit_item(item));
        for (name, line) in returning.0 {
            if !makers.contains(&name.as_str()) {
                let what = format!("the public function `{name}` returns a receipt");
                findings.push(module.finding(RULE, line, what, MEND_MAKER));
            }
            used.push(name);
        }
    }
    if !defined {
        findings.push(krate.manifest_finding(
            RULE,
            "name",
            "there is no struct `Receipt`".into(),
            MEND_MISSING,
        ));
    }
    for maker in makers.iter().filter(|maker| !used.iter().any(|name| name == *maker)) {
        let what = format!("no public function `{maker}` returns a receipt, as r09_receipts.rs lists");
        findings.push(krate.manifest_finding(RULE, "name", what, MEND_MISSING));
    }
    findings
}

fn check_struct(module: &Module, receipt: &ItemStruct) -> Vec<Finding> {
    let open = receipt.fields.iter().filter(|field| syntax::is_public(&field.vis));
    let mut findings: Vec<Finding> = open
        .map(|field| module.finding(RULE, syntax::line(field), "a public field of the receipt", MEND_FIELD))
        .collect();
    for derived in attributes::derives(&receipt.attrs) {
        let name = syntax::segments(&derived).pop().unwrap_or_default();
        if REFUSED.contains(&name.as_str()) {
            let what = format!("the receipt derives `{name}`");
            findings.push(module.finding(RULE, syntax::line(&derived), what, MEND_IMPL));
        }
    }
    findings
}

fn check_impl(module: &Module, block: &syn::ItemImpl) -> Option<Finding> {
    let (_, path, _) = block.trait_.as_ref()?;
    let name = syntax::segments(path).pop()?;
    let of_receipt = syntax::type_name(&block.self_ty).is_some_and(|ty| ty == "Receipt");
    let refused = of_receipt && REFUSED.contains(&name.as_str());
    refused.then(|| {
        module.finding(RULE, syntax::line(path), format!("the receipt implements `{name}`"), MEND_IMPL)
    })
}

/// Public functions whose result is, or holds, a receipt.
struct Returning(Vec<(String, usize)>);

impl Returning {
    fn add(&mut self, visibility: &syn::Visibility, signature: &syn::Signature, own: bool) {
        let ReturnType::Type(_, ty) = &signature.output else { return };
        let names = syntax::paths_in_type(ty).iter().flat_map(syntax::segments).collect::<Vec<_>>();
        let by_reference = matches!(&**ty, syn::Type::Reference(_));
        let receipt = names.iter().any(|name| name == "Receipt" || (own && name == "Self"));
        if syntax::is_public(visibility) && receipt && !by_reference {
            self.0.push((syntax::name(&signature.ident), syntax::line(&signature.ident)));
        }
    }
}

impl<'ast> Visit<'ast> for Returning {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.vis, &item.sig, false);
    }

    fn visit_item_impl(&mut self, block: &'ast syn::ItemImpl) {
        let own = syntax::type_name(&block.self_ty).is_some_and(|ty| ty == "Receipt");
        for item in &block.items {
            if let syn::ImplItem::Fn(method) = item {
                self.add(&method.vis, &method.sig, own);
            }
        }
        visit::visit_item_impl(self, block);
    }
}

#[cfg(test)]
mod tests {
    use super::check_crate;
    use crate::finding::Finding;
    use crate::fixture::{Fixture, assert_findings};

    fn check_gate(code: &str) -> Vec<Finding> {
        let project = Fixture::with("causelog-gate", code).build();
        project.crates.iter().flat_map(|krate| check_crate(krate, &["evaluate"])).collect()
    }

    #[test]
    fn a_sealed_receipt_passes() {
        let code = "#[derive(Debug)] pub struct Receipt { passed: Vec<u8> }\n\
                    impl Gates { pub fn evaluate(&self) -> Result<Receipt, Denial> { a() } }\n\
                    impl Receipt { pub fn passed(&self) -> &[u8] { &self.passed } fn new() -> Self { b() } }";
        assert_findings(&check_gate(code), &[]);
    }

    #[test]
    fn open_copied_and_forged_receipts_are_found() {
        let code = "#[derive(Debug, Clone)]\npub struct Receipt {\n pub passed: Vec<u8> }\n\
                    impl Default for Receipt {}\nimpl Receipt {\n pub fn forge() -> Self { a() } }\n\
                    pub fn evaluate() -> Option<Receipt> { a() }";
        let expected = ["3: public field", "1: derives `Clone`", "4: implements `Default`", "6: `forge`"];
        assert_findings(&check_gate(code), &expected);
    }

    #[test]
    fn a_missing_receipt_and_a_missing_maker_are_found() {
        assert_findings(&check_gate(""), &["no struct `Receipt`", "no public function `evaluate`"]);
    }
}
