//! Tests of the strict reader and the writer of MessagePack.

use causelog_types::ByteOffset;
use proptest::prelude::*;

use crate::msgpack::{Reader, Writer};
use crate::{Flaw, Rule};

/// The rule for what is longer than it must be, without its text.
const LONG: Rule = Rule::NotCanonical("a number or length is longer than it must be");

fn read<T>(
    bytes: &[u8],
    read: impl for<'a> Fn(&mut Reader<'a>) -> Result<T, Flaw>,
) -> Result<(T, usize), Rule> {
    let mut reader = Reader::new(bytes, ByteOffset(0));
    let value = read(&mut reader).map_err(|flaw| flaw.rule)?;
    Ok((value, reader.consumed()))
}

fn check_uint(bytes: &[u8], expect: Result<u64, Rule>) {
    assert_eq!(read(bytes, |r| r.uint()), expect.map(|value| (value, bytes.len())), "{bytes:02x?}");
}

fn check_int(bytes: &[u8], expect: Result<i64, Rule>) {
    assert_eq!(read(bytes, |r| r.int()), expect.map(|value| (value, bytes.len())), "{bytes:02x?}");
}

fn check_text_length(prefix: &[u8], length: usize, expect: Result<(), Rule>) {
    let bytes = [prefix, &vec![b'x'; length]].concat();
    let found = read(&bytes, |r| r.text().map(str::len));
    assert_eq!(found, expect.map(|()| (length, bytes.len())), "{prefix:02x?}");
}

fn check_length(
    bytes: &[u8],
    length: impl for<'a> Fn(&mut Reader<'a>) -> Result<usize, Flaw>,
    expect: Result<usize, Rule>,
) {
    assert_eq!(read(bytes, length), expect.map(|value| (value, bytes.len())), "{bytes:02x?}");
}

fn skip(bytes: &[u8]) -> Result<usize, Rule> {
    read(bytes, |r| r.skip(16)).map(|((), length)| length)
}

