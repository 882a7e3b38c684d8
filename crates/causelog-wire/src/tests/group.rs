//! Tests of commit groups.

use causelog_types::*;

use super::samples::*;
use crate::group::FRAME_BYTES_MIN;
use crate::layout::{GROUP_HEADER, GROUP_HEADER_BYTES};
use crate::*;

fn decode(bytes: &[u8]) -> Decoded<GroupHeader> {
    GroupHeader::decode(bytes, SALT, OFFSET)
}

fn gap(reason: GapReason) -> GroupHeader {
    GroupHeader { kind: GroupKind::Gap(reason), length: 0, count: 5, ..events() }
}

fn events() -> GroupHeader {
    GroupHeader {
        kind: GroupKind::Events,
        length: 300,
        count: 3,
        base: Position(10),
        epoch: 3,
        synced_to: Position(9),
        root_before: Root([1; 32]),
        root_after: Root([2; 32]),
    }
}

fn three() -> Vec<Header> {
    vec![plain(), full(), longest()]
}

/// Where a field begins.
fn at(name: &str) -> usize {
    GROUP_HEADER.iter().find(|field| field.name == name).unwrap().offset
}

/// Replaces a field of a group's header, mends the checksum, and checks what reading it then says.
fn check(field: &str, bytes: &[u8], expect: Result<(), Rule>) {
    let edited = replaced(&events().encode(SALT, OFFSET), at(field), bytes);
    match (decode(&mended(&edited, SALT, OFFSET)), expect) {
        (Decoded::Whole(_), Ok(())) => {}
        (Decoded::Corrupt(flaw), Err(rule)) => assert_eq!(flaw, Flaw { rule, offset: OFFSET }),
        (found, expect) => panic!("{field} {bytes:02x?}: {found:?}, but expected {expect:?}"),
    }
}

/// Spec: GROUP-1, GROUP-7
#[test]
fn group_headers_come_back() {
    for header in [events(), gap(GapReason::Lost), gap(GapReason::Dropped)] {
        let bytes = header.encode(SALT, OFFSET);
        assert_eq!(decode(&[&bytes[..], b"more"].concat()), Decoded::Whole(header));
        check_every_flip(&bytes, |bytes| decode(bytes).whole().is_some());
        check_every_cut(&bytes, |_| GROUP_HEADER_BYTES, decode);
        assert_eq!(
            rule_of(GroupHeader::decode(&bytes, SALT, OFFSET.plus(1))),
            Rule::Checksum("group header")
        );
        assert_eq!(rule_of(GroupHeader::decode(&bytes, Salt(0), OFFSET)), Rule::Checksum("group header"));
    }
    assert_eq!((events().next(), events().total_bytes()), (Position(13), 412));
    assert_eq!(rule_of(decode(&[0; GROUP_HEADER_BYTES])), Rule::Magic);
}

/// Spec: GROUP-8
#[test]
fn unknown_kinds_and_flags_are_unsupported() {
    for (kind, reason) in [(0, 0), (3, 0), (255, 0), (1, 1), (2, 0), (2, 3)] {
        check("kind", &[kind, 0, reason, 0], Err(Rule::Unsupported("group kind")));
    }
    for flag in 0..8 {
        check("flags", &[1 << flag], Err(Rule::Unsupported("group flag")));
        check("reserved", &[1 << flag], Err(Rule::Reserved));
    }
}

/// Spec: GROUP-2, GROUP-6. Every number has its range, told before anything is allocated.
#[test]
fn numbers_out_of_range_are_refused() {
    let length_or_count = Err(Rule::Range("length or count"));
    let most = u32::try_from(limits::GROUP_BYTES_MAX - GROUP_HEADER_BYTES).unwrap();
    check("length", &most.to_le_bytes(), Ok(()));
    check("length", &(most + 1).to_le_bytes(), length_or_count);
    check("length", &u32::MAX.to_le_bytes(), length_or_count);
    check("length", &(3 * 83_u32).to_le_bytes(), Ok(()));
    check("length", &(3 * 83_u32 - 1).to_le_bytes(), length_or_count);
    check("length", &0_u32.to_le_bytes(), length_or_count);
    check("count", &4_u64.to_le_bytes(), length_or_count);
    check("count", &u64::MAX.to_le_bytes(), length_or_count);
    check("count", &0_u64.to_le_bytes(), Err(Rule::Range("count")));
    check("base_position", &(u64::MAX - 4).to_le_bytes(), Ok(()));
    check("base_position", &(u64::MAX - 3).to_le_bytes(), Err(Rule::Range("count")));
    check("base_position", &u64::MAX.to_le_bytes(), Err(Rule::Range("count")));
    check("synced_to", &10_u64.to_le_bytes(), Ok(()));
    check("synced_to", &11_u64.to_le_bytes(), Err(Rule::Range("synced_to")));
    // A gap has no frames, and any count that fits.
    check("kind", &[2, 0, 1, 0, 0, 0, 0, 0], Ok(()));
    check("kind", &[2, 0, 1, 0, 1, 0, 0, 0], length_or_count);
}

