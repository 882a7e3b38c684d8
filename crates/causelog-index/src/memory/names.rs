//! Texts by number, each with the rows that bear it: the scopes and the tags.

use std::collections::HashMap;
use std::sync::Arc;

use super::list::RowList;
use super::row::Row;
use crate::IndexError;

/// The number of a text: 0 for the first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameNumber(pub(super) u32);

/// Texts of one sort. Each is kept once, and numbered by its first appearance.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, NameNumber>,
    all: Vec<Name>,
}

struct Name {
    text: Arc<str>,
    rows: RowList,
}

impl Names {
    /// The number of a text, which is given one when it is new. Allocates only then.
    pub(super) fn number(&mut self, text: &str, what: &'static str) -> Result<NameNumber, IndexError> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = NameNumber(u32::try_from(self.all.len()).map_err(|_| IndexError::Full { what })?);
        let text: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&text), number);
        self.all.push(Name { text, rows: RowList::default() });
        Ok(number)
    }

    /// Notes the next row that bears a text.
    pub(super) fn bear(&mut self, number: NameNumber, row: Row) {
        self.all[number.index()].rows.push(row);
    }

    /// The number of a text that has been seen.
    pub(super) fn known(&self, text: &str) -> Option<NameNumber> {
        self.numbers.get(text).copied()
    }

    /// The rows that bear a text, when it has been seen.
    pub(super) fn rows(&self, text: &str) -> Option<&RowList> {
        self.known(text).map(|number| &self.all[number.index()].rows)
    }

    /// The text of a number.
    pub(super) fn text(&self, number: NameNumber) -> &str {
        &self.all[number.index()].text
    }
}

impl NameNumber {
    fn index(self) -> usize {
        super::row::index(self.0)
    }
}
