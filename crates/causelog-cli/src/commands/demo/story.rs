//! The story: a door is opened, an alarm goes off, and the house remembers why.
//!
//! Its events have ids hashed from names, so that they can be named on the command line afterwards.

use std::path::Path;

use causelog::{
    AppendErrorKind, Coordinate, Denial, EventKind, ExpectedRevision, GateSet, InvalidValue, Mode, NewEvent,
    Pipeline, Proposal, Revision, Store, StoreHead, gate_fn,
};
use serde_json::{Value, json};

use crate::commands::stat::left_text;
use crate::commands::trace::ancestors_tree;
use crate::commands::verify;
use crate::commands::{open_to_read, open_to_write};
use crate::failure::{Failure, Status};
use crate::id::event_id;
use crate::table;

const OPENED: EventKind = EventKind::of::<0x1001>();
const MOVED: EventKind = EventKind::of::<0x1002>();
const RAISED: EventKind = EventKind::of::<0x2001>();
const SOUNDED: EventKind = EventKind::of::<0x2002>();
const LIT: EventKind = EventKind::of::<0x2003>();

/// A part of the story, as it is printed.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) lines: Vec<String>,
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
    let lines = vec![
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
    Ok(Chapter {
        title: "Events go to streams and name their causes. When an append returns, it is on disk.",
        lines,
    })
}

fn batch(store: &Store) -> Result<Chapter, Failure> {
    let batch = [
        event("siren-on", "siren", SOUNDED, &["alarm-raised"], json!({ "volume": 3 }))?,
        event("lights-on", "lights", LIT, &["alarm-raised"], json!({ "rooms": ["hall", "stairs"] }))?,
    ];
    let names = batch.each_ref().map(|named| named.name);
    let streams = batch.each_ref().map(|named| named.event.coordinate().to_string());
    let receipts = store.append_batch(batch.into_iter().map(|named| named.event).collect::<Vec<_>>())?;
    let lines = receipts.iter().zip(names).zip(streams).map(|((receipt, name), stream)| {
        line(name, &stream, &format!("position {}, revision {}", receipt.position, receipt.revision))
    });
    Ok(Chapter { title: "A batch is all or nothing, over any streams.", lines: lines.collect() })
}

fn gates(store: &Store) -> Result<Chapter, Failure> {
    let house = House { is_armed: true, volume_max: 10 };
    let pipeline = pipeline()?;
    let louder = event("siren-louder", "siren", SOUNDED, &["siren-on"], json!({ "volume": 6 }))?;
    let causes = ["siren-louder", "motion-seen"];
    let loudest = event("siren-loudest", "siren", SOUNDED, &causes, json!({ "volume": 11 }))?;
    let mut lines = Vec::new();
    for named in [louder, loudest] {
        match pipeline.admit(&house, Proposal::new(named.event)) {
            Ok(receipt) => {
                store.commit(receipt)?;
                lines.push(format!("{:<14} admitted by gates armed and volume", named.name));
            }
            Err(denied) => {
                lines.push(format!("{:<14} {denied}", named.name));
                let why = "the neighbours asked for it";
                store.commit(pipeline.bypass(denied.into_proposal(), "emergency", why)?)?;
                lines.push(format!("{:<14} bypassed the gates: emergency, {why}", named.name));
            }
        }
    }
    Ok(Chapter { title: "Gates judge first, and the log keeps what allowed an event.", lines })
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
    let stale = named.event.expecting(ExpectedRevision::Exactly(Revision(0)));
    let rejected = match store.append(stale) {
        Err(error) if matches!(error.kind(), AppendErrorKind::WrongRevision { .. }) => error.to_string(),
        Err(error) => return Err(error.into()),
        Ok(_) => "it was taken, and should not have been".to_owned(),
    };
    let lines = vec![line(named.name, "siren in home", "rejected"), rejected];
    Ok(Chapter { title: "Who acts on an old state is told so.", lines })
}

fn retry(store: &Store) -> Result<Chapter, Failure> {
    let named = event("door-opened", "door:front", OPENED, &[], json!({ "by": "key" }))?;
    let receipt = store.append(named.event)?;
    let first =
        format!("found at position {}: {} events as before", receipt.position, store.counts()?.events);
    Ok(Chapter {
        title: "A retry with the same id changes nothing.",
        lines: vec![line(named.name, "door:front in home", &first)],
    })
}

fn reopened(store: &Store) -> Result<Chapter, Failure> {
    let (counts, end) = (store.counts()?, store.end());
    let lines = vec![
        format!("{} events in {} streams, {}", counts.events, counts.streams, left_text(store.report())),
        format!("root {} covers them all, in their order", end.root),
    ];
    Ok(Chapter { title: "Closed, and opened again.", lines })
}

fn why(store: &Store) -> Result<Chapter, Failure> {
    let tree = ancestors_tree(store, "siren-loudest", "/id")?;
    Ok(Chapter { title: "Why was the siren so loud?", lines: tree.lines().map(str::to_owned).collect() })
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
    Ok((Chapter { title: "Every group, frame, hash chain and root on disk, verified.", lines }, ending))
}

/// An event with the name that its id is hashed from.
struct Named {
    name: &'static str,
    causes: Vec<&'static str>,
    event: NewEvent,
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

fn append(store: &Store, named: Named) -> Result<String, Failure> {
    let stream = named.event.coordinate().to_string();
    let receipt = store.append(named.event)?;
    let after = match named.causes.as_slice() {
        [] => String::new(),
        causes => format!(", caused by {}", causes.join(" and ")),
    };
    let place = format!("position {}, revision {}{after}", receipt.position, receipt.revision);
    Ok(line(named.name, &stream, &place))
}

fn line(name: &str, stream: &str, what: &str) -> String {
    format!("{name:<14} {stream:<19} {what}")
}
