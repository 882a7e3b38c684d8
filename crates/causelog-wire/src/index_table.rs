//! The table of an index file: entries in the order of their keys, in the leaves of a tree.
//!
//! A leaf and an inner node are laid out alike. An inner node has an entry for each of its children: the first key
//! below it, and its block's number.

use causelog_types::{Coordinate, EventHash, EventId, EventKind, Position};

use crate::Rule;
use crate::fixed::{FixedReader, FixedWriter};
use crate::hash;
use crate::layout::{INDEX_CONTENT_BYTES, INDEX_VALUE_BYTES_MAX};

/// The key of an entry, and what it begins with for all entries about one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey(Vec<u8>);

const EFFECTS: u8 = 1;
const HEADS: u8 = 2;
const IDS: u8 = 3;
const KINDS: u8 = 4;
const SCOPES: u8 = 5;
const STREAMS: u8 = 6;
const TAGS: u8 = 7;

impl IndexKey {
    /// The effects of an event.
    #[must_use]
    pub fn effects(cause: EventId) -> Self {
        Self::of(EFFECTS, &[&cause.as_u128().to_be_bytes()])
    }

    /// What is known of a stream.
    #[must_use]
    pub fn head(stream: &Coordinate) -> Self {
        Self::of(HEADS, &[stream.entity().as_bytes(), &[0], stream.scope().as_bytes()])
    }

    /// What is known of all streams of an entity.
    #[must_use]
    pub fn heads_of_entity(entity: &str) -> Self {
        Self::of(HEADS, &[entity.as_bytes(), &[0]])
    }

    /// What is known of all streams whose entities begin so.
    #[must_use]
    pub fn heads_of_prefix(prefix: &str) -> Self {
        Self::of(HEADS, &[prefix.as_bytes()])
    }

    /// An event by its id.
    #[must_use]
    pub fn id(id: EventId) -> Self {
        Self::of(IDS, &[&id.as_u128().to_be_bytes()])
    }

    /// The events of a kind.
    #[must_use]
    pub fn kind(kind: EventKind) -> Self {
        Self::of(KINDS, &[&kind.bits().to_be_bytes()])
    }

    /// The events of a scope.
    #[must_use]
    pub fn scope(scope: &str) -> Self {
        Self::of(SCOPES, &[scope.as_bytes(), &[0]])
    }

    /// The events of a stream.
    #[must_use]
    pub fn stream(stream: &Coordinate) -> Self {
        Self::of(STREAMS, &[stream.entity().as_bytes(), &[0], stream.scope().as_bytes(), &[0]])
    }

    /// The events with a tag.
    #[must_use]
    pub fn tag(tag: &str) -> Self {
        Self::of(TAGS, &[tag.as_bytes(), &[0]])
    }

    /// The key of the first of these entries at or before a position.
    #[must_use]
    pub fn at(&self, position: Position) -> Self {
        let mut key = self.0.clone();
        key.extend_from_slice(&position.0.to_be_bytes());
        Self(key)
    }

