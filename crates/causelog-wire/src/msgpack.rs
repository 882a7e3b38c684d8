//! MessagePack in its one canonical form: every value as short as it can be.
//!
//! <https://github.com/msgpack/msgpack/blob/master/spec.md>. A general decoder accepts many forms of one value;
//! hashing needs one, so the strict reader and the writer stand here side by side.

use causelog_types::ByteOffset;

use crate::{Flaw, Rule};

/// Writes canonical values.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    /// A text of one letter.
    #[inline]
    pub(crate) fn key(&mut self, letter: u8) {
        self.0.extend_from_slice(&[0xa1, letter]);
    }

    /// A key and its number, in one piece: looking for room is most of what writing a small value costs.
    #[inline]
    pub(crate) fn uint_at(&mut self, letter: u8, value: u64) {
        let [.., a, b, c, d] = value.to_be_bytes();
        match value {
            0..=0x7f => self.0.extend_from_slice(&[0xa1, letter, d]),
            0x80..=0xff => self.0.extend_from_slice(&[0xa1, letter, 0xcc, d]),
            0x100..=0xffff => self.0.extend_from_slice(&[0xa1, letter, 0xcd, c, d]),
            0x1_0000..=0xffff_ffff => self.0.extend_from_slice(&[0xa1, letter, 0xce, a, b, c, d]),
            _ => {
                let [e, f, g, h, ..] = value.to_be_bytes();
                self.0.extend_from_slice(&[0xa1, letter, 0xcf, e, f, g, h, a, b, c, d]);
            }
        }
    }

    /// A key and its id or hash.
    #[inline]
    pub(crate) fn binary_at<const N: usize>(&mut self, letter: u8, bytes: &[u8; N]) {
        const { assert!(N <= 0xff, "a header's bin has a length of one byte") };
        let [length, ..] = N.to_le_bytes();
        self.0.extend_from_slice(&[0xa1, letter, 0xc4, length]);
        self.0.extend_from_slice(bytes);
    }

    /// A key and its number, which may be negative.
    pub(crate) fn int_at(&mut self, letter: u8, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.uint_at(letter, value);
        }
        self.key(letter);
        if let Ok(byte) = i8::try_from(value) {
            if byte < -32 {
                self.0.push(0xd0);
            }
            self.0.extend_from_slice(&byte.to_be_bytes());
        } else if let Ok(short) = i16::try_from(value) {
            self.marked(0xd1, &short.to_be_bytes());
        } else if let Ok(word) = i32::try_from(value) {
            self.marked(0xd2, &word.to_be_bytes());
        } else {
            self.marked(0xd3, &value.to_be_bytes());
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.length(text.len(), Some((0xa0, 31)), Some(0xd9), 0xda);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// An id or a hash. Its length is known when this is compiled, so that no call copies it.
    #[inline]
    pub(crate) fn binary<const N: usize>(&mut self, bytes: &[u8; N]) {
        const { assert!(N <= 0xff, "a header's bin has a length of one byte") };
        let [length, ..] = N.to_le_bytes();
        self.0.extend_from_slice(&[0xc4, length]);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn array(&mut self, items: usize) {
        self.length(items, Some((0x90, 15)), None, 0xdc);
    }

    pub(crate) fn map(&mut self, entries: usize) {
        self.length(entries, Some((0x80, 15)), None, 0xde);
    }

    pub(crate) fn yes(&mut self) {
        self.0.push(0xc3);
    }

    /// A length of at most 65,535: nothing in a header is longer.
    #[inline]
    fn length(&mut self, length: usize, fix: Option<(u8, usize)>, marker8: Option<u8>, marker16: u8) {
        let short = u16::try_from(length).unwrap_or(u16::MAX);
        assert_eq!(usize::from(short), length, "a header's value is too long");
        match (fix, marker8, u8::try_from(length)) {
            (Some((marker, most)), _, Ok(byte)) if length <= most => self.0.push(marker | byte),
            (_, Some(marker), Ok(byte)) => self.0.extend_from_slice(&[marker, byte]),
            _ => self.marked(marker16, &short.to_be_bytes()),
        }
    }

    #[inline]
    fn marked<const N: usize>(&mut self, marker: u8, bytes: &[u8; N]) {
        self.0.push(marker);
        self.0.extend_from_slice(bytes);
    }
}

/// Reads canonical values; anything longer than it must be is refused.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    base: ByteOffset,
}

