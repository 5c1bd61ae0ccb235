//! The pieces of JSON text in the format of Python's `json.dumps`: ASCII only, floats as `repr`.

use std::ops::Range;

use super::words;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a quoted string, everything but printable ASCII escaped.
#[inline]
pub(crate) fn string(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    if is_plain(text.as_bytes()) {
        out.push_str(text);
    } else {
        specials(text, out);
    }
    out.push('"');
}

/// Appends a text that is not plain.
fn specials(text: &str, out: &mut String) {
    pieces(text, |piece| match piece {
        Piece::Plain(plain) => out.push_str(plain),
        Piece::Special(c) => escaped(c, out),
    });
}

/// The length of that.
#[cfg(feature = "python")]
#[inline]
pub(crate) fn string_len(text: &str) -> usize {
    let text = text.as_bytes();
    2 + match is_plain(text) {
        true => text.len(),
        false => text
            .iter()
            .map(|byte| usize::from(WRITTEN[*byte as usize]))
            .sum(),
    }
}

/// The length of what a string literal holds for a byte of UTF-8; for a character of several, it is that of the first.
#[cfg(feature = "python")]
const WRITTEN: [u8; 256] = {
    let mut written = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        written[byte] = match byte as u8 {
            byte if short_escape(byte as u32).is_some() => 2,
            byte if !is_special(byte) => 1,
            0x80..0xC0 => 0,
            0xF0.. => 12,
            _ => 6,
        };
        byte += 1;
    }
    written
};

/// A part of a text.
pub(crate) enum Piece<'a> {
    /// What a literal holds as it is.
    Plain(&'a str),
    /// A character that is escaped.
    Special(char),
}

/// Calls for each piece of a text, from one character that is escaped to the next.
pub(crate) fn pieces<'a>(text: &'a str, mut each: impl FnMut(Piece<'a>)) {
    let mut rest = text;
    loop {
        let (plain, special) = rest.split_at(plain_len(rest.as_bytes()));
        each(Piece::Plain(plain));
        let Some(c) = special.chars().next() else {
            break;
        };
        each(Piece::Special(c));
        rest = &special[c.len_utf8()..];
    }
}

/// Appends a quoted string given as UTF-16, which may hold lone surrogates.
#[cfg(feature = "python")]
pub(crate) fn string_utf16(units: impl Iterator<Item = u16>, out: &mut String) {
    out.push('"');
    for unit in units {
        match (u8::try_from(unit), short_escape(u32::from(unit))) {
            (_, Some(short)) => out.extend(['\\', short]),
            (Ok(byte), None) if plain_len(&[byte]) == 1 => out.push(byte.into()),
            _ => unicode_escape(unit, out),
        }
    }
    out.push('"');
}

/// Whether a string literal can hold all of a text as it is.
#[inline]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    // what a length does not divide is looked at twice: overlapping blocks need no loop over bytes
    if let Some(last) = text.last_chunk::<BLOCK>() {
        return !text.as_chunks().0.iter().any(has_special) && !has_special(last);
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return special(u64::from_le_bytes(*first)) | special(u64::from_le_bytes(*last)) == 0;
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let halves = [u32::from_le_bytes(*first), u32::from_le_bytes(*last)];
        return special(u64::from(halves[0]) << 32 | u64::from(halves[1])) == 0;
    }
    !text.iter().any(|byte| is_special(*byte))
}

/// Bytes that a test on all of them handles at once: it compiles to vector instructions.
const BLOCK: usize = 16;

/// Whether a string literal cannot hold all of a block as it is.
#[inline]
pub(crate) fn has_special(block: &[u8; BLOCK]) -> bool {
    block
        .iter()
        .fold(false, |any, byte| any | is_special(*byte))
}

/// Whether a string literal cannot hold a byte as it is: below the space, or beyond ASCII. The least of the
/// differences is one comparison of vectors where three are several.
#[inline]
const fn is_special(byte: u8) -> bool {
    let differences = least(least(byte ^ b'"', byte ^ b'\\'), byte ^ 127);
    (byte.cast_signed() < 32) | (differences == 0)
}

/// `u8::min`, which is not `const`.
#[inline]
const fn least(a: u8, b: u8) -> u8 {
    if a < b { a } else { b }
}

/// Which of eight bytes a string literal cannot hold as they are.
#[inline]
fn special(word: u64) -> u64 {
    let (low, high) = (words::below(word, b' '), words::beyond_print(word));
    low | words::equal(word, b'"') | words::equal(word, b'\\') | high
}

/// Number of bytes up to the first one that a string literal cannot hold as it is.
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    let blocks = bytes.as_chunks().0.iter();
    let start = blocks.take_while(|block| !has_special(block)).count() * BLOCK;
    start + words::until(&bytes[start..], special)
}

/// Appends a character that is not plain, as its escape.
pub(crate) fn escaped(c: char, out: &mut String) {
    match short_escape(c as u32) {
        Some(short) => out.extend(['\\', short]),
        None => c
            .encode_utf16(&mut [0; 2])
            .iter()
            .for_each(|unit| unicode_escape(*unit, out)),
    }
}

