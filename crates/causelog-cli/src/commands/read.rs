//! `causelog read`: the events of a region.

use std::io::Write;

use causelog::{Category, Clause, Event, EventKind, InvalidValue, Position, Query, Region, Revision};
use clap::ValueEnum;
use comfy_table::{Row, Table};

use crate::args::Source;
use crate::commands::read::range::Between;
use crate::commands::{open_source, past_losses};
use crate::failure::{Failure, Status};
use crate::json::Values;
use crate::{json, table, time};

mod range;

/// How many events one table has; a longer list is several tables.
const TABLE_ROWS_MAX: usize = 1000;
/// How much of a payload a table shows, in characters.
const PAYLOAD_CHARACTERS_MAX: usize = 60;

/// How events are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum EventsFormat {
    /// For people.
    #[default]
    Table,
    /// For programs: one array.
    Json,
    /// For programs: an event a line, as `import` takes it.
    Jsonl,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    source: Source,
    /// The last first.
    #[arg(long)]
    reverse: bool,
    /// At most so many events.
    #[arg(long, value_name = "COUNT", allow_hyphen_values = true)]
    limit: Option<u64>,
    /// From this position on; with --reverse, from the one before it.
    #[arg(long, value_name = "POSITION", allow_hyphen_values = true)]
    from: Option<u64>,
    /// How to print the events.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: EventsFormat,
    // Behind the others, since its heading would be theirs too.
    #[command(flatten)]
    region: RegionArgs,
}

/// Which events: all that is given must hold.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Region")]
struct RegionArgs {
    /// This entity alone, in every scope.
    #[arg(long)]
    entity: Option<String>,
    /// Entities that begin so.
    #[arg(long, value_name = "PREFIX", conflicts_with = "entity")]
    entity_prefix: Option<String>,
    /// This scope alone.
    #[arg(long)]
    scope: Option<String>,
    /// This kind, as 0x1001, or any other kind or category given; repeatable.
    #[arg(long, value_name = "KIND", allow_hyphen_values = true)]
    kind: Vec<EventKind>,
    /// This category, as 0x1, or any other kind or category given; repeatable.
    #[arg(long, value_name = "CATEGORY", allow_hyphen_values = true)]
    category: Vec<Category>,
    /// With this tag, and every other one given; repeatable.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Positions from A to before B; either may be left out.
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    positions: Option<Between>,
    /// Revisions from A to before B; either may be left out.
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    revisions: Option<Between>,
    /// Recorded at this time or later: RFC 3339, or milliseconds since 1970-01-01 UTC.
    #[arg(long, value_name = "TIME", value_parser = time::parse_recorded, allow_hyphen_values = true)]
    since: Option<u64>,
    /// Recorded before this time.
    #[arg(long, value_name = "TIME", value_parser = time::parse_recorded, allow_hyphen_values = true)]
    until: Option<u64>,
    /// The library's own events too.
    #[arg(long = "library")]
    with_library: bool,
}

pub(crate) fn run(args: ReadArgs, out: &mut dyn Write) -> Result<Status, Failure> {
    let mut query = Query::new(args.region.region()?).hashed();
    if args.reverse {
        query = query.backwards();
    }
    query.from = args.from.map(Position);
    query.limit = args.limit;
    let store = open_source(&args.source)?;
    let events = store.read(query).filter_map(past_losses);
    match args.format {
        EventsFormat::Table => print_tables(out, events)?,
        EventsFormat::Json => print_values(Values::array(out), events)?,
        EventsFormat::Jsonl => print_values(Values::lines(out), events)?,
    }
    Ok(Status::Fine)
}

impl RegionArgs {
    fn region(self) -> Result<Region, InvalidValue> {
        let mut clause = Clause::new();
        if let Some(entity) = self.entity {
            clause = clause.entity(entity)?;
        }
        if let Some(prefix) = self.entity_prefix {
            clause = clause.entity_prefix(prefix)?;
        }
        if let Some(scope) = self.scope {
            clause = clause.scope(scope)?;
        }
        clause = self.kind.into_iter().try_fold(clause, Clause::kind)?;
        clause = self.category.into_iter().try_fold(clause, Clause::category)?;
        clause = self.tag.into_iter().try_fold(clause, Clause::tag)?;
        let mut region = Region::from(clause);
        if let Some(positions) = self.positions {
            region = region.positions(positions.bounds(Position))?;
        }
        if let Some(revisions) = self.revisions {
            region = region.revisions(revisions.bounds(Revision))?;
        }
        region = Between { start: self.since, end: self.until }.over_times(region)?;
        match self.with_library {
            true => Ok(region.with_library_events()),
            false => Ok(region),
        }
    }
}

fn print_values(
    mut values: Values<'_>,
    events: impl Iterator<Item = Result<Event, Failure>>,
) -> Result<(), Failure> {
    for event in events {
        values.push(&json::event(&event?))?;
    }
    values.finish()
}

fn print_tables(
    out: &mut dyn Write,
    events: impl Iterator<Item = Result<Event, Failure>>,
) -> Result<(), Failure> {
    let (mut table, mut any) = (heading(), false);
    for event in events {
        let event = match event {
            Ok(event) => event,
            // What came before the damage is good, and is shown.
            Err(failure) => {
                print_rows(out, &mut table)?;
                return Err(failure);
            }
        };
        let mut row = Row::from(row(&event));
        row.max_height(1);
        table.add_row(row);
        any = true;
        if table.row_count() == TABLE_ROWS_MAX {
            print_rows(out, &mut table)?;
            table = heading();
        }
    }
    match any {
        true => print_rows(out, &mut table),
        false => writeln!(out, "no events").map_err(Failure::Output),
    }
}

fn heading() -> Table {
    table::listing(&["position", "recorded", "stream", "revision", "kind", "id", "payload"])
}

fn print_rows(out: &mut dyn Write, rows: &mut Table) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    table::align_right(rows, &[0, 3]);
    table::print(out, rows)
}

fn row(event: &Event) -> [String; 7] {
    let header = &event.header;
    let hlc = header.dag.hlc;
    let payload = event.payload.as_ref();
    let payload = payload.map_or_else(|| "(erased)".to_owned(), |payload| json::payload(payload).to_string());
    [
        header.position.to_string(),
        time::recorded_rfc3339(hlc.wall_ms).unwrap_or_else(|| hlc.to_string()),
        table::clean(&header.coordinate.to_string()),
        header.revision.to_string(),
        header.kind.to_string(),
        header.id.to_string(),
        table::shorten(&table::clean(&payload), PAYLOAD_CHARACTERS_MAX),
    ]
}
