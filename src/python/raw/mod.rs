//! What the safe interface does not give, or only slowly: looks into containers by borrowed references.
//!
//! The only folder with `unsafe`.
#![allow(unsafe_code)]

pub(super) mod leaves;
pub(super) mod places;
pub(super) mod text;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Whether other threads may run while this one looks at objects: those of interpreters without a global lock
/// have a longer head. What is looked at must be nobody else's there.
pub(super) const FREE_THREADED: bool = size_of::<ffi::PyObject>() > 2 * size_of::<usize>();

/// Characters that become a `str`, lone surrogates among them: in the platform's wide characters, of which the
/// stable interface makes a `str` faster than of anything else that is not ASCII.
#[derive(Default)]
pub(super) struct Wide(Vec<Unit>);

#[cfg(windows)]
type Unit = u16;
#[cfg(not(windows))]
type Unit = u32;

impl Wide {
    /// Adds one character, by its code point.
    pub(super) fn push(&mut self, character: u32) {
        #[cfg(windows)]
        if let Some(above) = character.checked_sub(0x10000) {
            self.0.push(0xD800 | (above >> 10) as u16);
            self.0.push(0xDC00 | (above & 0x3FF) as u16);
            return;
        }
        self.0.push(character as Unit);
    }

    /// Adds a text.
    pub(super) fn extend(&mut self, text: &str) {
        if text.is_ascii() {
            self.0.extend(text.bytes().map(Unit::from));
        } else {
            text.chars().for_each(|c| self.push(c.into()));
        }
    }

    /// The `str` of these characters.
    pub(super) fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        // SAFETY: the interpreter is attached. `Unit` has the size of `wchar_t`, and the pointer is valid for
        // as many of them as are given; they are copied. The result is a new reference to a `str`, or null
        // with an exception set, which becomes an error.
        unsafe {
            let length = self.0.len() as ffi::Py_ssize_t;
            let made = ffi::PyUnicode_FromWideChar(self.0.as_ptr().cast(), length);
            Bound::from_owned_ptr_or_err(py, made).map(|text| text.cast_into_unchecked())
        }
    }
}
