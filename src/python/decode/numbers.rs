//! Numbers of a text as Python objects.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

use super::reader::{Read, Reader, Unread};

/// So many digits fit a machine word, whatever they are.
const WORD: usize = 18;
/// So many digits fit the mantissa of a double exactly.
const EXACT: usize = 15;
/// The powers of ten that divide such a mantissa with one rounding: doubles hold them exactly.
const TENS: [f64; EXACT + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

impl<'py> Reader<'_, 'py> {
    /// An int or float, `-Infinity` among them.
    pub(super) fn number(&mut self) -> Read<Bound<'py, PyAny>> {
        let start = self.at;
        let is_negative = self.peek() == Some(b'-');
        self.at += usize::from(is_negative);
        let first = self.at;
        let mut digits = 0;
        self.digits(&mut digits);
        let whole = self.at - first;
        match self.peek() {
            Some(b'I') if whole == 0 && is_negative => {
                self.word("Infinity", PyFloat::new(self.py, f64::NEG_INFINITY))
            }
            _ if whole == 0 || (whole > 1 && self.bytes[first] == b'0') => Err(Unread::NotJson),
            Some(b'.') => {
                self.at += 1;
                let point = self.at;
                self.digits(&mut digits);
                let fraction = self.at - point;
                if fraction == 0 {
                    return Err(Unread::NotJson);
                }
                if whole + fraction <= EXACT && !matches!(self.peek(), Some(b'e' | b'E')) {
                    let number = digits as f64 / TENS[fraction];
                    let number = if is_negative { -number } else { number };
                    return Ok(PyFloat::new(self.py, number).into_any());
                }
                self.float(start)
            }
            Some(b'e' | b'E') => self.float(start),
            _ if whole <= WORD => {
                let number = if is_negative { -digits } else { digits };
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
            let first = self.at;
            self.digits(&mut 0);
            if self.at == first {
                return Err(Unread::NotJson);
            }
        }
        let number: f64 = self.text[start..self.at]
            .parse()
            .map_err(|_| Unread::NotJson)?;
        Ok(PyFloat::new(self.py, number).into_any())
    }

    /// Moves over digits; `value` means something only as long as they are few.
    fn digits(&mut self, value: &mut i64) {
        while let Some(eight) = self.bytes.get(self.at..).and_then(eight_digits) {
            *value = value.wrapping_mul(100_000_000).wrapping_add(eight);
            self.at += 8;
        }
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            *value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            self.at += 1;
        }
    }
}

/// The number of the eight digits that this text begins with, added up in pairs, fours and eights.
#[inline]
fn eight_digits(text: &[u8]) -> Option<i64> {
    const ONES: u64 = u64::MAX / 255;
    let digits = u64::from_le_bytes(*text.first_chunk()?).wrapping_sub(ONES * 0x30);
    if (digits | digits.wrapping_add(ONES * 0x76)) & (ONES * 0x80) != 0 {
        return None;
    }
    let pairs = digits * 10 + (digits >> 8);
    let low = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    Some((low.wrapping_add(high) >> 32) as i64)
}

#[cfg(test)]
mod tests {
    use super::eight_digits;

    #[test]
    fn eight_digits_are_read_at_once_and_nothing_else_is() {
        for number in [0, 1, 12_345_678, 90_000_009, 99_999_999] {
            assert_eq!(
                eight_digits(format!("{number:08}").as_bytes()),
                Some(number)
            );
        }
        for other in 0..=u8::MAX {
            for place in 0..8 {
                let mut text = *b"12345678";
                text[place] = other;
                assert_eq!(eight_digits(&text).is_some(), other.is_ascii_digit());
            }
        }
        assert_eq!(eight_digits(b"1234567"), None);
    }
}
