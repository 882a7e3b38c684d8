//! The oracle: what was promised of every event that was ever offered.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use causelog_types::{Event, EventId};
use causelog_writer::{AppendError, AppendReceipt, Durability, Fate};

use crate::offers::Offer;

/// What is known of every event that was offered, and of what readers were shown.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    known: BTreeMap<EventId, Known>,
    /// Up to where events can never go away again, and what stands there.
    durable: Vec<EventId>,
}

#[derive(Clone, Debug)]
struct Known {
    event: causelog_types::NewEvent,
    /// All events of its batch, in order.
    batch: Vec<EventId>,
    status: Status,
    /// How many appends of it have not been answered.
    open: u32,
    /// Whether an append of it was answered that nobody knows.
    doubtful: bool,
}

/// What was promised of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Offered, and not answered yet; or answered that nobody knows.
    Unknown,
    /// Answered that it is there.
    Acknowledged(AppendReceipt),
    /// Answered that it is not and will not be there, or found missing after a recovery.
    Absent,
}

/// What has happened to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing, or the process was killed: all that was acknowledged is there.
    Nothing,
    /// The power was cut, or a sync failed and dropped what it was to make durable: what was acknowledged before
    /// its sync may be gone.
    Unsynced,
}

impl Oracle {
    /// How many events were offered.
    #[must_use]
    pub fn offered(&self) -> usize {
        self.known.len()
    }

    /// An event that was offered once, by its place.
    #[must_use]
    pub fn nth(&self, n: usize) -> Option<(Offer, Status)> {
        let known = self.known.values().nth(n)?;
        let events = known.batch.iter().filter_map(|id| self.known.get(id));
        let events = events.map(|known| known.event.clone()).collect();
        Some((Offer { events, condition: None, durable: false }, known.status))
    }

    /// Takes note of an offer before its answer.
    pub fn offer(&mut self, offer: &Offer) {
        let batch = offer.ids();
        for event in &offer.events {
            let Some(id) = event.id() else { continue };
            let (event, batch) = (event.clone(), batch.clone());
            let known = Known { event, batch, status: Status::Unknown, open: 0, doubtful: false };
            let known = self.known.entry(id).or_insert(known);
            known.open += 1;
            if known.status == Status::Absent {
                known.status = Status::Unknown;
            }
        }
    }

    /// Takes note of an answer.
    ///
    /// # Errors
    /// The answer contradicts what was promised before.
    pub fn answer(
        &mut self,
        ids: &[EventId],
        answer: &Result<Vec<AppendReceipt>, AppendError>,
    ) -> anyhow::Result<()> {
        match answer {
            Ok(receipts) => {
                ensure!(receipts.len() == ids.len(), "{} receipts for {} events", receipts.len(), ids.len());
                receipts.iter().zip(ids).try_for_each(|(receipt, id)| self.acknowledge(receipt, *id))
            }
            Err(error) => {
                ensure!(error.ids() == ids, "an error names other events: {error}");
                for id in ids {
                    let Some(known) = self.known.get_mut(id) else { bail!("{id} was never offered") };
                    known.open = known.open.saturating_sub(1);
                    known.doubtful |= error.fate() != Fate::NotWritten;
                    // It is said of this append alone: another one may have written them.
                    if known.status == Status::Unknown && known.open == 0 && !known.doubtful {
                        known.status = Status::Absent;
                    }
                }
                Ok(())
            }
        }
    }

    fn acknowledge(&mut self, receipt: &AppendReceipt, id: EventId) -> anyhow::Result<()> {
        ensure!(receipt.id == id, "a receipt names {} for {id}", receipt.id);
        let Some(known) = self.known.get_mut(&id) else { bail!("{id} was never offered") };
        if let Status::Acknowledged(before) = known.status {
            let same = (before.position, before.revision, before.hash)
                == (receipt.position, receipt.revision, receipt.hash);
            ensure!(same, "{id} was acknowledged as {before:?}, and now as {receipt:?}");
        }
        known.open = known.open.saturating_sub(1);
        known.status = Status::Acknowledged(*receipt);
        Ok(())
    }

