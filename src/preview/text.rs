//! [`Text`]: a JSON string whose characters can be counted and cut without decoding it.

use std::ops::Range;

use memchr::memchr;

use crate::value::scan::Chars;

/// One index mark per so many characters.
const CHARS_PER_MARK: usize = 64;

/// A quoted JSON string with an index of its characters (code points of what it stands for).
#[derive(Debug)]
pub(super) struct Text<'a> {
    quoted: &'a str,
    len: usize,
    /// offsets of every 64th character; none if every character is one byte
    marks: Option<Box<[u32]>>,
}

impl<'a> Text<'a> {
    /// Indexes a JSON string, quotes included; one scan.
    pub(super) fn of(quoted: &'a str) -> Self {
        let bytes = quoted.len().saturating_sub(2);
        if memchr(b'\\', quoted.as_bytes()).is_none() {
            return Self {
                quoted,
                len: bytes,
                marks: None,
            };
        }
        let (mut marks, mut len, mut at) = (Vec::new(), 0, 0);
        for char in Chars::of(quoted) {
            if len % CHARS_PER_MARK == 0 {
                marks.push(at as u32);
            }
            len += 1;
            at += char;
        }
        Self {
            quoted,
            len,
            marks: Some(marks.into()),
        }
    }

    /// Number of characters.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The escaped text of some characters, without quotes.
    pub(super) fn slice(&self, chars: Range<usize>) -> &'a str {
        &self.inside()[self.offset(chars.start)..self.offset(chars.end)]
    }

    /// How many characters from the beginning have an escaped text of at most so many bytes.
    pub(super) fn chars_within(&self, bytes: usize) -> usize {
        let Some(marks) = &self.marks else {
            return bytes.min(self.len);
        };
        let mark = marks
            .partition_point(|at| *at as usize <= bytes)
            .saturating_sub(1);
        let mut at = marks.get(mark).map_or(0, |at| *at as usize);
        let mut number = mark * CHARS_PER_MARK;
        for char in self.chars_from(at) {
            at += char;
            if at > bytes {
                break;
            }
            number += 1;
        }
        number
    }

    fn inside(&self) -> &'a str {
        &self.quoted[1..self.quoted.len() - 1]
    }

    fn offset(&self, number: usize) -> usize {
        let Some(marks) = &self.marks else {
            return number;
        };
        if number >= self.len {
            return self.inside().len();
        }
        let at = marks[number / CHARS_PER_MARK] as usize;
        at + self
            .chars_from(at)
            .take(number % CHARS_PER_MARK)
            .sum::<usize>()
    }

    /// Characters from an offset of the inside on; `Chars` skips the byte before it like a quote.
    fn chars_from(&self, at: usize) -> Chars<'a> {
        Chars::of(&self.quoted[at..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_found_among_escapes() {
        let quoted = format!(r#""{}a\n\u00e9\ud83d\ude00b""#, "xy".repeat(100));
        let text = Text::of(&quoted);
        assert_eq!(text.len(), 205);
        assert_eq!(text.slice(200..205), r"a\n\u00e9\ud83d\ude00b");
        assert_eq!(text.slice(203..204), r"\ud83d\ude00");
        assert_eq!(text.slice(198..201), "xya");
        assert_eq!(text.chars_within(202), 201, "half an escape does not count");
        assert_eq!(text.chars_within(203), 202);
        assert_eq!(text.chars_within(9999), 205);
        assert_eq!(text.chars_within(0), 0);
    }

    #[test]
    fn plain_text_needs_no_marks() {
        let text = Text::of(r#""hello""#);
        assert_eq!((text.len(), text.slice(1..3)), (5, "el"));
        assert_eq!(text.chars_within(3), 3);
        assert_eq!(Text::of("\"\"").len(), 0);
    }
}
