//! [`Text`]: a JSON string whose characters can be counted and cut without decoding it.

use std::ops::Range;

use memchr::memchr;

use crate::value::Document;
use crate::value::index::CharIndex;
use crate::value::scan::Chars;

/// One index mark per so many characters.
const CHARS_PER_MARK: usize = 64;

/// A JSON string with an index of its characters (code points of what it stands for).
#[derive(Debug)]
pub(super) struct Text<'a> {
    source: Source<'a>,
    len: usize,
    marks: Marks<'a>,
}

/// Where the literal is.
#[derive(Debug)]
enum Source<'a> {
    /// Here, quotes included.
    Quoted(&'a str),
    /// All of a document whose text may have to be read first.
    Document(&'a Document),
}

/// What is known about where characters are.
#[derive(Debug)]
enum Marks<'a> {
    /// Every character is one byte.
    Plain,
    /// Offsets of every 64th character.
    Fine(Box<[u32]>),
    /// Offsets of some characters.
    Coarse(&'a CharIndex),
}

impl<'a> Text<'a> {
    /// Indexes a JSON string, quotes included; one scan.
    pub(super) fn of(quoted: &'a str) -> Self {
        let source = Source::Quoted(quoted);
        let bytes = quoted.len().saturating_sub(2);
        if memchr(b'\\', quoted.as_bytes()).is_none() {
            return Self {
                source,
                len: bytes,
                marks: Marks::Plain,
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
            source,
            len,
            marks: Marks::Fine(marks.into()),
        }
    }

    /// The text that a document is, of which only what is looked at is read.
    pub(super) fn whole(document: &'a Document) -> Self {
        match document.char_index() {
            Some(index) => Self {
                source: Source::Document(document),
                len: index.len,
                marks: match index.marks.is_empty() {
                    true => Marks::Plain,
                    false => Marks::Coarse(index),
                },
            },
            None => Self::of(document.text()),
        }
    }

    /// Number of characters.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The escaped text of some characters, without quotes.
    pub(super) fn slice(&self, chars: Range<usize>) -> &'a str {
        self.bytes(self.offset(chars.start)..self.offset(chars.end))
    }

    /// How many characters from the beginning have an escaped text of at most so many bytes.
    pub(super) fn chars_within(&self, bytes: usize) -> usize {
        let (mut number, mut at) = match &self.marks {
            Marks::Plain => return bytes.min(self.len),
            Marks::Fine(marks) => {
                let mark = marks
                    .partition_point(|at| *at as usize <= bytes)
                    .saturating_sub(1);
                let at = marks.get(mark).map_or(0, |at| *at as usize);
                (mark * CHARS_PER_MARK, at)
            }
            Marks::Coarse(index) => index.before(bytes),
        };
        for char in self.chars_from(at) {
            at += char;
            if at > bytes {
                break;
            }
            number += 1;
        }
        number
    }

    /// A part of what stands between the quotes.
    fn bytes(&self, inside: Range<usize>) -> &'a str {
        let span = inside.start + 1..inside.end + 1;
        match self.source {
            // nothing is there of a text that has to be read first
            Source::Quoted(quoted) => quoted.get(span).unwrap_or_default(),
            Source::Document(document) => document.slice(span),
        }
    }

    /// Length of what stands between the quotes.
    fn inside_len(&self) -> usize {
        match self.source {
            Source::Quoted(quoted) => quoted.len().saturating_sub(2),
            Source::Document(document) => document.text_len().saturating_sub(2),
        }
    }

    fn offset(&self, number: usize) -> usize {
        if number >= self.len {
            return self.inside_len();
        }
        let (first, at) = match &self.marks {
            Marks::Plain => return number,
            Marks::Fine(marks) => {
                let mark = number / CHARS_PER_MARK;
                (mark * CHARS_PER_MARK, marks[mark] as usize)
            }
            Marks::Coarse(index) => index.upto(number),
        };
        at + self.chars_from(at).take(number - first).sum::<usize>()
    }

    /// Characters from an offset of the inside on, at least to the next mark.
    fn chars_from(&self, at: usize) -> Chars<'a> {
        let end = match &self.marks {
            Marks::Coarse(index) => index.end_of(at, self.inside_len()),
            Marks::Plain | Marks::Fine(_) => self.inside_len(),
        };
        Chars::inside(self.bytes(at..end))
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
