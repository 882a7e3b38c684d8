//! Lines of an input, one at a time and of bounded length.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line, its end not counted: no event could hold a longer one.
pub(super) const LINE_BYTES_MAX: usize = causelog::limits::FRAME_BYTES_MAX;

/// Reads lines, and leaves out the blank ones.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    bytes_max: usize,
    buffer: Vec<u8>,
    number: u64,
    bytes_read: u64,
}

/// A line that is not blank.
pub(super) struct Line<'a> {
    /// Counted from 1, blank lines included.
    pub(super) number: u64,
    /// The line, or why it is no text.
    pub(super) text: Result<&'a str, String>,
    /// How many bytes of the input have been read by now.
    pub(super) bytes_read: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: BufReader<R>) -> Self {
        Self::with_limit(reader, LINE_BYTES_MAX)
    }

    fn with_limit(reader: BufReader<R>, bytes_max: usize) -> Self {
        Self { reader, bytes_max, buffer: Vec::new(), number: 0, bytes_read: 0 }
    }

    /// The next line; `None` at the end of the input.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            let room = widen(self.bytes_max).saturating_add(1);
            let read = self.reader.by_ref().take(room).read_until(b'\n', &mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bytes_read += widen(read);
            let is_long = self.buffer.last() != Some(&b'\n') && self.buffer.len() > self.bytes_max;
            if is_long {
                self.skip_rest()?;
            }
            let (number, bytes_read) = (self.number, self.bytes_read);
            if is_long {
                let text = Err(format!(
                    "the line is longer than {} bytes, the most an event can hold",
                    self.bytes_max
                ));
                return Ok(Some(Line { number, text, bytes_read }));
            }
            if !self.buffer.trim_ascii().is_empty() {
                let text = text(&self.buffer, number);
                return Ok(Some(Line { number, text, bytes_read }));
            }
        }
    }

    /// Whether nothing has been read ahead, so that the next line may have to be waited for.
    pub(super) fn would_wait(&self) -> bool {
        self.reader.buffer().is_empty()
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let ahead = self.reader.fill_buf()?;
            let end = ahead.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let skipped = end.unwrap_or(ahead.len());
            self.reader.consume(skipped);
            self.bytes_read += widen(skipped);
            if end.is_some() || skipped == 0 {
                return Ok(());
            }
        }
    }
}

fn text(bytes: &[u8], number: u64) -> Result<&str, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("the line is not UTF-8 from its byte {} on", error.valid_up_to()))?;
    // Some systems begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(text))
}

fn widen(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::Lines;

    fn lines(input: &[u8], bytes_max: usize) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::with_limit(BufReader::with_capacity(3, input), bytes_max);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.text.map(|text| text.trim_end().to_owned())));
        }
        assert_eq!(lines.bytes_read, u64::try_from(input.len()).unwrap());
        found
    }

    #[test]
    fn blank_lines_count_but_do_not_show() {
        let found = lines(b"\xef\xbb\xbfa\r\n\n  \t\nb\n\nc", 100);
        assert_eq!(found, [(1, Ok("a".into())), (4, Ok("b".into())), (6, Ok("c".into()))]);
        assert_eq!(lines(b"", 100), []);
    }

    #[test]
    fn a_line_beyond_the_limit_is_skipped_whole() {
        let found = lines(b"12345\n123456\n1234567890123\n1\n123456", 5);
        let long =
            |found: &Result<String, String>| found.as_ref().is_err_and(|why| why.contains("longer than 5"));
        assert_eq!(found[0], (1, Ok("12345".into())), "the limit itself");
        assert_eq!(found[3], (4, Ok("1".into())));
        assert!(long(&found[1].1) && long(&found[2].1) && long(&found[4].1), "{found:?}");
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn a_line_that_is_not_utf8_says_where() {
        let found = lines(b"ok\nab\xff\nok\n", 100);
        assert!(found[1].1.as_ref().is_err_and(|why| why.contains("byte 2")), "{found:?}");
        assert_eq!((found[0].0, found[2].0), (1, 3));
    }
}
