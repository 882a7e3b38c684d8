//! Reading the tables and lists of the documents that the rules compare with code.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The rows of the first table whose heading row begins with `first_heading`, as plain text, without that row.
pub(crate) fn table(text: &str, first_heading: &str) -> Option<Vec<Vec<String>>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut cell: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => rows.clear(),
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(cell) = &mut cell {
                    cell.push_str(&words);
                }
            }
            Event::End(TagEnd::TableCell) => {
                if let (Some(cell), Some(row)) = (cell.take(), rows.last_mut()) {
                    row.push(cell.trim().to_owned());
                }
            }
            Event::End(TagEnd::Table) => {
                let heading = rows.first().and_then(|row| row.first());
                if heading.is_some_and(|heading| heading == first_heading) {
                    rows.remove(0);
                    return Some(rows);
                }
            }
            _ => {}
        }
    }
    None
}

/// The words in backticks that follow `title`: in the section of that heading, or in the paragraph or list item
/// that begins with it. `None` where the document has no such place.
pub(crate) fn code_words(text: &str, title: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut section: Option<HeadingLevel> = None;
    let mut in_paragraph = false;
    let mut heading: Option<HeadingLevel> = None;
    let mut block_begins = false;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                if section.is_some_and(|open| level <= open) {
                    return Some(words);
                }
                (heading, block_begins) = (Some(level), true);
            }
            Event::End(TagEnd::Heading(_)) => heading = None,
            Event::Start(Tag::Paragraph | Tag::Item) => block_begins = true,
            Event::End(TagEnd::Paragraph | TagEnd::Item) if in_paragraph && section.is_none() => {
                return Some(words);
            }
            Event::Text(text) if block_begins => {
                block_begins = false;
                if text.contains(title) && heading.is_some() {
                    section = heading;
                } else if text.trim_start().starts_with(title) {
                    in_paragraph = true;
                }
            }
            Event::Code(word) if section.is_some() || in_paragraph => words.push(word.to_string()),
            _ => {}
        }
    }
    (section.is_some() || in_paragraph).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{code_words, table};

    #[test]
    fn a_table_is_found_by_its_first_heading() {
        let text = "| a | b |\n|---|---|\n| 1 | 2 |\n\n| crate | may use |\n|---|---|\n| `x` | none |\n";
        assert_eq!(table(text, "crate"), Some(vec![vec!["x".to_owned(), "none".to_owned()]]));
        assert_eq!(table(text, "layer"), None);
    }

    #[test]
    fn code_words_stand_in_a_sentence_or_below_a_heading() {
        let sentence = "`no`\n\nProduct nouns: `tenant`, `order`.\n\n`no`\n";
        assert_eq!(code_words(sentence, "Product nouns"), Some(vec!["tenant".into(), "order".into()]));
        let section = "## 3. Product nouns\n\nNot these: `cart`.\n\n- `user`\n\n## Next\n`no`\n";
        assert_eq!(code_words(section, "Product nouns"), Some(vec!["cart".into(), "user".into()]));
        assert_eq!(code_words("# Else\n`a`\n", "Product nouns"), None);
    }
}
