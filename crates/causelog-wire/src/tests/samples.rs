//! Headers, payloads and groups for the tests, and what is done to their bytes.

use causelog_types::*;
use proptest::prelude::*;

use crate::checksum::checksum;
use crate::*;

pub(super) const SALT: Salt = Salt(0x0123_4567_89ab_cdef);
pub(super) const OFFSET: ByteOffset = ByteOffset(148);
pub(super) const STORE: StoreId = StoreId::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001);

/// The shortest header there is.
pub(super) fn plain() -> Header {
    let id = EventId::from_u128(7);
    Header {
        id,
        coordinate: Coordinate::new("e", "s").unwrap(),
        kind: EventKind::from_bits(0x0001),
        payload_version: 0,
        position: Position(0),
        revision: Revision(0),
        previous_hash: None,
        payload_hash: hash::payload(&[0xc0]),
        dag: DagPosition {
            correlation_id: id,
            causes: Causes::none(),
            depth: Depth(0),
            hlc: Hlc { wall_ms: 0, counter: 0 },
            occurred_ms: None,
        },
        tags: Tags::none(),
        evidence: None,
        batch_remaining: 0,
        salted: false,
    }
}

/// A header with every key.
pub(super) fn full() -> Header {
    Header {
        coordinate: Coordinate::new("door:1", "home").unwrap(),
        kind: EventKind::from_bits(0x1001),
        payload_version: 2,
        position: Position(3),
        revision: Revision(1),
        previous_hash: Some(EventHash([0x11; 32])),
        dag: DagPosition {
            correlation_id: EventId::from_u128(1),
            causes: Causes::new([EventId::from_u128(2), EventId::from_u128(1)]).unwrap(),
            depth: Depth(1),
            hlc: Hlc { wall_ms: 1_700_000_000_000, counter: 5 },
            occurred_ms: Some(-3),
        },
        tags: Tags::new(["front", "night"]).unwrap(),
        evidence: Some(Evidence::Admitted { gates: vec!["hours".into(), "holder".into()] }),
        batch_remaining: 1,
        salted: true,
        ..plain()
    }
}

/// The longest header that a writer can make.
pub(super) fn longest() -> Header {
    let tag = |i: u8| String::from(char::from(b'a' + i)).repeat(128);
    Header {
        id: EventId::from_u128(u128::MAX),
        coordinate: Coordinate::new("e".repeat(512), "s".repeat(255)).unwrap(),
        kind: EventKind::from_bits(0xffff),
        payload_version: u16::MAX,
        position: Position(u64::MAX - 1),
        revision: Revision(u64::MAX - 1),
        dag: DagPosition {
            correlation_id: EventId::from_u128(1),
            causes: Causes::new((0..256).map(EventId::from_u128)).unwrap(),
            depth: Depth(u32::MAX),
            hlc: Hlc { wall_ms: u64::MAX - 1, counter: u32::MAX },
            occurred_ms: Some(i64::MIN),
        },
        tags: Tags::new((0..16).map(tag)).unwrap(),
        evidence: Some(Evidence::Admitted { gates: vec!["g".repeat(64); 64] }),
        batch_remaining: 16_383,
        ..full()
    }
}

pub(super) fn encoded(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_header(header, &mut bytes);
    bytes
}

/// A payload as it is stored for this header.
pub(super) fn stored_payload(header: &Header) -> Vec<u8> {
    match header.salted {
        true => [&[0xc4, 16][..], &[0x5a; 16], &[0xa3], b"abc"].concat(),
        false => [&[0xa3][..], b"abc"].concat(),
    }
}

/// A sealed group of these events at [`OFFSET`] with [`SALT`], and where its frames begin and end.
pub(super) fn group_of(headers: &[Header]) -> (Vec<u8>, Vec<std::ops::Range<usize>>) {
    let mut buffer = GroupBuffer::new();
    for header in headers {
        buffer.push(header, &stored_payload(header)).unwrap();
    }
    let bytes = buffer.seal(SALT, OFFSET, &meta()).unwrap().to_vec();
    let ends = buffer.frames().iter().map(|frame| (frame.start, usize::try_from(frame.bytes).unwrap()));
    (bytes, ends.map(|(start, length)| start..start + length).collect())
}

pub(super) fn meta() -> GroupMeta {
    GroupMeta { epoch: 3, base: Position(10), root_before: hash::first_root(STORE), synced_to: Position(10) }
}

/// The frame of this event, for the place at [`OFFSET`].
pub(super) fn frame_of(header: &Header) -> Vec<u8> {
    with_frame_checksum(&encoded(header), &stored_payload(header), 0)
}

/// A frame put together from its parts, whatever they are, for the place at [`OFFSET`].
pub(super) fn with_frame_checksum(header: &[u8], payload: &[u8], word_bits: u32) -> Vec<u8> {
    let body = [header, payload].concat();
    let word = (u32::try_from(body.len()).unwrap() | word_bits).to_le_bytes();
    let sum = checksum(SALT, OFFSET, &[&word, &body]).to_le_bytes();
    [&word[..], &sum, &body].concat()
}

