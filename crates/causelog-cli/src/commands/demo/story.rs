//! The story: a door is opened, an alarm goes off, and the house remembers why.
//!
//! Its events have ids hashed from names, so that they can be named on the command line afterwards.

use std::path::Path;

use causelog::{
    AppendErrorKind, AppendReceipt, Coordinate, Denial, EventKind, ExpectedRevision, GateSet, InvalidValue,
    Mode, NewEvent, Pipeline, Proposal, Revision, Store, StoreHead, gate_fn,
};
use serde_json::{Value, json};

use crate::commands::append::outcome_name;
use crate::commands::stat::{left_name, left_text};
use crate::commands::trace::ancestors;
use crate::commands::verify;
use crate::commands::{open_to_read, open_to_write};
use crate::failure::{Failure, Status};
use crate::id::event_id;
use crate::{json, table};

const OPENED: EventKind = EventKind::of::<0x1001>();
const MOVED: EventKind = EventKind::of::<0x1002>();
const RAISED: EventKind = EventKind::of::<0x2001>();
const SOUNDED: EventKind = EventKind::of::<0x2002>();
const LIT: EventKind = EventKind::of::<0x2003>();

/// A part of the story, for people and for programs.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) lines: Vec<String>,
    /// What the lines say, in fields.
    pub(super) facts: Value,
}

impl Chapter {
    /// One that tells of several things, each in a line and in fields.
    fn of(title: &'static str, things: Vec<(String, Value)>) -> Self {
        let (lines, facts): (Vec<String>, Vec<Value>) = things.into_iter().unzip();
        Self { title, lines, facts: json!({ "events": facts }) }
    }
}

/// How it ends.
pub(super) struct Ending {
    pub(super) events: u64,
    pub(super) streams: u64,
    pub(super) head: StoreHead,
    pub(super) verdict: &'static str,
    pub(super) status: Status,
}

/// What the gates know of the world.
struct House {
    is_armed: bool,
    volume_max: u64,
}

pub(super) fn tell(directory: &Path) -> Result<(Vec<Chapter>, Ending), Failure> {
    let store = open_to_write(directory)?;
    let told =
        [streams_and_causes(&store)?, batch(&store)?, gates(&store)?, conflict(&store)?, retry(&store)?];
    store.close()?;
    let store = open_to_read(directory)?;
    let mut chapters = Vec::from(told);
    chapters.extend([reopened(&store)?, why(&store)?]);
    let (chapter, ending) = verified(&store)?;
    chapters.push(chapter);
    Ok((chapters, ending))
}

fn streams_and_causes(store: &Store) -> Result<Chapter, Failure> {
    let things = vec![
        append(store, event("door-opened", "door:front", OPENED, &[], json!({ "by": "key" }))?)?,
        append(store, event("motion-seen", "hall", MOVED, &[], json!({ "seconds": 4 }))?)?,
        append(
            store,
            event(
                "alarm-raised",
                "alarm",
                RAISED,
                &["door-opened", "motion-seen"],
                json!({ "armed": true }),
            )?,
        )?,
    ];
    Ok(Chapter::of(
        "Events go to streams and name their causes. When an append returns, it is on disk.",
        things,
    ))
}

fn batch(store: &Store) -> Result<Chapter, Failure> {
    let batch = [
        event("siren-on", "siren", SOUNDED, &["alarm-raised"], json!({ "volume": 3 }))?,
        event("lights-on", "lights", LIT, &["alarm-raised"], json!({ "rooms": ["hall", "stairs"] }))?,
    ];
    let receipts = store.append_batch(batch.each_ref().map(|named| named.event.clone()).to_vec())?;
    let things = receipts.iter().zip(batch).map(|(receipt, named)| {
        let place = format!("position {}, revision {}", receipt.position, receipt.revision);
        (line(named.name, &named.stream(), &place), named.fields(receipt))
    });
    Ok(Chapter::of("A batch is all or nothing, over any streams.", things.collect()))
}

