//! Times as text: RFC 3339, or a whole number of milliseconds since 1970-01-01 UTC.

use jiff::Timestamp;

/// Reads a time.
pub(crate) fn parse(text: &str) -> Result<i64, String> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    let time: Result<Timestamp, _> = text.parse();
    time.map(Timestamp::as_millisecond).map_err(|_| {
        format!(
            "{text:?} is no time; give RFC 3339, as 2026-01-31T12:00:00Z, or milliseconds since 1970-01-01 UTC"
        )
    })
}

/// Reads a recorded time: none is before 1970.
pub(crate) fn parse_recorded(text: &str) -> Result<u64, String> {
    u64::try_from(parse(text)?).map_err(|_| format!("{text:?} is before 1970; nothing was recorded then"))
}

/// Writes a time as RFC 3339, to the millisecond; `None` beyond the year 9999.
pub(crate) fn rfc3339(ms: i64) -> Option<String> {
    let time = Timestamp::from_millisecond(ms).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// As [`rfc3339`], for recorded times.
pub(crate) fn recorded_rfc3339(ms: u64) -> Option<String> {
    rfc3339(i64::try_from(ms).ok()?)
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_recorded, recorded_rfc3339, rfc3339};

    #[test]
    fn rfc_3339_and_milliseconds_are_read() {
        assert_eq!(parse("1970-01-01T00:00:01.5Z"), Ok(1500));
        assert_eq!(parse("2024-03-01T01:00:00+01:00"), parse("2024-03-01T00:00:00Z"));
        assert_eq!(parse("-5"), Ok(-5));
        assert!(parse("yesterday").unwrap_err().contains("RFC 3339"));
        assert!(parse("2024-03-01T01:00:00").is_err(), "a time without its offset could be any");
        assert!(parse_recorded("-5").unwrap_err().contains("before 1970"));
    }

    #[test]
    fn times_are_written_to_the_millisecond() {
        assert_eq!(rfc3339(1500).as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert_eq!(rfc3339(-1).as_deref(), Some("1969-12-31T23:59:59.999Z"));
        assert_eq!(recorded_rfc3339(u64::MAX), None);
    }
}
