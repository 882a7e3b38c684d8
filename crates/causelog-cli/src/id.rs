//! Event ids as people and other systems give them.

use std::str::FromStr;

use causelog::EventId;

/// The context of ids that are hashed from texts. Changing it would make every import anew.
const CONTEXT: &str = "causelog 2026-11-22 event id from text v1";

/// The id that a text stands for: a hyphenated UUID as it is, any other text hashed to 128 bits.
pub(crate) fn event_id(text: &str) -> EventId {
    text.parse().unwrap_or_else(|_| {
        let mut bytes = [0; 16];
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(text.as_bytes());
        hasher.finalize_xof().fill(&mut bytes);
        EventId::from_u128(u128::from_be_bytes(bytes))
    })
}

/// An event as it was named on the command line.
#[derive(Clone, Debug)]
pub(crate) struct NamedEvent {
    /// What was given.
    pub(crate) given: String,
    /// The id it stands for.
    pub(crate) id: EventId,
}

impl FromStr for NamedEvent {
    type Err = &'static str;

    /// An empty text names nothing: it is what a variable of a script holds that was never set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.is_empty() {
            true => Err("an id must not be empty"),
            false => Ok(Self { given: text.to_owned(), id: event_id(text) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::event_id;

    #[test]
    fn a_hyphenated_uuid_is_taken_as_it_is_in_either_case() {
        let text = "0192f0c1-2345-7abc-8def-0123456789ab";
        assert_eq!(event_id(text).to_string(), text);
        assert_eq!(event_id(&text.to_uppercase()), event_id(text));
    }

    #[test]
    fn any_other_text_is_hashed() {
        // Fixed: a change would make the next run of an import add everything again.
        assert_eq!(event_id("abc").to_string(), "d82cfae3-f143-075b-e6b9-ae8e37077271");
        assert_ne!(event_id("abc"), event_id("abd"));
        let plain = "0192f0c123457abc8def0123456789ab";
        assert_ne!(event_id(plain).to_string().replace('-', ""), plain, "only the hyphenated form is an id");
    }
}