/// The letter behind the backslash for the characters that have one.
pub(crate) const fn short_escape(c: u32) -> Option<char> {
    Some(match c {
        0x22 => '"',
        0x5C => '\\',
        0x0A => 'n',
        0x0D => 'r',
        0x09 => 't',
        0x0C => 'f',
        0x08 => 'b',
        _ => return None,
    })
}

/// Appends `\uXXXX` for one UTF-16 unit (also of a lone surrogate).
pub(crate) fn unicode_escape(unit: u16, out: &mut String) {
    out.extend(unicode(unit).map(char::from));
}

/// `\uXXXX` for one UTF-16 unit.
#[inline]
pub(crate) fn unicode(unit: u16) -> [u8; 6] {
    let digit = |shift: u32| HEX[(unit >> shift) as usize & 15];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

/// Appends a float as Python's `repr` shows it; `NaN`, `Infinity` and `-Infinity` bare.
#[inline]
pub(crate) fn float(number: f64, out: &mut String) {
    match number {
        number if number.is_nan() => out.push_str("NaN"),
        f64::INFINITY => out.push_str("Infinity"),
        f64::NEG_INFINITY => out.push_str("-Infinity"),
        // between these, both write the same
        _ if PLAIN.contains(&number.abs()) => {
            out.push_str(zmij::Buffer::new().format_finite(number))
        }
        _ => shortest(zmij::Buffer::new().format_finite(number), out),
    }
}

/// Where Python writes a float without an exponent.
const PLAIN: Range<f64> = 1e-4..1e16;

/// Appends a float of single precision with its own shortest digits: `0.1f32` is `0.1`.
pub(crate) fn float32(number: f32, out: &mut String) {
    if number.is_finite() {
        shortest(zmij::Buffer::new().format_finite(number), out);
    } else {
        float(number.into(), out);
    }
}

/// Appends the shortest digits of a float in the layout of Python: an exponent, of two digits at
/// least, below 1e-4 and from 1e16 on.
fn shortest(digits: &str, out: &mut String) {
    let (digits, negative) = match digits.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (digits, false),
    };
    if negative {
        out.push('-');
    }
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((digits, "0"));
    let exponent: i32 = exponent.parse().expect("zmij writes a decimal exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut significant = [0; 32]; // zmij writes at most 17 of them behind at most 5 zeros
    let mut len = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        significant[len] = digit;
        len += 1;
    }
    let all = std::str::from_utf8(&significant[..len]).expect("digits are ASCII");
    let leading = len - all.trim_start_matches('0').len();
    // where the decimal point stands among the significant digits
    let point = whole.len() as i32 + exponent - leading as i32;
    match all[leading..].trim_end_matches('0') {
        "" => out.push_str("0.0"),
        digits if (-3..=16).contains(&point) => fixed(digits, point, out),
        digits => scientific(digits, point - 1, out),
    }
}

fn fixed(digits: &str, point: i32, out: &mut String) {
    let zeros = |count: usize| std::iter::repeat_n('0', count);
    if point <= 0 {
        out.push_str("0.");
        out.extend(zeros(point.unsigned_abs() as usize));
        out.push_str(digits);
        return;
    }
    let (whole, fraction) = digits.split_at(digits.len().min(point as usize));
    out.push_str(whole);
    out.extend(zeros(point as usize - whole.len()));
    out.push('.');
    out.push_str(if fraction.is_empty() { "0" } else { fraction });
}

fn scientific(digits: &str, exponent: i32, out: &mut String) {
    let (whole, fraction) = digits.split_at(1);
    out.push_str(whole);
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out.push_str(if exponent < 0 { "e-" } else { "e+" });
    if exponent.abs() < 10 {
        out.push('0');
    }
    out.push_str(itoa::Buffer::new().format(exponent.abs()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn floats_look_like_python_repr() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1.5, "1.5"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (9999999999999998.0, "9999999999999998.0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (100.0, "100.0"),
            (0.1, "0.1"),
        ] {
            assert_eq!(made(|out| float(number, out)), expected);
        }
    }

    #[test]
    fn plain_floats_need_no_other_layout() {
        let mut bits = 1_u64;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let number = (bits >> 11) as f64 / (1_u64 << (bits % 60)) as f64;
            for number in [
                number,
                -number,
                number.trunc(),
                (bits % 1000) as f64 / 100.0,
            ] {
                let laid_out = made(|out| shortest(zmij::Buffer::new().format(number), out));
                assert_eq!(made(|out| float(number, out)), laid_out);
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_seen_in_texts_of_any_length() {
        for len in 0..70 {
            let mut text = vec![b'~'; len];
            assert!(is_plain(&text) && plain_len(&text) == len);
            for place in 0..len {
                for byte in [0, 31, b'"', b'\\', 127, 128, 255] {
                    text[place] = byte;
                    assert!(!is_plain(&text) && plain_len(&text) == place);
                }
                text[place] = b' ';
            }
        }
    }

    #[test]
    fn strings_are_ascii() {
        assert_eq!(
            made(|out| string("a\"\\\n\u{7f}é😀", out)),
            r#""a\"\\\n\u007f\u00e9\ud83d\ude00""#
        );
        #[cfg(feature = "python")]
        assert_eq!(string_len("a\"\\\n\u{7f}é😀"), 33);
    }
}
