//! Where a value of an event comes from: a place in a JSON document, or a constant.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A JSON pointer (RFC 6901), a constant, or pointers to be tried in turn with a constant behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pointers: Vec<String>,
    constant: Option<Value>,
}

impl Field {
    /// A field that is the same for every document.
    pub(crate) fn constant(text: &str) -> Self {
        Self { pointers: Vec::new(), constant: Some(text.into()) }
    }

    /// The value in a document. What is missing, null or an empty text leads on to the next alternative; a null
    /// or an empty text is the answer where nothing better follows.
    pub(crate) fn find<'a>(&'a self, document: &'a Value) -> Option<&'a Value> {
        let mut void = None;
        for value in self.pointers.iter().filter_map(|pointer| document.pointer(pointer)) {
            match value {
                Value::Null => void = void.or(Some(value)),
                Value::String(text) if text.is_empty() => void = void.or(Some(value)),
                found => return Some(found),
            }
        }
        self.constant.as_ref().or(void)
    }

    /// Whether it is the same for every document.
    pub(crate) fn is_constant(&self) -> bool {
        self.pointers.is_empty()
    }
}

/// The text of a value that can be a name: texts, numbers and truth values, nothing else.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads `/pointer`, `=constant`, and alternatives as `/pointer|/pointer|=constant`. A constant goes on to the
/// end, and the empty text is the pointer to the whole document.
impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut pointers, mut rest) = (Vec::new(), text);
        loop {
            if let Some(constant) = rest.strip_prefix('=') {
                return Ok(Self { pointers, constant: Some(constant.into()) });
            }
            if !(rest.is_empty() || rest.starts_with('/')) {
                return Err(format!(
                    "begin with `/` for a place in the JSON (`/{rest}`), with `=` for a constant (`={rest}`)"
                ));
            }
            let next = rest.match_indices('|').find(|(at, _)| rest[at + 1..].starts_with(['/', '=']));
            match next {
                Some((at, _)) => {
                    pointers.push(rest[..at].to_owned());
                    rest = &rest[at + 1..];
                }
                None => {
                    pointers.push(rest.to_owned());
                    return Ok(Self { pointers, constant: None });
                }
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointers.join("|"))?;
        match &self.constant {
            Some(Value::String(text)) if self.pointers.is_empty() => write!(f, "={text}"),
            Some(Value::String(text)) => write!(f, "|={text}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Field;

    fn found(field: &str, document: Value) -> Option<Value> {
        let field: Field = field.parse().unwrap();
        field.find(&document).cloned()
    }

    #[test]
    fn pointers_constants_and_fallbacks_are_found() {
        let line = json!({ "a": { "b": [1, "x"] }, "n": null, "e": "", "p|q": 3, "": 4 });
        assert_eq!(found("/a/b/1", line.clone()), Some(json!("x")));
        assert_eq!(found("/p|q", line.clone()), Some(json!(3)), "a bar within a key");
        assert_eq!(found("/", line.clone()), Some(json!(4)));
        assert_eq!(found("", line.clone()), Some(line.clone()));
        assert_eq!(found("=a|=b", line.clone()), Some(json!("a|=b")));
        assert_eq!(found("/gone", line.clone()), None);
        for void in ["/gone", "/n", "/e"] {
            assert_eq!(found(&format!("{void}|=c"), line.clone()), Some(json!("c")));
            assert_eq!(found(&format!("{void}|/a/b/0|=c"), line.clone()), Some(json!(1)));
        }
        assert_eq!(found("/e", line.clone()), Some(json!("")));
        assert_eq!(found("/e|/gone", line.clone()), Some(json!("")));
        assert_eq!(found("/n", line), Some(Value::Null));
    }

    #[test]
    fn a_bare_word_is_refused_with_both_ways_to_write_it() {
        let refused = "author".parse::<Field>().unwrap_err();
        assert!(refused.contains("`/author`") && refused.contains("`=author`"), "{refused}");
    }

    #[test]
    fn a_field_is_shown_as_it_is_written() {
        for text in ["/a", "=c", "/a|=c", "/a|/b|=", ""] {
            assert_eq!(text.parse::<Field>().unwrap().to_string(), text);
        }
    }
}
