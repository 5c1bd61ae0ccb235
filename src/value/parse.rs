//! [`Document::parse`]: JSON text from outside (a row of a store, a file), checked and brought into
//! the one format that documents have.

use std::borrow::Cow;
use std::ops::Range;

use hashbrown::hash_map::Entry;
use hashbrown::{HashMap, HashSet};

use super::types::{self, Noted};
use super::write::{self, plain_len};
use super::{Document, MAX_DEPTH, Notes};
use crate::error::{Error, ErrorKind, Result};

impl Document {
    /// Reads JSON text as Python's `json.loads` does: `NaN`, `Infinity` and `-Infinity`, integers of
    /// any length and lone surrogate escapes are fine, and the last of equal keys wins.
    ///
    /// Floats are written as the double nearest to them, `-0` and other integers digit by digit.
    ///
    /// ```
    /// use mcp_refcache::value::Document;
    /// let document = Document::parse(r#"{"é":1E5,"a":[ ],"é":NaN}"#)?;
    /// assert_eq!(document.text(), r#"{"\u00e9": NaN, "a": []}"#);
    /// # Ok::<(), mcp_refcache::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Codec`] with the byte offset where the text stops being JSON or is nested deeper
    /// than [`MAX_DEPTH`]; [`ErrorKind::Unsupported`] beyond 4 GiB.
    pub fn parse(text: &str) -> Result<Self> {
        let written = Parser::new(text).whole()?;
        Self::from_written(written.into_owned(), Notes::default())
    }

    /// Text that must be in the format already, with notes that must be on values and keys of it.
    ///
    /// Equal keys stay: notes may tell them apart.
    pub(super) fn from_noted(text: String, notes: Notes) -> Result<Self> {
        let noted = Noted::new(&notes);
        let parser = Parser {
            noted: Some(noted),
            ..Parser::new(&text)
        };
        match parser.whole()? {
            Cow::Borrowed(_) => Self::from_written(text, notes),
            Cow::Owned(_) => Err(types::foreign()),
        }
    }
}

/// Text is taken over in stretches: `text[copied..at]` is checked, is already in the right format and
/// waits to be copied. A text that needs no change is copied once, whole.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    copied: usize,
    out: String,
    open: Vec<Open>,
    /// the keys of all open dicts, as ranges of the output
    keys: Vec<Range<usize>>,
    scratch: String,
    /// what the text does not tell, if that is known
    noted: Option<Noted<'t>>,
}

