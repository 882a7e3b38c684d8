//! Lists held as steps, against vectors.

use proptest::prelude::*;

use super::*;

/// Rising rows, with steps of every length.
fn rows() -> impl Strategy<Value = Vec<u32>> {
    let step = prop_oneof![
        8 => 1..4_u32,
        4 => 100..300_u32,
        2 => 16_000..17_000_u32,
        1 => 2_097_000..2_098_000_u32,
        1 => 268_435_000..268_436_000_u32,
    ];
    let first = prop_oneof![Just(0), 1..200_u32, any::<u32>()];
    (first, proptest::collection::vec(step, 0..600)).prop_map(|(first, steps)| {
        let rest = steps.into_iter().scan(first, |last, step| {
            *last = last.checked_add(step)?;
            Some(*last)
        });
        std::iter::once(first).chain(rest).collect()
    })
}

fn list(rows: &[u32]) -> RowList {
    let mut list = RowList::default();
    rows.iter().for_each(|row| list.push(Row(*row)));
    list
}

fn walked(list: &RowList, rows: Range<u32>, direction: Direction) -> Vec<u32> {
    list.walk(&(Row(rows.start)..Row(rows.end)), direction).map(|row| row.0).collect()
}

fn check(rows: &[u32], within: Range<u32>) {
    let list = list(rows);
    assert_eq!(list.len(), rows.len());
    assert_eq!(list.first().map(|row| row.0), rows.first().copied());
    assert_eq!(list.last().map(|row| row.0), rows.last().copied());
    let mut expected: Vec<u32> = rows.iter().copied().filter(|row| within.contains(row)).collect();
    assert_eq!(walked(&list, within.clone(), Direction::Forwards), expected);
    expected.reverse();
    assert_eq!(walked(&list, within, Direction::Backwards), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_list_walks_as_a_vector_does(rows in rows(), from: prop::sample::Index, to: prop::sample::Index, off in 0..3_u32) {
        check(&rows, 0..u32::MAX);
        // Near rows of the list, where ranges are easily off by one.
        let near = |index: prop::sample::Index| (rows[index.index(rows.len())].saturating_add(off)).saturating_sub(1);
        check(&rows, near(from)..near(to));
    }
}

#[test]
fn an_empty_list_has_no_rows() {
    check(&[], 0..u32::MAX);
    check(&[], 3..3);
}

/// Ranges begin and end on both sides of every end of a block.
#[test]
fn every_range_of_a_list_of_several_blocks_is_found() {
    let rows: Vec<u32> = (0..1_000).map(|number| number * 3).collect();
    let list = list(&rows);
    for within in (0..3_000).map(|from| from..from + 7) {
        let mut expected: Vec<u32> = rows.iter().copied().filter(|row| within.contains(row)).collect();
        assert_eq!(walked(&list, within.clone(), Direction::Forwards), expected);
        expected.reverse();
        assert_eq!(walked(&list, within, Direction::Backwards), expected);
    }
}
