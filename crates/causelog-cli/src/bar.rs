//! How far a walk over a whole store is, for a person at a terminal.

use std::io::{self, IsTerminal};

use causelog::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Format;

/// A bar on standard error; nothing where that is no terminal, or a program reads the result.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(format: Format) -> Self {
        if format == Format::Json || !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}");
        Self(ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// Every step begins anew.
    pub(crate) fn tell(&self, step: &'static str, progress: Progress) {
        if self.0.is_hidden() {
            return;
        }
        if self.0.length() != Some(progress.bytes_total) || self.0.message() != step {
            self.0.set_message(step);
            self.0.set_length(progress.bytes_total);
        }
        self.0.set_position(progress.bytes_done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
