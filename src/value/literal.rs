//! String literals of a document's text: how long they are, what they say.

use std::borrow::Cow;

use memchr::memchr;

use super::scan::{Chars, escape_len, unit};

/// Number of characters (code points) of the text that a quoted literal stands for.
pub(crate) fn chars(quoted: &str) -> usize {
    Chars::of(quoted).advance(usize::MAX)
}

/// The text that a quoted literal stands for; a lone surrogate becomes U+FFFD.
pub(crate) fn unescape(quoted: &str) -> Cow<'_, str> {
    let mut rest = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    if !rest.contains('\\') {
        return Cow::Borrowed(rest);
    }
    let mut out = String::with_capacity(rest.len());
    while let Some(plain) = memchr(b'\\', rest.as_bytes()) {
        let escape = escape_len(&rest.as_bytes()[plain..]);
        out.push_str(&rest[..plain]);
        out.push(character(&rest.as_bytes()[plain..plain + escape]));
        rest = rest.get(plain + escape..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character that one escape (or a pair of them) stands for.
fn character(escape: &[u8]) -> char {
    match *escape {
        [b'\\', b'u', ..] => {
            let units = [unit(escape), escape.get(6..).and_then(unit)];
            match char::decode_utf16(units.into_iter().flatten()).next() {
                Some(Ok(c)) => c,
                _ => char::REPLACEMENT_CHARACTER,
            }
        }
        [b'\\', letter] => long_form(letter),
        _ => char::REPLACEMENT_CHARACTER,
    }
}

fn long_form(letter: u8) -> char {
    match letter {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'f' => '\u{c}',
        b'b' => '\u{8}',
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;

    fn literal(text: &str) -> String {
        let mut out = String::new();
        write::string(text, &mut out);
        out
    }

    #[test]
    fn literals_are_counted_and_read_by_code_points() {
        for text in [
            "",
            "plain text that is longer than a block of sixteen bytes",
            "a\"\\\n\u{7f}é😀z",
            "ééé",
            "\\\\",
        ] {
            let quoted = literal(text);
            assert_eq!(chars(&quoted), text.chars().count());
            assert_eq!(unescape(&quoted), text);
        }
    }

    #[test]
    fn lone_surrogates_are_one_character_and_read_as_replacements() {
        let quoted = r#""\ud800\udc00\ud800a\udc00""#;
        assert_eq!(chars(quoted), 4);
        assert_eq!(unescape(quoted), "\u{10000}\u{fffd}a\u{fffd}");
    }

    #[test]
    fn what_is_no_literal_does_no_harm() {
        for text in [
            "",
            "\"",
            "\"\\",
            "\"\\u\"",
            "\"\\u12\"",
            "é",
            "\"é\"",
            "\"\\é\"",
        ] {
            let _ = (chars(text), unescape(text));
        }
    }
}