fn gates(store: &Store) -> Result<Chapter, Failure> {
    let house = House { is_armed: true, volume_max: 10 };
    let pipeline = pipeline()?;
    let louder = event("siren-louder", "siren", SOUNDED, &["siren-on"], json!({ "volume": 6 }))?;
    let causes = ["siren-louder", "motion-seen"];
    let loudest = event("siren-loudest", "siren", SOUNDED, &causes, json!({ "volume": 11 }))?;
    let (mut lines, mut facts) = (Vec::new(), Vec::new());
    for named in [louder, loudest] {
        let (receipt, denied) = match pipeline.admit(&house, Proposal::new(named.event.clone())) {
            Ok(receipt) => {
                lines.push(format!("{:<14} admitted by gates armed and volume", named.name));
                (receipt, Vec::new())
            }
            Err(denied) => {
                let why = "the neighbours asked for it";
                lines.push(format!("{:<14} {denied}", named.name));
                lines.push(format!("{:<14} bypassed the gates: emergency, {why}", named.name));
                let denials = denied.denials().iter().map(denial).collect();
                (pipeline.bypass(denied.into_proposal(), "emergency", why)?, denials)
            }
        };
        let evidence = json::evidence(receipt.evidence());
        for receipt in store.commit(receipt)? {
            let mut fields = named.fields(&receipt);
            fields["denied_by"] = Value::Array(denied.clone());
            fields["evidence"] = evidence.clone();
            facts.push(fields);
        }
    }
    let title = "Gates judge first, and the log keeps what allowed an event.";
    Ok(Chapter { title, lines, facts: json!({ "events": facts }) })
}

fn denial(denial: &Denial) -> Value {
    json!({ "gate": denial.gate, "code": denial.code, "message": denial.message, "details": denial.details })
}

fn pipeline() -> Result<Pipeline<House>, Failure> {
    let armed = gate_fn("armed", |house: &House, _: &Proposal| match house.is_armed {
        true => Ok(()),
        false => Err(Denial::new("not_armed", "the house is not armed")),
    });
    let volume = gate_fn("volume", |house: &House, proposal: &Proposal| {
        let payloads = proposal.events().iter().filter_map(|event| event.payload().decode::<Value>().ok());
        let loudest = payloads.filter_map(|payload| payload["volume"].as_u64()).max().unwrap_or(0);
        match loudest > house.volume_max {
            true => {
                Err(Denial::new("too_loud", "the siren must not be so loud").with_detail("volume", loudest))
            }
            false => Ok(()),
        }
    });
    Ok(Pipeline::new(GateSet::builder().push(armed).push(volume).build()?, Mode::FailFast))
}

fn conflict(store: &Store) -> Result<Chapter, Failure> {
    let named = event("siren-off", "siren", SOUNDED, &[], json!({ "volume": 0 }))?;
    let expected = Revision(0);
    let stale = named.event.clone().expecting(ExpectedRevision::Exactly(expected));
    let (rejected, actual) = match store.append(stale) {
        Ok(_) => ("it was taken, and should not have been".to_owned(), None),
        Err(error) => match error.kind() {
            AppendErrorKind::WrongRevision { actual, .. } => (error.to_string(), *actual),
            _ => return Err(error.into()),
        },
    };
    let lines = vec![line(named.name, &named.stream(), "rejected"), rejected];
    let mut fields = named.names();
    fields["outcome"] = "rejected".into();
    fields["expected_revision"] = expected.0.into();
    fields["actual_revision"] = actual.map(|revision| revision.0).into();
    Ok(Chapter { title: "Who acts on an old state is told so.", lines, facts: json!({ "events": [fields] }) })
}

