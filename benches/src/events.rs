//! The events that are appended.

use causelog::{Coordinate, EventKind, InvalidValue, NewEvent};
use serde::Serialize;

const KIND: EventKind = EventKind::of::<0x1001>();
/// What MessagePack needs around the text, for numbers from 65,536 on and texts from 32 to 255 or 256 to 65,535
/// bytes.
const AROUND_BYTES: usize = 20;

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
    text: String,
    made: u32,
}

impl Events {
    /// Payloads of about this many bytes, at least 64, over this many streams, at least one.
    ///
    /// # Errors
    /// None that a number of streams could cause.
    pub fn new(payload_bytes: usize, streams: u32) -> Result<Self, InvalidValue> {
        let stream = |i| Coordinate::new(format!("device:{i:05}"), "plant");
        Ok(Self {
            streams: (0..streams.max(1)).map(stream).collect::<Result<_, _>>()?,
            text: "0123456789abcdef"
                .chars()
                .cycle()
                .take(payload_bytes.saturating_sub(AROUND_BYTES))
                .collect(),
            made: 65_536,
        })
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
        NewEvent::new(stream, KIND, &Reading { number: self.made, text: &self.text })
    }

    /// The next few.
    ///
    /// # Errors
    /// As [`Events::next_event`].
    pub fn batch(&mut self, count: usize) -> Result<Vec<NewEvent>, InvalidValue> {
        (0..count).map(|_| self.next_event()).collect()
    }
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
}
