//! [`Numbers`]: long numbers, found by their digits however they are written.
//!
//! `1234567`, `1234567.00`, `0001234567`, `1,234,567`, `1_234_567`, `1 234 567`, `1.234.567`, `1'234'567` and `12345.67`
//! are the same digits: where the point stands does not matter, nor does the sign. Zeros before the number and at the
//! end of a fraction do not count. A number is found as a whole, not inside of a longer row of digits.

use std::collections::HashSet;

use rustc_hash::FxBuildHasher;

use super::hash::Base;

/// Bytes that a number costs, at most.
pub(super) const BYTES_PER_NUMBER: usize = 24;
/// Groups of three digits that are read as one number, at most.
const MOST_GROUPS: usize = 13;
/// Digits of a fraction that are looked at.
const MOST_DECIMALS: usize = 64;
/// What stands between groups of three digits; the last three are spaces that do not break.
const SEPARATORS: [&[u8]; 8] = [
    b",",
    b"_",
    b" ",
    b".",
    b"'",
    "\u{a0}".as_bytes(),
    "\u{2009}".as_bytes(),
    "\u{202f}".as_bytes(),
];

/// The hash of a number's digits.
pub(super) type Digits = u64;

pub(super) struct Numbers {
    base: Base,
    /// Numbers have so many digits at least.
    least: usize,
    known: HashSet<Digits, FxBuildHasher>,
}

/// Digits that are read one after the other.
#[derive(Clone, Copy, Default)]
struct Reading {
    hash: Digits,
    len: usize,
}

impl Reading {
    fn read(mut self, base: Base, digits: &[u8]) -> Self {
        for digit in digits {
            if self.len > 0 || *digit != b'0' {
                self.hash = base.push(self.hash, *digit);
                self.len += 1;
            }
        }
        self
    }

    fn read_fraction(self, base: Base, digits: &[u8]) -> Self {
        let zeros = digits
            .iter()
            .rev()
            .take_while(|digit| **digit == b'0')
            .count();
        self.read(base, &digits[..digits.len() - zeros])
    }
}

impl Numbers {
    pub(super) fn new(least: usize) -> Self {
        Self {
            base: Base::random(),
            least: least.max(1),
            known: HashSet::default(),
        }
    }

    pub(super) fn memory(&self) -> usize {
        self.known.len() * BYTES_PER_NUMBER
    }

    /// Adds a number as JSON and Python write it, if it is long enough; tells whether it is.
    pub(super) fn add(&mut self, text: &[u8]) -> bool {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], std::str::from_utf8(&text[at + 1..]).ok()),
            None => (text, None),
        };
        let (integer, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
            Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
            None => (mantissa, &[][..]),
        };
        if !integer.iter().chain(fraction).all(u8::is_ascii_digit) {
            return false; // NaN, Infinity
        }
        let digits = Reading::default().read(self.base, integer);
        let mut written = vec![digits.read_fraction(self.base, fraction)];
        // large floats are written out by some formats
        let exponent = exponent.and_then(|text| text.trim_start_matches('+').parse::<usize>().ok());
        if let Some(zeros) = exponent.and_then(|power| power.checked_sub(fraction.len())) {
            let zeros = vec![b'0'; zeros.min(400)];
            written.push(digits.read(self.base, fraction).read(self.base, &zeros));
        }
        let mut is_long = false;
        for reading in written {
            if reading.len >= self.least {
                self.known.insert(reading.hash);
                is_long = true;
            }
        }
        is_long
    }

    /// Calls `found` with each of the numbers in a text, until it says that this is enough.
    pub(super) fn find(&self, text: &[u8], found: &mut dyn FnMut(Digits) -> bool) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let mut at = 0;
        while let Some(next) = text
            .get(at..)
            .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
        {
            let start = at + next;
            at = start + digits(&text[start..]).len();
            if self.number_at(text, start, at, found) {
                return true;
            }
        }
        false
    }

    /// Looks at what is written from here on, the first digits of which end there.
    fn number_at(
        &self,
        text: &[u8],
        start: usize,
        end: usize,
        found: &mut dyn FnMut(Digits) -> bool,
    ) -> bool {
        let mut is_known = |reading: Reading| {
            reading.len >= self.least && self.known.contains(&reading.hash) && found(reading.hash)
        };
        let rest = &text[end..];
        let fraction = fraction(rest);
        let is_grouped = end - start <= 3;
        if !is_grouped && end - start + fraction.len() < self.least {
            return false;
        }
        let mut reading = Reading::default().read(self.base, &text[start..end]);
        if is_known(reading)
            || !fraction.is_empty() && is_known(reading.read_fraction(self.base, fraction))
        {
            return true;
        }
        let separator = SEPARATORS
            .iter()
            .find(|separator| rest.starts_with(separator));
        let Some(separator) = separator.filter(|_| is_grouped) else {
            return false;
        };
        let mut rest = rest;
        for _ in 0..MOST_GROUPS {
            let group = rest.strip_prefix(*separator).unwrap_or_default();
            if digits(&group[..group.len().min(4)]).len() != 3 {
                break;
            }
            rest = &group[3..];
            reading = reading.read(self.base, &group[..3]);
            let decimals = self::fraction(rest);
            if is_known(reading)
                || !decimals.is_empty() && is_known(reading.read_fraction(self.base, decimals))
            {
                return true;
            }
        }
        false
    }
}

fn digits(text: &[u8]) -> &[u8] {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    &text[..len]
}

/// The digits behind a point (or a comma).
fn fraction(text: &[u8]) -> &[u8] {
    match text {
        [b'.' | b',', rest @ ..] => digits(&rest[..rest.len().min(MOST_DECIMALS)]),
        _ => &[],
    }
}
