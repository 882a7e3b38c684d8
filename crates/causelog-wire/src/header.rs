//! An event's header: a MessagePack map with short, stable, named keys, in its one canonical form.

use causelog_types::{
    ByteOffset, Causes, Coordinate, DagPosition, Depth, EventHash, EventId, EventKind, Evidence, Header, Hlc,
    PayloadHash, Position, Revision, Tags, limits,
};

use crate::msgpack::{Reader, Writer};
use crate::{Flaw, Rule};

/// What the header of an ordinary event takes at most, entity and scope excluded.
const HEADER_BYTES_COMMON: usize = 256;

/// Writes a header in its canonical form: keys strictly ascending, defaults left out.
///
/// The header must hold what the data model allows; [`GroupBuffer::push`](crate::GroupBuffer::push) checks that.
pub fn encode_header(header: &Header, out: &mut Vec<u8>) {
    let dag = &header.dag;
    let correlation = (dag.correlation_id != header.id).then_some(dag.correlation_id);
    let optional = [
        header.batch_remaining != 0,
        !dag.causes.is_empty(),
        dag.depth != Depth(0),
        header.evidence.is_some(),
        dag.hlc.counter != 0,
        dag.occurred_ms.is_some(),
        header.previous_hash.is_some(),
        header.revision != Revision(0),
        !header.tags.is_empty(),
        header.payload_version != 0,
        correlation.is_some(),
        header.salted,
    ];
    // What most headers need, so that the room is looked for once.
    out.reserve(HEADER_BYTES_COMMON + header.coordinate.entity().len() + header.coordinate.scope().len());
    let mut map = Writer(out);
    map.map(7 + optional.iter().filter(|present| **present).count());
    if header.batch_remaining != 0 {
        map.uint_at(b'b', header.batch_remaining.into());
    }
    if !dag.causes.is_empty() {
        map.key(b'c');
        map.array(dag.causes.len());
        dag.causes.iter().for_each(|cause| map.binary(&cause.as_u128().to_be_bytes()));
    }
    if dag.depth != Depth(0) {
        map.uint_at(b'd', dag.depth.0.into());
    }
    map.key(b'e');
    map.text(header.coordinate.entity());
    if let Some(evidence) = &header.evidence {
        map.key(b'g');
        encode_evidence(evidence, &mut map);
    }
    map.binary_at(b'h', &header.payload_hash.0);
    map.binary_at(b'i', &header.id.as_u128().to_be_bytes());
    map.uint_at(b'k', header.kind.bits().into());
    if dag.hlc.counter != 0 {
        map.uint_at(b'n', dag.hlc.counter.into());
    }
    if let Some(occurred_ms) = dag.occurred_ms {
        map.int_at(b'o', occurred_ms);
    }
    if let Some(previous) = header.previous_hash {
        map.binary_at(b'p', &previous.0);
    }
    map.uint_at(b'q', header.position.0);
    if header.revision != Revision(0) {
        map.uint_at(b'r', header.revision.0);
    }
    map.key(b's');
    map.text(header.coordinate.scope());
    if !header.tags.is_empty() {
        map.key(b't');
        map.array(header.tags.len());
        header.tags.iter().for_each(|tag| map.text(tag));
    }
    if header.payload_version != 0 {
        map.uint_at(b'v', header.payload_version.into());
    }
    map.uint_at(b'w', dag.hlc.wall_ms);
    if let Some(correlation) = correlation {
        map.binary_at(b'x', &correlation.as_u128().to_be_bytes());
    }
    if header.salted {
        map.key(b'z');
        map.yes();
    }
}

fn encode_evidence(evidence: &Evidence, map: &mut Writer<'_>) {
    match evidence {
        Evidence::Admitted { gates } => {
            map.map(1);
            map.text("gates");
            map.array(gates.len());
            gates.iter().for_each(|gate| map.text(gate));
        }
        Evidence::Bypassed { reason, justification } => {
            map.map(2);
            map.text("justification");
            map.text(justification);
            map.text("reason");
            map.text(reason);
        }
    }
}

/// Reads the header at the beginning of `bytes`, which stand at `base` in their file; returns it with its
/// length in bytes.
///
/// # Errors
/// The first rule that the bytes break, and where.
pub fn decode_header(bytes: &[u8], base: ByteOffset) -> Result<(Header, usize), Flaw> {
    let bytes = &bytes[..bytes.len().min(limits::HEADER_BYTES_MAX + 1)];
    let mut reader = Reader::new(bytes, base);
    let fields = Fields::read(&mut reader)?;
    let length = reader.consumed();
    if length > limits::HEADER_BYTES_MAX {
        return Err(reader.flaw(Rule::HeaderLength));
    }
    fields.into_header(Flaw { rule: Rule::Malformed, offset: base }).map(|header| (header, length))
}

