//! How long calls took.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::figures::float;

/// The digits that are kept, so that any number of calls fits.
const DIGITS: u32 = 4;

/// How long each of many calls took, to four digits.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// How many calls took so many nanoseconds.
    calls: BTreeMap<u64, u64>,
    count: u64,
}

impl Latencies {
    /// Adds a call.
    pub fn add(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        *self.calls.entry(rounded(ns)).or_default() += 1;
        self.count += 1;
    }

    /// How many calls there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time, in microseconds, within which this part of the calls was over; not a number without calls.
    #[must_use]
    pub fn quantile_us(&self, thousandths: u64) -> f64 {
        let rank = (self.count * thousandths).div_ceil(1_000).max(1);
        let mut seen = 0;
        let reached = |(ns, calls): (&u64, &u64)| {
            seen += calls;
            (seen >= rank).then_some(*ns)
        };
        self.calls.iter().find_map(reached).map_or(f64::NAN, |ns| float(ns) / 1e3)
    }
}

fn rounded(ns: u64) -> u64 {
    let digits = ns.checked_ilog10().map_or(1, |log| log + 1);
    let unit = 10_u64.pow(digits.saturating_sub(DIGITS));
    ns.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Latencies, rounded};

    #[test]
    fn a_quantile_is_a_time_within_which_that_part_was_over() {
        let mut latencies = Latencies::default();
        assert!(latencies.quantile_us(500).is_nan());
        (1..=1_000).rev().for_each(|us| latencies.add(Duration::from_micros(us)));
        let quantiles = [0, 500, 990, 999, 1_000].map(|part| latencies.quantile_us(part));
        assert_eq!(quantiles, [1.0, 500.0, 990.0, 999.0, 1_000.0]);
        assert_eq!(latencies.count(), 1_000);
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!([0, 9, 1_234, 12_345, 99_999].map(rounded), [0, 9, 1_234, 12_350, 100_000]);
        assert_eq!(rounded(u64::MAX) / 1_000_000_000_000_000, 18_440);
    }
}
