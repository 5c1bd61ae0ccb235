//! [`Reader`]: one pass over a JSON text that makes Python objects of it.
//!
//! It reads what [`Document`]s hold, and any other JSON text that is not laid out in an unusual way. It
//! checks all that it reads, so a text need not be parsed before.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyList, PyNone, PyString, PyTuple};

use super::keys::Keys;
use crate::python::copy::Objects;
use crate::python::portable::Readers;
use crate::value::{Document, KeyType, MAX_DEPTH, Note, PortableObjects, scan};

/// Why there is no object.
pub(super) enum Unread {
    /// The text is no JSON that this reader understands.
    NotJson,
    /// Making it raised.
    Raised(PyErr),
}

impl From<PyErr> for Unread {
    fn from(why: PyErr) -> Self {
        Self::Raised(why)
    }
}

pub(super) type Read<T> = Result<T, Unread>;

/// How much text the parts that are shown have, as far as the number of their keys goes.
const SHOWN: usize = 4096;

pub(super) struct Reader<'a, 'py> {
    pub(super) py: Python<'py>,
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    keys: Keys<'a, 'py>,
    /// Items of the lists that are being read, the innermost list's last.
    items: Vec<Bound<'py, PyAny>>,
    depth: usize,
    /// All notes, and those that were not passed yet.
    noted: &'a [(u32, Note)],
    notes: &'a [(u32, Note)],
    /// Offset of the first note that was not passed yet.
    next_note: usize,
    objects: Option<Source<'a, 'py>>,
}

/// Where the objects come from that notes refer to.
enum Source<'a, 'py> {
    /// They live.
    Live(&'a Objects),
    /// They are made of texts and of what is shown of them.
    Portable(Readers<'a, 'py>),
}

impl<'a, 'py> Reader<'a, 'py> {
    /// Reads a text that tells everything.
    pub(super) fn plain(py: Python<'py>, text: &'a str) -> Self {
        Self {
            py,
            text,
            bytes: text.as_bytes(),
            at: 0,
            keys: Keys::of(text.len()),
            items: Vec::new(),
            depth: 0,
            noted: &[],
            notes: &[],
            next_note: usize::MAX,
            objects: None,
        }
    }

    /// Reads a document.
    pub(super) fn of(py: Python<'py>, document: &'a Document) -> Self {
        Self::with_notes(py, document, document.text_len())
    }

    /// Reads a few parts of a document.
    pub(super) fn of_parts(py: Python<'py>, document: &'a Document) -> Self {
        Self::with_notes(py, document, SHOWN.min(document.text_len()))
    }

    fn with_notes(py: Python<'py>, document: &'a Document, read: usize) -> Self {
        let objects = document.notes().objects.as_ref().and_then(|objects| {
            let portable = objects.downcast_ref::<PortableObjects>();
            match portable {
                Some(texts) => Some(Source::Portable(Readers::new(py, texts))),
                None => objects.downcast_ref().map(Source::Live),
            }
        });
        let notes = document.notes().as_slice();
        Self {
            keys: Keys::of(read),
            noted: notes,
            notes,
            next_note: offset_of(notes),
            objects,
            ..Self::plain(py, document.text())
        }
    }

    /// All of the text.
    pub(super) fn all(&mut self) -> Read<Bound<'py, PyAny>> {
        self.skip_blanks();
        let value = self.value()?;
        self.skip_blanks();
        if self.at == self.bytes.len() {
            Ok(value)
        } else {
            Err(Unread::NotJson)
        }
    }

