//! [`Sink`]: what a walk writes its text to, or counts it with.

use std::ops::Range;

use crate::value::write;

/// Takes the pieces of a JSON text one after the other.
pub(in crate::python) trait Sink {
    /// Length of the text so far.
    fn len(&self) -> usize;

    /// ASCII that is JSON as it is.
    fn write(&mut self, text: &str);

    /// A part of the text once more.
    fn repeat(&mut self, part: Range<usize>);

    /// A string literal of this text.
    fn string(&mut self, text: &str);

    /// A string literal of UTF-16, which may hold lone surrogates.
    fn string_utf16(&mut self, units: impl Iterator<Item = u16>);

    /// A float as Python's `repr`.
    fn float(&mut self, number: f64);

    /// An int.
    fn int(&mut self, number: i64);
}

/// The length of a text that nobody needs.
#[derive(Default)]
pub(super) struct Count {
    len: usize,
    piece: String,
}

impl Count {
    fn piece(&mut self, write: impl FnOnce(&mut String)) {
        self.piece.clear();
        write(&mut self.piece);
        self.len += self.piece.len();
    }
}

impl Sink for Count {
    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn write(&mut self, text: &str) {
        self.len += text.len();
    }

    #[inline]
    fn repeat(&mut self, part: Range<usize>) {
        self.len += part.len();
    }

    #[inline]
    fn string(&mut self, text: &str) {
        self.len += write::string_len(text);
    }

    #[inline]
    fn int(&mut self, number: i64) {
        let digits = number.unsigned_abs().checked_ilog10().unwrap_or(0) as usize + 1;
        self.len += usize::from(number < 0) + digits;
    }

    fn string_utf16(&mut self, units: impl Iterator<Item = u16>) {
        self.piece(|piece| write::string_utf16(units, piece));
    }

    #[inline]
    fn float(&mut self, number: f64) {
        self.piece(|piece| write::float(number, piece));
    }
}
