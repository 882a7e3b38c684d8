//! The `causelog` command: import, append, read, trace, verify and measure stores from the command line.
//!
//! Each command is a file in `commands`. It gets its parsed arguments and a writer, returns how the question was
//! answered, and never ends the process itself. What goes wrong is one [`Failure`](failure::Failure), which
//! knows its exit code.

mod args;
mod bar;
mod commands;
mod failure;
mod field;
mod id;
mod json;
mod table;
mod time;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::failure::Status;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        // Help and the version go to stdout and are fine; whoever closed it has seen enough.
        Err(told) if !told.use_stderr() => {
            let _ = told.print();
            return Status::Fine.into();
        }
        Err(told) => {
            for line in told.render().to_string().lines() {
                tell(line);
            }
            return Status::Misuse.into();
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match commands::run(args.command, &mut out) {
        Ok(status) => status.into(),
        Err(failure) if failure.is_broken_pipe() => Status::Fine.into(),
        Err(failure) => {
            // What was found before the failure comes before its message; nothing is left to do if both fail.
            let _ = out.flush();
            tell(&format!("causelog: {failure}{}", failure.hint()));
            failure.status().into()
        }
    }
}

/// Says something on stderr. What comes from arguments, files and stores must not steer the terminal.
fn tell(text: &str) {
    // Nobody is left to be told that nobody can be told.
    let _ = writeln!(io::stderr(), "{}", table::clean(text));
}