/// A list or dict whose end was not seen yet.
struct Open {
    dict: bool,
    /// offset of its bracket in the output
    start: usize,
    /// keys of the dicts around it
    outer_keys: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            copied: 0,
            out: String::new(),
            open: Vec::new(),
            keys: Vec::new(),
            scratch: String::new(),
            noted: None,
        }
    }

    /// One turn per value: what begins it, then the brackets that close behind it.
    fn whole(mut self) -> Result<Cow<'t, str>> {
        self.no_blank();
        loop {
            let begun = self.value()?;
            self.no_blank();
            if begun {
                if self.peek() != Some(self.closing()) {
                    self.key()?;
                    continue;
                }
                self.close();
            }
            while !self.open.is_empty() && self.peek() == Some(self.closing()) {
                self.close();
            }
            if self.open.is_empty() {
                break;
            }
            self.byte(b',', "a comma or a closing bracket")?;
            self.one_blank();
            self.key()?;
        }
        if self.at < self.text.len() {
            return Err(self.expected("nothing behind the value"));
        }
        if let Some(noted) = &self.noted {
            noted.end()?;
        }
        if self.copied == 0 {
            return Ok(Cow::Borrowed(self.text));
        }
        self.flush();
        Ok(Cow::Owned(self.out))
    }

    /// A scalar, or the opening bracket of a list or dict (then the answer is true).
    fn value(&mut self) -> Result<bool> {
        if let Some(noted) = &mut self.noted {
            noted.value(self.at, self.text)?;
        }
        match self.peek() {
            Some(bracket @ (b'[' | b'{')) => {
                if self.open.len() == MAX_DEPTH {
                    return Err(self
                        .error("JSON text is nested too deep")
                        .with("max_depth", MAX_DEPTH));
                }
                self.open.push(Open {
                    dict: bracket == b'{',
                    start: self.written(),
                    outer_keys: self.keys.len(),
                });
                self.at += 1;
                return Ok(true);
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(b'N') => self.word("NaN")?,
            Some(b'I') => self.word("Infinity")?,
            _ => return Err(self.expected("a value")),
        }
        Ok(false)
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.rest().starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// The key and colon that stand before a value in a dict; nothing in a list.
    fn key(&mut self) -> Result<()> {
        if !self.open.last().is_some_and(|open| open.dict) {
            return Ok(());
        }
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let (from, start) = (self.at, self.written());
        self.string()?;
        if self.copied > from {
            self.flush(); // a key must not be half copied, see `written_text`
        }
        self.keys.push(start..self.written());
        if let Some(noted) = &mut self.noted {
            noted.key(from, &self.text[from..self.at])?;
        }
        self.no_blank();
        self.byte(b':', "a colon")?;
        self.one_blank();
        Ok(())
    }

    fn string(&mut self) -> Result<()> {
        self.at += 1;
        loop {
            self.at += plain_len(&self.text.as_bytes()[self.at..]);
            match self.rest().chars().next() {
                Some('"') => break self.at += 1,
                Some('\\') => self.escape()?,
                Some(c) if c >= '\u{7f}' => {
                    self.replace(c.len_utf8(), |out| write::escaped(c, out))
                }
                Some(_) => return Err(self.expected("no bare control character in a string")),
                None => return Err(self.expected("the end of the string")),
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<()> {
        let (letter, hex) = match self.rest().as_bytes() {
            [_, b'u', hex @ ..] => (b'u', hex.get(..4).unwrap_or_default()),
            [_, letter, ..] => (*letter, Default::default()),
            _ => return Err(self.expected("the end of the string")),
        };
        match letter {
            b'"' | b'\\' | b'n' | b'r' | b't' | b'f' | b'b' => self.at += 2,
            b'/' => self.replace(2, |out| out.push('/')),
            b'u' if hex.len() == 4 && hex.iter().all(u8::is_ascii_hexdigit) => {
                let unit = hex.iter().fold(0, |unit, digit| {
                    unit << 4 | (*digit as char).to_digit(16).unwrap_or_default()
                });
                let short = write::short_escape(unit);
                if matches!(unit, 0x20..=0x7E) || short.is_some() {
                    self.replace(6, |out| match short {
                        Some(short) => out.extend(['\\', short]),
                        None => out.extend(char::from_u32(unit)),
                    });
                } else if hex.iter().any(u8::is_ascii_uppercase) {
                    self.replace(6, |out| write::unicode_escape(unit as u16, out));
                } else {
                    self.at += 6;
                }
            }
            _ => return Err(self.expected("an escape that JSON knows")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<()> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += usize::from(bytes[start] == b'-');
        if self.at > start && self.rest().starts_with("Infinity") {
            self.at += "Infinity".len();
            return Ok(());
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        if self.at == whole {
            return Ok(());
        }
        let found = &self.text[start..self.at];
        let number = found.parse().map_err(|_| self.expected("a number"))?;
        let mut canonical = std::mem::take(&mut self.scratch);
        canonical.clear();
        write::float(number, &mut canonical);
        if canonical != found {
            self.at = start;
            self.replace(found.len(), |out| out.push_str(&canonical));
        }
        self.scratch = canonical;
        Ok(())
    }

    fn digits(&mut self) -> Result<()> {
        let rest = self.rest().as_bytes();
        let digits = rest
            .iter()
            .position(|b| !b.is_ascii_digit())
            .unwrap_or(rest.len());
        self.at += digits;
        if digits == 0 {
            Err(self.expected("a digit"))
        } else {
            Ok(())
        }
    }

    /// Whitespace where the output has none.
    fn no_blank(&mut self) {
        match self.blanks() {
            0 => {}
            found => self.replace(found, |_| {}),
        }
    }

    /// Whitespace, or none, where the output has a blank.
    fn one_blank(&mut self) {
        match self.blanks() {
            1 if self.peek() == Some(b' ') => self.at += 1,
            found => self.replace(found, |out| out.push(' ')),
        }
    }

    fn blanks(&self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
        rest.iter().take_while(blank).count()
    }

    fn byte(&mut self, byte: u8, name: &str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.expected(name));
        }
        self.at += 1;
        Ok(())
    }

    /// The bracket that closes the innermost open list or dict.
    fn closing(&self) -> u8 {
        match self.open.last() {
            Some(Open { dict: true, .. }) => b'}',
            _ => b']',
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            if open.dict && self.noted.is_none() && self.has_equal_keys(open.outer_keys) {
                self.keep_last_of_equal_keys(&open);
            }
            self.keys.truncate(open.outer_keys);
        }
        self.at += 1;
        self.no_blank();
    }

    fn has_equal_keys(&self, first: usize) -> bool {
        const FEW: usize = 8; // up to here comparing all pairs is faster than hashing
        let keys = &self.keys[first..];
        if keys.len() > FEW {
            let mut seen = HashSet::with_capacity(keys.len());
            return !keys.iter().all(|key| seen.insert(self.written_text(key)));
        }
        let equal = |a: &Range<usize>, b: &Range<usize>| {
            a.len() == b.len() && self.written_text(a) == self.written_text(b)
        };
        let known = |i: usize, key| keys[..i].iter().any(|other| equal(key, other));
        keys.iter().enumerate().any(|(i, key)| known(i, key))
    }

    /// Writes a dict anew as Python reads it: the first place and the last value of equal keys.
    fn keep_last_of_equal_keys(&mut self, open: &Open) {
        self.flush();
        let dict = self.out.split_off(open.start);
        let keys = &self.keys[open.outer_keys..];
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(keys.len());
        let mut items: Vec<(&str, &str)> = Vec::with_capacity(keys.len());
        for (i, key) in keys.iter().enumerate() {
            let end = keys
                .get(i + 1)
                .map_or(dict.len(), |next| next.start - open.start - 2); // ", "
            let (key, value) = dict[key.start - open.start..end].split_at(key.len());
            match places.entry(key) {
                Entry::Occupied(place) => items[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    place.insert(items.len());
                    items.push((key, value));
                }
            }
        }
        for (i, (key, value)) in items.into_iter().enumerate() {
            self.out.push_str(if i == 0 { "{" } else { ", " });
            self.out.push_str(key);
            self.out.push_str(value); // with its colon
        }
    }

    /// Moves over `len` bytes of the text that stand for what `write` appends.
    fn replace(&mut self, len: usize, write: impl FnOnce(&mut String)) {
        self.flush();
        write(&mut self.out);
        self.at += len;
        self.copied = self.at;
    }

    fn flush(&mut self) {
        self.out.push_str(&self.text[self.copied..self.at]);
        self.copied = self.at;
    }

    /// Length of the output so far, what waits to be copied included.
    fn written(&self) -> usize {
        self.out.len() + (self.at - self.copied)
    }

    /// A part of the output that was copied whole, or waits whole.
    fn written_text(&self, span: &Range<usize>) -> &str {
        match span.start.checked_sub(self.out.len()) {
            Some(ahead) => &self.text[self.copied + ahead..][..span.len()],
            None => &self.out[span.clone()],
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, what: &str) -> Error {
        self.error(format!("text is no JSON: expected {what}"))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Codec, message).with("offset", self.at)
    }
}
