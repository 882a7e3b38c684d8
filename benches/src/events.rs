//! The events that are appended.

use causelog::{Coordinate, EventKind, InvalidValue, NewEvent, Payload};
use serde::Serialize;

const KIND: EventKind = EventKind::of::<0x1001>();
/// What MessagePack needs around the text, for numbers from 65,536 on and texts from 32 to 255 or 256 to 65,535
/// bytes.
const AROUND_BYTES: usize = 20;
/// The streams of events whose payloads have a length to the byte.
const STREAMS: u32 = 100;

/// A payload with names, a number and a text.
#[derive(Serialize)]
struct Reading<'a> {
    number: u32,
    text: &'a str,
}

/// Makes events whose payloads have one length, over a number of streams.
#[derive(Debug)]
pub struct Events {
    streams: Vec<Coordinate>,
    shape: Shape,
    made: u32,
}

/// What the payloads are.
#[derive(Debug)]
enum Shape {
    /// A [`Reading`] with this text, encoded for each event.
    Reading(String),
    /// MessagePack that is ready, checked for each event.
    Ready(Vec<u8>),
}

impl Events {
    /// Payloads of about this many bytes, at least 64, over this many streams, at least one.
    ///
    /// # Errors
    /// None that a number of streams could cause.
    pub fn new(payload_bytes: usize, streams: u32) -> Result<Self, InvalidValue> {
        let text =
            "0123456789abcdef".chars().cycle().take(payload_bytes.saturating_sub(AROUND_BYTES)).collect();
        Self::of(Shape::Reading(text), streams)
    }

    /// Payloads of exactly this many bytes, at least one, over 100 streams.
    ///
    /// # Errors
    /// [`InvalidValue::TooLong`] beyond the hard limit of a frame.
    pub fn exact(payload_bytes: usize) -> Result<Self, InvalidValue> {
        let payload = binary(payload_bytes);
        Payload::from_msgpack(&payload)?;
        Self::of(Shape::Ready(payload), STREAMS)
    }

    fn of(shape: Shape, streams: u32) -> Result<Self, InvalidValue> {
        let stream = |i| Coordinate::new(format!("device:{i:05}"), "plant");
        let streams = (0..streams.max(1)).map(stream).collect::<Result<_, _>>()?;
        Ok(Self { streams, shape, made: 65_536 })
    }

    /// The streams.
    #[must_use]
    pub fn streams(&self) -> &[Coordinate] {
        &self.streams
    }

    /// The next event: its payload is encoded here, on the caller's time.
    ///
    /// # Errors
    /// None that this payload could cause.
    pub fn next_event(&mut self) -> Result<NewEvent, InvalidValue> {
        self.made = self.made.wrapping_add(1);
        let number = usize::try_from(self.made).unwrap_or(0);
        let stream = &self.streams[number % self.streams.len()];
        match &self.shape {
            Shape::Reading(text) => NewEvent::new(stream, KIND, &Reading { number: self.made, text }),
            Shape::Ready(bytes) => Ok(NewEvent::with_payload(stream, KIND, Payload::from_msgpack(bytes)?)),
        }
    }

    /// The next few.
    ///
    /// # Errors
    /// As [`Events::next_event`].
    pub fn batch(&mut self, count: usize) -> Result<Vec<NewEvent>, InvalidValue> {
        (0..count).map(|_| self.next_event()).collect()
    }
}

/// One MessagePack value of exactly this many bytes: nil, or binary whose length may be written longer than needed.
fn binary(bytes: usize) -> Vec<u8> {
    let mut value =
        match (bytes, u8::try_from(bytes.saturating_sub(2)), u32::try_from(bytes.saturating_sub(5))) {
            (..2, ..) => vec![0xc0],
            (_, Ok(length), _) => vec![0xc4, length],
            (.., length) => [&[0xc6][..], &length.unwrap_or(u32::MAX).to_be_bytes()].concat(),
        };
    value.extend((value.len()..bytes).zip((b'a'..=b'z').cycle()).map(|(_, letter)| letter));
    value
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn payloads_have_the_length_asked_for() {
        for bytes in [64, 256, 300] {
            let mut events = Events::new(bytes, 3).unwrap();
            let event = events.next_event().unwrap();
            assert!(event.payload().as_bytes().len().abs_diff(bytes) <= 2, "{:?}", event.payload());
        }
    }

    #[test]
    fn exact_payloads_have_the_length_to_the_byte() {
        for bytes in [1, 2, 33, 256, 257, 258, 259, 65_538, 1024 * 1024] {
            let event = Events::exact(bytes).unwrap().next_event().unwrap();
            assert_eq!(event.payload().as_bytes().len(), bytes);
        }
        assert!(Events::exact(65 * 1024 * 1024).is_err());
    }
}
