//! Tests of the nodes of an index file's table, against a list of entries and a reader written from SPEC.md.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::layout::*;
use crate::*;

type Entry = (Vec<u8>, Vec<u8>);

/// The longest key: of a stream's events, with the longest names.
const KEY_BYTES_MAX: usize = 1 + 512 + 1 + 255 + 1 + 8;

/// Puts entries into as many nodes as it takes, as a writer does.
fn nodes_of(entries: &[Entry]) -> Vec<Vec<u8>> {
    let mut nodes = Vec::new();
    let mut builder = NodeBuilder::default();
    let mut finish = |builder: &mut NodeBuilder| {
        let first = builder.first_key().to_vec();
        let mut content = vec![0; INDEX_CONTENT_BYTES];
        builder.finish(&mut content);
        assert!(builder.is_empty() && builder.first_key().is_empty());
        assert_eq!(read(&content).unwrap()[0].0, first);
        nodes.push(content);
    };
    for (key, value) in entries {
        if !builder.add(key, value) {
            finish(&mut builder);
            assert!(builder.add(key, value), "an entry does not fit into a node of its own");
        }
    }
    finish(&mut builder);
    nodes
}

/// The entries of a node as SPEC.md says that they stand there; `None` if it is not right.
fn read(content: &[u8]) -> Option<Vec<Entry>> {
    let number = |at: usize| Some(usize::from(u16::from_le_bytes(*content.get(at..)?.first_chunk()?)));
    let (count, common) = (number(0)?, number(2)?);
    let beginning = content.get(4..4 + common)?;
    let mut start = 4 + common + 4 * count;
    let mut entries: Vec<Entry> = Vec::new();
    for i in 0..count {
        let (key_end, end) = (number(4 + common + 4 * i)?, number(4 + common + 4 * i + 2)?);
        let key = [beginning, content.get(start..key_end)?].concat();
        let value = content.get(key_end..end)?.to_vec();
        let rises = entries.last().is_none_or(|(last, _)| *last < key);
        if !rises || value.len() > INDEX_VALUE_BYTES_MAX {
            return None;
        }
        entries.push((key, value));
        start = end;
    }
    (count > 0).then_some(entries)
}

/// How many bytes a node of these entries takes.
fn length_of(entries: &[Entry]) -> usize {
    let common = common_of(entries);
    let one = |(key, value): &Entry| 4 + key.len() - common + value.len();
    4 + common + entries.iter().map(one).sum::<usize>()
}

/// How long a beginning the keys have in common. They are sorted: what the first and the last have, all have.
fn common_of(entries: &[Entry]) -> usize {
    let (first, last) = (&entries[0].0, &entries[entries.len() - 1].0);
    first.iter().zip(last).take_while(|(a, b)| a == b).count()
}

/// Keys with common beginnings, some of which are the beginning of others.
fn any_key() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![4 => 0..3_u8, 1 => any::<u8>()];
    let short = proptest::collection::vec(bytes.clone(), 0..8);
    let long = (proptest::collection::vec(bytes, 1..4), 1..KEY_BYTES_MAX / 4)
        .prop_map(|(bytes, times)| bytes.repeat(times));
    prop_oneof![6 => short, 1 => long]
}

fn any_entries(most: usize) -> impl Strategy<Value = Vec<Entry>> {
    let length = prop_oneof![6 => 0..4_usize, 1 => 0..=INDEX_VALUE_BYTES_MAX];
    let value = (any::<u8>(), length).prop_map(|(byte, length)| vec![byte; length]);
    let entries = proptest::collection::btree_map(any_key(), value, 1..most);
    entries.prop_map(|entries: BTreeMap<_, _>| entries.into_iter().collect())
}

