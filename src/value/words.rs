//! Bytes of a text eight at a time, as numbers: most strings are too short for anything wider to pay.
//!
//! Each test sets the high bit of the bytes that pass it. Bits above the lowest that is set may be carries, so
//! only the lowest tells anything.

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES << 7;

/// Bytes below this one, which is at most 128.
#[inline]
pub(super) fn below(word: u64, byte: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGH
}

/// Bytes that are this one.
#[inline]
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Bytes from 127 on.
#[inline]
pub(super) fn beyond_print(word: u64) -> u64 {
    (word.wrapping_add(ONES) | word) & HIGH
}

/// Bytes that are no decimal digits.
#[cfg(feature = "python")]
#[inline]
pub(super) fn not_digit(word: u64) -> u64 {
    let beyond = word.wrapping_add(ONES * u64::from(0x7F - b'9')) | word;
    below(word, b'0') | beyond & HIGH
}

/// Number of bytes that come before the first one that passes the test.
#[inline]
pub(super) fn until(bytes: &[u8], test: impl Fn(u64) -> u64) -> usize {
    let place = |found: u64| found.trailing_zeros() as usize / 8;
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let found = test(u64::from_le_bytes(*chunk));
        if found != 0 {
            return at + place(found);
        }
        at += chunk.len();
    }
    let rest = &bytes[at..];
    if rest.is_empty() {
        return at;
    }
    // the last eight once more, or the few there are: what is looked at twice did not pass
    match bytes.last_chunk() {
        Some(chunk) => {
            let found = test(u64::from_le_bytes(*chunk));
            bytes.len() - chunk.len() + place(found)
        }
        None => {
            let packed = |word, byte: &u8| word << 8 | u64::from(*byte);
            let word = rest.iter().rev().fold(0, packed);
            place(test(word)).min(rest.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "python")]
    #[test]
    fn digits_are_told_from_everything_else() {
        for byte in 0..=u8::MAX {
            let digits = until(&[b'0', b'9', byte, b'5', b'5', b'5', b'5', b'5'], not_digit);
            assert_eq!(digits, if byte.is_ascii_digit() { 8 } else { 2 }, "{byte}");
        }
    }

    #[test]
    fn the_first_byte_that_passes_is_found_wherever_it_is() {
        let test = |word| below(word, b' ') | equal(word, b'"') | beyond_print(word);
        for len in 0..40 {
            let mut text = vec![b'a'; len];
            assert_eq!(until(&text, test), len);
            for place in 0..len {
                for byte in [0, 31, b'"', 127, 128, 255] {
                    text[place] = byte;
                    assert_eq!(until(&text, test), place, "{byte} at {place} of {len}");
                    let before = std::mem::replace(&mut text[len - 1], b'"');
                    assert_eq!(until(&text, test), place);
                    text[len - 1] = before;
                }
                for byte in [b' ', b'!', b'#', b'~'] {
                    text[place] = byte;
                    assert_eq!(until(&text, test), len);
                }
                text[place] = b'a';
            }
        }
    }
}
