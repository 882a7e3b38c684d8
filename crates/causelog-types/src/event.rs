//! Events: as they are offered, and as they stand in the log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{
    Causes, Coordinate, DagPosition, EventHash, EventId, EventKind, Evidence, Facts, Hlc, InvalidValue,
    Payload, PayloadHash, Position, Revision, Root, Tags,
};

/// Everything the log says of an event but its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its identity, unique in the store.
    pub id: EventId,
    /// Its stream.
    pub coordinate: Coordinate,
    /// What happened.
    pub kind: EventKind,
    /// The version of the payload's shape, by the caller's own count; 0 unless given.
    pub payload_version: u16,
    /// Where it stands in the store.
    pub position: Position,
    /// Where it stands in its stream.
    pub revision: Revision,
    /// The hash of the event before it in the stream; `None` for the stream's first.
    pub previous_hash: Option<EventHash>,
    /// The hash of the stored payload.
    pub payload_hash: PayloadHash,
    /// Where it stands in the causal graph and in time.
    pub dag: DagPosition,
    /// Its tags.
    pub tags: Tags,
    /// What allowed it, if it came through gates.
    pub evidence: Option<Evidence>,
    /// How many events of the same atomic batch still follow it.
    pub batch_remaining: u32,
    /// Whether 16 random bytes stand before the payload under its hash, so that erasing it leaves nothing to
    /// guess from.
    pub salted: bool,
}

/// An event as it stands in the log.
#[derive(Clone)]
pub struct Event {
    /// What the log says of it.
    pub header: Header,
    /// Its data; `None` when it has been erased.
    pub payload: Option<Payload>,
    /// Its header's bytes, and behind them its payload's unless that has been erased.
    stored: Arc<[u8]>,
    header_bytes: u32,
    hash_header: fn(&[u8]) -> EventHash,
}

impl Header {
    /// What a region looks at.
    #[must_use]
    pub fn facts(&self) -> Facts<'_, Box<str>> {
        Facts {
            entity: self.coordinate.entity(),
            scope: self.coordinate.scope(),
            kind: self.kind,
            tags: self.tags.as_slice(),
            position: self.position,
            revision: self.revision,
            recorded_ms: self.dag.hlc.wall_ms,
        }
    }
}

impl Event {
    /// Takes a header that was read, and the bytes it was read from: `stored` begins with as many as the header
    /// has, and the payload's value begins at `payload` of them unless it has been erased. `hash_header` is the
    /// format's hash of a header.
    #[must_use]
    pub fn from_stored(
        header: Header,
        stored: &[u8],
        header_bytes: u32,
        payload: Option<u32>,
        hash_header: fn(&[u8]) -> EventHash,
    ) -> Self {
        let stored = stored.into();
        let payload = payload.map(|start| Payload::within(&stored, start));
        Self { header, payload, stored, header_bytes, hash_header }
    }

    /// The hash of its header, computed anew at each call.
    #[must_use]
    pub fn hash(&self) -> EventHash {
        (self.hash_header)(self.stored_header())
    }

    fn stored_header(&self) -> &[u8] {
        let count = usize::try_from(self.header_bytes).unwrap_or(usize::MAX);
        &self.stored[..count.min(self.stored.len())]
    }

    /// Decodes the payload as a type of the caller's choice.
    ///
    /// # Errors
    /// [`InvalidValue::PayloadErased`], or [`InvalidValue::PayloadDecoding`] when it is not of that type.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, InvalidValue> {
        self.payload.as_ref().ok_or(InvalidValue::PayloadErased)?.decode()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (&self.header, &self.payload, self.stored_header())
            == (&other.header, &other.payload, other.stored_header())
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("header", &self.header)
            .field("hash", &self.hash())
            .field("payload", &self.payload)
            .finish()
    }
}

/// What the caller expects of a stream at the moment of the append.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExpectedRevision {
    /// Anything.
    #[default]
    Any,
    /// No event at all.
    Empty,
    /// At least one event.
    Exists,
    /// Its last event has exactly this revision.
    Exactly(Revision),
}

/// An event as a caller offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    coordinate: Coordinate,
    kind: EventKind,
    payload: Payload,
    payload_version: u16,
    id: Option<EventId>,
    correlation_id: Option<EventId>,
    causes: Causes,
    tags: Tags,
    occurred_ms: Option<i64>,
    expected: ExpectedRevision,
}

impl NewEvent {
    /// Offers an event with any serialisable value as its payload.
    ///
    /// # Errors
    /// [`InvalidValue::PayloadEncoding`] when the value cannot be written as MessagePack.
    pub fn new<T: Serialize + ?Sized>(
        coordinate: &Coordinate,
        kind: EventKind,
        payload: &T,
    ) -> Result<Self, InvalidValue> {
        Ok(Self::with_payload(coordinate, kind, Payload::encode(payload)?))
    }

