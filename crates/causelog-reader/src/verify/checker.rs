//! What must hold from one event to another: streams, causes, ids, recorded times.

use std::collections::HashMap;

use causelog_segment::{Group, Segment, StoredEvent};
use causelog_types::{Coordinate, Depth, EventHash, EventId, Header, Hlc, Revision};

use super::{Finding, FindingKind};

/// Follows every stream and every cause.
#[derive(Default)]
pub(super) struct Checker {
    pub(super) streams: HashMap<Coordinate, Link>,
    depths: HashMap<EventId, Depth>,
    /// How often the walk has been broken: links from before the last time bind nothing.
    breaks: u32,
    hlc: Option<Hlc>,
    pub(super) events: u64,
    pub(super) findings: Vec<Finding>,
}

pub(super) struct Link {
    revision: Revision,
    hash: EventHash,
    breaks: u32,
}

impl Checker {
    pub(super) fn join_anew(&mut self) {
        self.breaks = self.breaks.saturating_add(1);
    }

    pub(super) fn group(&mut self, group: &Group, segment: &Segment) {
        for event in &group.events {
            if let Err(kind) = self.event(event) {
                let (file, offset) = (segment.path(), event.location.offset);
                self.findings.push(Finding { file, offset, kind });
            } else {
                self.events += 1;
            }
            let header = &event.header;
            let link = Link { revision: header.revision, hash: event.hash, breaks: self.breaks };
            self.streams.insert(header.coordinate.clone(), link);
            self.depths.insert(header.id, header.dag.depth);
        }
    }

    fn event(&mut self, event: &StoredEvent) -> Result<(), FindingKind> {
        let header = &event.header;
        let found = header.dag.hlc;
        if let Some(before) = self.hlc.replace(found)
            && found <= before
        {
            return Err(FindingKind::ClockBroken { before, found });
        }
        if event.payload_is_right == Some(false) {
            return Err(FindingKind::PayloadChanged);
        }
        if self.depths.contains_key(&header.id) {
            return Err(FindingKind::IdTwice { id: header.id });
        }
        self.causes(header)?;
        self.link(header)
    }

    fn causes(&self, header: &Header) -> Result<(), FindingKind> {
        let mut deepest = None;
        for cause in header.dag.causes.iter() {
            match self.depths.get(&cause) {
                Some(depth) => deepest = deepest.max(Some(*depth)),
                // It may be among the events that are missing.
                None if self.breaks > 0 => return Ok(()),
                None => return Err(FindingKind::CauseMissing { cause }),
            }
        }
        let expected = deepest.map_or(Depth(0), |deepest| Depth(deepest.0.saturating_add(1)));
        let found = header.dag.depth;
        match found == expected {
            true => Ok(()),
            false => Err(FindingKind::DepthBroken { expected, found }),
        }
    }

    fn link(&self, header: &Header) -> Result<(), FindingKind> {
        let stream = || header.coordinate.clone();
        let link = self.streams.get(&header.coordinate);
        let (expected, previous) = match link {
            Some(link) if link.breaks == self.breaks => {
                (Revision(link.revision.0.saturating_add(1)), Some(link.hash))
            }
            // Events of the stream may be missing: what stands here is taken as it is.
            _ if self.breaks > 0 => return Ok(()),
            _ => (Revision(0), None),
        };
        if header.revision != expected {
            let found = header.revision;
            return Err(FindingKind::RevisionBroken { stream: stream(), expected, found });
        }
        match header.previous_hash == previous {
            true => Ok(()),
            false => Err(FindingKind::ChainBroken { stream: stream(), revision: header.revision }),
        }
    }
}
