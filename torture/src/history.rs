//! What a random history is: a seed, and what is left out of it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use anyhow::Context;

/// A random history. Everything in it follows from the seed, each part on its own, so that parts can be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The seed.
    pub seed: u64,
    /// How many times the store is opened.
    pub lives: usize,
    /// What is left out.
    pub without: BTreeSet<Part>,
    /// Whether every sync is ignored, so that it must fail.
    pub syncs_ignored: bool,
}

/// A part of a history that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A whole life: what happens from an open to its crash, and the recovery.
    Life(usize),
    /// The faults that are planned in a life.
    Faults(usize),
    /// The crashes and faults in the recovery behind a life.
    Recovery(usize),
    /// A step of a life.
    Step(usize, usize),
}

/// How many times a store is opened in a history.
pub const LIVES: usize = 12;

impl History {
    /// The whole history of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, lives: LIVES, without: BTreeSet::new(), syncs_ignored: false }
    }

    /// Whether a part is in it.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        !self.without.contains(&part)
    }
}

/// The arguments that run it again.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--seed {} --histories 1 --lives {}", self.seed, self.lives)?;
        let shown =
            self.without.iter().filter(|part| part.life().is_none_or(|life| self.has(Part::Life(life))));
        let mut separator = " --without ";
        for part in shown {
            write!(f, "{separator}{part}")?;
            separator = ",";
        }
        if self.syncs_ignored { f.write_str(" --syncs-ignored") } else { Ok(()) }
    }
}

impl Part {
    /// The life that it is a part of, if that is not the whole.
    fn life(self) -> Option<usize> {
        match self {
            Self::Life(_) => None,
            Self::Faults(life) | Self::Recovery(life) | Self::Step(life, _) => Some(life),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Life(life) => write!(f, "{life}"),
            Self::Faults(life) => write!(f, "{life}f"),
            Self::Recovery(life) => write!(f, "{life}r"),
            Self::Step(life, step) => write!(f, "{life}.{step}"),
        }
    }
}

impl FromStr for Part {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let number = |text: &str| {
            text.parse().with_context(|| {
                format!("{text} is no number: a part is 3 for a life, 3f, 3r, or 3.14 for a step")
            })
        };
        Ok(match (text.strip_suffix('f'), text.strip_suffix('r'), text.split_once('.')) {
            (Some(life), _, _) => Self::Faults(number(life)?),
            (_, Some(life), _) => Self::Recovery(number(life)?),
            (_, _, Some((life, step))) => Self::Step(number(life)?, number(step)?),
            (None, None, None) => Self::Life(number(text)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Part};

    #[test]
    fn what_is_left_out_is_read_as_it_is_shown() {
        let parts = [Part::Life(3), Part::Faults(3), Part::Recovery(0), Part::Step(11, 14)];
        for part in parts {
            assert_eq!(part.to_string().parse::<Part>().unwrap(), part);
        }
        let history = History { without: parts.into(), lives: 2, ..History::new(7) };
        // What belongs to a life that is left out as a whole goes without saying.
        let shown = "--seed 7 --histories 1 --lives 2 --without 3,0r,11.14";
        assert_eq!(history.to_string(), shown);
        assert!("3.".parse::<Part>().is_err() && "".parse::<Part>().is_err());
    }
}
