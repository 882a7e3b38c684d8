//! What must hold from one event to another: streams, causes, ids, recorded times.

use std::collections::HashMap;

use causelog_segment::{Findings, Group, Segment, StoredEvent};
use causelog_types::{Coordinate, Depth, EventHash, EventId, Header, Hlc, Revision};

use super::{Finding, FindingKind};

/// Follows every stream and every cause of a log, group by group in order: for [`verify`](crate::verify), and for
/// whoever copies a log and must not take what would not verify.
///
/// It holds the id and the depth of every event in memory, about 40 bytes each.
#[derive(Debug, Default)]
pub struct Checker {
    pub(super) streams: HashMap<Coordinate, Link>,
    depths: HashMap<EventId, Depth>,
    /// How often the walk has been broken: links from before the last time bind less.
    breaks: u32,
    hlc: Option<Hlc>,
    pub(super) events: u64,
    pub(super) gaps: u64,
    pub(super) lost: u64,
    pub(super) findings: Findings<Finding>,
}

/// What binds the next event of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    revision: Revision,
    hash: EventHash,
    breaks: u32,
}

impl Checker {
    /// Takes a group, if all that it holds follows what was taken before; else nothing of it is taken.
    ///
    /// # Errors
    /// What does not follow.
    pub fn admit(&mut self, group: &Group) -> Result<(), FindingKind> {
        if group.is_gap() {
            self.gap(group);
            return Ok(());
        }
        let link = |event: &StoredEvent| {
            let stream = event.header.coordinate.clone();
            (self.streams.get(&stream).copied(), stream)
        };
        let (links, hlc): (Vec<_>, _) = (group.events.iter().map(link).collect(), self.hlc);
        for (taken, event) in group.events.iter().enumerate() {
            let Err(kind) = self.event(event) else {
                self.note(event);
                continue;
            };
            for before in &group.events[..taken] {
                self.depths.remove(&before.header.id);
            }
            for (link, stream) in links {
                match link {
                    Some(link) => self.streams.insert(stream, link),
                    None => self.streams.remove(&stream),
                };
            }
            self.hlc = hlc;
            return Err(kind);
        }
        Ok(())
    }

    /// Something is missing here: what follows may refer to it.
    pub fn join_anew(&mut self) {
        self.breaks = self.breaks.saturating_add(1);
    }

    /// The last revision of a stream that was taken.
    #[must_use]
    pub fn last_revision(&self, stream: &Coordinate) -> Option<Revision> {
        self.streams.get(stream).map(|link| link.revision)
    }

    pub(super) fn group(&mut self, group: &Group, segment: &Segment) {
        if group.is_gap() {
            self.gap(group);
        }
        for event in &group.events {
            if let Err(kind) = self.event(event) {
                let (file, offset) = (segment.path(), event.location.offset);
                self.findings.push(Finding { file, offset, kind });
            } else {
                self.events += 1;
            }
            self.note(event);
        }
    }

    fn gap(&mut self, group: &Group) {
        self.gaps += 1;
        self.lost = self.lost.saturating_add(group.header.count);
        self.join_anew();
    }

    fn note(&mut self, event: &StoredEvent) {
        let header = &event.header;
        let link = Link { revision: header.revision, hash: event.hash, breaks: self.breaks };
        self.streams.insert(header.coordinate.clone(), link);
        self.depths.insert(header.id, header.dag.depth);
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
        let (mut deepest, mut missing) = (None, false);
        for cause in header.dag.causes.iter() {
            match self.depths.get(&cause) {
                Some(depth) => deepest = deepest.max(Some(*depth)),
                // It may be among the events that are missing; nobody knows how deep it stood.
                None if self.breaks > 0 => (missing, deepest) = (true, deepest.max(Some(Depth(0)))),
                None => return Err(FindingKind::CauseMissing { cause }),
            }
        }
        let expected = deepest.map_or(Depth(0), |deepest| Depth(deepest.0.saturating_add(1)));
        let found = header.dag.depth;
        match found == expected || (missing && found > expected) {
            true => Ok(()),
            false => Err(FindingKind::DepthBroken { expected, found }),
        }
    }

    fn link(&self, header: &Header) -> Result<(), FindingKind> {
        let (stream, found) = (|| header.coordinate.clone(), header.revision);
        let link = self.streams.get(&header.coordinate);
        let may_jump = self.breaks > link.map_or(0, |link| link.breaks);
        let expected = link.map_or(Revision(0), |link| Revision(link.revision.0.saturating_add(1)));
        if found > expected && may_jump {
            // Events of the stream are missing, and with them the hash of the one before.
            return Ok(());
        }
        if found != expected {
            return Err(FindingKind::RevisionBroken { stream: stream(), expected, found });
        }
        match header.previous_hash == link.map(|link| link.hash) {
            true => Ok(()),
            false => Err(FindingKind::ChainBroken { stream: stream(), revision: found }),
        }
    }
}
