//! The writer that many threads share: one drives the machine at a time, on its own thread.

use causelog_types::EventId;
use parking_lot::Mutex;

use crate::command::{AppendReceipt, Command};
use crate::error::{AppendError, AppendErrorKind, Fate};
use crate::machine::{CloseError, Machine};

/// A machine that many threads share. The caller that finds it free drives it, with no hand-off to another
/// thread.
pub struct Writer {
    machine: Mutex<Option<Machine>>,
}

impl Writer {
    /// Takes a machine.
    #[must_use]
    pub fn new(machine: Machine) -> Self {
        Self { machine: Mutex::new(Some(machine)) }
    }

    /// Appends the events of a command, all or none. When it returns, they are durable and visible.
    ///
    /// # Errors
    /// See [`AppendErrorKind`]; [`AppendError::fate`] says what has become of the events.
    pub fn append(&self, command: &Command) -> Result<Vec<AppendReceipt>, AppendError> {
        match &mut *self.machine.lock() {
            Some(machine) => machine.append(command),
            None => Err(closed(command.ids())),
        }
    }

    /// Ends the log in order and gives up its lock. Later appends are refused.
    ///
    /// # Errors
    /// See [`CloseError`]. Nothing acknowledged is lost; the next open recovers.
    pub fn close(&self) -> Result<(), CloseError> {
        // Taken out first, so that nobody waits for the close but who closes.
        let machine = self.machine.lock().take();
        machine.map_or(Ok(()), Machine::close)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "a store was dropped");
        }
    }
}

fn closed(ids: Vec<EventId>) -> AppendError {
    AppendError::new(ids, Fate::NotWritten, AppendErrorKind::Closed)
}
