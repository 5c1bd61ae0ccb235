//! What a text may hide in another spelling: JSON and Python escapes, percent encoding, base64.
//!
//! Each function hands what it decodes to `look`, stretch by stretch, until that says that this is enough. Stretches
//! that cannot be such an encoding are passed over, so that a wrong guess at base64 is not decoded any further.

use memchr::{memchr, memchr2};

/// Fewer bytes than this are not worth decoding.
const SHORTEST: usize = 4;

/// Whether text in any language may contain the byte.
fn is_text(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r')
}

/// The stretch of such bytes around a place, not before `from`.
fn stretch(text: &[u8], from: usize, at: usize, is_part: fn(u8) -> bool) -> (usize, usize) {
    let before = text[from..at]
        .iter()
        .rev()
        .take_while(|byte| is_part(**byte))
        .count();
    let after = text[at..].iter().take_while(|byte| is_part(**byte)).count();
    (at - before, at + after)
}

/// Looks at escaped text (`\n`, `\"`, `\u00e9`, `\xe9`) as what it stands for.
pub(super) fn unescaped(text: &[u8], look: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let (mut at, mut done) = (0, 0);
    while let Some(next) = memchr(b'\\', &text[at..]) {
        at += next;
        if !matches!(
            text.get(at + 1),
            Some(b'"' | b'\'' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u' | b'x')
        ) {
            at += 1;
            continue;
        }
        let (start, end) = stretch(text, done, at, is_text);
        if end - start >= SHORTEST {
            let mut plain = Vec::with_capacity(end - start);
            unescape(&text[start..end], &mut plain);
            if look(&plain) {
                return true;
            }
        }
        (at, done) = (end, end);
    }
    false
}

/// Appends what the inside of a string literal stands for, lone surrogates as if they were characters.
pub(super) fn unescape(text: &[u8], plain: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr(b'\\', rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let (code, len) = match rest.get(1) {
            Some(b'u') => match (hex(rest, 2, 4), hex(rest, 8, 4)) {
                (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff))
                    if rest.get(6..8) == Some(b"\\u") =>
                {
                    (0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), 12)
                }
                (Some(code), _) => (code, 6),
                (None, _) => (b'\\'.into(), 1),
            },
            Some(b'x') => hex(rest, 2, 2).map_or((b'\\'.into(), 1), |code| (code, 4)),
            Some(b'n') => (b'\n'.into(), 2),
            Some(b'r') => (b'\r'.into(), 2),
            Some(b't') => (b'\t'.into(), 2),
            Some(b'f') => (0x0c, 2),
            Some(b'b') => (0x08, 2),
            Some(other @ (b'"' | b'\'' | b'\\' | b'/')) => ((*other).into(), 2),
            _ => (b'\\'.into(), 1),
        };
        push(code, plain);
        rest = &rest[len..];
    }
    plain.extend_from_slice(rest);
}

fn hex(text: &[u8], start: usize, digits: usize) -> Option<u32> {
    let digits = text.get(start..start + digits)?;
    digits.iter().try_fold(0, |code, digit| {
        Some(code * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// Appends a code point in UTF-8, or as UTF-8 would write it if it were none.
fn push(code: u32, plain: &mut Vec<u8>) {
    match char::from_u32(code) {
        Some(c) => plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => plain.extend([
            0xe0 | (code >> 12) as u8,
            0x80 | (code >> 6 & 0x3f) as u8,
            0x80 | (code & 0x3f) as u8,
        ]),
    }
}

/// Looks at percent-encoded text as what it stands for, with `+` for a space and for itself. The flag tells whether
/// more than that was encoded.
pub(super) fn percent(text: &[u8], look: &mut dyn FnMut(&[u8], bool) -> bool) -> bool {
    let (mut at, mut done) = (0, 0);
    while let Some(next) = memchr2(b'%', b'+', &text[at..]) {
        at += next;
        if text[at] == b'%' && hex(text, at + 1, 2).is_none() {
            at += 1;
            continue;
        }
        // what is encoded has no spaces
        let (start, end) = stretch(text, done, at, |byte| byte.is_ascii_graphic());
        let encoded = &text[start..end];
        if encoded.len() >= SHORTEST {
            let (plain, is_encoded) = unpercent(encoded, b' ');
            if look(&plain, is_encoded)
                || is_encoded
                    && memchr(b'+', encoded).is_some()
                    && look(&unpercent(encoded, b'+').0, true)
            {
                return true;
            }
        }
        (at, done) = (end, end);
    }
    false
}

fn unpercent(text: &[u8], plus: u8) -> (Vec<u8>, bool) {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut is_encoded = false;
    while let Some(at) = memchr2(b'%', b'+', rest) {
        plain.extend_from_slice(&rest[..at]);
        let (byte, len) = match hex(&rest[at..], 1, 2) {
            Some(code) if rest[at] == b'%' => (code as u8, 3),
            _ if rest[at] == b'+' => (plus, 1),
            _ => (b'%', 1),
        };
        is_encoded |= len == 3;
        plain.push(byte);
        rest = &rest[at + len..];
    }
    plain.extend_from_slice(rest);
    (plain, is_encoded)
}

/// The six bits that a letter of base64 stands for, of either alphabet.
const SEXTETS: [u8; 256] = {
    let mut sextets = [NO_SEXTET; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        sextets[letters[at] as usize] = at as u8;
        at += 1;
    }
    sextets[b'-' as usize] = 62;
    sextets[b'_' as usize] = 63;
    sextets
};
const NO_SEXTET: u8 = 0xff;

/// Looks at each row of base64 letters that may stand for so many bytes, line breaks left out, as what it stands for
/// from its first, second, third and fourth letter on: what stands before it may look like a part of it.
pub(super) fn base64(text: &[u8], bytes: usize, look: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let letters = (bytes * 4).div_ceil(3);
    let mut row = Vec::new();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let mut count = 0;
        while let Some(byte) = text.get(at) {
            if SEXTETS[*byte as usize] != NO_SEXTET {
                count += 1;
            } else if !matches!(byte, b'\r' | b'\n') {
                break;
            }
            at += 1;
        }
        let letters_here = &text[start..at];
        at += 1;
        if count < letters {
            continue;
        }
        row.clear();
        row.extend(letters_here.iter().map(|byte| SEXTETS[*byte as usize]));
        if count < letters_here.len() {
            row.retain(|sextet| *sextet != NO_SEXTET);
        }
        for first in 0..4 {
            octets(&row[first..], &mut plain);
            if look(&plain) {
                return true;
            }
        }
    }
    false
}

fn octets(sextets: &[u8], plain: &mut Vec<u8>) {
    let (whole, rest) = sextets.as_chunks::<4>();
    plain.clear();
    plain.resize(whole.len() * 3, 0);
    for ([a, b, c, d], octets) in whole.iter().zip(plain.as_chunks_mut::<3>().0) {
        *octets = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    if let [a, b, rest @ ..] = rest {
        plain.push(a << 2 | b >> 4);
        plain.extend(rest.first().map(|c| b << 4 | c >> 2));
    }
}
