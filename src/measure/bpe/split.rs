//! Cutting text into the pieces that are encoded each on its own: the encodings' patterns, by hand.
//!
//! tiktoken uses a backtracking regex. Here each alternative is followed in its order, and where it
//! would have to go back the outcome is worked out instead, so that time is linear in the text.

use super::classes::{self, LETTER, LOWER, NEWLINE, NUMBER, OTHER, SPACE, UPPER};

/// Which encoding's pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    O200k,
    Cl100k,
}

/// Where the piece that starts at `start` ends in the pattern of o200k_base.
///
/// ```text
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// \p{N}{1,3}
///  ?[^\s\p{L}\p{N}]+[\r\n/]*
/// \s*[\r\n]+
/// \s+(?!\S)
/// \s+
/// ```
#[inline(always)]
pub(super) fn o200k(text: &str, start: usize) -> usize {
    let (first, width) = classes::at(text, start);
    if first & NUMBER != 0 {
        return up_to_three_numbers(text, start + width);
    }
    let word = if first & (UPPER | LOWER) != 0 {
        // a mark could also be the character before the word: the piece is the same
        cased_word(text, start)
    } else if first & NEWLINE == 0 {
        cased_word(text, start + width)
    } else {
        None
    };
    if let Some(end) = word {
        return end + contraction(text, end);
    }
    symbols(text, start, |byte| matches!(byte, b'\r' | b'\n' | b'/'))
        .unwrap_or_else(|| whitespace(text, start, false))
}

/// Where the piece that starts at `start` ends in the pattern of cl100k_base.
///
/// ```text
/// '(?i:[sdmt]|ll|ve|re)
/// [^\r\n\p{L}\p{N}]?+\p{L}++
/// \p{N}{1,3}+
///  ?[^\s\p{L}\p{N}]++[\r\n]*+
/// \s++$
/// \s*[\r\n]
/// \s+(?!\S)
/// \s
/// ```
#[inline(always)]
pub(super) fn cl100k(text: &str, start: usize) -> usize {
    let contraction = contraction(text, start);
    if contraction > 0 {
        return start + contraction;
    }
    let (first, width) = classes::at(text, start);
    if first & LETTER != 0 {
        return run(text, lowercase_ascii(text, start + width), LETTER);
    }
    if first & NUMBER != 0 {
        return up_to_three_numbers(text, start + width);
    }
    if first & NEWLINE == 0 && classes::at(text, start + width).0 & LETTER != 0 {
        return run(text, lowercase_ascii(text, start + width), LETTER);
    }
    symbols(text, start, |byte| matches!(byte, b'\r' | b'\n'))
        .unwrap_or_else(|| whitespace(text, start, true))
}

/// End of the characters from `at` on that have one of these classes.
#[inline(always)]
fn run(text: &str, mut at: usize, wanted: classes::Classes) -> usize {
    loop {
        let (class, width) = classes::at(text, at);
        if class & wanted == 0 {
            return at;
        }
        at += width;
    }
}

/// End of the ASCII letters `a` to `z` from `at` on, eight bytes at a time; may stop early near the end.
#[inline(always)]
fn lowercase_ascii(text: &str, mut at: usize) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    while let Some(chunk) = text
        .as_bytes()
        .get(at..)
        .and_then(|rest| rest.first_chunk::<8>())
    {
        let chunk = u64::from_le_bytes(*chunk);
        // the high bit of each byte: ASCII, at least `a`, not more than `z`
        let low = chunk & !HIGH;
        let from_a = low + ONES * (0x80 - b'a' as u64);
        let behind_z = low + ONES * (0x80 - b'z' as u64 - 1);
        let others = !(from_a & !behind_z & !chunk) & HIGH;
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

/// The first two alternatives of o200k_base behind the optional first character.
#[inline(always)]
fn cased_word(text: &str, start: usize) -> Option<usize> {
    let (mut at, mut behind_shared) = (start, None);
    loop {
        let (class, width) = classes::at(text, at);
        if class & UPPER == 0 {
            if class & LOWER != 0 {
                return Some(run(text, lowercase_ascii(text, at + width), LOWER));
            }
            // nothing lower follows: the first alternative gives back characters until one is in both
            // classes; the second takes what is upper
            return behind_shared.or((at > start).then_some(at));
        }
        at += width;
        if class & LOWER != 0 {
            behind_shared = Some(at);
        }
    }
}

/// Length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` in any case at `at`, else 0.
#[inline]
fn contraction(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'\'') {
        return 0;
    }
    let letter = |offset: usize| bytes.get(at + offset).map_or(0, u8::to_ascii_lowercase);
    match (letter(1), letter(2)) {
        (b's' | b't' | b'm' | b'd', _) => 2,
        (b'r' | b'v', b'e') | (b'l', b'l') => 3,
        // U+017F, the long s, is an s to a regex that ignores case
        (0xC5, 0xBF) => 3,
        _ => 0,
    }
}