/// Spec: FRAME-7. Every number has one form.
#[test]
fn numbers_are_as_short_as_they_can_be() {
    check_uint(&[0x00], Ok(0));
    check_uint(&[0x7f], Ok(127));
    check_uint(&[0xcc, 0x80], Ok(128));
    check_uint(&[0xcc, 0x7f], Err(LONG));
    check_uint(&[0xcd, 0x01, 0x00], Ok(256));
    check_uint(&[0xcd, 0x00, 0xff], Err(LONG));
    check_uint(&[0xce, 0, 1, 0, 0], Ok(65_536));
    check_uint(&[0xce, 0, 0, 0xff, 0xff], Err(LONG));
    check_uint(&[0xcf, 0, 0, 0, 1, 0, 0, 0, 0], Ok(1 << 32));
    check_uint(&[0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], Err(LONG));
    check_uint(&[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Ok(u64::MAX));
    // Signed and floating forms of a number that has an unsigned one, and things that are no numbers.
    for wrong in [&[0xd0, 5][..], &[0xff], &[0xca, 0, 0, 0, 0], &[0xc0], &[0xc3], &[0xa0], &[0xc1]] {
        check_uint(wrong, Err(Rule::Malformed));
    }
}

/// Spec: FRAME-7
#[test]
fn signed_numbers_are_as_short_as_they_can_be() {
    check_int(&[0x05], Ok(5));
    check_int(&[0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Ok(i64::MAX));
    check_int(&[0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], Err(Rule::Malformed));
    check_int(&[0xff], Ok(-1));
    check_int(&[0xe0], Ok(-32));
    check_int(&[0xd0, 0xdf], Ok(-33));
    check_int(&[0xd0, 0xe0], Err(LONG));
    check_int(&[0xd0, 0x05], Err(LONG));
    check_int(&[0xd1, 0xff, 0x7f], Ok(-129));
    check_int(&[0xd1, 0xff, 0x80], Err(LONG));
    check_int(&[0xd2, 0xff, 0xff, 0x7f, 0xff], Ok(-32_769));
    check_int(&[0xd2, 0xff, 0xff, 0x80, 0x00], Err(LONG));
    check_int(&[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff], Ok(-2_147_483_649));
    check_int(&[0xd3, 0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0], Err(LONG));
    check_int(&[0xd3, 0, 0, 0, 0, 0, 0, 0, 1], Err(LONG));
    check_int(&[], Err(Rule::Malformed));
}

/// Spec: FRAME-7
#[test]
fn lengths_are_as_short_as_they_can_be() {
    check_text_length(&[0xa0], 0, Ok(()));
    check_text_length(&[0xbf], 31, Ok(()));
    check_text_length(&[0xd9, 32], 32, Ok(()));
    check_text_length(&[0xd9, 31], 31, Err(LONG));
    check_text_length(&[0xda, 1, 0], 256, Ok(()));
    check_text_length(&[0xda, 0, 255], 255, Err(LONG));
    check_text_length(&[0xdb, 0, 1, 0, 0], 65_536, Err(Rule::Malformed));
    check_text_length(&[0xc4, 1], 1, Err(Rule::Malformed));
    check_length(&[0x90], |r| r.array(), Ok(0));
    check_length(&[0x9f], |r| r.array(), Ok(15));
    check_length(&[0xdc, 0, 16], |r| r.array(), Ok(16));
    check_length(&[0xdc, 0, 15], |r| r.array(), Err(LONG));
    check_length(&[0xdd, 0, 1, 0, 0], |r| r.array(), Err(Rule::Malformed));
    check_length(&[0x8f], |r| r.map(), Ok(15));
    check_length(&[0xde, 0, 16], |r| r.map(), Ok(16));
    check_length(&[0xde, 0, 15], |r| r.map(), Err(LONG));
    check_length(&[0xdf, 0, 1, 0, 0], |r| r.map(), Err(Rule::Malformed));
    assert_eq!(read(&[0xc4, 2, 8, 9], |r| r.binary::<2>()), Ok(([8, 9], 4)));
    assert_eq!(read(&[0xc5, 0, 2, 8, 9], |r| r.binary::<2>()), Err(LONG));
    assert_eq!(read(&[0xc4, 3, 7, 8, 9], |r| r.binary::<2>()), Err(Rule::Malformed));
    assert_eq!(read(&[0xa2, 8, 9], |r| r.binary::<2>()), Err(Rule::Malformed));
    assert_eq!(read(&[0xc2], |r| r.yes()), Err(Rule::Malformed));
    assert_eq!(read(&[0xc3], |r| r.yes()), Ok(((), 1)));
}

/// Spec: WIRE-4
#[test]
fn texts_are_utf8() {
    assert_eq!(read(&[0xa2, 0xc3, 0xa9], |r| r.text().map(str::to_owned)), Ok(("é".to_owned(), 3)));
    assert_eq!(read(&[0xa2, 0xc3, 0x28], |r| r.text().map(str::to_owned)), Err(Rule::Malformed));
    assert_eq!(read(&[0xa3, 0xed, 0xa0, 0x80], |r| r.text().map(str::to_owned)), Err(Rule::Malformed));
}

/// Every marker, each with the bytes that it asks for and the length of what follows.
fn one_of_each() -> Vec<Vec<u8>> {
    let after = |marker: &[u8], more: usize| [marker, &vec![0x01; more]].concat();
    let mut values: Vec<Vec<u8>> = [(0xc4, 3), (0xd9, 3)].map(|(m, n)| after(&[m, 3], n)).into();
    values.extend([(0xc5, 3), (0xda, 3)].map(|(m, n)| after(&[m, 0, 3], n)));
    values.extend([(0xc6, 3), (0xdb, 3)].map(|(m, n)| after(&[m, 0, 0, 0, 3], n)));
    values.extend([after(&[0xc7, 3], 4), after(&[0xc8, 0, 3], 4), after(&[0xc9, 0, 0, 0, 3], 4)]);
    for (marker, more) in [(0xca, 4), (0xcb, 8), (0xcc, 1), (0xcd, 2), (0xce, 4), (0xcf, 8), (0xd0, 1)] {
        values.push(after(&[marker], more));
    }
    for (marker, more) in [(0xd1, 2), (0xd2, 4), (0xd3, 8), (0xd4, 2), (0xd5, 3), (0xd6, 5), (0xd7, 9)] {
        values.push(after(&[marker], more));
    }
    values.push(after(&[0xd8], 17));
    values.extend([after(&[0xdc, 0, 3], 3), after(&[0xdd, 0, 0, 0, 3], 3)]);
    values.extend([after(&[0xde, 0, 3], 6), after(&[0xdf, 0, 0, 0, 3], 6)]);
    for low in 0..=0x0f_u8 {
        values.push(after(&[0x80 | low], 2 * usize::from(low)));
        values.push(after(&[0x90 | low], usize::from(low)));
    }
    (0..=0x1f_u8).for_each(|low| values.push(after(&[0xa0 | low], low.into())));
    (0x00..=0x7f_u8)
        .chain(0xe0..=0xff)
        .chain([0xc0, 0xc2, 0xc3])
        .for_each(|marker| values.push(vec![marker]));
    values
}

/// Spec: FRAME-10. Any form is passed over, to its very end.
#[test]
fn every_marker_is_passed_over() {
    let values = one_of_each();
    let mut markers: Vec<u8> = values.iter().map(|value| value[0]).collect();
    markers.sort_unstable();
    assert!(markers.iter().copied().eq((0..=0xff).filter(|marker| *marker != 0xc1)), "a marker is missing");
    for value in values {
        assert_eq!(skip(&value), Ok(value.len()), "{value:02x?}");
        assert_eq!(skip(&[&value[..], &[0xc1]].concat()), Ok(value.len()), "{value:02x?}");
        for cut in 0..value.len() {
            assert_eq!(skip(&value[..cut]), Err(Rule::Malformed), "{value:02x?} cut at {cut}");
        }
    }
    assert_eq!(skip(&[0xc1]), Err(Rule::Malformed));
}

/// Spec: FRAME-10
#[test]
fn nesting_has_a_limit() {
    for container in [&[0x91_u8][..], &[0x81, 0x01], &[0xdc, 0, 1], &[0xdd, 0, 0, 0, 1], &[0xde, 0, 1, 0x01]]
    {
        let nested = |levels: usize, inner: &[u8]| [&container.repeat(levels), inner].concat();
        for inner in [&[0x01][..], &[0x90], &[0x80], &[0xa1, b'x']] {
            let deepest = nested(16, inner);
            assert_eq!(skip(&deepest), Ok(deepest.len()));
            assert_eq!(skip(&nested(17, inner)), Err(Rule::Malformed));
            assert_eq!(skip(&nested(100_000, inner)), Err(Rule::Malformed));
        }
    }
    // Going up again makes room again.
    let branch = [&[0x91; 15][..], &[0x01]].concat();
    let wide = [&[0x93][..], &branch, &branch, &branch].concat();
    assert_eq!(skip(&wide), Ok(wide.len()));
}

/// Spec: WIRE-6. What is promised and not there is not waited for, and no memory is taken for it.
#[test]
fn huge_lengths_are_refused() {
    for marker in [0xc6, 0xc9, 0xdb, 0xdd, 0xdf] {
        assert_eq!(skip(&[marker, 0xff, 0xff, 0xff, 0xff]), Err(Rule::Malformed));
        assert_eq!(skip(&[marker, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), Err(Rule::Malformed));
        let nested = [marker, 0xff, 0xff, 0xff, 0xff].repeat(100);
        assert_eq!(skip(&nested), Err(Rule::Malformed));
    }
    assert_eq!(read(&[0xda, 0xff, 0xff], |r| r.text().map(str::len)), Err(Rule::Malformed));
    assert_eq!(read(&[0xc5, 0xff, 0xff], |r| r.binary::<65_535>()), Err(Rule::Malformed));
}

fn any_value() -> impl Strategy<Value = rmpv::Value> {
    let leaf = prop_oneof![
        Just(rmpv::Value::Nil),
        any::<bool>().prop_map(rmpv::Value::from),
        any::<u64>().prop_map(rmpv::Value::from),
        any::<i64>().prop_map(rmpv::Value::from),
        any::<f32>().prop_map(rmpv::Value::from),
        any::<f64>().prop_map(rmpv::Value::from),
        any::<String>().prop_map(rmpv::Value::from),
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(rmpv::Value::from),
        (any::<i8>(), proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, bytes)| rmpv::Value::Ext(kind, bytes)),
    ];
    leaf.prop_recursive(6, 64, 20, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(rmpv::Value::Array),
            proptest::collection::vec((inner.clone(), inner), 0..20).prop_map(rmpv::Value::Map),
        ]
    })
}

