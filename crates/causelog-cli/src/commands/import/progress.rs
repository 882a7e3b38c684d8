//! How far an import is, for a person at a terminal.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use crate::commands::import::batch::Tally;
use crate::table;

/// How many skipped lines are named; the others are only counted.
const NOTES_MAX: u64 = 20;

/// A bar where the input's length is known, else a count; nothing where stderr is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    knows_length: bool,
}

impl Progress {
    pub(super) fn new(bytes: Option<u64>) -> Self {
        let knows_length = bytes.is_some();
        if !io::stderr().is_terminal() {
            return Self { bar: ProgressBar::hidden(), knows_length };
        }
        let (bar, template) = match bytes {
            Some(bytes) => (ProgressBar::new(bytes), "{bar:30} {bytes} of {total_bytes}, {msg}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}"),
        };
        let style = ProgressStyle::with_template(template);
        Self { bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())), knows_length }
    }

    pub(super) fn advance(&self, bytes_read: u64, tally: &Tally) {
        if self.bar.is_hidden() {
            return;
        }
        match self.knows_length {
            true => self.bar.set_position(bytes_read),
            false => self.bar.set_position(tally.read),
        }
        // A message is made anew for each line that is shown, not for each that is read.
        if tally.read.is_multiple_of(64) {
            let (read, added) = (table::counted(tally.read, "line"), table::counted(tally.added, "event"));
            self.bar.set_message(format!("{read} read, {added} added"));
        }
    }

    /// Tells of the `nth` skipped line.
    pub(super) fn skipped(&self, nth: u64, line: u64, reason: &str) {
        if nth <= NOTES_MAX {
            self.note(&format!("skipped line {line}: {reason}"));
        }
        if nth == NOTES_MAX {
            self.note("further skipped lines are only counted");
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| {
            // A note that nobody can read is no reason to stop.
            let _ =
                io::Write::write_fmt(&mut io::stderr(), format_args!("causelog: {}\n", table::clean(text)));
        });
    }
}
