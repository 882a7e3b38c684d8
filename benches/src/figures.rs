//! Figures of interleaved rounds: medians, and how far the rounds lie apart.

use std::fmt;
use std::time::Duration;

/// Values of rounds that were measured one after the other.
#[derive(Clone, Debug, Default)]
pub struct Figures(Vec<f64>);

impl Figures {
    /// Adds a round's value.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// How many rounds there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds a round's time, shared by so many operations, in microseconds each.
    pub fn push_each(&mut self, time: Duration, operations: u32) {
        self.push(time.as_secs_f64() * 1e6 / f64::from(operations.max(1)));
    }

    /// Round by round, this value divided by the other's.
    #[must_use]
    pub fn ratios(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a / b).collect())
    }

    /// The value below which this part of the rounds lies; not a number without rounds.
    #[must_use]
    pub fn quantile(&self, hundredths: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last * hundredths + 50) / 100).copied().unwrap_or(f64::NAN)
    }
}

/// A count as a figure.
#[must_use]
pub fn float(count: u64) -> f64 {
    let part = |bits: u64| f64::from(u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(u32::MAX));
    part(count >> 32) * 4_294_967_296.0 + part(count)
}

/// Median, then the quartiles, then the extremes.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, low, middle, high, most] = [0, 25, 50, 75, 100].map(|part| self.quantile(part));
        write!(f, "{middle:9.2}  (quartiles {low:.2} to {high:.2}, all {least:.2} to {most:.2})")
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, float};

    #[test]
    fn counts_are_figures() {
        assert_eq!(
            [0, 7, 1 << 32, (1 << 40) + 5].map(float),
            [0.0, 7.0, 4_294_967_296.0, 1_099_511_627_781.0]
        );
    }

    #[test]
    fn quantiles_are_values_of_rounds() {
        let mut figures = Figures::default();
        [3.0, 1.0, 2.0, 5.0, 4.0].into_iter().for_each(|value| figures.push(value));
        assert_eq!([0, 25, 50, 75, 100].map(|part| figures.quantile(part)), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(figures.ratios(&figures).quantile(100), 1.0);
    }
}
