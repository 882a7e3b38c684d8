//! Tables for people.

use std::io::Write;

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets::NOTHING,
};

use crate::failure::Failure;

/// The least width of a listing's last column, on a terminal.
const LAST_COLUMN_MIN: u16 = 24;

/// A table with a heading for each column. On a terminal, the last column takes what room is left.
pub(crate) fn listing(headings: &[&str]) -> Table {
    let mut table = bare();
    table.set_header(headings.iter().map(|heading| Cell::new(heading.to_uppercase())));
    if let Some((_, width)) = console::Term::stdout().size_checked() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        let last = headings.len().saturating_sub(1);
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_constraint(match place < last {
                true => ColumnConstraint::ContentWidth,
                false => ColumnConstraint::LowerBoundary(Width::Fixed(LAST_COLUMN_MIN)),
            });
        }
    }
    table
}

/// Aligns columns of numbers; to be called when the table has its rows.
pub(crate) fn align_right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A table of names and values.
pub(crate) fn pairs<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = bare();
    for (name, value) in rows {
        table.add_row([name.to_owned(), value]);
    }
    table
}

/// Prints a table.
pub(crate) fn print(out: &mut dyn Write, table: &mut Table) -> Result<(), Failure> {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    writeln!(out, "{}", table.trim_fmt()).map_err(Failure::Output)
}

/// Makes a text from a store safe to print: control characters could steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => cleaned.extend(character.escape_default()),
            false => cleaned.push(character),
        }
    }
    cleaned
}

/// Cuts a text to a number of characters.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// Writes a count with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of things that have their plural with an s.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_truncation_indicator("…");
    table
}

#[cfg(test)]
mod tests {
    use super::{clean, count, counted, shorten};

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}c\n"), "a\\u{1b}[2Jb\\u{9b}c\\n");
        assert_eq!(clean("ü ✓"), "ü ✓");
    }

    #[test]
    fn long_texts_are_cut_by_characters() {
        assert_eq!(shorten("äöüß", 4), "äöüß");
        assert_eq!(shorten("äöüßx", 4), "äöü…");
    }

    #[test]
    fn thousands_stand_apart() {
        let given = [0, 999, 1000, 1_234_567].map(count);
        assert_eq!(given, ["0", "999", "1,000", "1,234,567"]);
        let given = [0, 1, 2000].map(|number| counted(number, "event"));
        assert_eq!(given, ["0 events", "1 event", "2,000 events"]);
    }
}
