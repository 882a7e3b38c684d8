//! Tests of event headers: what is written is read back, by us and by an independent reader.

use causelog_types::*;
use proptest::prelude::*;
use rmpv::Value;

use super::samples::*;
use crate::*;

/// Spec: FRAME-9. The seven keys that are always there, and no others.
#[test]
fn the_shortest_header() {
    let bytes = encoded(&plain());
    assert_eq!(bytes.len(), 74);
    let expected = [
        &b"\x87\xa1e\xa1e\xa1h\xc4\x20"[..],
        &plain().payload_hash.0,
        b"\xa1i\xc4\x10",
        &plain().id.as_u128().to_be_bytes(),
        b"\xa1k\x01\xa1q\x00\xa1s\xa1s\xa1w\x00",
    ];
    assert_eq!(bytes, expected.concat());
    assert_eq!(decode_header(&bytes, OFFSET), Ok((plain(), 74)));
}

/// Spec: FRAME-16. Whatever the data model allows fits, so no writer ever meets the limit.
#[test]
fn the_longest_header_fits() {
    let bytes = encoded(&longest());
    assert!(bytes.len() <= limits::HEADER_BYTES_MAX, "{}", bytes.len());
    assert_eq!(decode_header(&bytes, OFFSET), Ok((longest(), bytes.len())));
}

/// Spec: FRAME-13. Frame overhead at most 150 bytes around the payload of an event of revision 1 or later with
/// no optional fields, entity and scope excluded; with the counter of the recorded time at most 155.
#[test]
fn the_overhead_is_bounded() {
    let longest = longest();
    let header = Header {
        id: longest.id,
        coordinate: longest.coordinate.clone(),
        kind: longest.kind,
        position: longest.position,
        revision: longest.revision,
        previous_hash: Some(EventHash([0xff; 32])),
        dag: DagPosition {
            correlation_id: longest.id,
            hlc: Hlc { counter: 0, ..longest.dag.hlc },
            ..plain().dag
        },
        ..plain()
    };
    let names = header.coordinate.entity().len() + header.coordinate.scope().len();
    let frame = frame_of(&header);
    let overhead = frame.len() - stored_payload(&header).len() - names;
    assert_eq!(overhead, 148);
    assert!(overhead <= 150);

    // Events that are recorded within one millisecond have a counter, and those of a batch say how many follow.
    let overhead_with = |counter, batch_remaining| {
        let dag = DagPosition { hlc: Hlc { counter, ..header.dag.hlc }, ..header.dag.clone() };
        let header = Header { dag, batch_remaining, ..header.clone() };
        frame_of(&header).len() - stored_payload(&header).len() - names
    };
    assert_eq!(overhead_with(u32::MAX, 0), 155);
    assert_eq!(overhead_with(u32::MAX, 16_383), 160);
}

/// Spec: FRAME-4. A header ends where its map ends; what follows is not its own.
#[test]
fn what_follows_is_not_the_header() {
    for header in [plain(), full(), longest()] {
        let alone = encoded(&header);
        let followed = [&alone[..], &[0xc1, 0xff, 0x00]].concat();
        assert_eq!(decode_header(&followed, OFFSET), Ok((header, alone.len())));
    }
}

/// Spec: FRAME-5. A header that is cut off is refused, wherever the cut is.
#[test]
fn cut_headers_are_refused() {
    for header in [plain(), full()] {
        let bytes = encoded(&header);
        for cut in 0..bytes.len() {
            let flaw = decode_header(&bytes[..cut], OFFSET).unwrap_err();
            assert_eq!(flaw.rule, Rule::Malformed, "cut at {cut}");
            assert!((OFFSET..=OFFSET.plus(cut)).contains(&flaw.offset), "cut at {cut}: {flaw}");
        }
    }
}

/// What an independent reader sees of a header, put together from the header itself.
fn as_value(header: &Header) -> Value {
    let id = |id: EventId| Value::from(id.as_u128().to_be_bytes().to_vec());
    let dag = &header.dag;
    let mut map: Vec<(Value, Value)> = Vec::new();
    let mut put = |present: bool, key: &str, value: Value| {
        if present {
            map.push((key.into(), value));
        }
    };
    put(header.batch_remaining > 0, "b", header.batch_remaining.into());
    put(!dag.causes.is_empty(), "c", Value::Array(dag.causes.iter().map(id).collect()));
    put(dag.depth.0 > 0, "d", dag.depth.0.into());
    put(true, "e", header.coordinate.entity().into());
    put(header.evidence.is_some(), "g", header.evidence.as_ref().map_or(Value::Nil, evidence_value));
    put(true, "h", header.payload_hash.0.to_vec().into());
    put(true, "i", id(header.id));
    put(true, "k", header.kind.bits().into());
    put(dag.hlc.counter > 0, "n", dag.hlc.counter.into());
    put(dag.occurred_ms.is_some(), "o", dag.occurred_ms.unwrap_or(0).into());
    put(header.revision.0 > 0, "p", header.previous_hash.map_or(Value::Nil, |hash| hash.0.to_vec().into()));
    put(true, "q", header.position.0.into());
    put(header.revision.0 > 0, "r", header.revision.0.into());
    put(true, "s", header.coordinate.scope().into());
    put(!header.tags.is_empty(), "t", Value::Array(header.tags.iter().map(Value::from).collect()));
    put(header.payload_version > 0, "v", header.payload_version.into());
    put(true, "w", dag.hlc.wall_ms.into());
    put(dag.correlation_id != header.id, "x", id(dag.correlation_id));
    put(header.salted, "z", true.into());
    Value::Map(map)
}

fn evidence_value(evidence: &Evidence) -> Value {
    Value::Map(match evidence {
        Evidence::Admitted { gates } => {
            let gates = gates.iter().map(|gate| Value::from(gate.as_str())).collect();
            vec![("gates".into(), Value::Array(gates))]
        }
        Evidence::Bypassed { reason, justification } => vec![
            ("justification".into(), justification.as_str().into()),
            ("reason".into(), reason.as_str().into()),
        ],
    })
}

proptest! {
    /// Spec: FRAME-5, FRAME-6, FRAME-8
    #[test]
    fn any_header_comes_back(header in any_header()) {
        let bytes = encoded(&header);
        prop_assert_eq!(decode_header(&bytes, OFFSET), Ok((header.clone(), bytes.len())));
        let mut rest = &bytes[..];
        prop_assert_eq!(rmpv::decode::read_value(&mut rest).unwrap(), as_value(&header));
        prop_assert!(rest.is_empty());
        // The independent writer, too, finds no shorter form.
        let mut independent = Vec::new();
        rmpv::encode::write_value(&mut independent, &as_value(&header)).unwrap();
        prop_assert_eq!(independent, bytes);
    }

    /// Spec: FRAME-7. Of all bytes that decode, only the encoder's own do.
    #[test]
    fn whatever_decodes_is_canonical(
        header in any_header(),
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut bytes = encoded(&header);
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Ok((decoded, length)) = decode_header(&bytes, OFFSET) {
            prop_assert!(encoded(&decoded) == bytes[..length] || has_unknown_key(&bytes[..length]));
        }
    }
}

fn has_unknown_key(mut bytes: &[u8]) -> bool {
    let value = rmpv::decode::read_value(&mut bytes).unwrap();
    let known = "bcdeghiknopqrstvwxz";
    value.as_map().unwrap().iter().any(|(key, _)| {
        let key = key.as_str().unwrap();
        key.len() != 1 || !known.contains(key)
    })
}
