//! `causelog trace`: what led to an event, or what it led to; itself included, each event once.

mod print;
mod tree;

use std::io::Write;

use causelog::{Depth, Event, EventId, EventKind, Position, ReadError, Store};
use clap::ValueEnum;
use serde_json::Value;

use crate::args::Source;
use crate::commands::{open_source, past_losses};
use crate::failure::{Failure, Status};
use crate::field::{Field, scalar_text};
use crate::id::{NamedEvent, event_id};
use crate::{json, table};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Along {
    /// What led to it: its causes, their causes, and so on, the latest first.
    Ancestors,
    /// What it led to: its effects, their effects, and so on, the earliest first.
    Descendants,
}

/// How the events are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum TraceFormat {
    /// For people: indented where a line divides; an event is shown once.
    #[default]
    Tree,
    /// For Graphviz: each cause points to its effect.
    Dot,
    /// For programs: one array.
    Json,
    /// For programs: an event a line, nothing but its id or label.
    Ids,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    source: Source,
    /// Which way: to its causes, their causes and so on, or to its effects.
    #[arg(value_enum, value_name = "ancestors|descendants", hide_possible_values = true)]
    along: Along,
    /// The event to begin with.
    id: NamedEvent,
    /// How to print the events.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: TraceFormat,
    /// Show this field of the payload in place of the event's id, where it is there: a JSON pointer, as /id.
    #[arg(long, value_name = "POINTER")]
    label: Option<Field>,
}

/// What is shown of an event.
struct Node {
    id: EventId,
    position: Position,
    depth: Depth,
    kind: EventKind,
    stream: String,
    entity: String,
    scope: String,
    causes: Vec<EventId>,
    /// The field asked for, or else the id; safe to print.
    label: String,
}

type Nodes<'a> = &'a mut dyn Iterator<Item = Result<Node, Failure>>;

pub(crate) fn run(args: &TraceArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let store = open_source(&args.source)?;
    let events = walk(&store, args.along, &args.id)?;
    let nodes = &mut events.filter_map(past_losses).map(|event| Ok(Node::new(&event?, args.label.as_ref())));
    match args.format {
        TraceFormat::Tree => tree::print(out, nodes, args.along)?,
        TraceFormat::Dot => print::dot(out, nodes, args.along)?,
        TraceFormat::Json => print::json(out, nodes)?,
        TraceFormat::Ids => print::ids(out, nodes)?,
    }
    Ok(Status::Fine)
}

type Walk = Box<dyn Iterator<Item = Result<Event, ReadError>>>;

/// What led to an event: as a tree for people, and event by event for programs.
pub(crate) fn ancestors(store: &Store, event: &str, label: &str) -> Result<(String, Vec<Value>), Failure> {
    let named = NamedEvent { given: event.to_owned(), id: event_id(event) };
    let label: Field = label.parse().map_err(Failure::Misuse)?;
    let nodes = || -> Result<_, Failure> {
        let events = walk(store, Along::Ancestors, &named)?;
        Ok(events.filter_map(past_losses).map(|event| Ok(Node::new(&event?, Some(&label)))))
    };
    let mut tree = Vec::new();
    tree::print(&mut tree, &mut nodes()?, Along::Ancestors)?;
    let values: Result<Vec<Value>, Failure> = nodes()?.map(|node| Ok(print::node(&node?))).collect();
    Ok((String::from_utf8_lossy(&tree).into_owned(), values?))
}

fn walk(store: &Store, along: Along, named: &NamedEvent) -> Result<Walk, Failure> {
    let id = named.id;
    let walk: Result<Walk, ReadError> = match along {
        Along::Ancestors => store.ancestors(id).map(|events| -> Walk { Box::new(events) }),
        Along::Descendants => store.descendants(id).map(|events| -> Walk { Box::new(events) }),
    };
    walk.map_err(|error| match error {
        ReadError::NotFound { id: missing } if missing == id => {
            Failure::NoEvent { given: named.given.clone(), id }
        }
        other => Failure::Read(other),
    })
}

impl Node {
    fn new(event: &Event, label: Option<&Field>) -> Self {
        let header = &event.header;
        let label = label.and_then(|field| label_of(event, field));
        let stream = &header.coordinate;
        Self {
            id: header.id,
            position: header.position,
            depth: header.dag.depth,
            kind: header.kind,
            stream: table::clean(&stream.to_string()),
            entity: stream.entity().to_owned(),
            scope: stream.scope().to_owned(),
            causes: header.dag.causes.as_slice().to_vec(),
            label: label.unwrap_or_else(|| header.id.to_string()),
        }
    }
}

fn label_of(event: &Event, field: &Field) -> Option<String> {
    let payload = json::payload(event.payload.as_ref()?);
    let value = field.find(&payload).filter(|value| !value.is_null())?;
    let text = scalar_text(value).unwrap_or_else(|| value.to_string());
    (!text.is_empty()).then(|| table::clean(&text))
}
