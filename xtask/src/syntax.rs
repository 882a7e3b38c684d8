//! Small helpers over the syntax tree that several rules share.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, Expr, Ident, Item, Macro, Token, Type, UseTree, Visibility};

/// The line a node begins at, from 1.
pub(crate) fn line(node: &impl Spanned) -> usize {
    node.span().start().line
}

/// An identifier as it is meant: `r#type` is `type`.
pub(crate) fn name(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// The segments of a path, without their generic arguments.
pub(crate) fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| name(&segment.ident)).collect()
}

/// True for `pub` itself; `pub(crate)` and the like stay inside the crate.
pub(crate) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// The last segment of a type that is a path, such as `Receipt` for `crate::Receipt<'a>`.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| name(&last.ident)),
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Group(inner) => type_name(&inner.elem),
        _ => None,
    }
}

/// Every path inside a type, generic arguments included.
pub(crate) fn paths_in_type(ty: &Type) -> Vec<syn::Path> {
    let mut paths = Paths(Vec::new());
    paths.visit_type(ty);
    paths.0
}

struct Paths(Vec<syn::Path>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(path.clone());
        visit::visit_path(self, path);
    }
}

/// The expressions in a macro's body, where it reads as a list of expressions or as statements.
pub(crate) fn macro_expressions(body: &Macro) -> Vec<Expr> {
    if let Ok(list) = body.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
        return list.into_iter().collect();
    }
    let Ok(statements) = body.parse_body_with(Block::parse_within) else { return Vec::new() };
    statements
        .into_iter()
        .filter_map(|statement| match statement {
            syn::Stmt::Expr(expr, _) => Some(expr),
            syn::Stmt::Local(local) => local.init.map(|init| *init.expr),
            _ => None,
        })
        .collect()
}

/// A path written in a token stream, `a::b::C` or a lone `a`, with its line.
pub(crate) struct TokenPath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// Every path written in a token stream, nested groups included.
pub(crate) fn token_paths(tokens: &TokenStream) -> Vec<TokenPath> {
    let mut found: Vec<TokenPath> = Vec::new();
    let mut colons = 0;
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) => {
                match found.last_mut() {
                    Some(path) if colons == 2 => path.segments.push(name(&ident)),
                    _ => found.push(TokenPath { segments: vec![name(&ident)], line: line(&ident) }),
                }
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            TokenTree::Group(group) => {
                found.extend(token_paths(&group.stream()));
                // What follows a group starts anew.
                colons = 0;
            }
            _ => colons = 0,
        }
    }
    found
}

/// The functions written in a macro's body: name, attributes as paths, block.
pub(crate) struct TokenFn {
    pub(crate) ident: Ident,
    pub(crate) markers: Vec<String>,
    pub(crate) body: TokenStream,
}

/// Finds `#[marker] fn name(..) {..}` in the tokens of a macro such as `proptest!`.
pub(crate) fn token_functions(tokens: &TokenStream) -> Vec<TokenFn> {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    let mut markers = Vec::new();
    let mut index = 0;
    while let Some(tree) = trees.get(index) {
        match (tree, trees.get(index + 1)) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(group))) if hash.as_char() == '#' => {
                markers.extend(
                    token_paths(&group.stream()).into_iter().filter_map(|mut path| path.segments.pop()),
                );
                index += 1;
            }
            (TokenTree::Ident(keyword), Some(TokenTree::Ident(ident))) if keyword == "fn" => {
                let body = trees.iter().skip(index).find_map(|tree| match tree {
                    TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
                    _ => None,
                });
                found.push(TokenFn {
                    ident: ident.clone(),
                    markers: std::mem::take(&mut markers),
                    body: body.unwrap_or_default(),
                });
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// The leaves of a `use` tree: the whole path, and the name it gets here (`None` for a glob).
pub(crate) fn use_leaves(tree: &UseTree) -> Vec<(Vec<String>, Option<String>, usize)> {
    let mut leaves = Vec::new();
    collect_leaves(tree, &mut Vec::new(), &mut leaves);
    leaves
}

fn collect_leaves(
    tree: &UseTree,
    prefix: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, Option<String>, usize)>,
) {
    let ending_with = |prefix: &[String], last: String| {
        let mut path = prefix.to_vec();
        if last != "self" || path.is_empty() {
            path.push(last);
        }
        path
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(name(&path.ident));
            collect_leaves(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Name(leaf) => {
            let path = ending_with(prefix, name(&leaf.ident));
            let given = path.last().cloned();
            leaves.push((path, given, line(&leaf.ident)));
        }
        UseTree::Rename(leaf) => {
            let path = ending_with(prefix, name(&leaf.ident));
            leaves.push((path, Some(name(&leaf.rename)), line(&leaf.ident)));
        }
        UseTree::Glob(glob) => leaves.push((prefix.clone(), None, line(glob))),
        UseTree::Group(group) => group.items.iter().for_each(|item| collect_leaves(item, prefix, leaves)),
    }
}

/// The attributes of an item.
pub(crate) fn item_attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
