//! Tests of what stands in an index file: rows, keys, values, the filter.

use causelog_types::*;
use proptest::prelude::*;

use super::samples::*;
use crate::layout::*;
use crate::*;

/// Names that begin alike, and any.
fn name(bytes_max: usize) -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab$é]{1,4}", 1 => any_name(bytes_max)]
}

fn any_stream() -> impl Strategy<Value = Coordinate> {
    (name(512), name(255)).prop_map(|(entity, scope)| Coordinate::new(entity, scope).unwrap())
}

/// Small, great and between.
fn any_position() -> impl Strategy<Value = Position> {
    let numbers = prop_oneof![0..300_u64, any::<u64>(), u64::MAX - 2..u64::MAX];
    numbers.prop_map(Position)
}

/// One of each table's keys, and the table's number.
fn all_keys(stream: &Coordinate, id: EventId, kind: EventKind, tag: &str, at: Position) -> [Vec<u8>; 7] {
    [
        IndexKey::effects(id).at(at),
        IndexKey::head(stream),
        IndexKey::id(id),
        IndexKey::kind(kind).at(at),
        IndexKey::scope(stream.scope()).at(at),
        IndexKey::stream(stream).at(at),
        IndexKey::tag(tag).at(at),
    ]
    .map(|key| key.as_bytes().to_vec())
}

