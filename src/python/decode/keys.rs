//! [`Keys`]: the keys of dicts that were read before, as rows repeat theirs: making a `str` and hashing it
//! costs more than finding it here.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Longer keys hardly repeat.
const LONGEST: usize = 64;
/// Fewest and most keys that are remembered, one for so many bytes of text: small values are to cost little.
const FEWEST: usize = 32;
const MOST: usize = 1024;
const BYTES_PER_KEY: usize = 64;

/// The last key of each slot, and how the text has it.
pub(super) struct Keys<'a, 'py> {
    slots: Box<[Option<Known<'a, 'py>>]>,
}

#[derive(Clone)]
struct Known<'a, 'py> {
    ends: Ends,
    text: &'a str,
    object: Bound<'py, PyString>,
}

impl<'a, 'py> Keys<'a, 'py> {
    /// Room for the keys of so many bytes of text.
    pub(super) fn of(text_len: usize) -> Self {
        let size = (text_len / BYTES_PER_KEY).clamp(FEWEST, MOST);
        Self {
            slots: vec![None; size.next_power_of_two()].into_boxed_slice(),
        }
    }

    /// The `str` of a key that has no escapes.
    pub(super) fn get(&mut self, py: Python<'py>, key: &'a str) -> Bound<'py, PyString> {
        if key.len() > LONGEST {
            return PyString::new(py, key);
        }
        let ends = Ends::of(key.as_bytes());
        let slot = ends.hash() & (self.slots.len() - 1);
        match &mut self.slots[slot] {
            Some(known) if known.ends == ends && (ends.are_all() || known.text == key) => {
                known.object.clone()
            }
            other => {
                let object = PyString::new(py, key);
                *other = Some(Known {
                    ends,
                    text: key,
                    object: object.clone(),
                });
                object
            }
        }
    }
}

/// Length, beginning and end of a key: all there is of a short one, and where the keys of a row differ.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ends {
    len: usize,
    first: u64,
    last: u64,
}

impl Ends {
    fn of(key: &[u8]) -> Self {
        let (first, last) = words::<8>(key)
            .or_else(|| words::<4>(key))
            .or_else(|| words::<2>(key))
            .or_else(|| words::<1>(key))
            .unwrap_or_default();
        Self {
            len: key.len(),
            first,
            last,
        }
    }

    /// Whether they tell everything.
    fn are_all(self) -> bool {
        self.len <= 16
    }

    fn hash(self) -> usize {
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = self.first ^ self.last.rotate_left(23) ^ self.len as u64;
        (mixed.wrapping_mul(SPREAD) >> 40) as usize
    }
}

/// The first and the last bytes, if there are so many.
fn words<const N: usize>(key: &[u8]) -> Option<(u64, u64)> {
    let word = |bytes: &[u8; N]| {
        bytes
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    Some((word(key.first_chunk()?), word(key.last_chunk()?)))
}
