//! JSON for programs, and payloads as JSON.

use std::fmt;
use std::io::Write;

use causelog::{Event, Evidence, Payload, StoreHead, TornTail};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, json};

use crate::failure::Failure;
use crate::time;

/// Prints one document.
pub(crate) fn print(out: &mut dyn Write, document: &Value) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, document).map_err(|error| Failure::Output(error.into()))?;
    writeln!(out).map_err(Failure::Output)
}

/// Prints values as they come: one array with a value a line, or nothing but the lines.
pub(crate) struct Values<'a> {
    out: &'a mut dyn Write,
    in_array: bool,
    begun: bool,
}

impl<'a> Values<'a> {
    pub(crate) fn array(out: &'a mut dyn Write) -> Self {
        Self { out, in_array: true, begun: false }
    }

    pub(crate) fn lines(out: &'a mut dyn Write) -> Self {
        Self { out, in_array: false, begun: false }
    }

    pub(crate) fn push(&mut self, value: &Value) -> Result<(), Failure> {
        let before = match (self.in_array, self.begun) {
            (true, false) => "[\n",
            (true, true) => ",\n",
            (false, false) => "",
            (false, true) => "\n",
        };
        self.begun = true;
        write!(self.out, "{before}{value}").map_err(Failure::Output)
    }

    /// Without this an array stays open: what reads it then sees that something is missing.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let end = match (self.in_array, self.begun) {
            (true, false) => "[]\n",
            (true, true) => "\n]\n",
            (false, false) => "",
            (false, true) => "\n",
        };
        write!(self.out, "{end}").map_err(Failure::Output)
    }
}

/// An event, whole.
pub(crate) fn event(event: &Event) -> Value {
    let header = &event.header;
    let dag = &header.dag;
    let causes: Vec<String> = dag.causes.iter().map(|id| id.to_string()).collect();
    let tags: Vec<&str> = header.tags.iter().collect();
    json!({
        "position": header.position.0,
        "id": header.id.to_string(),
        "entity": header.coordinate.entity(),
        "scope": header.coordinate.scope(),
        "revision": header.revision.0,
        "kind": header.kind.to_string(),
        "depth": dag.depth.0,
        "causes": causes,
        "correlation": dag.correlation_id.to_string(),
        "tags": tags,
        "recorded_at": time::recorded_rfc3339(dag.hlc.wall_ms),
        "recorded_ms": dag.hlc.wall_ms,
        "recorded_counter": dag.hlc.counter,
        "occurred_at": dag.occurred_ms.and_then(time::rfc3339),
        "occurred_ms": dag.occurred_ms,
        "evidence": header.evidence.as_ref().map(evidence),
        "batch_remaining": header.batch_remaining,
        "payload_version": header.payload_version,
        "payload_hash": header.payload_hash.to_string(),
        "previous_hash": header.previous_hash.map(|hash| hash.to_string()),
        "hash": event.hash().to_string(),
        "erased": event.payload.is_none(),
        "payload": event.payload.as_ref().map(payload),
    })
}

/// The end of a store.
pub(crate) fn head(head: &StoreHead) -> Value {
    json!({ "position": head.position.0, "root": head.root.to_string() })
}

/// Bytes at the end that were not synced.
pub(crate) fn torn_tail(tail: &TornTail) -> Value {
    json!({ "file": tail.file, "offset": tail.offset.0, "bytes": tail.bytes })
}

/// A payload. What JSON has no form for is told by a map with one key: `$bin` for bytes, and `$msgpack` for the
/// whole payload where it cannot be decoded, both in hexadecimal.
pub(crate) fn payload(payload: &Payload) -> Value {
    match payload.decode::<Loose>() {
        Ok(Loose(value)) => value,
        Err(_) => json!({ "$msgpack": hex(payload.as_bytes()) }),
    }
}

/// What allowed an event.
pub(crate) fn evidence(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::Admitted { gates } => json!({ "admitted_by": gates }),
        Evidence::Bypassed { reason, justification } => {
            json!({ "bypass": { "reason": reason, "justification": justification } })
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Any MessagePack value as JSON, whatever its keys are.
struct Loose(Value);

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor).map(Self)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MessagePack value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(json!({ "$bin": hex(value) }))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Loose(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Loose(key), Loose(value))) = entries.next_entry()? {
            let key = match key {
                Value::String(text) => text,
                other => other.to_string(),
            };
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
mod tests {
    use causelog::Payload;
    use serde_json::json;

    use super::{Values, payload};

    #[test]
    fn payloads_that_json_has_no_form_for_are_shown_all_the_same() {
        let show = |bytes: &[u8]| payload(&Payload::from_stored(bytes));
        assert_eq!(
            show(b"\x82\x01\xc4\x02\xab\xcd\xa1k\xca\x7f\xc0\x00\x00"),
            json!({
                "1": { "$bin": "abcd" },
                "k": "NaN",
            })
        );
        assert_eq!(show(b"\xc1"), json!({ "$msgpack": "c1" }));
        assert!(show(b"\xd4\x05\x01").is_object(), "an extension type");
    }

    #[test]
    fn values_make_one_array_or_one_line_each() {
        let mut out = Vec::new();
        let mut values = Values::array(&mut out);
        values.push(&json!({ "a": 1 })).unwrap();
        values.push(&json!(2)).unwrap();
        values.finish().unwrap();
        Values::array(&mut out).finish().unwrap();
        let mut values = Values::lines(&mut out);
        values.push(&json!(3)).unwrap();
        values.finish().unwrap();
        Values::lines(&mut out).finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[\n{\"a\":1},\n2\n]\n[]\n3\n");
    }
}