/// The fields of a header as they come.
#[derive(Default)]
struct Fields<'a> {
    batch_remaining: u32,
    causes: Causes,
    depth: Depth,
    entity: Option<&'a str>,
    evidence: Option<Evidence>,
    payload_hash: Option<[u8; 32]>,
    id: Option<EventId>,
    kind: Option<EventKind>,
    counter: u32,
    occurred_ms: Option<i64>,
    previous_hash: Option<EventHash>,
    position: Option<u64>,
    revision: u64,
    scope: Option<&'a str>,
    tags: Tags,
    payload_version: u16,
    wall_ms: Option<u64>,
    correlation: Option<EventId>,
    salted: bool,
}

impl<'a> Fields<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Flaw> {
        let mut fields = Self::default();
        let mut last: &[u8] = &[];
        for i in 0..reader.map()? {
            let key = reader.key()?;
            if i > 0 && !ascends(last, key) {
                return Err(reader.flaw(Rule::NotCanonical("its keys do not ascend")));
            }
            fields.read_value(key, reader)?;
            last = key;
        }
        Ok(fields)
    }

    fn read_value(&mut self, key: &[u8], reader: &mut Reader<'a>) -> Result<(), Flaw> {
        match *key {
            [b'b'] => self.batch_remaining = narrow(reader, "b")?,
            [b'c'] => self.causes = read_causes(reader)?,
            [b'd'] => self.depth = Depth(narrow(reader, "d")?),
            [b'e'] => self.entity = Some(reader.text()?),
            [b'g'] => self.evidence = Some(read_evidence(reader)?),
            [b'h'] => self.payload_hash = Some(reader.binary()?),
            [b'i'] => self.id = Some(read_id(reader)?),
            [b'k'] => self.kind = Some(EventKind::from_bits(narrow_any(reader, "k")?)),
            [b'n'] => self.counter = narrow(reader, "n")?,
            [b'o'] => self.occurred_ms = Some(reader.int()?),
            [b'p'] => self.previous_hash = Some(EventHash(reader.binary()?)),
            [b'q'] => self.position = Some(reader.uint()?),
            [b'r'] => self.revision = narrow(reader, "r")?,
            [b's'] => self.scope = Some(reader.text()?),
            [b't'] => self.tags = read_tags(reader)?,
            [b'v'] => self.payload_version = narrow(reader, "v")?,
            [b'w'] => self.wall_ms = Some(reader.uint()?),
            [b'x'] => self.correlation = Some(read_id(reader)?),
            [b'z'] => {
                reader.yes()?;
                self.salted = true;
            }
            [b'A'..=b'Z', ..] => return Err(reader.flaw(Rule::Unsupported("header key"))),
            [b'a'..=b'z', ..] => reader.skip(limits::NESTING_MAX)?,
            _ => return Err(reader.flaw(Rule::KeyName)),
        }
        Ok(())
    }

    fn into_header(self, whole: Flaw) -> Result<Header, Flaw> {
        let broken = |rule| Flaw { rule, ..whole };
        let missing = |key| broken(Rule::MissingKey(key));
        let id = self.id.ok_or(missing("i"))?;
        let entity = self.entity.ok_or(missing("e"))?;
        let scope = self.scope.ok_or(missing("s"))?;
        if self.correlation == Some(id) {
            return Err(broken(Rule::NotCanonical("a default is stored")));
        }
        let header = Header {
            id,
            coordinate: Coordinate::new(entity, scope).map_err(|_| broken(Rule::Value("e")))?,
            kind: self.kind.ok_or(missing("k"))?,
            payload_version: self.payload_version,
            position: Position(self.position.ok_or(missing("q"))?),
            revision: Revision(self.revision),
            previous_hash: self.previous_hash,
            payload_hash: PayloadHash(self.payload_hash.ok_or(missing("h"))?),
            dag: DagPosition {
                correlation_id: self.correlation.unwrap_or(id),
                causes: self.causes,
                depth: self.depth,
                hlc: Hlc { wall_ms: self.wall_ms.ok_or(missing("w"))?, counter: self.counter },
                occurred_ms: self.occurred_ms,
            },
            tags: self.tags,
            evidence: self.evidence,
            batch_remaining: self.batch_remaining,
            salted: self.salted,
        };
        match check_header(&header) {
            Ok(()) => Ok(header),
            Err(rule) => Err(broken(rule)),
        }
    }
}

