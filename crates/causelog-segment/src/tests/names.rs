//! Names are parsed strictly.
//!
//! Spec: STORE-1, SEG-1

use causelog_types::{Position, SegmentNumber};

use crate::{FileName, index_name, segment_name, temporary_name};

#[test]
fn names_of_ours_are_known() {
    let check = |name: &str, expected| assert_eq!(FileName::parse(name), expected, "{name}");
    check("store", FileName::Store);
    check("lock", FileName::Lock);
    check("closed", FileName::Closed);
    check("00000000000000000001.seg", FileName::Segment(SegmentNumber(1)));
    let index = |base, next| FileName::Index { base: Position(base), next: Position(next) };
    check("00000000000000000000-00000000000000000001.idx", index(0, 1));
    check("00000000000000000010-00000000000000000200.idx", index(10, 200));
    check("18446744073709551614-18446744073709551615.idx", index(u64::MAX - 1, u64::MAX));
    check("18446744073709551615.seg", FileName::Segment(SegmentNumber(u64::MAX)));
    let index = "00000000000000000000-00000000000000000001.idx.tmp";
    for name in ["store.tmp", "closed.tmp", "00000000000000000001.seg.tmp", index] {
        check(name, FileName::Temporary);
    }
}

#[test]
fn anything_else_is_unknown() {
    let names = [
        "",
        ".",
        "Store",
        "store ",
        "store.",
        "store.tmp.tmp",
        "lock.tmp",
        ".tmp",
        ".seg",
        "1.seg",
        "0000000000000000001.seg",
        "000000000000000000001.seg",
        "00000000000000000000.seg",
        "00000000000000000001.idx",
        "00000000000000000000-00000000000000000000.idx",
        "00000000000000000002-00000000000000000001.idx",
        "0000000000000000000-00000000000000000001.idx",
        "00000000000000000000-0000000000000000001.idx",
        "00000000000000000000-00000000000000000001.seg",
        "00000000000000000000-00000000000000000001.idx.tmp.tmp",
        "00000000000000000000-00000000000000000001-.idx",
        "00000000000000000000-00000000000000000001-00000000000000000002.idx",
        "00000000000000000000_00000000000000000001.idx",
        "00000000000000000000-18446744073709551616.idx",
        "-00000000000000000001.idx",
        "00000000000000000000-.idx",
        "00000000000000000001.tmp.idx",
        "18446744073709551616.seg",
        "99999999999999999999.seg",
        "+0000000000000000001.seg",
        "-0000000000000000001.seg",
        "0000000000000000000a.seg",
        "0000000000000000000\u{661}.seg",
        "00000000000000000001.SEG",
        "00000000000000000001.seg ",
        "00000000000000000001.seg.bak",
        "00000000000000000001.seg.tmp.tmp",
        "00000000000000000001.tmp",
        "00000000000000000001..seg",
        "00000000000000000001",
    ];
    names.iter().for_each(|name| assert_eq!(FileName::parse(name), FileName::Unknown, "{name:?}"));
}

#[test]
fn made_names_are_parsed_back_and_sort_as_numbers() {
    let numbers = [1, 2, 9, 10, 11, 99, 100, u64::MAX - 1, u64::MAX].map(SegmentNumber);
    let names = numbers.map(segment_name);
    assert!(names.is_sorted());
    for number in numbers {
        assert_eq!(FileName::parse(&segment_name(number)), FileName::Segment(number));
        assert_eq!(FileName::parse(&temporary_name(&segment_name(number))), FileName::Temporary);
    }
    let ranges = [(0, 1), (0, 2), (0, 10), (1, 2), (1, 100), (2, 3), (99, u64::MAX - 1), (99, u64::MAX)];
    let ranges = ranges.map(|(base, next)| (Position(base), Position(next)));
    let names = ranges.map(|(base, next)| index_name(base, next));
    assert!(names.is_sorted());
    for ((base, next), name) in ranges.into_iter().zip(names) {
        assert_eq!(FileName::parse(&name), FileName::Index { base, next });
        assert_eq!(FileName::parse(&temporary_name(&name)), FileName::Temporary);
    }
}
