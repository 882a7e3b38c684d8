//! `causelog import`: JSON Lines into events, in durable batches.
//!
//! A line becomes an event (`mapping`), events wait for their batch to be complete (`batch`), and whatever stops
//! the import names the line: the first one that cannot be added. What stands before it is in the store then; where
//! the store does not take a batch without any line of it being wrong, the complete batches before it are.

mod ahead;
mod batch;
mod lines;
mod mapping;
mod progress;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use causelog::{Store, StoreHead};
use serde_json::{Value, json};

use crate::args::{Format, Output};
use crate::commands::import::ahead::{Chunk, parse_ahead};
use crate::commands::import::batch::{Importer, Stop, Tally};
use crate::commands::import::lines::Lines;
use crate::commands::import::mapping::{Mapping, MappingArgs};
use crate::commands::import::progress::Progress;
use crate::commands::open_to_write;
use crate::failure::{Failure, Status, ended_quietly};
use crate::{json, table};

const AFTER: &str = "\
A FIELD is a JSON pointer (/author), a constant (=repo), or pointers with a fallback (/author|/by|=unknown),
which is taken where the pointer finds nothing, null or an empty text. A constant ends the list, whatever it
holds; a key that holds |/ or |= cannot be named.

The first line that cannot be added stops the import; every line before it is added.

With --id, running an import again adds nothing: what is stored with the same content is left out, and the
same id with other content stops.

A git repository, its commits as events and their parents as causes:

  git log --topo-order --reverse \\
    --format='{\"id\":\"%H\",\"parents\":\"%P\",\"author\":\"%ae\",\"time\":\"%aI\",\"subject\":\"%f\"}' |
  causelog import DIR - --entity /author --scope =repo --kind =0x1001 \\
    --id /id --causes /parents --time /time";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(crate) struct ImportArgs {
    /// The store's directory; made if it is not there.
    dir: PathBuf,
    /// A file of JSON Lines, or - for standard input.
    file: PathBuf,
    /// How many events are added together, all or none, at most; one batch is written while the next is read.
    #[arg(long, value_name = "COUNT", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=16_384), allow_hyphen_values = true)]
    batch: u16,
    /// Count bad lines and go on, in place of stopping at the first.
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    output: Output,
    // Behind the others, since its heading would be theirs too.
    #[command(flatten)]
    mapping: MappingArgs,
}

pub(crate) fn run(args: Box<ImportArgs>, out: &mut dyn Write) -> Result<Status, Failure> {
    let args = *args;
    let mapping = Mapping::new(args.mapping).map_err(Failure::Misuse)?;
    let source = Source::open(&args.file)?;
    let store = open_to_write(&args.dir)?;
    let progress = Progress::new(source.bytes);
    let mut importer = Importer::new(&store, usize::from(args.batch), args.skip_bad, &progress);
    let stopped = parse_ahead(mapping, Lines::new(source.reader))
        .map_err(Stop::Input)
        .and_then(|parsed| import(&mut importer, &parsed, &progress));
    let tally = importer.into_tally();
    progress.end();
    let head = store.end();
    let closed = close(store);
    match stopped {
        Err(stop) => {
            let failure = stop.into_failure(&source.name, &tally);
            if args.output.format == Format::Json {
                ended_quietly(json::print(out, &document(&tally, &head, Some(&failure))))?;
            }
            Err(failure)
        }
        Ok(()) => {
            ended_quietly(print(args.output.format, &tally, &head, out))?;
            closed?;
            Ok(Status::Fine)
        }
    }
}

fn close(store: Store) -> Result<(), Failure> {
    Ok(store.close()?)
}

fn import(importer: &mut Importer<'_>, parsed: &Receiver<Chunk>, progress: &Progress) -> Result<(), Stop> {
    for chunk in parsed {
        let lines = match chunk {
            Ok(lines) => lines,
            Err(error) => {
                importer.flush()?;
                return Err(Stop::Input(error));
            }
        };
        for line in lines {
            importer.begin_line(line.number);
            match line.event {
                Ok(mapped) => importer.add(line.number, mapped)?,
                Err(reason) => importer.bad_line(line.number, reason)?,
            }
            progress.advance(line.bytes_read, importer.tally());
        }
    }
    importer.flush()
}

/// Where the lines come from.
struct Source {
    name: String,
    reader: BufReader<Box<dyn Read + Send>>,
    /// How long it is, where that is known.
    bytes: Option<u64>,
}

impl Source {
    fn open(path: &PathBuf) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            let reader: Box<dyn Read + Send> = Box::new(io::stdin());
            return Ok(Self {
                name: "standard input".to_owned(),
                reader: BufReader::new(reader),
                bytes: None,
            });
        }
        let name = path.display().to_string();
        let refused = |source| Failure::Input { file: name.clone(), source };
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        let bytes = metadata.is_file().then_some(metadata.len());
        let reader: Box<dyn Read + Send> = Box::new(file);
        Ok(Self { name, reader: BufReader::with_capacity(1 << 16, reader), bytes })
    }
}

/// What has been done, and what stopped it.
fn document(tally: &Tally, head: &StoreHead, failure: Option<&Failure>) -> Value {
    let error = failure.map(|failure| {
        let line = match failure {
            Failure::Import { line, .. } => Some(*line),
            _ => None,
        };
        json!({ "line": line, "message": failure.to_string(), "exit_code": failure.status().code() })
    });
    json!({
        "read": tally.read,
        "added": tally.added,
        "already_stored": tally.already_stored,
        "skipped": tally.skipped,
        "causes": tally.causes,
        "head": json::head(head),
        "error": error,
    })
}

fn print(format: Format, tally: &Tally, head: &StoreHead, out: &mut dyn Write) -> Result<(), Failure> {
    match format {
        Format::Json => json::print(out, &document(tally, head, None))?,
        Format::Table => {
            let rows = [
                ("lines read", table::count(tally.read)),
                ("events added", table::count(tally.added)),
                ("with causes", table::count(tally.causes)),
                ("already stored", table::count(tally.already_stored)),
                ("skipped as bad", table::count(tally.skipped)),
                ("next position", table::count(head.position.0)),
                ("root there", head.root.to_string()),
            ];
            table::print(out, &mut table::pairs(rows))?;
        }
    }
    out.flush().map_err(Failure::Output)
}
