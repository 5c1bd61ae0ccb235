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
    slots: Box<[Option<(&'a str, Bound<'py, PyString>)>]>,
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
        let slot = self.slot(key.as_bytes());
        match &mut self.slots[slot] {
            Some((known, object)) if *known == key => object.clone(),
            other => {
                let object = PyString::new(py, key);
                *other = Some((key, object.clone()));
                object
            }
        }
    }

    /// By length and both ends, where the keys of a row differ.
    fn slot(&self, key: &[u8]) -> usize {
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let (first, last) = match (key.first_chunk(), key.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => key.iter().fold((0, 0), |(word, _), byte| {
                (word << 8 | u64::from(*byte), 0)
            }),
        };
        let mixed = (first ^ last.rotate_left(23) ^ key.len() as u64).wrapping_mul(SPREAD);
        (mixed >> 40) as usize & (self.slots.len() - 1)
    }
}