    /// As it stands in the file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The kind that a key of a kind's events names.
    #[must_use]
    pub fn kind_in(key: &[u8]) -> Option<EventKind> {
        match key {
            [KINDS, high, low, ..] => Some(EventKind::from_bits(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// The stream that the key of a stream's head names: entity and scope.
    #[must_use]
    pub fn stream_in(key: &[u8]) -> Option<(&str, &str)> {
        let text = std::str::from_utf8(key.strip_prefix(&[HEADS])?).ok()?;
        text.split_once('\0')
    }

    /// Whether the entry of this key holds positions: those that follow the one at the key's end.
    #[must_use]
    pub fn holds_positions(key: &[u8]) -> bool {
        matches!(key.first(), Some(&(EFFECTS | KINDS | SCOPES | STREAMS | TAGS)))
    }

    /// Whether the entry of this key is a stream's head.
    #[must_use]
    pub fn is_head(key: &[u8]) -> bool {
        key.first() == Some(&HEADS)
    }

    /// The id in the key of an event.
    #[must_use]
    pub fn is_id(key: &[u8]) -> bool {
        key.first() == Some(&IDS)
    }

    /// What stands before the position at a key's end, and that position.
    #[must_use]
    pub fn split_position(key: &[u8]) -> Option<(&[u8], Position)> {
        let (before, end) = key.split_last_chunk::<8>()?;
        Some((before, Position(u64::from_be_bytes(*end))))
    }

    fn of(table: u8, parts: &[&[u8]]) -> Self {
        let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>() + 8);
        key.push(table);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        Self(key)
    }
}

/// What the table says of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// Its number in the file: the place of its name among those of all the file's streams.
    pub number: u32,
    /// The row of its last event.
    pub last_row: u32,
    /// That event's hash.
    pub last_hash: EventHash,
}

const STREAM_ENTRY_BYTES: usize = 40;

impl StreamEntry {
    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> [u8; STREAM_ENTRY_BYTES] {
        FixedWriter::new().u32(self.number).u32(self.last_row).bytes(&self.last_hash.0).finish()
    }

    /// Reads one.
    ///
    /// # Errors
    /// The value has another length.
    pub fn decode(value: &[u8]) -> Result<Self, Rule> {
        if value.len() != STREAM_ENTRY_BYTES {
            return Err(Rule::Range("index value"));
        }
        let mut fields = FixedReader::new(value);
        let (number, last_row) = (fields.u32(), fields.u32());
        Ok(Self { number, last_row, last_hash: EventHash(fields.array()) })
    }
}

/// Adds a position to an entry's value: its distance from the one before, seven bits to a byte, the lowest first.
pub fn push_position(value: &mut Vec<u8>, distance: u64) {
    let mut rest = distance;
    while rest >= 0x80 {
        value.push(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    value.push(u8::try_from(rest).unwrap_or(0));
}

/// Reads the positions of an entry, which rise, the one in its key included.
///
/// # Errors
/// The value is not what [`push_position`] makes of rising positions.
pub fn decode_positions(first: Position, value: &[u8], out: &mut Vec<u64>) -> Result<(), Rule> {
    out.clear();
    out.push(first.0);
    let (mut last, mut distance, mut shift) = (first.0, 0_u64, 0);
    for byte in value {
        if shift > 56 {
            return Err(Rule::Range("index position"));
        }
        distance |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            // None is 0, and one that ends with a zero byte is longer than it must be.
            last = last.checked_add(distance).filter(|_| *byte > 0).ok_or(Rule::Range("index position"))?;
            out.push(last);
            (distance, shift) = (0, 0);
        }
    }
    if shift == 0 { Ok(()) } else { Err(Rule::Range("index position")) }
}

/// The bits of an id in the filter: the number of the block, of so many, and the bits in its content.
#[must_use]
pub fn filter_bits(id: EventId, blocks: u32) -> (u32, [usize; 6]) {
    let bits = u32::try_from(8 * INDEX_CONTENT_BYTES).unwrap_or(u32::MAX);
    let hash = hash::filter(id);
    let mut words = hash.chunks_exact(4).map(|word| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(word);
        u32::from_le_bytes(bytes)
    });
    let mut below = |limit: u32| words.next().unwrap_or(0) % limit.max(1);
    let block = below(blocks);
    (block, std::array::from_fn(|_| usize::try_from(below(bits)).unwrap_or(0)))
}

/// Puts the entries of one node together.
#[derive(Debug, Default)]
pub struct NodeBuilder {
    /// Keys and values, one after the other.
    bytes: Vec<u8>,
    /// Where each key and its value end in them.
    ends: Vec<(usize, usize)>,
    /// How long a beginning all keys have in common.
    prefix: usize,
}

/// What stands before the entries of a node, but for the common beginning: their count, and its length.
const NODE_HEADER_BYTES: usize = 4;
/// Where an entry ends, and where its key does.
const ENTRY_HEADER_BYTES: usize = 4;

impl NodeBuilder {
    /// Adds an entry, whose key is greater than those before it; `false`, and nothing, when there is no room.
    #[must_use]
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> bool {
        let first = self.first_key();
        let prefix = match self.ends.is_empty() {
            true => key.len(),
            false => first.iter().zip(key).take(self.prefix).take_while(|(a, b)| a == b).count(),
        };
        let entries = self.ends.len() + 1;
        let bytes = self.bytes.len() + key.len() + value.len();
        let whole = NODE_HEADER_BYTES + prefix + bytes - entries * prefix + entries * ENTRY_HEADER_BYTES;
        if whole > INDEX_CONTENT_BYTES && !self.ends.is_empty() {
            return false;
        }
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.ends.push((key_end, self.bytes.len()));
        self.prefix = prefix;
        true
    }

    /// Whether it has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The first key; empty without any.
    #[must_use]
    pub fn first_key(&self) -> &[u8] {
        self.ends.first().map_or(&[], |(end, _)| &self.bytes[..*end])
    }

    /// Writes the node to the beginning of a block, and begins the next one.
    pub fn finish(&mut self, block: &mut [u8]) {
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(INDEX_CONTENT_BYTES);
        out.extend_from_slice(&short(self.ends.len()));
        out.extend_from_slice(&short(self.prefix));
        out.extend_from_slice(&self.first_key()[..self.prefix]);
        let mut at = out.len() + self.ends.len() * ENTRY_HEADER_BYTES;
        let mut start = 0;
        for (key_end, end) in &self.ends {
            let key = key_end - start - self.prefix;
            out.extend_from_slice(&short(at + key));
            at += end - start - self.prefix;
            out.extend_from_slice(&short(at));
            start = *end;
        }
        start = 0;
        for (_, end) in &self.ends {
            out.extend_from_slice(&self.bytes[start + self.prefix..*end]);
            start = *end;
        }
        assert!(out.len() <= INDEX_CONTENT_BYTES, "a node of an index file is too long");
        block[..out.len()].copy_from_slice(&out);
        self.bytes.clear();
        self.ends.clear();
        self.prefix = 0;
    }
}

/// A node of the table, checked.
#[derive(Clone, Copy, Debug)]
pub struct IndexNode<'a> {
    content: &'a [u8],
    prefix: &'a [u8],
    count: usize,
}

impl<'a> IndexNode<'a> {
    /// Takes a block's content that [`IndexNode::check`] has found right.
    #[must_use]
    pub fn of(content: &'a [u8]) -> Self {
        let short = |at: usize| content.get(at..at + 2).map_or(0, |bytes| usize::from(le(bytes)));
        let prefix = content.get(NODE_HEADER_BYTES..NODE_HEADER_BYTES + short(2)).unwrap_or_default();
        Self { content, prefix, count: short(0) }
    }