#[inline]
fn up_to_three_numbers(text: &str, mut at: usize) -> usize {
    for _ in 0..2 {
        let (class, width) = classes::at(text, at);
        if class & NUMBER == 0 {
            break;
        }
        at += width;
    }
    at
}

/// ` ?[^\s\p{L}\p{N}]+` and the bytes that may trail it.
#[inline]
fn symbols(text: &str, start: usize, trails: impl Fn(&u8) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = start + usize::from(bytes.get(start) == Some(&b' '));
    let end = run(text, first, OTHER);
    (end > first).then(|| end + bytes[end..].iter().take_while(|byte| trails(byte)).count())
}

/// The alternatives for whitespace; `all_at_end` if what ends the text is one piece (`\s++$`).
fn whitespace(text: &str, start: usize, all_at_end: bool) -> usize {
    let (mut at, mut last, mut behind_newline) = (start, start, None);
    loop {
        let (class, width) = classes::at(text, at);
        if class & (SPACE | NEWLINE) == 0 {
            break;
        }
        last = at;
        at += width;
        if class & NEWLINE != 0 {
            behind_newline = Some(at);
        }
    }
    match behind_newline {
        _ if at == text.len() && all_at_end => at,
        Some(end) => end,
        None if at == text.len() || last == start => at,
        None => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn pieces(pattern: Pattern, text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let end = match pattern {
                Pattern::O200k => o200k(text, start),
                Pattern::Cl100k => cl100k(text, start),
            };
            assert!(end > start, "no progress at {start} of {text:?}");
            pieces.push(&text[start..end]);
            start = end;
        }
        pieces
    }

    #[rstest]
    #[case("helloWorld HTTPServer", &["hello", "World", " HTTPServer"])]
    #[case("it's IT'S it'ſ 'll x'D", &["it's", " IT'S", " it'ſ", " '", "ll", " x'D"])]
    #[case("中ABC ABC中d", &["中", "ABC", " ABC中d"])]
    #[case("\u{301}ABC", &["\u{301}", "ABC"])]
    #[case("\u{301}'s", &["\u{301}'s"])]
    #[case("x /\n/y !!\r\n/z", &["x", " /\n/", "y", " !!\r\n/", "z"])]
    #[case("a  \n \n  b", &["a", "  \n \n", " ", " b"])]
    #[case("a  \n  ", &["a", "  \n", "  "])]
    #[case("12345, 6", &["123", "45", ",", " ", "6"])]
    #[case("\tx\t1\u{a0}\u{a0}y", &["\tx", "\t", "1", "\u{a0}", "\u{a0}y"])]
    fn o200k_cuts_here(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(pieces(Pattern::O200k, text), expected);
    }

    #[rstest]
    #[case("helloWorld HTTPServer", &["helloWorld", " HTTPServer"])]
    #[case("it's IT'S it'ſ 'll x'D", &["it", "'s", " IT", "'S", " it", "'ſ", " '", "ll", " x", "'D"])]
    #[case("e\u{301}e", &["e", "\u{301}e"])]
    #[case("x /\n/y !!\r\n/z", &["x", " /\n", "/y", " !!\r\n", "/z"])]
    #[case("a  \n \n  b", &["a", "  \n \n", " ", " b"])]
    #[case("a  \n  ", &["a", "  \n  "])]
    #[case("12345, 6", &["123", "45", ",", " ", "6"])]
    fn cl100k_cuts_here(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(pieces(Pattern::Cl100k, text), expected);
    }
}