proptest! {
    /// Spec: INDEX-3. All bits of a row say something.
    #[test]
    fn rows_come_back(bytes in any::<[u8; 31]>(), more in any::<[u8; 31]>()) {
        let bytes: [u8; INDEX_ROW_BYTES] = [bytes, more].concat().try_into().unwrap();
        let row = IndexRow::decode(&bytes);
        prop_assert_eq!(row.encode(), bytes);
        prop_assert_eq!(IndexRow::decode(&row.encode()), row);
        prop_assert!(row.bytes <= u32::MAX >> 1);
        let length = u32::from_le_bytes(*bytes[24..].first_chunk().unwrap());
        prop_assert_eq!((row.bytes, row.first_of_stream), (length & 0x7fff_ffff, length >> 31 == 1));
    }

    /// Spec: INDEX-6, INDEX-8
    #[test]
    fn heads_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let whole = [&bytes[..], &[1; 40]].concat()[..40].to_vec();
        let entry = StreamEntry::decode(&whole).unwrap();
        prop_assert_eq!(&entry.encode()[..], &whole);
        prop_assert_eq!(&entry.last_hash.0[..], &whole[8..]);
        let short = StreamEntry::decode(&bytes);
        prop_assert_eq!(short.is_ok(), bytes.len() == 40);
    }

    /// Spec: INDEX-3
    #[test]
    fn positions_come_back(
        first in any_position(),
        distances in proptest::collection::vec((1..=u64::MAX >> 1, 0..63_u32), 0..30),
    ) {
        let (mut value, mut known) = (Vec::new(), vec![first.0]);
        for (bits, shift) in distances {
            let (distance, before) = ((bits >> shift).max(1), value.len());
            let Some(next) = known[known.len() - 1].checked_add(distance) else { break };
            known.push(next);
            push_position(&mut value, distance);
            // Seven bits to a byte.
            let bits = usize::try_from(u64::BITS - distance.leading_zeros()).unwrap();
            prop_assert_eq!(value.len() - before, bits.div_ceil(7));
        }
        let mut found = vec![7; 3];
        prop_assert_eq!(decode_positions(first, &value, &mut found), Ok(()));
        prop_assert_eq!(found, known);
    }

    /// Spec: INDEX-8, WIRE-6. What is read rises, and is written in no other way.
    #[test]
    fn hostile_positions_rise_or_are_refused(
        first in any_position(),
        value in proptest::collection::vec(prop_oneof![0..3_u8, 0x7e..0x83_u8, any::<u8>()], 0..24),
    ) {
        let mut found = Vec::new();
        if decode_positions(first, &value, &mut found).is_ok() {
            prop_assert_eq!(found[0], first.0);
            prop_assert!(found.is_sorted_by(|a, b| a < b));
            let mut again = Vec::new();
            found.windows(2).for_each(|pair| push_position(&mut again, pair[1] - pair[0]));
            prop_assert_eq!(again, value);
        }
    }

    /// Spec: INDEX-6. The heads of an entity, and of all entities that begin so, are those whose keys begin so.
    #[test]
    fn heads_are_found_by_what_their_keys_begin_with(
        streams in proptest::collection::vec(any_stream(), 1..12),
        prefix in "[ab$é]{0,3}",
    ) {
        let (exact, begins) = (IndexKey::heads_of_entity(&prefix), IndexKey::heads_of_prefix(&prefix));
        for stream in &streams {
            let key = IndexKey::head(stream);
            let key = key.as_bytes();
            prop_assert_eq!(key.starts_with(begins.as_bytes()), stream.entity().starts_with(&prefix));
            prop_assert_eq!(key.starts_with(exact.as_bytes()), stream.entity() == prefix);
            prop_assert_eq!(IndexKey::stream_in(key), Some((stream.entity(), stream.scope())));
        }
    }

    /// Spec: INDEX-3. The order of the keys is that of what they name.
    #[test]
    fn keys_are_in_the_order_of_what_they_name(
        a in (any_stream(), any_position(), any_id(), any::<u16>(), name(128)),
        b in (any_stream(), any_position(), any_id(), any::<u16>(), name(128)),
    ) {
        let names = |(stream, at, id, kind, tag): &(Coordinate, Position, EventId, u16, String)| {
            let (entity, scope) = (stream.entity().to_owned(), stream.scope().to_owned());
            (entity, scope, *at, *id, *kind, tag.clone())
        };
        let keys = |(stream, at, id, kind, tag): &(Coordinate, Position, EventId, u16, String)| {
            all_keys(stream, *id, EventKind::from_bits(*kind), tag, *at)
        };
        let (left, right) = (names(&a), names(&b));
        let expected = [
            (left.3, left.2).cmp(&(right.3, right.2)),
            (&left.0, &left.1).cmp(&(&right.0, &right.1)),
            left.3.cmp(&right.3),
            (left.4, left.2).cmp(&(right.4, right.2)),
            (&left.1, left.2).cmp(&(&right.1, right.2)),
            (&left.0, &left.1, left.2).cmp(&(&right.0, &right.1, right.2)),
            (&left.5, left.2).cmp(&(&right.5, right.2)),
        ];
        let (left, right) = (keys(&a), keys(&b));
        for (table, order) in expected.into_iter().enumerate() {
            prop_assert_eq!(left[table].cmp(&right[table]), order, "table {}", table + 1);
        }
        prop_assert!(left.is_sorted(), "the tables stand in the order of their numbers");
    }

    /// Spec: INDEX-3. Only the entries about a thing have keys that begin with its own.
    #[test]
    fn no_thing_is_taken_for_another(a in any_stream(), b in any_stream(), at in any_position()) {
        let stream = IndexKey::stream(&a).at(at);
        prop_assert_eq!(stream.as_bytes().starts_with(IndexKey::stream(&b).as_bytes()), a == b);
        let scope = IndexKey::scope(a.scope()).at(at);
        let same = a.scope() == b.scope();
        prop_assert_eq!(scope.as_bytes().starts_with(IndexKey::scope(b.scope()).as_bytes()), same);
        if let Ok(tags) = Tags::new([a.scope()]) {
            let tag = IndexKey::tag(tags.iter().next().unwrap()).at(at);
            prop_assert_eq!(tag.as_bytes().starts_with(IndexKey::tag(b.scope()).as_bytes()), same);
        }
    }

    /// Spec: INDEX-3
    #[test]
    fn a_position_is_split_from_its_key(
        stream in any_stream(),
        id in any_id(),
        kind in any::<u16>(),
        at in any_position(),
    ) {
        let kind = EventKind::from_bits(kind);
        let about = [
            IndexKey::effects(id),
            IndexKey::kind(kind),
            IndexKey::scope(stream.scope()),
            IndexKey::stream(&stream),
            IndexKey::tag(stream.scope()),
        ];
        for thing in about {
            let key = thing.at(at);
            prop_assert_eq!(IndexKey::split_position(key.as_bytes()), Some((thing.as_bytes(), at)));
        }
        let keys = all_keys(&stream, id, kind, stream.scope(), at);
        let sorts = |key: &Vec<u8>| {
            (IndexKey::holds_positions(key), IndexKey::is_head(key), IndexKey::is_id(key))
        };
        let (positions, head, only_id) = ((true, false, false), (false, true, false), (false, false, true));
        let expected = [positions, head, only_id, positions, positions, positions, positions];
        prop_assert_eq!(keys.each_ref().map(sorts), expected);
        let kinds = keys.each_ref().map(|key| IndexKey::kind_in(key));
        prop_assert_eq!(kinds, [None, None, None, Some(kind), None, None, None]);
    }

    /// Spec: WIRE-6
    #[test]
    fn any_bytes_are_a_key_or_none(key in proptest::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 0..20)) {
        if let Some((before, at)) = IndexKey::split_position(&key) {
            prop_assert_eq!([before, &at.0.to_be_bytes()].concat(), key.clone());
        } else {
            prop_assert!(key.len() < 8);
        }
        if let Some((entity, scope)) = IndexKey::stream_in(&key) {
            prop_assert_eq!([b"\x02", entity.as_bytes(), b"\0", scope.as_bytes()].concat(), key.clone());
        }
        prop_assert_eq!(IndexKey::kind_in(&key).is_some(), key.len() > 2 && key[0] == 4);
    }

    /// Spec: HASH-1
    #[test]
    fn filter_bits_are_those_of_the_hash(id in any_id(), blocks in prop_oneof![1..9_u32, any::<u32>()]) {
        let (block, bits) = filter_bits(id, blocks);
        let hash = blake3::derive_key(hash::FILTER_CONTEXT, &id.as_u128().to_be_bytes());
        let words: Vec<u32> = hash.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        prop_assert_eq!(block, words[0].checked_rem(blocks).unwrap_or(0));
        let expected = words[1..7].iter().map(|word| usize::try_from(word % 32_736).unwrap());
        prop_assert!(bits.into_iter().eq(expected));
    }
}

/// Spec: INDEX-8
#[test]
fn values_that_hold_no_positions_are_refused() {
    let wrong = Err(Rule::Range("index position"));
    let check = |first: u64, value: &[u8]| decode_positions(Position(first), value, &mut Vec::new());
    assert_eq!(check(5, &[]), Ok(()));
    assert_eq!(check(5, &[0xff, 0x7f]), Ok(()));
    assert_eq!(check(0, &[&[0xff; 8][..], &[0x7f]].concat()), Ok(()));
    for (first, value, why) in [
        (5, &[0][..], "a distance of 0"),
        (5, &[1, 0], "a distance of 0 behind another"),
        (5, &[0x81, 0], "a distance that is longer than it must be"),
        (5, &[0x80], "a distance that does not end"),
        (5, &[1, 0xff], "a distance that does not end, behind another"),
        (0, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "a distance of 64 bits"),
        (u64::MAX, &[1], "a position beyond the greatest"),
    ] {
        assert_eq!(check(first, value), wrong, "{why}");
    }
}
