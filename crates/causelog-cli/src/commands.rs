//! The commands, a file each, and how they open a store.

pub(crate) mod append;
pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod read;
pub(crate) mod salvage;
pub(crate) mod stat;
pub(crate) mod trace;
pub(crate) mod verify;

use std::io::{self, Write};
use std::path::Path;

use causelog::{Coordinate, Event, OpenError, Options, ReadError, Store, limits};

use crate::args::{Command, Source};
use crate::failure::{Failure, Status};
use crate::tell;

/// Runs a command; what it has to say goes to `out`.
pub(crate) fn run(command: Command, out: &mut dyn Write) -> Result<Status, Failure> {
    let status = match command {
        Command::Demo(args) => demo::run(&args, out),
        Command::Import(args) => import::run(args, out),
        Command::Append(args) => append::run(args, out),
        Command::Read(args) => read::run(args, out),
        Command::Get(args) => get::run(&args, out),
        Command::Trace(args) => trace::run(&args, out),
        Command::Stat(args) => stat::run(&args, out),
        Command::Verify(args) => verify::run(&args, out),
        Command::Salvage(args) => salvage::run(&args, out),
        Command::Bench(args) => bench::run(&args, out),
    }?;
    out.flush().map_err(Failure::Output)?;
    Ok(status)
}

/// Opens a store that must be there, and creates nothing.
fn open_to_read(directory: &Path) -> Result<Store, Failure> {
    check_directory(directory)?;
    Ok(Store::open_read_only(directory)?)
}

/// The same, as it was asked for.
fn open_source(source: &Source) -> Result<Store, Failure> {
    match source.damaged {
        true => {
            check_directory(&source.dir)?;
            Ok(Store::open_damaged(&source.dir)?)
        }
        false => open_to_read(&source.dir),
    }
}

/// What a read gives; what was lost is told beside it, and does not end it.
fn past_losses(read: Result<Event, ReadError>) -> Option<Result<Event, Failure>> {
    match read {
        Err(lost @ (ReadError::Lost { .. } | ReadError::CauseLost { .. })) => {
            tell(&format!("causelog: {lost}"));
            None
        }
        other => Some(other.map_err(Failure::from)),
    }
}

/// Opens a store to append, making it if there is none. Events may be as long as the format allows.
fn open_to_write(directory: &Path) -> Result<Store, OpenError> {
    Options::default().frame_bytes_max(limits::FRAME_BYTES_MAX).open(directory)
}

/// The stream of an event that is given to the command: the library's own are not.
fn application_stream(entity: &str, scope: &str) -> Result<Coordinate, String> {
    let stream = Coordinate::new(entity, scope).map_err(|error| error.to_string())?;
    match stream.is_library() {
        true => Err(format!("entity {entity:?} begins with $, which is the library's own")),
        false => Ok(stream),
    }
}

fn check_directory(directory: &Path) -> Result<(), Failure> {
    match directory.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::NoDirectory { directory: directory.display().to_string() })
        }
        // Anything else is told by opening it.
        _ => Ok(()),
    }
}
