//! What a child process says through its pipe: one line for each thing, written in one call, so that a kill never
//! leaves half of one that counts.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use causelog::{Durability, EventHash, Fate, Position, Revision};

/// What a child said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// The store is open, with so many events.
    Opened(u64),
    /// The store could not be opened.
    NotOpened(String),
    /// An append begins.
    Offered(u64),
    /// It was answered: the events are there.
    Acknowledged(u64, Vec<Place>),
    /// It was answered: they are not, or nobody knows.
    Failed(u64, Fate, String),
    /// The store is closed.
    Closed,
    /// The close failed.
    NotClosed(String),
    /// A reader saw so many events, the last one with this hash.
    Seen(u64, EventHash),
    /// A promise was broken before the child's eyes.
    Wrong(String),
}

/// What a receipt says of an event's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) position: Position,
    pub(crate) revision: Revision,
    pub(crate) hash: EventHash,
    pub(crate) durability: Durability,
}

impl Said {
    /// The answer to an append, an open or a close that failed.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::NotOpened(_) | Self::Failed(..) | Self::NotClosed(_))
    }

    /// Whether it answers a call.
    pub(crate) fn is_answer(&self) -> bool {
        !matches!(self, Self::Offered(_) | Self::Seen(..))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| text.replace('\n', " ");
        match self {
            Self::Opened(events) => write!(f, "opened {events}"),
            Self::NotOpened(why) => write!(f, "not-opened {}", plain(why)),
            Self::Offered(number) => write!(f, "offered {number}"),
            Self::Acknowledged(number, places) => {
                write!(f, "acknowledged {number}")?;
                places.iter().try_for_each(|place| write!(f, " {place}"))
            }
            Self::Failed(number, fate, why) => {
                let fate = match fate {
                    Fate::NotWritten => "not-written",
                    Fate::Unknown => "unknown",
                    Fate::Written => "written",
                };
                write!(f, "failed {number} {fate} {}", plain(why))
            }
            Self::Closed => f.write_str("closed"),
            Self::NotClosed(why) => write!(f, "not-closed {}", plain(why)),
            Self::Seen(events, hash) => write!(f, "seen {events} {hash}"),
            Self::Wrong(what) => write!(f, "wrong {}", plain(what)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sure = if self.durability == Durability::Sync { "synced" } else { "unsynced" };
        write!(f, "{}:{}:{}:{sure}", self.position.0, self.revision.0, self.hash)
    }
}

impl FromStr for Said {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let two = || rest.split_once(' ').unwrap_or((rest, ""));
        Ok(match what {
            "opened" => Self::Opened(rest.parse()?),
            "not-opened" => Self::NotOpened(rest.to_owned()),
            "offered" => Self::Offered(rest.parse()?),
            "acknowledged" => {
                let (number, places) = two();
                let places = places.split_whitespace().map(str::parse);
                Self::Acknowledged(number.parse()?, places.collect::<anyhow::Result<_>>()?)
            }
            "failed" => {
                let (number, rest) = two();
                let (fate, why) = rest.split_once(' ').context("a failure without its fate")?;
                let fate = match fate {
                    "not-written" => Fate::NotWritten,
                    "unknown" => Fate::Unknown,
                    "written" => Fate::Written,
                    fate => bail!("{fate} is no fate"),
                };
                Self::Failed(number.parse()?, fate, why.to_owned())
            }
            "closed" => Self::Closed,
            "not-closed" => Self::NotClosed(rest.to_owned()),
            "seen" => {
                let (events, hash) = two();
                Self::Seen(events.parse()?, hash.parse()?)
            }
            "wrong" => Self::Wrong(rest.to_owned()),
            _ => bail!("a child said {line:?}"),
        })
    }
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [position, revision, hash, sure] = parts.as_slice() else { bail!("{text} is no place") };
        let durability = if *sure == "synced" { Durability::Sync } else { Durability::Os };
        Ok(Self {
            position: Position(position.parse()?),
            revision: Revision(revision.parse()?),
            hash: hash.parse()?,
            durability,
        })
    }
}

#[cfg(test)]
mod tests {
    use causelog::{Durability, EventHash, Fate, Position, Revision};

    use super::{Place, Said};

    #[test]
    fn what_is_said_is_understood() {
        let hash = EventHash([7; 32]);
        let place = |durability| Place { position: Position(3), revision: Revision(2), hash, durability };
        let all = [
            Said::Opened(4),
            Said::NotOpened("it is locked".to_owned()),
            Said::Offered(9),
            Said::Acknowledged(9, vec![place(Durability::Sync), place(Durability::Os)]),
            Said::Failed(9, Fate::Unknown, "the log failed: x".to_owned()),
            Said::Failed(9, Fate::NotWritten, "y".to_owned()),
            Said::Failed(9, Fate::Written, "z".to_owned()),
            Said::Closed,
            Said::NotClosed("why".to_owned()),
            Said::Seen(5, hash),
            Said::Wrong("an event is gone".to_owned()),
        ];
        for said in all {
            assert_eq!(said.to_string().parse::<Said>().unwrap(), said);
        }
        for cut in ["acknow", "acknowledged 9 3:2:0707", "failed 9", "seen 5 07"] {
            assert!(cut.parse::<Said>().is_err(), "{cut}");
        }
    }
}