    /// Whether every entry lies within the block, and the keys rise.
    ///
    /// # Errors
    /// They do not.
    pub fn check(content: &'a [u8]) -> Result<(), Rule> {
        let node = Self::of(content);
        let wrong = Err(Rule::Range("index node"));
        let Some(common) = content.get(2..NODE_HEADER_BYTES).map(|bytes| usize::from(le(bytes))) else {
            return wrong;
        };
        let mut start = NODE_HEADER_BYTES + common + node.count * ENTRY_HEADER_BYTES;
        if node.count == 0 || start > content.len() {
            return wrong;
        }
        for i in 0..node.count {
            let (key_end, end) = node.ends(i);
            if key_end < start
                || end < key_end
                || end > content.len()
                || end - key_end > INDEX_VALUE_BYTES_MAX
            {
                return wrong;
            }
            start = end;
        }
        match (1..node.count).all(|i| node.suffix(i - 1) < node.suffix(i)) {
            true => Ok(()),
            false => wrong,
        }
    }

    /// How many entries it has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The value of an entry.
    #[must_use]
    pub fn value(&self, i: usize) -> &'a [u8] {
        let (key_end, end) = self.ends(i);
        self.content.get(key_end..end).unwrap_or_default()
    }

    /// The key of an entry, put into `out`.
    pub fn key_into(&self, i: usize, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(self.prefix);
        out.extend_from_slice(self.suffix(i));
    }

    /// Whether the key of an entry begins so.
    #[must_use]
    pub fn key_begins_with(&self, i: usize, beginning: &[u8]) -> bool {
        match beginning.strip_prefix(self.prefix) {
            Some(rest) => self.suffix(i).starts_with(rest),
            None => self.prefix.starts_with(beginning),
        }
    }

    /// How many entries have keys not greater than this one.
    #[must_use]
    pub fn entries_up_to(&self, key: &[u8]) -> usize {
        let Some(rest) = key.strip_prefix(self.prefix) else {
            return if key < self.prefix { 0 } else { self.count };
        };
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            match self.suffix(middle) <= rest {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The child that an entry of an inner node names.
    ///
    /// # Errors
    /// The entry names none.
    pub fn child(&self, i: usize) -> Result<u32, Rule> {
        match self.value(i).try_into() {
            Ok(number) => Ok(u32::from_le_bytes(number)),
            Err(_) => Err(Rule::Range("index child")),
        }
    }

    fn suffix(&self, i: usize) -> &'a [u8] {
        let entries = NODE_HEADER_BYTES + self.prefix.len();
        let start = match i.checked_sub(1) {
            Some(before) => self.ends(before).1,
            None => entries + self.count * ENTRY_HEADER_BYTES,
        };
        self.content.get(start..self.ends(i).0).unwrap_or_default()
    }

    fn ends(&self, i: usize) -> (usize, usize) {
        let at = NODE_HEADER_BYTES + self.prefix.len() + i * ENTRY_HEADER_BYTES;
        match self.content.get(at..at + ENTRY_HEADER_BYTES) {
            Some(bytes) => (usize::from(le(&bytes[..2])), usize::from(le(&bytes[2..]))),
            None => (0, 0),
        }
    }
}

fn le(bytes: &[u8]) -> u16 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u16::from(*byte))
}