    /// Offers an event with a payload that is already encoded.
    #[must_use]
    pub fn with_payload(coordinate: &Coordinate, kind: EventKind, payload: Payload) -> Self {
        Self {
            coordinate: coordinate.clone(),
            kind,
            payload,
            payload_version: 0,
            id: None,
            correlation_id: None,
            causes: Causes::none(),
            tags: Tags::none(),
            occurred_ms: None,
            expected: ExpectedRevision::Any,
        }
    }

    /// Gives it an id. Appending the same id with the same content again is answered with the first receipt.
    #[must_use]
    pub fn with_id(self, id: EventId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// Names the events that caused it, in place of any named before.
    ///
    /// # Errors
    /// More than 256 ids, or one given twice.
    pub fn caused_by(self, causes: impl IntoIterator<Item = EventId>) -> Result<Self, InvalidValue> {
        Ok(Self { causes: Causes::new(causes)?, ..self })
    }

    /// Names the conversation it belongs to, in place of its own id.
    #[must_use]
    pub fn with_correlation(self, id: EventId) -> Self {
        Self { correlation_id: Some(id), ..self }
    }

    /// Gives it tags, in place of any given before.
    ///
    /// # Errors
    /// More than 16 tags, one given twice, or one that is empty, too long or holds a control character.
    pub fn with_tags<T: AsRef<str>>(self, tags: impl IntoIterator<Item = T>) -> Result<Self, InvalidValue> {
        Ok(Self { tags: Tags::new(tags)?, ..self })
    }

    /// Says when it happened, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn occurred_at_ms(self, occurred_ms: i64) -> Self {
        Self { occurred_ms: Some(occurred_ms), ..self }
    }

    /// Says which version of its shape the payload has.
    #[must_use]
    pub fn with_payload_version(self, payload_version: u16) -> Self {
        Self { payload_version, ..self }
    }

    /// Says what the stream must be like for the event to be appended.
    #[must_use]
    pub fn expecting(self, expected: ExpectedRevision) -> Self {
        Self { expected, ..self }
    }

    /// Its stream.
    #[must_use]
    pub fn coordinate(&self) -> &Coordinate {
        &self.coordinate
    }

    /// What happened.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    /// Its data.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The version of the payload's shape.
    #[must_use]
    pub fn payload_version(&self) -> u16 {
        self.payload_version
    }

    /// Its id, if the caller gave one.
    #[must_use]
    pub fn id(&self) -> Option<EventId> {
        self.id
    }

    /// The conversation it belongs to, if the caller named one.
    #[must_use]
    pub fn correlation_id(&self) -> Option<EventId> {
        self.correlation_id
    }

    /// The events that caused it.
    #[must_use]
    pub fn causes(&self) -> &Causes {
        &self.causes
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// When it happened by the caller's own account.
    #[must_use]
    pub fn occurred_ms(&self) -> Option<i64> {
        self.occurred_ms
    }

    /// What the caller expects of the stream.
    #[must_use]
    pub fn expected(&self) -> ExpectedRevision {
        self.expected
    }

    /// What a region looks at. Position, revision and recorded time are not known yet and count as 0.
    #[must_use]
    pub fn facts(&self) -> Facts<'_, Box<str>> {
        Facts {
            entity: self.coordinate.entity(),
            scope: self.coordinate.scope(),
            kind: self.kind,
            tags: self.tags.as_slice(),
            position: Position::default(),
            revision: Revision::default(),
            recorded_ms: 0,
        }
    }
}

/// The end of a store: where its next event will stand, and the root there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreHead {
    /// The position of the next event; 0 in an empty store.
    pub position: Position,
    /// The running hash over every event before it.
    pub root: Root,
}

/// A head as text, to keep elsewhere: the position, a colon, the root.
impl fmt::Display for StoreHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.position, self.root)
    }
}

/// Reads what the head is shown as.
impl FromStr for StoreHead {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let what =
            "a head: a position in decimal digits, a colon, and the root there in 64 hexadecimal digits";
        let read = || {
            let (position, root) = text.split_once(':')?;
            let digits = !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
            let position = Position(position.parse().ok().filter(|_| digits)?);
            Some(Self { position, root: root.parse().ok()? })
        };
        read().ok_or_else(|| InvalidValue::Syntax { what, text: text.into() })
    }
}

/// The last event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamHead {
    /// Where it stands in the store.
    pub position: Position,
    /// Where it stands in the stream.
    pub revision: Revision,
    /// The hash of its header.
    pub hash: EventHash,
    /// When it was recorded.
    pub hlc: Hlc,
}