/// Spec: GROUP-2. The bound on the count is the shortest frame that there can be.
#[test]
fn the_shortest_frame() {
    let bytes = with_frame_checksum(&encoded(&plain()), &[0xc0], 0);
    assert!(decode_frame(&bytes, SALT, OFFSET).whole().is_some());
    assert_eq!(widen(bytes.len()), FRAME_BYTES_MIN);
}

/// Spec: GROUP-3, GROUP-5. Frames follow each other to the group's end, and the roots fold over them.
#[test]
fn a_group_is_its_header_and_its_frames() {
    let (bytes, frames) = group_of(&three());
    let header = decode(&bytes).whole().unwrap();
    assert_eq!(header.total_bytes(), widen(bytes.len()));
    assert_eq!((header.kind, header.count, header.base), (GroupKind::Events, 3, Position(10)));
    assert_eq!((header.epoch, header.synced_to), (3, Position(10)));
    let (mut start, mut root) = (GROUP_HEADER_BYTES, header.root_before);
    for (expected, place) in three().into_iter().zip(frames) {
        let frame = decode_frame(&bytes[start..], SALT, OFFSET.plus(start)).whole().unwrap();
        assert_eq!((&frame.header, place), (&expected, start..start + frame.bytes));
        root = hash::next_root(root, frame.hash());
        start += frame.bytes;
    }
    assert_eq!((start, root), (bytes.len(), header.root_after));
}

/// Spec: HASH-6. Neither the salt, nor the place, nor the grouping changes a hash or a root.
#[test]
fn hashes_do_not_depend_on_place_or_grouping() {
    let (bytes, _) = group_of(&three());
    let whole = decode(&bytes).whole().unwrap();
    let mut root = whole.root_before;
    for (i, header) in three().iter().enumerate() {
        let mut buffer = GroupBuffer::new();
        buffer.push(header, &stored_payload(header)).unwrap();
        let (salt, offset) = (Salt(widen(i)), ByteOffset(1000 * widen(i)));
        let sealed = buffer.seal(salt, offset, &GroupMeta { root_before: root, ..meta() }).unwrap().to_vec();
        assert_eq!(
            buffer.root_after(root),
            GroupHeader::decode(&sealed, salt, offset).whole().unwrap().root_after
        );
        root = buffer.root_after(root);
    }
    assert_eq!(root, whole.root_after);
}

/// Spec: GROUP-4. Taking events back and using the buffer again leaves no trace.
#[test]
fn buffers_are_used_again() {
    let mut buffer = GroupBuffer::default();
    assert!(buffer.is_empty());
    for header in three() {
        buffer.push(&header, &stored_payload(&header)).unwrap();
    }
    let all = buffer.seal(SALT, OFFSET, &meta()).unwrap().to_vec();
    for kept in (1..=3).rev() {
        buffer.truncate(kept + 1);
        buffer.truncate(kept);
        assert_eq!(buffer.frames().len(), kept);
        let sealed = buffer.seal(SALT, OFFSET, &meta()).unwrap();
        assert_eq!(sealed, group_of(&three()[..kept]).0);
    }
    buffer.truncate(0);
    assert!(buffer.is_empty());
    assert_eq!(buffer.seal(SALT, OFFSET, &meta()), Err(EncodeError::GroupEmpty));
    for _ in 0..2 {
        for header in three() {
            buffer.push(&header, &stored_payload(&header)).unwrap();
        }
        assert_eq!(buffer.len(), all.len());
        assert_eq!(buffer.seal(SALT, OFFSET, &meta()).unwrap(), all);
        buffer.clear();
        assert!(buffer.is_empty());
        assert_eq!(buffer.len(), GROUP_HEADER_BYTES);
    }
}

/// Spec: FRAME-2, GROUP-2. Beyond a limit nothing is added; what was there before stays whole.
#[test]
fn limits_are_held_when_writing() {
    let mut buffer = GroupBuffer::new();
    buffer.push(&plain(), &[0xc0]).unwrap();
    let before = buffer.seal(SALT, OFFSET, &meta()).unwrap().to_vec();
    let room = limits::FRAME_BYTES_MAX - 8 - encoded(&plain()).len();
    let too_long = vec![0; room + 1];
    let error =
        EncodeError::FrameTooLong { bytes: limits::FRAME_BYTES_MAX + 1, limit: limits::FRAME_BYTES_MAX };
    assert_eq!(buffer.push(&plain(), &too_long), Err(error));
    assert_eq!(buffer.seal(SALT, OFFSET, &meta()).unwrap(), before);

    let longest = &too_long[..room];
    let first = buffer.push(&plain(), longest).unwrap();
    assert_eq!(usize::try_from(first.bytes).unwrap(), limits::FRAME_BYTES_MAX);
    let over = GROUP_HEADER_BYTES + 83 + 2 * limits::FRAME_BYTES_MAX;
    assert_eq!(buffer.push(&plain(), longest), Err(EncodeError::GroupTooLong { bytes: over }));
    let fits = room - GROUP_HEADER_BYTES - 83;
    let over = limits::GROUP_BYTES_MAX + 1;
    let refused = buffer.push(&plain(), &longest[..=fits]);
    assert_eq!(refused, Err(EncodeError::GroupTooLong { bytes: over }));
    buffer.push(&plain(), &longest[..fits]).unwrap();
    assert_eq!(buffer.len(), limits::GROUP_BYTES_MAX);
    let bytes = buffer.seal(SALT, OFFSET, &meta()).unwrap();
    assert_eq!(decode(bytes).whole().unwrap().count, 3);
}

