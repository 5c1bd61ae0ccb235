//! The sealed form of a body: a table, then the value in parts that are sealed one by one, so that a page
//! of a large value opens only the parts that it needs.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::SEALED;
use crate::backend::record::Head;
use crate::backend::seal::Seal;
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a value in a part.
const PART: usize = 64 * 1024;

/// What is in a sealed body: types, then the text, cut into parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Table {
    /// Length of what stands before the text: the value's types.
    pub(super) types_len: u32,
    /// Length of the text.
    pub(super) text_len: u32,
    /// Lengths of the parts as they are stored.
    parts: Vec<u32>,
    /// Where the first part begins in the body.
    start: u32,
}

/// Whose the parts are, for their labels.
pub(super) struct Label<'a> {
    pub(super) id: &'a str,
    pub(super) head: &'a Head,
}

impl Label<'_> {
    /// The label of a part of the entry: its name in the entry, and all that must not be exchanged.
    pub(super) fn of(&self, part: &str) -> Vec<u8> {
        let head = self.head;
        let created = format!("{:016x}", head.created_at.to_bits());
        // lengths first, so that no two labels read the same
        let facts = [self.id, part, &head.namespace, &head.policy, &created];
        let mut label = Vec::new();
        for fact in facts {
            label.extend_from_slice(&(fact.len() as u64).to_le_bytes());
            label.extend_from_slice(fact.as_bytes());
        }
        label
    }
}

/// Seals a value.
///
/// # Errors
/// What the seal fails with.
pub(super) fn seal(
    seal: &dyn Seal,
    label: &Label<'_>,
    types: Option<&str>,
    text: &str,
) -> Result<(Vec<u8>, Table)> {
    let types = types.unwrap_or_default();
    let plain: Vec<u8> = [types.as_bytes(), text.as_bytes()].concat();
    let count = plain.len().div_ceil(PART);
    let mut sealed = Vec::with_capacity(count);
    for (number, part) in plain.chunks(PART).enumerate() {
        sealed.push(seal.seal(part, &label.of(&part_name(number, count)))?);
    }
    let mut table = Table {
        types_len: types.len() as u32,
        text_len: text.len() as u32,
        parts: sealed.iter().map(|part| part.len() as u32).collect(),
        start: 0,
    };
    let encoded = postcard::to_stdvec(&table).map_err(unreadable)?;
    table.start = (SEALED.len() + size_of::<u32>() + encoded.len()) as u32;
    let mut body = Vec::new();
    body.extend_from_slice(SEALED);
    body.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
    body.extend_from_slice(&encoded);
    sealed.iter().for_each(|part| body.extend_from_slice(part));
    Ok((body, table))
}

fn part_name(number: usize, count: usize) -> String {
    format!("part {number} of {count}")
}

/// Opens a whole body: types and text.
///
/// # Errors
/// [`ErrorKind::Backend`] if it is no sealed body, and what the seal fails with.
pub(super) fn open(seal: &dyn Seal, label: &Label<'_>, body: &[u8]) -> Result<(String, String)> {
    let table = Table::read(body)?;
    let mut plain = Vec::new();
    let mut at = table.start as usize;
    for (number, len) in table.parts.iter().enumerate() {
        let end = at + *len as usize;
        let part = body.get(at..end).ok_or_else(cut_off)?;
        plain.extend(table.open_part(seal, label, number, part)?);
        at = end;
    }
    let text = plain.split_off(table.types_len as usize);
    Ok((utf8(plain)?, utf8(text)?))
}

impl Table {
    /// The table that a sealed body begins with.
    fn read(body: &[u8]) -> Result<Self> {
        let rest = body.strip_prefix(SEALED).ok_or_else(cut_off)?;
        let (len, rest) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let len = u32::from_le_bytes(*len) as usize;
        let encoded = rest.get(..len).ok_or_else(cut_off)?;
        let mut table: Self = postcard::from_bytes(encoded).map_err(unreadable)?;
        table.start = (SEALED.len() + size_of::<u32>() + len) as u32;
        let sound = table.parts.len() == table.plain_len().div_ceil(PART);
        sound.then_some(table).ok_or_else(cut_off)
    }

    fn plain_len(&self) -> usize {
        self.types_len as usize + self.text_len as usize
    }

    /// The parts that a range of the text lies in.
    pub(super) fn parts_of(&self, text: &Range<usize>) -> Range<usize> {
        let before = self.types_len as usize;
        let end = (before + text.end).div_ceil(PART).min(self.parts.len());
        ((before + text.start) / PART).min(end)..end
    }

    /// Where these parts are in the body, as one range.
    pub(super) fn body_range(&self, parts: &Range<usize>) -> Range<u64> {
        let length = |parts: &[u32]| parts.iter().map(|len| u64::from(*len)).sum::<u64>();
        let start = u64::from(self.start) + length(&self.parts[..parts.start]);
        start..start + length(&self.parts[parts.clone()])
    }

    /// A range of the text from the body bytes of the parts that it lies in.
    pub(super) fn open_text(
        &self,
        seal: &dyn Seal,
        label: &Label<'_>,
        text: &Range<usize>,
        body: &Bytes,
    ) -> Result<String> {
        let parts = self.parts_of(text);
        let (mut plain, mut at) = (Vec::new(), 0);
        for number in parts.clone() {
            let end = at + self.parts[number] as usize;
            let part = body.get(at..end).ok_or_else(cut_off)?;
            plain.extend(self.open_part(seal, label, number, part)?);
            at = end;
        }
        let skipped = parts.start * PART;
        let before = self.types_len as usize;
        let wanted = before + text.start - skipped..before + text.end - skipped;
        utf8(plain.get(wanted).ok_or_else(cut_off)?.to_vec())
    }

    fn open_part(
        &self,
        seal: &dyn Seal,
        label: &Label<'_>,
        number: usize,
        sealed: &[u8],
    ) -> Result<Vec<u8>> {
        let count = self.parts.len();
        let expected = PART.min(self.plain_len() - number * PART);
        let plain = seal.open(sealed, &label.of(&part_name(number, count)), expected)?;
        if plain.len() == expected {
            Ok(plain)
        } else {
            Err(cut_off())
        }
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| cut_off())
}

fn cut_off() -> Error {
    Error::new(
        ErrorKind::Backend,
        "a sealed value is cut off or was changed in its store",
    )
}

fn unreadable(_: postcard::Error) -> Error {
    cut_off()
}
