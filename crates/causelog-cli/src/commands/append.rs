//! `causelog append`: one event.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::str::FromStr;

use causelog::{
    AppendError, AppendErrorKind, AppendReceipt, EventKind, ExpectedRevision, NewEvent, Outcome, Revision,
    limits,
};
use serde_json::{Value, json};

use crate::args::{Format, Output};
use crate::commands::{application_stream, open_to_write};
use crate::failure::{Failure, Status, ended_quietly, hashed};
use crate::id::NamedEvent;
use crate::{json, table, time};

#[derive(Debug, clap::Args)]
pub(crate) struct AppendArgs {
    /// The store's directory; made if it is not there.
    dir: PathBuf,
    /// The payload: any JSON value, or - to read it from standard input.
    #[arg(value_name = "JSON", allow_negative_numbers = true)]
    payload: String,
    /// Whose event it is.
    #[arg(long)]
    entity: String,
    /// Where the entity is.
    #[arg(long)]
    scope: String,
    /// What happened, as 0x1001.
    #[arg(long, allow_hyphen_values = true)]
    kind: EventKind,
    /// The event's id; made unless given. Appending the same event with the same id again changes nothing.
    #[arg(long)]
    id: Option<NamedEvent>,
    /// An event that caused it; repeatable.
    #[arg(long, value_name = "ID")]
    cause: Vec<NamedEvent>,
    /// The conversation it belongs to; its own id unless given.
    #[arg(long, value_name = "ID")]
    correlation: Option<NamedEvent>,
    /// A tag; repeatable.
    #[arg(long)]
    tag: Vec<String>,
    /// When it happened: RFC 3339, or milliseconds since 1970-01-01 UTC.
    #[arg(long, value_parser = time::parse, allow_negative_numbers = true)]
    time: Option<i64>,
    /// What the stream must be like: any, empty, exists, or the revision of its last event.
    #[arg(long, default_value = "any", value_name = "any|empty|exists|N", allow_hyphen_values = true)]
    expect: Expect,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Debug)]
struct Expect(ExpectedRevision);

impl FromStr for Expect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "any" => ExpectedRevision::Any,
            "empty" => ExpectedRevision::Empty,
            "exists" => ExpectedRevision::Exists,
            number => {
                let revision =
                    number.parse().map_err(|_| "give any, empty, exists or a revision".to_owned())?;
                ExpectedRevision::Exactly(Revision(revision))
            }
        }))
    }
}

pub(crate) fn run(args: AppendArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let format = args.output.format;
    let event = event(&args)?;
    let store = open_to_write(&args.dir)?;
    let appended = store.append(event);
    let closed = store.close();
    let receipt = appended.map_err(|error| refused(error, &args))?;
    // The event is there: a reader that went away changes nothing about that.
    ended_quietly(print(format, &receipt, out))?;
    closed?;
    Ok(Status::Fine)
}

/// A refusal in the words that the event was given in: it is the only one, and no batch's.
fn refused(error: AppendError, args: &AppendArgs) -> Failure {
    let given = |named: &NamedEvent| format!("{}{}", named.given, hashed(&named.given, named.id));
    let fate = error.fate();
    match error.kind() {
        AppendErrorKind::UnknownCause { cause, .. } => {
            match args.cause.iter().find(|named| named.id == *cause) {
                Some(named) => Failure::Unfit(format!("no cause {} is in the store; {fate}", given(named))),
                None => Failure::Append(error),
            }
        }
        AppendErrorKind::IdConflict { position, .. } => match &args.id {
            Some(named) => Failure::Unfit(format!(
                "event {} is already stored at position {position} with other content; {fate}",
                given(named)
            )),
            None => Failure::Append(error),
        },
        AppendErrorKind::EventTooLarge { bytes, limit, .. } => {
            Failure::Misuse(format!("the event takes {bytes} bytes; at most {limit} are allowed; {fate}"))
        }
        _ => Failure::Append(error),
    }
}

fn event(args: &AppendArgs) -> Result<NewEvent, Failure> {
    // All that can be refused without reading the payload comes first.
    let stream = application_stream(&args.entity, &args.scope).map_err(Failure::Misuse)?;
    let kind = EventKind::new(args.kind.bits())?;
    let mut event = NewEvent::new(&stream, kind, &payload(&args.payload)?)?
        .caused_by(args.cause.iter().map(|cause| cause.id))?
        .with_tags(&args.tag)?
        .expecting(args.expect.0);
    if let Some(named) = &args.id {
        event = event.with_id(named.id);
    }
    if let Some(named) = &args.correlation {
        event = event.with_correlation(named.id);
    }
    Ok(match args.time {
        Some(ms) => event.occurred_at_ms(ms),
        None => event,
    })
}

fn payload(given: &str) -> Result<Value, Failure> {
    let text = match given {
        "-" => from_stdin()?,
        text => text.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| {
        let example = r#"a text needs its quotes, as '"text"'"#;
        Failure::Misuse(format!("the payload is not JSON: {error}; {example}"))
    })
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let most = limits::FRAME_BYTES_MAX;
    let refused = |source| Failure::Input { file: "standard input".to_owned(), source };
    let bytes = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = io::stdin().lock().take(bytes).read_to_string(&mut text).map_err(refused)?;
    match read > most {
        true => {
            Err(Failure::Misuse(format!("standard input has more than {most} bytes, the limit of an event")))
        }
        false => Ok(text),
    }
}

/// For programs; stable.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Written => "written",
        Outcome::Found | Outcome::FoundErased => "already_stored",
    }
}

fn print(format: Format, receipt: &AppendReceipt, out: &mut dyn Write) -> Result<(), Failure> {
    let outcome = outcome_name(receipt.outcome);
    match format {
        Format::Json => {
            let document = json!({
                "id": receipt.id.to_string(),
                "position": receipt.position.0,
                "revision": receipt.revision.0,
                "hash": receipt.hash.to_string(),
                "outcome": outcome,
            });
            json::print(out, &document)?;
        }
        Format::Table => {
            let rows = [
                ("id", receipt.id.to_string()),
                ("position", table::count(receipt.position.0)),
                ("revision", table::count(receipt.revision.0)),
                ("hash", receipt.hash.to_string()),
                ("outcome", outcome.replace('_', " ")),
            ];
            table::print(out, &mut table::pairs(rows))?;
        }
    }
    out.flush().map_err(Failure::Output)
}
