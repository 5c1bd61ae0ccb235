//! Numbers of a text as Python objects.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use super::reader::{Read, Reader, Unread};
use crate::value::scan;

/// So many digits fit a machine word, whatever they are.
const WORD: usize = 18;
/// So many digits fit the mantissa of a double exactly.
const EXACT: usize = 15;
/// The powers of ten that divide such a mantissa with one rounding: doubles hold them exactly.
const TENS: [f64; EXACT + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

impl<'a, 'py> Reader<'a, 'py> {
    /// An int or float, `-Infinity` among them.
    pub(super) fn number(&mut self) -> Read<Bound<'py, PyAny>> {
        let start = self.at;
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let whole = self.digits();
        match (whole, self.peek()) {
            ([], Some(b'I')) if is_negative => {
                self.word("Infinity", PyFloat::new(self.py, f64::NEG_INFINITY))
            }
            ([] | [b'0', _, ..], _) => Err(Unread::NotJson),
            (_, Some(b'.')) => {
                self.at += 1;
                let fraction = self.digits();
                if fraction.is_empty() {
                    return Err(Unread::NotJson);
                }
                let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
                if has_exponent || whole.len() + fraction.len() > EXACT {
                    return self.float(start);
                }
                let mantissa = added(fraction, added(whole, 0));
                let number = mantissa as f64 / TENS[fraction.len()];
                let number = if is_negative { -number } else { number };
                Ok(PyFloat::new(self.py, number).into_any())
            }
            (_, Some(b'e' | b'E')) => self.float(start),
            _ if whole.len() <= WORD => {
                let number = added(whole, 0);
                let number = if is_negative { -number } else { number };
                Ok(PyInt::new(self.py, number).into_any())
            }
            _ => {
                let text = &self.text[start..self.at];
                Ok(self.py.get_type::<PyInt>().call1((text,))?)
            }
        }
    }

    /// A float whose exponent, if any, comes next.
    fn float(&mut self, start: usize) -> Read<Bound<'py, PyAny>> {
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits().is_empty() {
                return Err(Unread::NotJson);
            }
        }
        let number: f64 = self.text[start..self.at]
            .parse()
            .map_err(|_| Unread::NotJson)?;
        Ok(PyFloat::new(self.py, number).into_any())
    }

    /// Moves over digits.
    fn digits(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let digits = &rest[..scan::digits(rest)];
        self.at += digits.len();
        digits
    }
}

/// Digits behind others, as a number. There are at most [`WORD`] of them together.
fn added(digits: &[u8], before: i64) -> i64 {
    digits.iter().fold(before, |number, digit| {
        number * 10 + i64::from(digit - b'0')
    })
}
