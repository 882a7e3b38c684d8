//! `causelog demo`: a short story on a new store.

mod story;

use std::io::Write;
use std::path::{Path, PathBuf};

use causelog::{IoError, LogError, OpenError};
use serde_json::{Value, json};

use crate::args::{Format, Output};
use crate::commands::demo::story::{Chapter, Ending};
use crate::commands::open_to_read;
use crate::failure::{Failure, Status};
use crate::{json, table};

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where to leave the store, to be explored: a new or empty directory; a temporary one unless given.
    dir: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &DemoArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let temporary;
    let directory = match &args.dir {
        Some(directory) => {
            check_free(directory)?;
            directory.as_path()
        }
        None => {
            temporary = tempfile::tempdir().map_err(IoError::on("make", "a temporary directory"))?;
            temporary.path()
        }
    };
    let (chapters, ending) = story::tell(directory)?;
    match args.output.format {
        Format::Json => json::print(out, &document(args.dir.as_deref(), &chapters, &ending))?,
        Format::Table => print(out, args.dir.as_deref(), &chapters)?,
    }
    Ok(ending.status)
}

/// A store that holds something stays as it is.
fn check_free(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    let wanted = "the demo needs a new or an empty directory";
    let names = match directory.read_dir() {
        Ok(mut names) => names.next().is_some(),
        // What is not there will be made; anything else is told by opening it.
        Err(_) => false,
    };
    if !names {
        return Ok(());
    }
    match open_to_read(directory) {
        Ok(store) => match store.counts()?.events {
            0 => Ok(()),
            events => Err(Failure::Misuse(format!(
                "{shown} already holds a store with {}; {wanted}",
                table::counted(events, "event")
            ))),
        },
        Err(Failure::Open(OpenError::Log(LogError::NotAStore { .. }))) => {
            Err(Failure::Misuse(format!("{shown} holds other files; {wanted}")))
        }
        Err(failure) => Err(failure),
    }
}

fn print(out: &mut dyn Write, kept: Option<&Path>, chapters: &[Chapter]) -> Result<(), Failure> {
    let mut text = match kept {
        Some(directory) => format!("A house keeps a record of itself, in {}.\n", directory.display()),
        None => "A house keeps a record of itself, in a temporary store.\n".to_owned(),
    };
    for (place, chapter) in chapters.iter().enumerate() {
        text.push_str(&format!("\n{}. {}\n", place + 1, chapter.title));
        for line in &chapter.lines {
            text.push_str(&format!("     {line}\n"));
        }
    }
    text.push_str(&match kept {
        Some(directory) => explore(directory),
        None => "\nThe store is gone now. `causelog demo DIR` leaves it in DIR, to be explored.\n".to_owned(),
    });
    write!(out, "{text}").map_err(Failure::Output)
}

fn explore(directory: &Path) -> String {
    let shown = directory.display().to_string();
    let shown = match shown.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c)) {
        true => shown,
        false => format!("'{}'", shown.replace('\'', r"'\''")),
    };
    format!(
        "\nGo on from here:\n\
         \x20    causelog read {shown} --entity siren\n\
         \x20    causelog get {shown} siren-loudest\n\
         \x20    causelog trace {shown} descendants door-opened --label /id\n\
         \x20    causelog stat {shown}\n"
    )
}

fn document(kept: Option<&Path>, chapters: &[Chapter], ending: &Ending) -> Value {
    let fields = |chapter: &Chapter| {
        let mut fields = json!({ "title": chapter.title });
        if let (Some(fields), Some(facts)) = (fields.as_object_mut(), chapter.facts.as_object()) {
            fields.extend(facts.clone());
        }
        fields
    };
    let chapters: Vec<Value> = chapters.iter().map(fields).collect();
    json!({
        "directory": kept.map(|directory| directory.display().to_string()),
        "chapters": chapters,
        "events": ending.events,
        "streams": ending.streams,
        "head": json::head(&ending.head),
        "verdict": ending.verdict,
    })
}