/// Spec: FRAME-11, FRAME-12, FRAME-15. What could not be read back is not written.
#[test]
fn what_nothing_could_read_is_not_written() {
    let refused = |rule| Err(EncodeError::Unreadable(rule));
    let mut buffer = GroupBuffer::new();
    let mut check = |header: Header, stored: &[u8], rule: Rule| {
        assert_eq!(buffer.push(&header, stored), refused(rule));
        assert_eq!((buffer.len(), buffer.frames().len()), (GROUP_HEADER_BYTES, 0));
    };
    check(plain(), &[], Rule::Payload);
    check(Header { salted: true, ..plain() }, &[0xc0; 40], Rule::Payload);
    check(Header { revision: Revision(1), ..plain() }, &[0xc0], Rule::Value("p"));
    check(Header { previous_hash: Some(EventHash([0; 32])), ..plain() }, &[0xc0], Rule::Value("p"));
    check(Header { position: Position(u64::MAX), ..plain() }, &[0xc0], Rule::Value("q"));
    check(Header { batch_remaining: 16_384, ..plain() }, &[0xc0], Rule::Value("b"));
    let deep = DagPosition { depth: Depth(1), ..plain().dag };
    check(Header { dag: deep, ..plain() }, &[0xc0], Rule::Value("d"));
    let own_cause =
        DagPosition { causes: Causes::new([plain().id]).unwrap(), depth: Depth(1), ..plain().dag };
    check(Header { dag: own_cause, ..plain() }, &[0xc0], Rule::Value("c"));
    for gates in [vec![], vec!["g".repeat(70_000)], vec![String::new(); 70_000]] {
        check(Header { evidence: Some(Evidence::Admitted { gates }), ..plain() }, &[0xc0], Rule::Value("g"));
    }
    buffer.push(&plain(), &[0xc0]).unwrap();
    assert!(!buffer.is_empty());
    let ahead = GroupMeta { synced_to: Position(11), ..meta() };
    assert_eq!(buffer.seal(SALT, OFFSET, &ahead), Err(EncodeError::Unreadable(Rule::Range("synced_to"))));
    let last = GroupMeta { base: Position(u64::MAX - 1), ..meta() };
    assert_eq!(buffer.seal(SALT, OFFSET, &last), Err(EncodeError::Unreadable(Rule::Range("count"))));
}

/// A group at another place has other checksums and nothing else: what it holds, erased payloads too, stays as it is.
///
/// Spec: WIRE-9, HASH-6, SALVAGE-1
#[test]
fn a_group_is_stamped_anew_for_another_place() {
    let (bytes, frames) = group_of(&three());
    let (from, to) = ((SALT, OFFSET), (Salt(99), ByteOffset(5000)));
    let header = decode(&bytes).whole().unwrap();
    let mut moved = bytes.clone();
    restamp_group(&mut moved, from, to).unwrap();
    assert_eq!(GroupHeader::decode(&moved, to.0, to.1), Decoded::Whole(header));
    for (expected, place) in three().into_iter().zip(&frames) {
        let frame = decode_frame(&moved[place.clone()], to.0, to.1.plus(place.start)).whole().unwrap();
        assert_eq!(frame.header, expected);
        let stood = decode_frame(&bytes[place.clone()], from.0, from.1.plus(place.start)).whole().unwrap();
        assert_eq!((frame.header_bytes, frame.stored_payload), (stood.header_bytes, stood.stored_payload));
    }
    restamp_group(&mut moved, to, from).unwrap();
    assert_eq!(moved, bytes, "and back");
    // Nothing is given a right checksum that had a wrong one.
    for at in [20, frames[0].start + 4, frames[0].end - 1, frames[2].start + 9, bytes.len() - 1] {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert!(restamp_group(&mut wrong, from, to).is_err(), "byte {at}");
    }
    assert!(restamp_group(&mut bytes.clone(), to, from).is_err(), "it does not stand there");
    for cut in [0, GROUP_HEADER_BYTES - 1, GROUP_HEADER_BYTES + 3, bytes.len() - 1] {
        assert!(restamp_group(&mut bytes[..cut].to_vec(), from, to).is_err(), "cut to {cut}");
    }
    let mut gap = gap(GapReason::Lost).encode(SALT, OFFSET);
    restamp_group(&mut gap, from, to).unwrap();
    assert!(GroupHeader::decode(&gap, to.0, to.1).whole().is_some());
}