const LONGER_THAN_NEEDED: Rule = Rule::NotCanonical("a number or length is longer than it must be");

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: ByteOffset) -> Self {
        Self { bytes, at: 0, base }
    }

    /// How many bytes have been read.
    pub(crate) fn consumed(&self) -> usize {
        self.at
    }

    pub(crate) fn flaw(&self, rule: Rule) -> Flaw {
        Flaw { rule, offset: self.base.plus(self.at) }
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Flaw> {
        let (value, least) = match self.byte()? {
            small @ 0x00..=0x7f => (u64::from(small), 0),
            0xcc => (u64::from(self.byte()?), 0x80),
            0xcd => (u64::from(u16::from_be_bytes(self.take_array()?)), 0x100),
            0xce => (u64::from(u32::from_be_bytes(self.take_array()?)), 0x1_0000),
            0xcf => (u64::from_be_bytes(self.take_array()?), 0x1_0000_0000),
            _ => return Err(self.flaw(Rule::Malformed)),
        };
        self.at_least(value, least)
    }

    pub(crate) fn int(&mut self) -> Result<i64, Flaw> {
        let marker = self.bytes.get(self.at).copied().ok_or_else(|| self.flaw(Rule::Malformed))?;
        let (value, most) = match marker {
            0xe0..=0xff => (i64::from(i8::from_be_bytes([self.byte()?])), -1),
            0xd0 => (i64::from(i8::from_be_bytes(self.after_marker()?)), -33),
            0xd1 => (i64::from(i16::from_be_bytes(self.after_marker()?)), -129),
            0xd2 => (i64::from(i32::from_be_bytes(self.after_marker()?)), -32_769),
            0xd3 => (i64::from_be_bytes(self.after_marker()?), -2_147_483_649),
            _ => {
                let value = self.uint()?;
                return i64::try_from(value).map_err(|_| self.flaw(Rule::Malformed));
            }
        };
        match value <= most {
            true => Ok(value),
            false => Err(self.flaw(LONGER_THAN_NEEDED)),
        }
    }

    /// A text that is a key, by its bytes.
    #[inline]
    pub(crate) fn key(&mut self) -> Result<&'a [u8], Flaw> {
        match self.bytes.get(self.at..) {
            Some([0xa1, letter, ..]) if letter.is_ascii() => {
                self.at += 2;
                Ok(std::slice::from_ref(letter))
            }
            _ => self.text().map(str::as_bytes),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Flaw> {
        let length = match self.byte()? {
            fix @ 0xa0..=0xbf => usize::from(fix & 0x1f),
            0xd9 => self.length8(32)?,
            0xda => self.length16(0x100)?,
            _ => return Err(self.flaw(Rule::Malformed)),
        };
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.flaw(Rule::Malformed))
    }

    pub(crate) fn binary<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let length = match self.byte()? {
            0xc4 => self.length8(0)?,
            0xc5 => self.length16(0x100)?,
            _ => return Err(self.flaw(Rule::Malformed)),
        };
        match length == N {
            true => self.take_array(),
            false => Err(self.flaw(Rule::Malformed)),
        }
    }

    pub(crate) fn array(&mut self) -> Result<usize, Flaw> {
        match self.byte()? {
            fix @ 0x90..=0x9f => Ok(usize::from(fix & 0x0f)),
            0xdc => self.length16(16),
            _ => Err(self.flaw(Rule::Malformed)),
        }
    }

    pub(crate) fn map(&mut self) -> Result<usize, Flaw> {
        match self.byte()? {
            fix @ 0x80..=0x8f => Ok(usize::from(fix & 0x0f)),
            0xde => self.length16(16),
            _ => Err(self.flaw(Rule::Malformed)),
        }
    }

    pub(crate) fn yes(&mut self) -> Result<(), Flaw> {
        match self.byte()? {
            0xc3 => Ok(()),
            _ => Err(self.flaw(Rule::Malformed)),
        }
    }

    /// Passes over one well-formed value of any form, nested at most `levels` deep.
    pub(crate) fn skip(&mut self, levels: usize) -> Result<(), Flaw> {
        // How many values are still due at each level: no recursion, and no memory beyond the limit.
        let mut due: Vec<u64> = vec![1];
        while let Some(last) = due.last_mut() {
            if *last == 0 {
                due.pop();
                continue;
            }
            *last -= 1;
            let children = self.skip_one()?;
            if children > 0 {
                if due.len() > levels {
                    return Err(self.flaw(Rule::Malformed));
                }
                due.push(children);
            }
        }
        Ok(())
    }

    /// Passes over a value's own bytes; returns how many values stand inside it.
    fn skip_one(&mut self) -> Result<u64, Flaw> {
        let marker = self.byte()?;
        let (bytes, children) = match marker {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => (0, 0),
            0x80..=0x8f => (0, 2 * u64::from(marker & 0x0f)),
            0x90..=0x9f => (0, u64::from(marker & 0x0f)),
            0xa0..=0xbf => (usize::from(marker & 0x1f), 0),
            0xc1 => return Err(self.flaw(Rule::Malformed)),
            0xc4 | 0xd9 => (usize::from(self.byte()?), 0),
            0xc5 | 0xda => (usize::from(u16::from_be_bytes(self.take_array()?)), 0),
            0xc6 | 0xdb => (self.word()?, 0),
            0xc7 => (usize::from(self.byte()?) + 1, 0),
            0xc8 => (usize::from(u16::from_be_bytes(self.take_array()?)) + 1, 0),
            0xc9 => (self.word()?.saturating_add(1), 0),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 | 0xd4 => (2, 0),
            0xd5 => (3, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xd6 => (5, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            0xd7 => (9, 0),
            0xd8 => (17, 0),
            0xdc => (0, u64::from(u16::from_be_bytes(self.take_array()?))),
            0xdd => (0, u64::from(u32::from_be_bytes(self.take_array()?))),
            0xde => (0, 2 * u64::from(u16::from_be_bytes(self.take_array()?))),
            0xdf => (0, 2 * u64::from(u32::from_be_bytes(self.take_array()?))),
        };
        self.take(bytes)?;
        Ok(children)
    }

    fn word(&mut self) -> Result<usize, Flaw> {
        let word = u32::from_be_bytes(self.take_array()?);
        usize::try_from(word).map_err(|_| self.flaw(Rule::Malformed))
    }

    fn length8(&mut self, least: u64) -> Result<usize, Flaw> {
        let length = self.byte()?;
        self.at_least(u64::from(length), least).map(|_| usize::from(length))
    }

    fn length16(&mut self, least: u64) -> Result<usize, Flaw> {
        let length = u16::from_be_bytes(self.take_array()?);
        self.at_least(u64::from(length), least).map(|_| usize::from(length))
    }

    fn at_least(&self, value: u64, least: u64) -> Result<u64, Flaw> {
        match value >= least {
            true => Ok(value),
            false => Err(self.flaw(LONGER_THAN_NEEDED)),
        }
    }

    fn byte(&mut self) -> Result<u8, Flaw> {
        let [byte] = self.take_array()?;
        Ok(byte)
    }

    fn after_marker<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        self.byte()?;
        self.take_array()
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Flaw> {
        let taken = self.at.checked_add(count).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.flaw(Rule::Malformed))?;
        self.at += count;
        Ok(taken)
    }
}
