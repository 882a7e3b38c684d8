//! The part of a commit that touches the disk, to be done outside of any lock.

use causelog_segment::{Appender, LogError, Placement, StepError};
use causelog_types::{Hlc, planted};
use causelog_wire::GroupBuffer;

/// One write and one sync, or one of the two. Whoever drives a [`Machine`](crate::Machine) takes it from there,
/// runs it, and gives back what came of it; the machine goes on judging meanwhile.
#[derive(Debug)]
#[must_use = "until it has run and been given back, nothing is committed"]
pub struct Job {
    pub(crate) appender: Appender,
    /// Empty when there is only a sync to do.
    pub(crate) buffer: GroupBuffer,
    /// The recorded time of the group's last event.
    pub(crate) hlc: Hlc,
    pub(crate) sync: bool,
}

/// What came of a [`Job`].
#[derive(Debug)]
#[must_use = "the machine waits for it"]
pub struct Done {
    pub(crate) appender: Appender,
    pub(crate) buffer: GroupBuffer,
    /// Where the group stands, if there was one.
    pub(crate) outcome: Result<Option<Placement>, Failure>,
}

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: StepError,
    /// Whether the group may be in the file.
    pub(crate) may_be_written: bool,
}

impl Done {
    /// What failed, if it ends the writer.
    pub(crate) fn into_fatal(self) -> Option<LogError> {
        match self.outcome {
            Err(Failure { error: StepError::Fatal(error), .. }) => Some(error),
            _ => None,
        }
    }
}

impl Job {
    /// Does it: room, write, sync, and the published end for other processes.
    pub fn run(mut self) -> Done {
        let outcome = self.try_run();
        if outcome.is_ok()
            && self.sync
            && let Err(error) = self.appender.publish()
        {
            tracing::warn!(%error, "readers in other processes were not told of the new end; the next group tries again");
        }
        Done { appender: self.appender, buffer: self.buffer, outcome }
    }

    fn try_run(&mut self) -> Result<Option<Placement>, Failure> {
        let failed = |may_be_written| move |error| Failure { error, may_be_written };
        let mut placed = None;
        if !self.buffer.is_empty() {
            let placement = self.appender.place(self.buffer.len()).map_err(failed(false))?;
            self.appender.write(&mut self.buffer, self.hlc).map_err(failed(true))?;
            placed = Some(placement);
        }
        if self.sync && !planted!("acknowledge-before-the-sync") {
            self.appender.sync().map_err(failed(true))?;
        }
        Ok(placed)
    }
}
