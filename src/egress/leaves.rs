//! The parts of a value that must not get out: its long texts and numbers, and those of its keys that are data.

use std::collections::HashSet;
use std::ops::Range;

use rustc_hash::FxBuildHasher;

use super::decode::unescape;
use super::hash::Base;
use super::index::Limits;
use super::needles::Texts;
use super::numbers::Numbers;
use crate::value::scan::{string_end, value_end};

/// A dict with more keys than this holds data in all of its keys.
const MOST_FIELDS: usize = 64;
/// Bytes that it costs to know a text again.
const BYTES_PER_KNOWN: usize = 18;

/// The parts of a value, each once.
pub(super) struct Leaves<'a> {
    text: &'a [u8],
    limits: &'a Limits,
    base: Base,
    known: HashSet<u64, FxBuildHasher>,
    plain: Vec<u8>,
    pub(super) texts: Texts,
    pub(super) numbers: Numbers,
}

/// Where in a value it is that a key stands.
struct Dict {
    /// How many of the keys that wait were there before.
    before: usize,
    /// Whether it has so many keys that all are data.
    is_table: bool,
}

impl<'a> Leaves<'a> {
    /// The parts of a value with this JSON text; `None` if they take more memory than allowed.
    pub(super) fn of(text: &'a str, limits: &'a Limits) -> Option<Self> {
        let mut leaves = Self {
            text: text.as_bytes(),
            limits,
            base: Base::random(),
            known: HashSet::default(),
            plain: Vec::new(),
            texts: Texts::default(),
            numbers: Numbers::new(limits.min_digits),
        };
        leaves.collect().then_some(leaves)
    }

    fn memory(&self) -> usize {
        self.texts.memory() + self.numbers.memory() + self.known.len() * BYTES_PER_KNOWN
    }

    /// Whether all were collected.
    fn collect(&mut self) -> bool {
        let mut open: Vec<Option<Dict>> = Vec::new();
        // keys that look like names of fields, until it is known how many there are
        let mut waiting: Vec<Range<usize>> = Vec::new();
        let mut at = 0;
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'{' => open.push(Some(Dict {
                    before: waiting.len(),
                    is_table: false,
                })),
                b'[' => open.push(None),
                b'}' | b']' => {
                    if let Some(Some(dict)) = open.pop() {
                        waiting.truncate(dict.before);
                    }
                }
                b'"' => {
                    let literal = at..string_end(self.text, at);
                    at = literal.end;
                    match open.last_mut() {
                        Some(Some(dict)) if self.text.get(at) == Some(&b':') => {
                            self.key(literal, dict, &mut waiting);
                            // behind the colon: what follows is no key
                            at += 2;
                            if self.text.get(at) == Some(&b'"') {
                                let literal = at..string_end(self.text, at);
                                at = literal.end;
                                self.string(literal);
                            }
                        }
                        _ => self.string(literal),
                    }
                    if self.memory() > self.limits.max_memory {
                        return false;
                    }
                    continue;
                }
                b'-' | b'0'..=b'9' => {
                    let end = value_end(self.text, at);
                    self.numbers.add(&self.text[at..end]);
                    at = end.max(at + 1);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        self.memory() <= self.limits.max_memory
    }

    /// A key is data if it is no name (`alice@example.com`, `2026-11-24`), or one of very many.
    fn key(&mut self, literal: Range<usize>, dict: &mut Dict, waiting: &mut Vec<Range<usize>>) {
        let inside = &self.text[literal.start + 1..literal.end - 1];
        if inside.iter().all(u8::is_ascii_digit) {
            self.numbers.add(inside);
        }
        if dict.is_table || !is_name(inside) {
            self.string(literal);
        } else {
            waiting.push(literal);
            if waiting.len() - dict.before > MOST_FIELDS {
                dict.is_table = true;
                let keys: Vec<_> = waiting.drain(dict.before..).collect();
                keys.into_iter().for_each(|key| self.string(key));
            }
        }
    }

    fn string(&mut self, literal: Range<usize>) {
        let inside = &self.text[literal.start + 1..(literal.end - 1).max(literal.start + 1)];
        if inside.len() < self.limits.min_characters {
            return;
        }
        self.plain.clear();
        unescape(inside, &mut self.plain);
        let characters = self
            .plain
            .iter()
            .filter(|byte| **byte & 0xc0 != 0x80)
            .count();
        if characters >= self.limits.min_characters
            && self.known.insert(self.base.hash(&self.plain))
        {
            self.texts.push(&self.plain);
        }
    }
}

fn is_name(key: &[u8]) -> bool {
    key.first().is_some_and(u8::is_ascii_alphabetic)
        && key
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' '))
}
