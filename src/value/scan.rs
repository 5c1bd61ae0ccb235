//! Walking over JSON text without building anything: where a value ends, what its items are.
//!
//! The text is what [`super::write`] made or [`super::parse`] accepted, so these functions need not
//! validate; on other text they stay within bounds and end, but their answer means nothing.

use std::ops::Range;

use memchr::{memchr, memchr2};

#[cfg(feature = "python")]
use super::words;

/// Index just behind the value that starts at `start`. Iterative: depth costs no stack.
pub(crate) fn value_end(text: &[u8], start: usize) -> usize {
    match text.get(start) {
        Some(b'"') => string_end(text, start),
        Some(b'[' | b'{') => container_end(text, start),
        _ => scalar_end(text, start),
    }
}

/// Index of the first byte from `at` on that is a quote, a backslash or a control character: where a string
/// literal ends, or is more than it shows.
#[cfg(feature = "python")]
#[inline]
pub(crate) fn plain_end(text: &[u8], at: usize) -> usize {
    let special =
        |word| words::below(word, b' ') | words::equal(word, b'"') | words::equal(word, b'\\');
    at + words::until(text.get(at..).unwrap_or_default(), special)
}

/// Number of decimal digits that this text begins with.
#[cfg(feature = "python")]
#[inline]
pub(crate) fn digits(text: &[u8]) -> usize {
    words::until(text, words::not_digit)
}

/// The character of the escape that this text begins with, a lone surrogate among them, and its length.
/// `None` if it is none.
#[cfg(feature = "python")]
pub(crate) fn escape(text: &[u8]) -> Option<(u32, usize)> {
    let letter = match text.get(1)? {
        b'u' => {
            let high = unit(text)?;
            let low = text.get(6..).and_then(unit);
            return Some(match (high, low) {
                (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                    let (high, low) = (u32::from(high) & 0x3FF, u32::from(low) & 0x3FF);
                    (0x10000 + (high << 10 | low), 12)
                }
                _ => (high.into(), 6),
            });
        }
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'f' => 0x0C,
        b'b' => 0x08,
        plain @ (b'"' | b'\\' | b'/') => *plain,
        _ => return None,
    };
    Some((letter.into(), 2))
}

/// Index just behind the closing quote of the string that starts at `start`.
pub(crate) fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

fn scalar_end(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start
        + rest
            .iter()
            .position(|b| matches!(b, b',' | b']' | b'}' | b':' | b' '))
            .unwrap_or(rest.len())
}

fn container_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at < text.len() {
        match text[at] {
            b'"' => {
                at = string_end(text, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// One item of a list or dict, as ranges of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key with its quotes; `None` in a list.
    pub key: Option<Range<usize>>,
    /// The value.
    pub value: Range<usize>,
}

impl Item {
    /// Key and value together, as they stand in the text.
    pub fn span(&self) -> Range<usize> {
        self.key.as_ref().map_or(self.value.start, |key| key.start)..self.value.end
    }
}

/// The items of a container in a text that is all here, up to its closing bracket.
#[derive(Debug, Clone)]
pub(crate) struct Items<'a> {
    text: &'a [u8],
    at: usize,
    keyed: bool,
}

impl<'a> Items<'a> {
    /// Items of the container whose bracket stands at `start`.
    pub(crate) fn of(text: &'a [u8], start: usize) -> Self {
        Self {
            text,
            at: start + 1,
            keyed: text.get(start) == Some(&b'{'),
        }
    }
}

impl Iterator for Items<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if matches!(self.text.get(self.at), None | Some(b']' | b'}')) {
            return None;
        }
        let key = self.keyed.then(|| self.at..string_end(self.text, self.at));
        let start = key.as_ref().map_or(self.at, |key| key.end + 2); // ": "
        let end = value_end(self.text, start);
        if end == start {
            return None; // damaged text: there is nothing where a value is due
        }
        self.at = if self.text.get(end) == Some(&b',') {
            end + 2
        } else {
            end
        }; // ", "
        Some(Item {
            key,
            value: start..end,
        })
    }
}

/// Byte lengths of the characters (code points of the decoded text) of a JSON string's inside.
///
/// `\n` is one character of 2 bytes, `\u00e9` one of 6, a surrogate pair one of 12.
#[derive(Debug, Clone)]
pub(crate) struct Chars<'a> {
    inside: &'a [u8],
    at: usize,
}

impl<'a> Chars<'a> {
    /// Characters of the string literal `quoted`, quotes included in the argument.
    pub(crate) fn of(quoted: &'a str) -> Self {
        let bytes = quoted.as_bytes();
        Self {
            inside: bytes
                .get(1..bytes.len().saturating_sub(1))
                .unwrap_or_default(),
            at: 0,
        }
    }

    /// Characters of a part of the inside of a string literal.
    pub(crate) fn inside(part: &'a str) -> Self {
        Self {
            inside: part.as_bytes(),
            at: 0,
        }
    }

    /// Moves over up to `limit` characters, plain stretches at once; returns how many.
    pub(crate) fn advance(&mut self, limit: usize) -> usize {
        let mut passed = 0;
        while passed < limit {
            let ahead = &self.inside[self.at..];
            let ahead = &ahead[..ahead.len().min(limit - passed)];
            let plain = memchr(b'\\', ahead).unwrap_or(ahead.len());
            self.at += plain;
            passed += plain;
            if passed < limit {
                match self.next() {
                    Some(_) => passed += 1,
                    None => break,
                }
            }
        }
        passed
    }
}

impl Iterator for Chars<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let len = match self.inside.get(self.at)? {
            b'\\' => escape_len(&self.inside[self.at..]),
            _ => 1,
        };
        self.at += len;
        Some(len)
    }
}

/// Length of the escape that this text begins with; a surrogate pair is one.
pub(crate) fn escape_len(text: &[u8]) -> usize {
    let len = match (unit(text), text.get(6..).and_then(unit)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
        _ if text.get(1) == Some(&b'u') => 6,
        _ => 2,
    };
    len.min(text.len())
}

/// The UTF-16 unit of a `\uXXXX` that this text begins with.
pub(crate) fn unit(text: &[u8]) -> Option<u16> {
    let hex = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    hex.iter().try_fold(0, |unit, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        Some(unit << 4 | u16::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_nested_containers_are_found() {
        let text = br#"{"a": [1, {"b": "]"}], "c\"": null}"#;
        let items: Vec<_> = Items::of(text, 0).map(|item| item.value).collect();
        assert_eq!(items, [6..21, 30..34]);
        assert_eq!(Items::of(b"[]", 0).count(), 0);
        assert_eq!(Items::of(b"{}", 0).count(), 0);
    }

    #[test]
    fn a_surrogate_pair_is_one_character() {
        let lengths: Vec<_> = Chars::of(r#""a\n\u00e9\ud83d\ude00\ud800""#).collect();
        assert_eq!(lengths, [1, 2, 6, 12, 6]);
    }

    #[test]
    fn cut_off_text_ends_the_walk() {
        for text in ["[1, ", "{\"a", "{\"a\": ", "\"\\", "[[[[", "{\"a\": [1"] {
            assert!(value_end(text.as_bytes(), 0) <= text.len() + 2);
            assert!(Items::of(text.as_bytes(), 0).take(10).count() < 10);
        }
    }
}
