//! [`Text`]: a JSON text that grows by short pieces. Each is copied in steps of a fixed size, into room that was
//! asked for once: to call for a copy of a few bytes takes longer than the copy.

use std::ops::Range;
use std::ptr;

use crate::python::walk::Sink;
use crate::value::write::{self, Piece};

/// Bytes of a step.
const STEP: usize = 16;

/// A JSON text, as far as it is written.
pub(in crate::python) struct Text(String);

impl Text {
    /// An empty text, with room for so many bytes.
    pub(in crate::python) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    /// What was written.
    pub(in crate::python) fn into_string(self) -> String {
        self.0
    }

    /// Writes a literal of a text that is not plain.
    fn escaped(&mut self, text: &str) {
        // SAFETY: only ASCII is added.
        let out = unsafe { self.0.as_mut_vec() };
        out.push(b'"');
        write::pieces(text, |piece| match piece {
            Piece::Plain(plain) => append(plain.as_bytes(), out),
            Piece::Special(c) => match write::short_escape(c.into()) {
                Some(short) => out.extend_from_slice(&[b'\\', short as u8]),
                None => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        out.extend_from_slice(&write::unicode(*unit));
                    }
                }
            },
        });
        out.push(b'"');
    }
}

impl Sink for Text {
    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn write(&mut self, text: &str) {
        self.0.push_str(text);
    }

    #[inline]
    fn repeat(&mut self, part: Range<usize>) {
        let (at, len) = (self.0.len(), part.len());
        assert!(part.start <= part.end && part.end <= at);
        self.0.reserve(len + STEP);
        // SAFETY: `at + len + STEP` bytes are allocated, so that whole steps stay inside, on both sides: the part
        // ends at `at`. Behind its end they copy what is overwritten or cut off. The part is of the text, as it
        // was written, so that it is UTF-8.
        unsafe {
            let text = self.0.as_mut_vec();
            let start = text.as_mut_ptr();
            let mut done = 0;
            while done < len {
                ptr::copy(start.add(part.start + done), start.add(at + done), STEP);
                done += STEP;
            }
            text.set_len(at + len);
        }
    }

    #[inline]
    fn string(&mut self, text: &str) {
        let at = self.0.len();
        self.0.reserve(text.len() + 2);
        // SAFETY: there is room for the text and two quotes.
        let is_plain = unsafe {
            let room = self.0.as_mut_vec().as_mut_ptr().add(at);
            room.write(b'"');
            room.add(text.len() + 1).write(b'"');
            copy_plain(text.as_bytes(), room.add(1))
        };
        if is_plain {
            // SAFETY: so many bytes are written, and a plain text is ASCII.
            unsafe { self.0.as_mut_vec().set_len(at + text.len() + 2) };
        } else {
            self.escaped(text);
        }
    }

    #[inline]
    fn int(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        // SAFETY: digits are ASCII.
        unsafe { append(digits.format(number).as_bytes(), self.0.as_mut_vec()) };
    }

    fn string_utf16(&mut self, units: impl Iterator<Item = u16>) {
        write::string_utf16(units, &mut self.0);
    }

    #[inline]
    fn float(&mut self, number: f64) {
        write::float(number, &mut self.0);
    }
}

/// Copies a text and tells whether a string literal can hold all of it as it is.
///
/// # Safety
/// There is room for the text.
#[inline]
unsafe fn copy_plain(text: &[u8], to: *mut u8) -> bool {
    // what a step does not divide is copied twice: overlapping steps need no loop over bytes
    if let Some(last) = text.last_chunk::<STEP>() {
        let mut is_plain = true;
        let mut at = 0;
        for step in text.as_chunks::<STEP>().0 {
            is_plain &= !write::has_special(step);
            // SAFETY: all steps are of the text.
            unsafe { to.add(at).cast::<[u8; STEP]>().write_unaligned(*step) };
            at += STEP;
        }
        // SAFETY: the last step ends where the text ends.
        unsafe {
            to.add(text.len() - STEP)
                .cast::<[u8; STEP]>()
                .write_unaligned(*last)
        };
        return is_plain && !write::has_special(last);
    }
    // SAFETY: by the contract of this function; the two do not overlap, as one is to be written.
    unsafe { copy_short(text, to) };
    write::is_plain(text)
}

/// Appends a few bytes.
#[inline]
fn append(text: &[u8], out: &mut Vec<u8>) {
    if text.len() > STEP {
        out.extend_from_slice(text);
        return;
    }
    let at = out.len();
    out.reserve(text.len());
    // SAFETY: there is room for the text, which is then written.
    unsafe {
        copy_short(text, out.as_mut_ptr().add(at));
        out.set_len(at + text.len());
    }
}

/// Copies a step or less.
///
/// # Safety
/// There is room for the text.
#[inline]
unsafe fn copy_short(text: &[u8], to: *mut u8) {
    // SAFETY: each half is of the text, the second ends where the text ends.
    unsafe {
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            to.cast::<[u8; 8]>().write_unaligned(*first);
            to.add(text.len() - 8)
                .cast::<[u8; 8]>()
                .write_unaligned(*last);
        } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>())
        {
            to.cast::<[u8; 4]>().write_unaligned(*first);
            to.add(text.len() - 4)
                .cast::<[u8; 4]>()
                .write_unaligned(*last);
        } else {
            for (i, byte) in text.iter().enumerate() {
                to.add(i).write(*byte);
            }
        }
    }
}
