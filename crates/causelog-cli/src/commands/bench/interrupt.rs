//! Ctrl-C ends a measurement between two rounds, so that its files are removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use causelog::IoError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Failure;

/// The exit code of a process that Ctrl-C ended, by the custom of shells.
const ENDED: i32 = 130;

/// Whether somebody wants an end.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on a signal to end is only noted; a second one ends the process at once.
    pub(super) fn watch() -> Result<Self, Failure> {
        let wanted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            let second = flag::register_conditional_shutdown(signal, ENDED, Arc::clone(&wanted));
            second
                .and_then(|_| flag::register(signal, Arc::clone(&wanted)))
                .map_err(IoError::on("handle", format!("signal {signal}")))?;
        }
        Ok(Self(wanted))
    }

    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(Failure::Interrupted),
            false => Ok(()),
        }
    }
}