/// Asks a node everything, right or not.
fn ask(content: &[u8], probe: &[u8]) {
    let node = IndexNode::of(content);
    let mut key = Vec::new();
    for i in [0, 1, node.count() / 2, node.count(), usize::from(u16::MAX)] {
        node.key_into(i, &mut key);
        assert!(key.len() + node.value(i).len() <= 2 * content.len());
        let _ = (node.key_begins_with(i, probe), node.child(i));
    }
    assert!(node.entries_up_to(probe) <= node.count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Spec: INDEX-3
    #[test]
    fn entries_come_back_in_order(entries in any_entries(200)) {
        let nodes = nodes_of(&entries);
        let mut at = 0;
        for content in &nodes {
            prop_assert_eq!(IndexNode::check(content), Ok(()));
            let there = read(content).unwrap();
            let expected = &entries[at..at + there.len()];
            prop_assert_eq!(&there[..], expected);
            let (node, mut key) = (IndexNode::of(content), Vec::new());
            prop_assert_eq!(node.count(), there.len());
            for (i, (known, value)) in there.iter().enumerate() {
                node.key_into(i, &mut key);
                prop_assert_eq!((&key, node.value(i)), (known, &value[..]));
            }
            prop_assert_eq!(usize::from(u16::from_le_bytes([content[2], content[3]])), common_of(expected));
            prop_assert!(content[length_of(expected)..].iter().all(|byte| *byte == 0));
            at += there.len();
            if at < entries.len() {
                let more = &entries[at - there.len()..=at];
                prop_assert!(length_of(more) > INDEX_CONTENT_BYTES, "there was room for one more");
            }
        }
        prop_assert_eq!(at, entries.len());
    }

    /// Spec: INDEX-3
    #[test]
    fn searches_find_what_a_list_finds(entries in any_entries(60), other in any_key(), pick in any::<Index>()) {
        let near = entries[pick.index(entries.len())].0.clone();
        let shorter = near[..near.len() / 2].to_vec();
        let longer = [&near[..], &[0]].concat();
        for content in nodes_of(&entries) {
            let (node, known) = (IndexNode::of(&content), read(&content).unwrap());
            for probe in [&other, &near, &shorter, &longer, &vec![], &vec![0xff; 900]] {
                let up_to = known.iter().filter(|(key, _)| key <= probe).count();
                prop_assert_eq!(node.entries_up_to(probe), up_to);
                for (i, (key, _)) in known.iter().enumerate() {
                    prop_assert_eq!(node.key_begins_with(i, probe), key.starts_with(probe));
                }
            }
        }
    }

    /// What a reader by SPEC.md takes, and nothing else, is taken.
    ///
    /// Spec: INDEX-8, WIRE-6
    #[test]
    fn spoilt_nodes_are_refused_without_a_panic(
        entries in any_entries(12),
        edits in proptest::collection::vec((any::<Index>(), any::<u8>(), any::<bool>()), 0..4),
        length in any::<Index>(),
        cut in proptest::bool::weighted(0.2),
        probe in any_key(),
    ) {
        let mut content = nodes_of(&entries).swap_remove(0);
        // The beginning and the ends are where a byte changes most.
        let front = 4 + common_of(&read(&content).unwrap()) + 4 * entries.len().min(12);
        for (at, byte, anywhere) in edits {
            let most = if anywhere { content.len() } else { front.min(content.len()) };
            content[at.index(most)] = byte;
        }
        if cut {
            content.truncate(length.index(INDEX_CONTENT_BYTES));
        }
        let right = read(&content);
        prop_assert_eq!(IndexNode::check(&content).is_ok(), right.is_some());
        ask(&content, &probe);
    }

    /// Spec: INDEX-8, WIRE-6
    #[test]
    fn any_bytes_are_a_node_or_refused(
        count in 0..4_u8,
        common in 0..4_u8,
        rest in proptest::collection::vec(prop_oneof![3 => 0..40_u8, 1 => any::<u8>()], 0..60),
        raw in any::<bool>(),
        probe in any_key(),
    ) {
        let content = if raw { rest } else { [&[count, 0, common, 0], &rest[..]].concat() };
        prop_assert_eq!(IndexNode::check(&content).is_ok(), read(&content).is_some());
        ask(&content, &probe);
    }
}

/// Spec: INDEX-8
#[test]
fn nodes_that_contradict_themselves_are_refused() {
    let entries = [(b"aa".to_vec(), b"1".to_vec()), (b"ab".to_vec(), b"22".to_vec())];
    let whole = &nodes_of(&entries)[0][..24];
    // Count 2, common 1, `a`, the ends, then `a1` and `b22`.
    assert_eq!(whole, b"\x02\0\x01\0a\x0e\0\x0f\0\x10\0\x12\0a1b22\0\0\0\0\0\0");
    assert_eq!(IndexNode::check(whole), Ok(()));
    let with = |at: usize, byte: u8| [&whole[..at], &[byte], &whole[at + 1..]].concat();
    let wrong = Err(Rule::Range("index node"));
    for (at, byte, why) in [
        (0, 0, "no entries"),
        (1, 0xff, "more entries than bytes"),
        (3, 0xff, "a longer beginning than bytes"),
        (2, 24, "a beginning up to the end"),
        (5, 0x0c, "a key that ends before it begins"),
        (7, 0x0d, "a value that ends before it begins"),
        (9, 0x0e, "a key that ends in the entry before"),
        (12, 1, "a value that ends behind the block"),
        (13, b'b', "two equal keys"),
        (13, b'c', "a key that is less than the one before"),
    ] {
        assert_eq!(IndexNode::check(&with(at, byte)), wrong, "{why}");
    }
    let long = nodes_of(&[(vec![1], vec![7; INDEX_VALUE_BYTES_MAX])]).swap_remove(0);
    assert_eq!(IndexNode::check(&long), Ok(()));
    let end = u16::from_le_bytes([long[7], long[8]]) + 1;
    let longer = [&long[..7], &end.to_le_bytes(), &long[9..]].concat();
    assert_eq!(IndexNode::check(&longer), wrong, "a value that is too long");
}

/// Spec: INDEX-3. So the levels of a table become fewer nodes as they rise, and every entry has its place.
#[test]
fn the_longest_entries_fit_into_a_node_together() {
    let key = |i: u8| [vec![i], vec![0xff; KEY_BYTES_MAX - 1]].concat();
    let fit = |value: &[u8]| {
        let mut node = NodeBuilder::default();
        (0..=u8::MAX).take_while(|i| node.add(&key(*i), value)).count()
    };
    assert_eq!((fit(&[7; INDEX_VALUE_BYTES_MAX]), fit(&[0; 4])), (2, 5));
    let children: Vec<Entry> = (0..20).map(|i| (key(i), u32::from(i).to_le_bytes().to_vec())).collect();
    for (number, content) in (0..).zip(nodes_of(&children)) {
        let node = IndexNode::of(&content);
        assert_eq!(
            (0..node.count()).map(|i| node.child(i)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4].map(|i| Ok(5 * number + i))
        );
    }
    let wrong = nodes_of(&[(vec![1], vec![1, 2, 3])]).swap_remove(0);
    assert_eq!(IndexNode::of(&wrong).child(0), Err(Rule::Range("index child")));
}