proptest! {
    /// Spec: FRAME-7. What is written is read back, and an independent reader agrees.
    #[test]
    fn numbers_come_back(bits in any::<u64>(), shift in 0..64_u32) {
        let (unsigned, signed) = (bits >> shift, bits.cast_signed() >> shift);
        let mut entry = Vec::new();
        Writer(&mut entry).uint_at(b'q', unsigned);
        let bytes = behind_key(&entry);
        check_uint(bytes, Ok(unsigned));
        prop_assert_eq!(rmpv::decode::read_value(&mut &bytes[..]).unwrap(), rmpv::Value::from(unsigned));
        entry.clear();
        Writer(&mut entry).int_at(b'q', signed);
        let bytes = behind_key(&entry);
        check_int(bytes, Ok(signed));
        prop_assert_eq!(rmpv::decode::read_value(&mut &bytes[..]).unwrap(), rmpv::Value::from(signed));
        let mut independent = Vec::new();
        rmpv::encode::write_value(&mut independent, &rmpv::Value::from(signed)).unwrap();
        prop_assert_eq!(bytes, &independent[..]);
    }

    /// Spec: FRAME-10
    #[test]
    fn any_value_is_passed_over(value in any_value(), rest in proptest::collection::vec(any::<u8>(), 0..4)) {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &value).unwrap();
        let length = bytes.len();
        bytes.extend_from_slice(&rest);
        prop_assert_eq!(skip(&bytes), Ok(length));
    }

    /// Spec: WIRE-6. Whatever the bytes are; and what is passed over is what an independent reader reads.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(length) = skip(&bytes) {
            let mut rest = &bytes[..];
            prop_assert!(rmpv::decode::read_value(&mut rest).is_ok());
            prop_assert_eq!(bytes.len() - rest.len(), length);
        }
        if let Ok((value, length)) = read(&bytes, |r| r.int()) {
            let mut again = Vec::new();
            Writer(&mut again).int_at(b'q', value);
            prop_assert_eq!(behind_key(&again), &bytes[..length]);
        }
    }
}

/// The value of an entry whose key is `q`.
fn behind_key(entry: &[u8]) -> &[u8] {
    entry.strip_prefix(b"\xa1q").unwrap()
}