    /// Takes note that these events can never go away again: they were synced, or shown to another process.
    ///
    /// # Errors
    /// Something else was promised to stand there.
    pub fn is_durable(&mut self, events: &[Event]) -> anyhow::Result<()> {
        let ids = events.iter().map(|event| event.header.id);
        for (position, id) in ids.enumerate() {
            match self.durable.get(position) {
                Some(known) => ensure!(*known == id, "position {position} held {known} and holds {id}"),
                None => self.durable.push(id),
            }
        }
        Ok(())
    }

    /// Holds what a recovered store holds against what was promised; what it holds is durable from now on.
    ///
    /// # Errors
    /// A promise was broken.
    pub fn recovered(&mut self, events: &[Event], loss: Loss) -> anyhow::Result<()> {
        self.check_durable(events)?;
        let at: BTreeMap<EventId, usize> =
            events.iter().enumerate().map(|(at, event)| (event.header.id, at)).collect();
        for (id, known) in &self.known {
            let found = at.get(id).and_then(|at| events.get(*at));
            self.check_one(*id, known, found, loss).with_context(|| format!("event {id}"))?;
            let there = known.batch.iter().filter(|id| at.contains_key(*id)).count();
            ensure!(there == 0 || there == known.batch.len(), "half a batch is there: {:?}", known.batch);
        }
        for event in events {
            ensure!(self.known.contains_key(&event.header.id), "{} was never offered", event.header.id);
        }
        self.is_durable(events)?;
        for (id, known) in &mut self.known {
            (known.open, known.doubtful) = (0, false);
            match at.get(id).and_then(|at| events.get(*at)) {
                None => known.status = Status::Absent,
                Some(event) if !matches!(known.status, Status::Acknowledged(_)) => {
                    known.status = Status::Acknowledged(receipt_of(event));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn check_durable(&self, events: &[Event]) -> anyhow::Result<()> {
        ensure!(
            events.len() >= self.durable.len(),
            "{} of {} durable events are left",
            events.len(),
            self.durable.len()
        );
        let found = events.iter().map(|event| event.header.id);
        for (position, (due, found)) in self.durable.iter().zip(found).enumerate() {
            ensure!(*due == found, "position {position} held {due} and holds {found}");
        }
        Ok(())
    }

    fn check_one(&self, id: EventId, known: &Known, found: Option<&Event>, loss: Loss) -> anyhow::Result<()> {
        match (known.status, found) {
            (Status::Acknowledged(receipt), None) => {
                let may_go = loss == Loss::Unsynced && receipt.durability != Durability::Sync;
                ensure!(may_go, "it was acknowledged ({receipt:?}) and is lost");
            }
            (Status::Absent, Some(_)) => bail!("it was reported as not written and is there"),
            (Status::Acknowledged(receipt), Some(event)) => {
                let header = &event.header;
                let same = (header.position, header.revision, event.hash())
                    == (receipt.position, receipt.revision, receipt.hash);
                // Without its sync an event may be lost, and appended again elsewhere.
                ensure!(same, "it was acknowledged as {receipt:?} and stands at {:?}", header.position);
                check_content(known, event)?;
            }
            (Status::Unknown, Some(event)) => check_content(known, event)?,
            (Status::Unknown | Status::Absent, None) => {}
        }
        ensure!(known.batch.contains(&id), "the oracle has lost a batch");
        Ok(())
    }
}

fn check_content(known: &Known, event: &Event) -> anyhow::Result<()> {
    let (offered, header) = (&known.event, &event.header);
    ensure!(header.coordinate == *offered.coordinate(), "it stands in another stream");
    ensure!(header.kind == offered.kind(), "it has another kind");
    ensure!(header.tags == *offered.tags(), "it has other tags");
    ensure!(header.dag.causes == *offered.causes(), "it has other causes");
    ensure!(header.dag.occurred_ms == offered.occurred_ms(), "it has another time");
    ensure!(event.payload.as_ref() == Some(offered.payload()), "it has another payload");
    Ok(())
}

fn receipt_of(event: &Event) -> AppendReceipt {
    AppendReceipt {
        id: event.header.id,
        position: event.header.position,
        revision: event.header.revision,
        hash: event.hash(),
        location: causelog_types::Location {
            segment: causelog_types::SegmentNumber(0),
            offset: causelog_types::ByteOffset(0),
            bytes: 0,
        },
        outcome: causelog_writer::Outcome::Found,
        durability: Durability::Sync,
    }
}