/// Whether one key comes after another. Nearly all are of one letter.
fn ascends(last: &[u8], key: &[u8]) -> bool {
    match (last, key) {
        ([last], [key]) => last < key,
        _ => last < key,
    }
}

/// What holds between the values of every header, asked right before it is written and right after it is read.
/// Each value's own type holds the rest.
pub(crate) fn check_header(header: &Header) -> Result<(), Rule> {
    let dag = &header.dag;
    let rule = |holds: bool, key| if holds { Ok(()) } else { Err(Rule::Value(key)) };
    // The greatest number stands for "no end" in ranges, so that no region could ever match it.
    rule(header.position.0 < u64::MAX, "q")?;
    rule(header.revision.0 < u64::MAX, "r")?;
    rule(dag.hlc.wall_ms < u64::MAX, "w")?;
    rule(usize::try_from(header.batch_remaining).is_ok_and(|rest| rest < limits::BATCH_EVENTS_MAX), "b")?;
    rule(header.previous_hash.is_some() == (header.revision > Revision(0)), "p")?;
    rule(dag.causes.iter().all(|cause| cause != header.id), "c")?;
    rule(dag.causes.is_empty() == (dag.depth == Depth(0)), "d")?;
    rule(header.evidence.as_ref().is_none_or(|evidence| evidence.check().is_ok()), "g")
}

/// A number that fits its type and is not the default 0, which would have been left out.
fn narrow<T: TryFrom<u64> + Default + PartialEq>(
    reader: &mut Reader<'_>,
    key: &'static str,
) -> Result<T, Flaw> {
    let value: T = narrow_any(reader, key)?;
    match value == T::default() {
        true => Err(reader.flaw(Rule::NotCanonical("a default is stored"))),
        false => Ok(value),
    }
}

fn narrow_any<T: TryFrom<u64>>(reader: &mut Reader<'_>, key: &'static str) -> Result<T, Flaw> {
    let value = reader.uint()?;
    T::try_from(value).map_err(|_| reader.flaw(Rule::Value(key)))
}

fn read_id(reader: &mut Reader<'_>) -> Result<EventId, Flaw> {
    reader.binary().map(|bytes| EventId::from_u128(u128::from_be_bytes(bytes)))
}

fn read_causes(reader: &mut Reader<'_>) -> Result<Causes, Flaw> {
    let count = read_count(reader, limits::CAUSES_MAX, "c")?;
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        ids.push(read_id(reader)?);
    }
    Causes::new(ids).map_err(|_| reader.flaw(Rule::Value("c")))
}

fn read_tags(reader: &mut Reader<'_>) -> Result<Tags, Flaw> {
    let count = read_count(reader, limits::TAGS_MAX, "t")?;
    let mut tags = [""; limits::TAGS_MAX];
    let tags = &mut tags[..count];
    for i in 0..count {
        tags[i] = reader.text()?;
        if i > 0 && tags[i - 1] >= tags[i] {
            return Err(reader.flaw(Rule::NotCanonical("its tags do not ascend")));
        }
    }
    Tags::new(tags).map_err(|_| reader.flaw(Rule::Value("t")))
}

/// The length of an array that is left out when it is empty.
fn read_count(reader: &mut Reader<'_>, most: usize, key: &'static str) -> Result<usize, Flaw> {
    match reader.array()? {
        0 => Err(reader.flaw(Rule::NotCanonical("a default is stored"))),
        count if count > most => Err(reader.flaw(Rule::Value(key))),
        count => Ok(count),
    }
}

fn read_evidence(reader: &mut Reader<'_>) -> Result<Evidence, Flaw> {
    let entries = reader.map()?;
    let key = reader.text()?;
    let evidence = match (entries, key) {
        (1, "gates") => {
            let count = read_count(reader, limits::EVIDENCE_GATES_MAX, "g")?;
            let mut gates = Vec::with_capacity(count);
            for _ in 0..count {
                gates.push(reader.text()?.to_owned());
            }
            Evidence::Admitted { gates }
        }
        (2, "justification") => {
            let justification = reader.text()?.to_owned();
            if reader.text()? != "reason" {
                return Err(reader.flaw(Rule::Value("g")));
            }
            Evidence::Bypassed { reason: reader.text()?.to_owned(), justification }
        }
        _ => return Err(reader.flaw(Rule::Value("g"))),
    };
    Ok(evidence)
}