/// The same bytes, with their last four mended to be the checksum of those before.
pub(super) fn mended(bytes: &[u8], salt: Salt, offset: ByteOffset) -> Vec<u8> {
    let covered = &bytes[..bytes.len() - 4];
    [covered, &checksum(salt, offset, &[covered]).to_le_bytes()].concat()
}

/// The same bytes, with some of them replaced.
pub(super) fn replaced(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    [&bytes[..at], with, &bytes[at + with.len()..]].concat()
}

/// Flips every single bit and asserts that the result is not what `is_whole` takes.
pub(super) fn check_every_flip(bytes: &[u8], is_whole: impl Fn(&[u8]) -> bool) {
    assert!(is_whole(bytes), "the bytes were not whole before the flip");
    let mut flipped = bytes.to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            assert!(!is_whole(&flipped), "bit {bit} of byte {at} was flipped and nobody noticed");
            flipped[at] ^= 1 << bit;
        }
    }
}

/// Cuts the bytes at every length and asserts that this many are asked for.
pub(super) fn check_every_cut<'a, T: std::fmt::Debug>(
    bytes: &'a [u8],
    need_at: impl Fn(usize) -> usize,
    decode: impl Fn(&'a [u8]) -> Decoded<T>,
) {
    for length in 0..bytes.len() {
        match decode(&bytes[..length]) {
            Decoded::Incomplete { need } => assert_eq!(need, need_at(length), "cut at {length}"),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

pub(super) fn rule_of<T: std::fmt::Debug>(decoded: Decoded<T>) -> Rule {
    match decoded {
        Decoded::Corrupt(flaw) => flaw.rule,
        other => panic!("not corrupt: {other:?}"),
    }
}

pub(super) fn any_name(bytes_max: usize) -> impl Strategy<Value = String> {
    let lengths = prop_oneof![4 => 1..=40_usize, 1 => 1..=bytes_max];
    let names = lengths.prop_flat_map(|length| proptest::collection::vec(any::<char>(), length));
    names.prop_filter_map("a name", move |chars| {
        let mut name = String::new();
        for c in chars.into_iter().filter(|c| !c.is_control()) {
            if name.len() + c.len_utf8() <= bytes_max {
                name.push(c);
            }
        }
        (!name.is_empty()).then_some(name)
    })
}

/// Numbers of every length.
fn any_number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| (bits >> shift).min(u64::MAX - 1))
}

pub(super) fn any_id() -> impl Strategy<Value = EventId> {
    any::<u128>().prop_map(EventId::from_u128)
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let text = || proptest::collection::vec(any::<char>(), 1..40).prop_map(String::from_iter);
    prop_oneof![
        proptest::collection::vec(text(), 1..20).prop_map(|gates| Evidence::Admitted { gates }),
        (text(), text()).prop_map(|(reason, justification)| Evidence::Bypassed { reason, justification }),
    ]
}

fn any_dag() -> impl Strategy<Value = (Option<EventId>, DagPosition)> {
    let causes = prop_oneof![
        2 => Just(Vec::new()),
        4 => proptest::collection::hash_set(any_id(), 1..5).prop_map(Vec::from_iter),
        1 => proptest::collection::hash_set(any_id(), 1..=256).prop_map(Vec::from_iter),
    ];
    let time = (any_number(), any::<u32>(), proptest::option::of(any::<i64>()));
    (proptest::option::of(any_id()), causes, any::<u32>(), time, 0..64_u32).prop_map(
        |(correlation, causes, depth, (wall_ms, counter, occurred_ms), shift)| {
            let causes = Causes::new(causes).unwrap();
            let dag = DagPosition {
                correlation_id: EventId::from_u128(0),
                depth: Depth(if causes.is_empty() { 0 } else { (depth >> (shift / 2)).max(1) }),
                causes,
                hlc: Hlc { wall_ms, counter: counter >> (shift / 2) },
                occurred_ms: occurred_ms.map(|ms| ms >> shift),
            };
            (correlation, dag)
        },
    )
}

/// Any header that the data model allows.
pub(super) fn any_header() -> impl Strategy<Value = Header> {
    let names = (any_name(512), any_name(255), proptest::collection::btree_set(any_name(128), 0..=16));
    let numbers = (any::<u16>(), any::<u16>(), any_number(), any_number(), 0..16_384_u32);
    let rest = (proptest::option::of(any_evidence()), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<bool>());
    (any_id(), names, numbers, any_dag(), rest)
        .prop_map(|(id, (entity, scope, tags), numbers, (correlation, dag), rest)| {
            let (kind, payload_version, position, revision, batch_remaining) = numbers;
            let (evidence, payload_hash, previous, salted) = rest;
            Header {
                id,
                coordinate: Coordinate::new(entity, scope).unwrap(),
                kind: EventKind::from_bits(kind),
                payload_version,
                position: Position(position),
                revision: Revision(revision),
                previous_hash: (revision > 0).then_some(EventHash(previous)),
                payload_hash: PayloadHash(payload_hash),
                dag: DagPosition { correlation_id: correlation.unwrap_or(id), ..dag },
                tags: Tags::new(tags).unwrap(),
                evidence,
                batch_remaining,
                salted,
            }
        })
        .prop_filter("an event is not its own cause", |header| {
            header.dag.causes.iter().all(|cause| cause != header.id)
        })
}
