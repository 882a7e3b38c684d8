//! Ranges as `A..B`.

use std::ops::Bound;
use std::str::FromStr;

use causelog::{InvalidValue, Region};

/// From the first number to before the second; either may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Between {
    pub(super) start: Option<u64>,
    pub(super) end: Option<u64>,
}

impl Between {
    /// As the bounds of a region's range.
    pub(super) fn bounds<T>(self, number: impl Fn(u64) -> T) -> (Bound<T>, Bound<T>) {
        let start = self.start.map_or(Bound::Unbounded, |start| Bound::Included(number(start)));
        let end = self.end.map_or(Bound::Unbounded, |end| Bound::Excluded(number(end)));
        (start, end)
    }

    /// A region narrowed to these recorded times, in milliseconds.
    pub(super) fn over_times(self, region: Region) -> Result<Region, InvalidValue> {
        region.recorded_ms(self.bounds(|ms| ms))
    }
}

impl FromStr for Between {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no range; give A..B, A.. or ..B");
        let number = |text: &str| match text {
            "" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| wrong()),
        };
        let (start, end) = text.split_once("..").ok_or_else(wrong)?;
        Ok(Self { start: number(start)?, end: number(end)? })
    }
}

#[cfg(test)]
mod tests {
    use super::Between;

    #[test]
    fn ranges_are_read_with_either_end_left_out() {
        let read = |text: &str| text.parse::<Between>().map(|range| (range.start, range.end));
        assert_eq!(read("3..7"), Ok((Some(3), Some(7))));
        assert_eq!(read("3.."), Ok((Some(3), None)));
        assert_eq!(read("..7"), Ok((None, Some(7))));
        assert_eq!(read(".."), Ok((None, None)));
        for wrong in ["", "3", "3..=7", "a..b", "-1..2", "1...2"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
