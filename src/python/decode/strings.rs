//! String literals of a text as Python objects.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::reader::{Read, Reader, Unread};
use crate::python::raw::Wide;
use crate::value::scan;

impl<'a, 'py> Reader<'a, 'py> {
    /// The string that begins here.
    pub(super) fn string(&mut self) -> Read<Bound<'py, PyString>> {
        match self.plain_literal() {
            Some(inside) => Ok(PyString::new(self.py, inside)),
            None => self.escaped(),
        }
    }

    /// Moves over a literal without escapes; what is in it.
    pub(super) fn plain_literal(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let end = scan::plain_end(self.bytes, start);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.text[start..end])
    }

    fn escaped(&mut self) -> Read<Bound<'py, PyString>> {
        let mut characters = Wide::default();
        let mut at = self.at + 1;
        loop {
            let end = scan::plain_end(self.bytes, at);
            characters.extend(&self.text[at..end]);
            match self.bytes.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    return Ok(characters.finish(self.py)?);
                }
                Some(b'\\') => {
                    let (character, len) =
                        scan::escape(&self.bytes[end..]).ok_or(Unread::NotJson)?;
                    characters.push(character);
                    at = end + len;
                }
                _ => return Err(Unread::NotJson),
            }
        }
    }
}
