//! Where choices come from: a seed, or an odometer that goes through all of them.

use causelog_io::SeededRandom;

/// Choices that follow from a seed.
#[derive(Debug)]
pub struct Draw {
    seed: u64,
    random: SeededRandom,
}

impl Draw {
    /// Choices for a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, random: SeededRandom::new(seed) }
    }

    /// Choices for a part of what the seed stands for. They do not depend on what has been drawn elsewhere, so
    /// that a part can be left out and the others stay as they are.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        let number = u64::try_from(number).unwrap_or(u64::MAX).saturating_add(1);
        Self::new(SeededRandom::new(self.seed ^ number.rotate_left(40)).next_u64())
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.random.next_u64() % bound).unwrap_or(0)
    }

    /// True once in `n` times.
    pub fn once_in(&self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of several.
    pub fn of<T: Copy>(&self, choices: &[T]) -> Option<T> {
        choices.get(self.below(choices.len())).copied()
    }

    /// A seed for something that draws on its own.
    pub fn seed(&self) -> u64 {
        self.random.next_u64()
    }

    /// A disk's way of losing: everything, nothing, or each part by lot.
    pub fn lots(&self) -> impl FnMut(usize) -> usize + '_ {
        let manner = self.below(4);
        move |bound| match manner {
            0 => 0,
            1 => bound - 1,
            2 => self.below(bound),
            // Mostly kept: what is lost then stands alone.
            _ if self.once_in(5) => self.below(bound),
            _ => bound - 1,
        }
    }
}

/// Goes through all ways to draw, one after the other.
#[derive(Debug, Default)]
pub struct Odometer {
    path: Vec<(usize, usize)>,
    depth: usize,
}

impl Odometer {
    /// The next number below `bound` of the way that is being gone.
    pub fn draw(&mut self, bound: usize) -> usize {
        if self.depth == self.path.len() {
            self.path.push((0, bound));
        }
        self.depth += 1;
        self.path[self.depth - 1].0
    }

    /// Begins the next way; `false` when all have been gone.
    pub fn advance(&mut self) -> bool {
        self.path.truncate(self.depth);
        self.depth = 0;
        while let Some((drawn, bound)) = self.path.pop() {
            if drawn + 1 < bound {
                self.path.push((drawn + 1, bound));
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Odometer;

    #[test]
    fn an_odometer_goes_all_ways_once() {
        let (mut odometer, mut ways) = (Odometer::default(), Vec::new());
        loop {
            let first = odometer.draw(2);
            ways.push((first, if first == 1 { odometer.draw(3) } else { 0 }));
            if !odometer.advance() {
                break;
            }
        }
        assert_eq!(ways, [(0, 0), (1, 0), (1, 1), (1, 2)]);
    }
}
