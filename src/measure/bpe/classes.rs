//! Character classes of the encodings' patterns, for any character of a text.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, HirKind};

/// Some of the bits below; a character has at least one of [`LETTER`] to [`OTHER`].
pub(super) type Classes = u8;

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`: what may stand in the first part of a cased word.
pub(super) const UPPER: Classes = 1;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`: what may stand in the second part.
pub(super) const LOWER: Classes = 2;
/// `\p{L}`
pub(super) const LETTER: Classes = 4;
/// `\p{N}`
pub(super) const NUMBER: Classes = 8;
/// `[\r\n]`
pub(super) const NEWLINE: Classes = 16;
/// `\s` without [`NEWLINE`]
pub(super) const SPACE: Classes = 32;
/// `[^\s\p{L}\p{N}]`
pub(super) const OTHER: Classes = 64;

const BEYOND_ASCII: Classes = 128;

const BYTES: [Classes; 256] = {
    let mut table = [BEYOND_ASCII; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => LETTER | UPPER,
            b'a'..=b'z' => LETTER | LOWER,
            b'0'..=b'9' => NUMBER,
            b'\r' | b'\n' => NEWLINE,
            b' ' | b'\t' | 0x0B | 0x0C => SPACE,
            _ => OTHER,
        };
        byte += 1;
    }
    table
};

/// The classes of the character at this offset and its length in bytes; `(0, 0)` at the end.
#[inline(always)]
pub(super) fn at(text: &str, offset: usize) -> (Classes, usize) {
    match text.as_bytes().get(offset) {
        None => (0, 0),
        Some(&byte) => match BYTES[usize::from(byte)] {
            BEYOND_ASCII => beyond_ascii(text, offset),
            class => (class, 1),
        },
    }
}

#[cold]
#[inline(never)]
fn beyond_ascii(text: &str, offset: usize) -> (Classes, usize) {
    static TABLE: LazyLock<Table> = LazyLock::new(Table::new);
    match text[offset..].chars().next() {
        Some(c) => (TABLE.get(c), c.len_utf8()),
        None => (0, 0),
    }
}

const BLOCK: usize = 256;

/// Classes of all characters: blocks of 256 characters, equal blocks stored once.
struct Table {
    block_of: Vec<u8>,
    blocks: Vec<[Classes; BLOCK]>,
}

impl Table {
    /// Takes the classes from `regex_syntax`, whose Unicode tables tiktoken's patterns use as well.
    fn new() -> Self {
        let mut flat = vec![OTHER; char::MAX as usize + 1];
        for (pattern, classes) in [
            (r"\p{Lu}", LETTER | UPPER),
            (r"\p{Lt}", LETTER | UPPER),
            (r"\p{Ll}", LETTER | LOWER),
            (r"\p{Lm}", LETTER | UPPER | LOWER),
            (r"\p{Lo}", LETTER | UPPER | LOWER),
            (r"\p{M}", OTHER | UPPER | LOWER),
            (r"\p{N}", NUMBER),
            (r"\s", SPACE),
            (r"[\r\n]", NEWLINE),
        ] {
            let hir = regex_syntax::parse(pattern).expect("these classes exist in Unicode");
            if let HirKind::Class(Class::Unicode(class)) = hir.kind() {
                for range in class.ranges() {
                    flat[range.start() as usize..=range.end() as usize].fill(classes);
                }
            }
        }
        let (mut block_of, mut blocks) = (Vec::new(), Vec::new());
        for block in flat.as_chunks::<BLOCK>().0 {
            let known = blocks.iter().position(|known| known == block);
            let number = known.unwrap_or_else(|| {
                blocks.push(*block);
                blocks.len() - 1
            });
            block_of.push(u8::try_from(number).expect("Unicode needs far fewer than 256 blocks"));
        }
        Self { block_of, blocks }
    }

    fn get(&self, c: char) -> Classes {
        let c = c as usize;
        self.blocks[usize::from(self.block_of[c / BLOCK])][c % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_agree_on_ascii() {
        let table = Table::new();
        for byte in 0..128u8 {
            assert_eq!(
                table.get(char::from(byte)),
                BYTES[usize::from(byte)],
                "{byte}"
            );
        }
    }

    #[test]
    fn characters_have_the_classes_of_unicode() {
        for (text, classes) in [
            ("é", LETTER | LOWER),
            ("Σ", LETTER | UPPER),
            ("ǅ", LETTER | UPPER),
            ("中", LETTER | UPPER | LOWER),
            ("ʰ", LETTER | UPPER | LOWER),
            ("\u{301}", OTHER | UPPER | LOWER),
            ("½", NUMBER),
            ("\u{a0}", SPACE),
            ("\u{2028}", SPACE),
            ("😀", OTHER),
            ("\u{10FFFF}", OTHER),
        ] {
            assert_eq!(at(text, 0), (classes, text.len()), "{text:?}");
        }
        assert_eq!(at("a", 1), (0, 0));
    }
}