fn retry(store: &Store) -> Result<Chapter, Failure> {
    let named = event("door-opened", "door:front", OPENED, &[], json!({ "by": "key" }))?;
    let receipt = store.append(named.event.clone())?;
    let events = store.counts()?.events;
    let first = format!("found at position {}: {events} events as before", receipt.position);
    Ok(Chapter {
        title: "A retry with the same id changes nothing.",
        lines: vec![line(named.name, &named.stream(), &first)],
        facts: json!({ "events": [named.fields(&receipt)], "events_in_store": events }),
    })
}

fn reopened(store: &Store) -> Result<Chapter, Failure> {
    let (counts, end) = (store.counts()?, store.end());
    let lines = vec![
        format!("{} events in {} streams, {}", counts.events, counts.streams, left_text(store.report())),
        format!("root {} covers them all, in their order", end.root),
    ];
    let facts = json!({
        "events_in_store": counts.events,
        "streams": counts.streams,
        "left": left_name(store.report().left),
        "head": json::head(&end),
    });
    Ok(Chapter { title: "Closed, and opened again.", lines, facts })
}

fn why(store: &Store) -> Result<Chapter, Failure> {
    let (tree, nodes) = ancestors(store, "siren-loudest", "/id")?;
    let lines = tree.lines().map(str::to_owned).collect();
    Ok(Chapter { title: "Why was the siren so loud?", lines, facts: json!({ "ancestors": nodes }) })
}

fn verified(store: &Store) -> Result<(Chapter, Ending), Failure> {
    let report = store.verify()?;
    let (verdict, status) = verify::judge(&report);
    let counts = store.counts()?;
    let lines = vec![format!(
        "{verdict}: {} events in {} groups, {} streams, {} bytes covered, {} findings",
        report.events,
        report.groups,
        report.streams,
        table::count(report.bytes),
        report.findings.len()
    )];
    let ending =
        Ending { events: counts.events, streams: counts.streams, head: report.head, verdict, status };
    let facts = json!({ "verification": verify::document(&report, verdict) });
    Ok((
        Chapter { title: "Every group, frame, hash chain and root on disk, verified.", lines, facts },
        ending,
    ))
}

/// An event with the name that its id is hashed from.
struct Named {
    name: &'static str,
    causes: Vec<&'static str>,
    event: NewEvent,
}

impl Named {
    fn stream(&self) -> String {
        self.event.coordinate().to_string()
    }

    /// What it is called, before it is anywhere.
    fn names(&self) -> Value {
        let stream = self.event.coordinate();
        json!({
            "name": self.name,
            "id": event_id(self.name).to_string(),
            "entity": stream.entity(),
            "scope": stream.scope(),
            "causes": self.causes,
        })
    }

    /// What it is called, and where it stands.
    fn fields(&self, receipt: &AppendReceipt) -> Value {
        let mut fields = self.names();
        fields["position"] = receipt.position.0.into();
        fields["revision"] = receipt.revision.0.into();
        fields["hash"] = receipt.hash.to_string().into();
        fields["outcome"] = outcome_name(receipt.outcome).into();
        fields
    }
}

fn event(
    name: &'static str,
    entity: &str,
    kind: EventKind,
    causes: &[&'static str],
    mut payload: Value,
) -> Result<Named, InvalidValue> {
    payload["id"] = name.into();
    let event = NewEvent::new(&Coordinate::new(entity, "home")?, kind, &payload)?
        .with_id(event_id(name))
        .caused_by(causes.iter().map(|cause| event_id(cause)))?;
    Ok(Named { name, causes: causes.to_vec(), event })
}

fn append(store: &Store, named: Named) -> Result<(String, Value), Failure> {
    let receipt = store.append(named.event.clone())?;
    let after = match named.causes.as_slice() {
        [] => String::new(),
        causes => format!(", caused by {}", causes.join(" and ")),
    };
    let place = format!("position {}, revision {}{after}", receipt.position, receipt.revision);
    Ok((line(named.name, &named.stream(), &place), named.fields(&receipt)))
}

fn line(name: &str, stream: &str, what: &str) -> String {
    format!("{name:<14} {stream:<19} {what}")
}
