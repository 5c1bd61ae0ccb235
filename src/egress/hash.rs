//! Polynomial hashes modulo 2^61 - 1 with a random base: equal hashes of different texts cannot be made on purpose,
//! and the hash of any part of a text follows from two sums.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

const MODULUS: u64 = (1 << 61) - 1;

/// A number that nobody outside of the process knows.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let sum = (product as u64 & MODULUS) + (product >> 61) as u64;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}

/// The base of hashes that are compared with one another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base(u64);

impl Base {
    pub(super) fn random() -> Self {
        Self(random() % (MODULUS - 512) + 256)
    }

    /// The hash of a text and one more byte. Zero is the hash of no text alone.
    pub(super) fn push(self, hash: u64, byte: u8) -> u64 {
        let sum = times(hash, self.0) + u64::from(byte) + 1;
        if sum >= MODULUS { sum - MODULUS } else { sum }
    }

    pub(super) fn hash(self, text: &[u8]) -> u64 {
        text.iter().fold(0, |hash, byte| self.push(hash, *byte))
    }

    /// Its powers, from the zeroth to this one.
    pub(super) fn powers(self, last: usize) -> Box<[u64]> {
        let powers = std::iter::successors(Some(1), |power| Some(times(*power, self.0)));
        powers.take(last + 1).collect()
    }
}

/// How far apart two asked-for parts may be for the sums between them to be made.
const GAP: usize = 4096;
/// So many sums are kept at a time.
const MOST_SUMS: usize = 1 << 16;

/// Hashes of parts of a text, asked for from left to right.
pub(super) struct Hashes<'a> {
    text: &'a [u8],
    base: Base,
    powers: &'a [u64],
    start: usize,
    /// Hashes of the text from `start` up to here and here and here.
    sums: Vec<u64>,
}

impl<'a> Hashes<'a> {
    pub(super) fn of(text: &'a [u8], base: Base, powers: &'a [u64]) -> Self {
        Self {
            text,
            base,
            powers,
            start: 0,
            sums: Vec::new(),
        }
    }

    /// The hash of a part that is no longer than there are powers.
    pub(super) fn get(&mut self, part: Range<usize>) -> u64 {
        let known = self.start + self.sums.len();
        if self.sums.is_empty() || part.start > known + GAP || self.sums.len() > MOST_SUMS {
            self.start = part.start;
            self.sums.clear();
            self.sums.push(0);
        }
        let mut last = self.sums.last().copied().unwrap_or(0);
        let next = self.start + self.sums.len() - 1;
        for byte in self.text.get(next..part.end).unwrap_or_default() {
            last = self.base.push(last, *byte);
            self.sums.push(last);
        }
        let before = times(self.sums[part.start - self.start], self.powers[part.len()]);
        let end = self.sums[part.end - self.start];
        if end >= before {
            end - before
        } else {
            end + MODULUS - before
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_hashes_that_they_have_alone() {
        let text: Vec<u8> = (0..200_000u32)
            .map(|i| (i.wrapping_mul(i) % 251) as u8)
            .collect();
        let base = Base::random();
        let powers = base.powers(4096);
        let mut hashes = Hashes::of(&text, base, &powers);
        for start in (0..195_000).step_by(311) {
            for len in [8, 9, 300, 4096] {
                let part = start..start + len;
                assert_eq!(hashes.get(part.clone()), base.hash(&text[part]));
            }
        }
        let mut sparse = Hashes::of(&text, base, &powers);
        assert_eq!(sparse.get(5..30), base.hash(&text[5..30]));
        assert_eq!(sparse.get(90_000..90_030), base.hash(&text[90_000..90_030]));
    }
}
