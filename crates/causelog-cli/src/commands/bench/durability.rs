//! Durability on the command line.

use causelog::Durability;

/// `interval` without numbers: what a power cut may take is a tenth of a second, or a thousand events.
const MAX_MS: u64 = 100;
const MAX_EVENTS: u64 = 1_000;

/// Reads `sync`, `interval`, `interval:MS:EVENTS` or `os`.
pub(super) fn parse(text: &str) -> Result<Durability, String> {
    let mut parts = text.split(':');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next());
    match parts {
        (Some("sync"), None, ..) => Ok(Durability::Sync),
        (Some("os"), None, ..) => Ok(Durability::Os),
        (Some("interval"), None, ..) => Ok(Durability::Interval { max_ms: MAX_MS, max_events: MAX_EVENTS }),
        (Some("interval"), Some(ms), Some(events), None) => {
            Ok(Durability::Interval { max_ms: at_least_one(ms)?, max_events: at_least_one(events)? })
        }
        (Some("interval"), Some(_), None, None) => {
            Err("must be sync, interval, interval:MS:EVENTS or os: the number of events is missing"
                .to_owned())
        }
        _ => Err("must be sync, interval, interval:MS:EVENTS or os".to_owned()),
    }
}

/// As [`parse`] reads it, with all numbers.
pub(super) fn name(durability: Durability) -> String {
    match durability {
        Durability::Sync => "sync".to_owned(),
        Durability::Interval { max_ms, max_events } => format!("interval:{max_ms}:{max_events}"),
        Durability::Os => "os".to_owned(),
    }
}

fn at_least_one(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} must be a number from 1 to {}", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{name, parse};

    #[test]
    fn what_is_named_is_read() {
        for text in ["sync", "interval:100:1000", "interval:1:18446744073709551615", "os"] {
            assert_eq!(parse(text).map(name).as_deref(), Ok(text));
        }
        assert_eq!(parse("interval"), parse("interval:100:1000"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "Sync", "sync:1", "os:1", "interval:5", "interval:5:6:7", "fsync"] {
            assert!(parse(text).unwrap_err().contains("must be sync"), "{text}");
        }
        for text in ["interval:0:1", "interval:1:0", "interval::1", "interval:-1:1", "interval:1:x"] {
            assert!(parse(text).unwrap_err().contains("from 1 to"), "{text}");
        }
    }
}