    /// The value that begins at an offset.
    pub(super) fn value_at(&mut self, start: usize) -> Read<Bound<'py, PyAny>> {
        self.seek(start);
        self.value()
    }

    /// The key that begins at an offset.
    pub(super) fn key_at(&mut self, start: usize) -> Read<Bound<'py, PyAny>> {
        self.seek(start);
        self.key()
    }

    fn seek(&mut self, start: usize) {
        self.at = start;
        let first = self
            .noted
            .partition_point(|(offset, _)| (*offset as usize) < start);
        self.notes = &self.noted[first..];
        self.next_note = offset_of(self.notes);
    }

    /// Adds an item; keys that were made of texts may turn out to be none.
    pub(super) fn set(
        &self,
        dict: &Bound<'py, PyDict>,
        key: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> Read<()> {
        dict.set_item(key, value).map_err(|why| {
            Unread::Raised(match &self.objects {
                Some(Source::Portable(readers)) => readers.refused(why),
                Some(Source::Live(_)) | None => why,
            })
        })
    }

    fn value(&mut self) -> Read<Bound<'py, PyAny>> {
        if self.at < self.next_note {
            return self.shown();
        }
        match self.note() {
            Some(Note::Tuple) if self.peek() == Some(b'[') => {
                let first = self.list_items()?;
                Ok(PyTuple::new(self.py, self.items.drain(first..))?.into_any())
            }
            Some(Note::Instance(number) | Note::Opaque(number)) => {
                if let Some(Source::Live(objects)) = &self.objects {
                    self.at = scan::value_end(self.bytes, self.at);
                    return Ok(objects.fresh(self.py, number)?);
                }
                let shown = self.shown()?;
                self.restored(number, shown)
            }
            _ => self.shown(),
        }
    }

    /// What the text says, by itself.
    fn shown(&mut self) -> Read<Bound<'py, PyAny>> {
        let py = self.py;
        match self.peek() {
            Some(b'"') => Ok(self.string()?.into_any()),
            Some(b'{') => self.dict(),
            Some(b'[') => {
                let first = self.list_items()?;
                Ok(PyList::new(py, self.items.drain(first..))?.into_any())
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", PyNone::get(py).to_owned()),
            Some(b't') => self.word("true", PyBool::new(py, true).to_owned()),
            Some(b'f') => self.word("false", PyBool::new(py, false).to_owned()),
            Some(b'N') => self.word("NaN", PyFloat::new(py, f64::NAN)),
            Some(b'I') => self.word("Infinity", PyFloat::new(py, f64::INFINITY)),
            _ => Err(Unread::NotJson),
        }
    }

    /// Moves over a word that stands for an object.
    pub(super) fn word<T>(&mut self, word: &str, object: Bound<'py, T>) -> Read<Bound<'py, PyAny>> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(Unread::NotJson);
        }
        self.at += word.len();
        Ok(object.into_any())
    }

    /// Reads the items of a list; number of the first among `items`.
    fn list_items(&mut self) -> Read<usize> {
        let first = self.items.len();
        let mut is_open = self.enter(b']')?;
        while is_open {
            let item = self.value()?;
            self.items.push(item);
            is_open = self.goes_on(b']')?;
        }
        Ok(first)
    }

    fn dict(&mut self) -> Read<Bound<'py, PyAny>> {
        let dict = PyDict::new(self.py);
        let mut is_open = self.enter(b'}')?;
        while is_open {
            let key = self.key()?;
            self.colon()?;
            let value = self.value()?;
            self.set(&dict, &key, &value)?;
            is_open = self.goes_on(b'}')?;
        }
        Ok(dict.into_any())
    }

    fn key(&mut self) -> Read<Bound<'py, PyAny>> {
        if self.peek() != Some(b'"') {
            return Err(Unread::NotJson);
        }
        if self.at < self.next_note {
            return self.text_key();
        }
        match self.note() {
            Some(Note::Key(kind)) => self.other_key(kind),
            Some(Note::Instance(number)) => {
                let shown = self.string()?;
                self.restored(number, shown.into_any())
            }
            _ => self.text_key(),
        }
    }

    fn text_key(&mut self) -> Read<Bound<'py, PyAny>> {
        let key: Bound<'py, PyString> = match self.plain_literal() {
            Some(inside) => self.keys.get(self.py, inside),
            None => self.string()?,
        };
        Ok(key.into_any())
    }

    /// A key that was no text: what it was stands in the quotes.
    fn other_key(&mut self, kind: KeyType) -> Read<Bound<'py, PyAny>> {
        self.at += 1;
        let key = match (kind, self.peek()) {
            (KeyType::Null, Some(b'n'))
            | (KeyType::Bool, Some(b't' | b'f'))
            | (KeyType::Int | KeyType::Float, Some(b'-' | b'0'..=b'9' | b'N' | b'I')) => {
                self.shown()?
            }
            _ => return Err(Unread::NotJson),
        };
        if self.peek() != Some(b'"') {
            return Err(Unread::NotJson);
        }
        self.at += 1;
        Ok(key)
    }

    /// The object that is shown like this.
    fn restored(&mut self, number: u32, shown: Bound<'py, PyAny>) -> Read<Bound<'py, PyAny>> {
        Ok(match &mut self.objects {
            Some(Source::Live(objects)) => objects.fresh(self.py, number)?,
            Some(Source::Portable(readers)) => readers.restore(number, shown)?,
            None => shown,
        })
    }

    /// The note on what begins here; those before are passed.
    fn note(&mut self) -> Option<Note> {
        let passed = self
            .notes
            .iter()
            .take_while(|(offset, _)| (*offset as usize) < self.at)
            .count();
        self.notes = &self.notes[passed..];
        self.next_note = offset_of(self.notes);
        let (offset, note) = *self.notes.first()?;
        (offset as usize == self.at).then(|| {
            self.notes = &self.notes[1..];
            self.next_note = offset_of(self.notes);
            note
        })
    }

    // -- the punctuation ------------------------------------------------------------------------

    /// Moves over an opening bracket; whether anything stands before the closing one.
    fn enter(&mut self, close: u8) -> Read<bool> {
        if self.depth == MAX_DEPTH {
            return Err(Unread::NotJson);
        }
        self.depth += 1;
        self.at += 1;
        self.skip_blanks();
        Ok(!self.leaves(close))
    }

    /// Moves over what stands behind an item; whether another one follows.
    fn goes_on(&mut self, close: u8) -> Read<bool> {
        if let Some([b',', b' ']) = self.bytes.get(self.at..self.at + 2) {
            self.at += 2;
            return Ok(true);
        }
        self.skip_blanks();
        if self.leaves(close) {
            return Ok(false);
        }
        self.byte(b',')?;
        Ok(true)
    }

    fn leaves(&mut self, close: u8) -> bool {
        let is_closed = self.peek() == Some(close);
        if is_closed {
            self.at += 1;
            self.depth -= 1;
        }
        is_closed
    }

    fn colon(&mut self) -> Read<()> {
        if let Some([b':', b' ']) = self.bytes.get(self.at..self.at + 2) {
            self.at += 2;
            return Ok(());
        }
        self.skip_blanks();
        self.byte(b':')
    }

    /// Moves over a byte and the blanks behind it.
    fn byte(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(Unread::NotJson);
        }
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

fn offset_of(notes: &[(u32, Note)]) -> usize {
    notes
        .first()
        .map_or(usize::MAX, |(offset, _)| *offset as usize)
}
