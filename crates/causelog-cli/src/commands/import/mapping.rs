//! Which part of a line becomes what of an event.

use std::collections::HashSet;
use std::hash::Hash;

use causelog::{Coordinate, EventId, EventKind, NewEvent, Tags};
use serde_json::Value;

use crate::commands::application_stream;
use crate::field::{Field, scalar_text};
use crate::id::event_id;
use crate::time;

/// Where the parts of an event come from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fields")]
pub(super) struct MappingArgs {
    /// Whose event it is.
    #[arg(long, value_name = "FIELD")]
    entity: Field,
    /// Where the entity is.
    #[arg(long, value_name = "FIELD")]
    scope: Field,
    /// What happened: a number, or a text as 0x1001.
    #[arg(long, value_name = "FIELD")]
    kind: Field,
    /// The event's id: a hyphenated UUID is taken as it is, any other text is hashed; made unless given.
    #[arg(long, value_name = "FIELD")]
    id: Option<Field>,
    /// The ids of its causes: an array, or a text with spaces between them; none where there is nothing.
    #[arg(long, value_name = "FIELD")]
    causes: Option<Field>,
    /// When it happened: RFC 3339, or milliseconds since 1970-01-01 UTC; unknown where there is nothing.
    #[arg(long, value_name = "FIELD")]
    time: Option<Field>,
    /// Its tags: an array, whose texts are taken as they are, or a text with spaces between them; none where there
    /// is nothing.
    #[arg(long, value_name = "FIELD")]
    tags: Option<Field>,
    /// Its payload; the whole line unless given.
    #[arg(long, value_name = "FIELD")]
    payload: Option<Field>,
}

/// The event of a line.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) event: NewEvent,
    /// The texts behind its id and its causes, so that messages can name them as the line does.
    pub(super) names: Vec<String>,
}

/// Makes events of lines. Its errors are reasons for people.
pub(super) struct Mapping {
    args: MappingArgs,
}

impl Mapping {
    /// Checks what can be checked before a line is read: the constants.
    pub(super) fn new(args: MappingArgs) -> Result<Self, String> {
        let no_line = Value::Null;
        let is_constant = |field: &&Field| field.is_constant();
        if args.entity.is_constant() {
            coordinate(&args.entity, &Field::constant("any"), &no_line)?;
        }
        if args.scope.is_constant() {
            coordinate(&Field::constant("any"), &args.scope, &no_line)?;
        }
        if args.kind.is_constant() {
            event_kind(&args.kind, &no_line)?;
        }
        if args.id.as_ref().is_some_and(Field::is_constant) {
            return Err("--id: a constant would give every line the same id; give a pointer".to_owned());
        }
        if let Some(time) = args.time.as_ref().filter(is_constant) {
            occurred_ms(time, &no_line)?;
        }
        if let Some(tags) = args.tags.as_ref().filter(is_constant) {
            Tags::new(list("--tags", tags, &no_line)?).map_err(|error| format!("--tags: {error}"))?;
        }
        Ok(Self { args })
    }

    /// The event of a line.
    pub(super) fn event(&self, line: &str) -> Result<Mapped, String> {
        let line: Value = serde_json::from_str(line).map_err(|error| not_json(&error))?;
        let args = &self.args;
        let stream = coordinate(&args.entity, &args.scope, &line)?;
        let kind = event_kind(&args.kind, &line)?;
        let payload = match &args.payload {
            None => &line,
            Some(field) => field.find(&line).ok_or_else(|| nothing("--payload", field))?,
        };
        let mut event = NewEvent::new(&stream, kind, payload).map_err(|error| error.to_string())?;
        let mut names = Vec::new();
        if let Some(field) = &args.causes {
            names = list("--causes", field, &line)?;
            let causes = distinct(names.iter().map(|cause| event_id(cause)));
            event = event.caused_by(causes).map_err(|error| format!("--causes: {error}"))?;
        }
        if let Some(field) = &args.id {
            let name = text("--id", field, &line)?;
            event = event.with_id(event_id(&name));
            names.push(name);
        }
        if let Some(field) = &args.tags {
            let tags = distinct(list("--tags", field, &line)?);
            event = event.with_tags(tags).map_err(|error| format!("--tags: {error}"))?;
        }
        if let Some(field) = &args.time
            && let Some(ms) = occurred_ms(field, &line)?
        {
            event = event.occurred_at_ms(ms);
        }
        Ok(Mapped { event, names })
    }
}

impl Mapped {
    /// What the line calls an event.
    pub(super) fn name_of(&self, id: EventId) -> String {
        let name = self.names.iter().find(|name| event_id(name) == id);
        name.cloned().unwrap_or_else(|| id.to_string())
    }
}

fn coordinate(entity: &Field, scope: &Field, line: &Value) -> Result<Coordinate, String> {
    let (entity, scope) = (text("--entity", entity, line)?, text("--scope", scope, line)?);
    application_stream(&entity, &scope)
}

fn event_kind(field: &Field, line: &Value) -> Result<EventKind, String> {
    let kind: Result<EventKind, _> = text("--kind", field, line)?.parse();
    kind.and_then(|kind| EventKind::new(kind.bits())).map_err(|error| format!("--kind: {error}"))
}

fn occurred_ms(field: &Field, line: &Value) -> Result<Option<i64>, String> {
    match field.find(line) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(value) => {
            let text = scalar_text(value).ok_or_else(|| no_text("--time", field, value))?;
            time::parse(&text).map(Some).map_err(|reason| format!("--time: {reason}"))
        }
    }
}

/// A text that must be there, and not be empty.
fn text(option: &str, field: &Field, line: &Value) -> Result<String, String> {
    let value = field.find(line).ok_or_else(|| nothing(option, field))?;
    match scalar_text(value) {
        Some(text) if text.is_empty() => Err(format!("{option}: the text is empty ({field})")),
        Some(text) => Ok(text),
        None => Err(no_text(option, field, value)),
    }
}

/// Texts of an array, or of a text with spaces between them; none where there is nothing.
fn list(option: &str, field: &Field, line: &Value) -> Result<Vec<String>, String> {
    match field.find(line) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| scalar_text(item).filter(|text| !text.is_empty()))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{option}: the array holds something that is no text ({field})")),
        Some(value) => match scalar_text(value) {
            Some(text) => Ok(text.split_whitespace().map(str::to_owned).collect()),
            None => Err(no_text(option, field, value)),
        },
    }
}

/// Each value once, at its first place.
fn distinct<T: Clone + Eq + Hash>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    values.into_iter().filter(|value| seen.insert(value.clone())).collect()
}

/// The line is one line: what serde_json says of lines would mislead.
fn not_json(error: &serde_json::Error) -> String {
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    format!("the line is not JSON: {reason} at column {}", error.column())
}

fn nothing(option: &str, field: &Field) -> String {
    format!("{option}: there is nothing at {field}")
}

fn no_text(option: &str, field: &Field, value: &Value) -> String {
    let what = match value {
        Value::Null => "null",
        Value::Array(_) => "an array",
        _ => "an object",
    };
    format!("{option}: {what} stands at {field}, not a text")
}

#[cfg(test)]
mod tests;
