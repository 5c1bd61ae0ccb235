//! The text of an entry: the JSON object that the original writes and reads, cut where the value ends.
//!
//! `{"value": <body>` then the *tail*: `, "namespace": ..., "policy": ..., "created_at": ..., "expires_at": ...,
//! "metadata": ...}`. A sealed body stands bare at the start, which is no JSON, so the original fails to read
//! the entry; its tail is followed by its own length, eight hex digits.

use std::ops::Range;

use bytes::Bytes;

use super::super::stored::SEALED;
use super::super::{Head, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{scan, write};

/// What stands before a plain body.
pub(super) const BEFORE: &[u8] = b"{\"value\": ";
/// Digits of the length of a sealed entry's tail.
pub(super) const TRAILER: usize = 8;

/// Where a body begins.
pub(super) fn start(plain: bool) -> usize {
    if plain { BEFORE.len() } else { 0 }
}

/// An entry as it is stored.
pub(super) struct Written {
    /// The whole text.
    pub(super) text: Vec<u8>,
    /// What follows the body in it, without the length of a sealed entry's tail.
    pub(super) tail: Range<usize>,
    /// Where the number of `expires_at` begins.
    pub(super) end_at: usize,
    /// `created_at` as it stands in the text.
    pub(super) created: String,
}

/// A moment as Python writes a float.
pub(super) fn moment(seconds: f64) -> String {
    let mut text = String::new();
    write::float(seconds, &mut text);
    text
}

/// No tail of an entry with this head is longer.
pub(super) fn longest_tail(head: &Head) -> usize {
    const FRAME: usize = 512; // names, moments, and what a sealed one ends with
    const ESCAPED: usize = 6; // of a byte: \u00e9
    FRAME + ESCAPED * head.namespace.len() + head.policy.len() + head.metadata.len()
}

/// Writes an entry.
pub(super) fn write(head: &Head, body: &[u8]) -> Written {
    let mut tail = String::from(", \"namespace\": ");
    write::string(&head.namespace, &mut tail);
    let created = moment(head.created_at);
    tail.push_str(", \"policy\": ");
    tail.push_str(&head.policy);
    tail.push_str(", \"created_at\": ");
    tail.push_str(&created);
    tail.push_str(", \"expires_at\": ");
    let end = tail.len();
    tail.push_str(&head.expires_at.map_or_else(|| "null".to_owned(), moment));
    tail.push_str(", \"metadata\": ");
    tail.push_str(&head.metadata);
    tail.push('}');

    let before = if head.plain { BEFORE } else { b"" };
    let mut text = Vec::with_capacity(before.len() + body.len() + tail.len() + TRAILER);
    text.extend_from_slice(before);
    text.extend_from_slice(body);
    let tail_at = text.len();
    text.extend_from_slice(tail.as_bytes());
    let tail = tail_at..text.len();
    if !head.plain {
        text.extend_from_slice(format!("{:08x}", tail.len()).as_bytes());
    }
    Written {
        text,
        end_at: tail_at + end,
        tail,
        created,
    }
}

/// Reads a whole entry; `body_len` spares looking for the end of the value, where it is known.
///
/// # Errors
/// [`ErrorKind::Backend`] if it is none.
pub(super) fn read(id: &str, text: Bytes, body_len: Option<u64>, side: Bytes) -> Result<Record> {
    let plain = !text.starts_with(SEALED);
    let start = start(plain);
    let (body_end, tail) = if plain {
        if !text.starts_with(BEFORE) {
            return Err(no_entry(id));
        }
        let end = body_len
            .and_then(|len| usize::try_from(len).ok()?.checked_add(start))
            .unwrap_or_else(|| scan::value_end(&text, start));
        (end, text.get(end..))
    } else {
        let tail_end = text.len() - TRAILER.min(text.len());
        let digits = std::str::from_utf8(&text[tail_end..]).ok();
        let length = digits.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let end = length.and_then(|length| tail_end.checked_sub(length));
        (
            end.unwrap_or(0),
            end.and_then(|end| text.get(end..tail_end)),
        )
    };
    let tail = tail
        .filter(|_| body_end > start)
        .ok_or_else(|| no_entry(id))?;
    let head = read_tail(id, tail, (body_end - start) as u64, plain, side)?;
    Ok(Record {
        head,
        body: Some(text.slice(start..body_end)),
    })
}

/// Reads the tail of an entry.
///
/// # Errors
/// [`ErrorKind::Backend`] if it is none.
pub(super) fn read_tail(
    id: &str,
    tail: &[u8],
    body_len: u64,
    plain: bool,
    side: Bytes,
) -> Result<Head> {
    parse(tail, body_len, plain, side).ok_or_else(|| no_entry(id))
}

fn parse(tail: &[u8], body_len: u64, plain: bool, side: Bytes) -> Option<Head> {
    let (mut namespace, mut policy, mut metadata) = (None, None, None);
    let (mut created_at, mut expires_at) = (None, None);
    let mut rest = tail;
    while let Some((key, value, behind)) = field(rest) {
        match key {
            b"\"namespace\"" => namespace = serde_json::from_slice::<String>(value).ok(),
            b"\"policy\"" => policy = object(value),
            b"\"created_at\"" => created_at = number(value),
            b"\"expires_at\"" => {
                expires_at = match value {
                    b"null" => Some(None),
                    value => Some(Some(number(value)?)),
                }
            }
            b"\"metadata\"" => metadata = Some(object(value)?),
            _ => {}
        }
        rest = behind;
    }
    // spaces at the end: an entry whose end was brought forward keeps its length
    (rest.trim_ascii_end() == b"}").then_some(())?;
    Some(Head {
        namespace: namespace?.into(),
        policy: policy?,
        created_at: created_at?,
        expires_at: expires_at?,
        metadata: metadata.unwrap_or_else(|| "{}".to_owned()),
        side,
        body_len,
        plain,
    })
}

/// `, "key": value` at the start of a text, and what is behind it.
fn field(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let text = text.strip_prefix(b", ")?;
    text.starts_with(b"\"").then_some(())?;
    let (key, text) = text.split_at_checked(scan::string_end(text, 0))?;
    let text = text.strip_prefix(b": ")?;
    let (value, behind) = text.split_at_checked(scan::value_end(text, 0))?;
    Some((key, value, behind))
}

/// A number as Python writes it; infinity too.
fn number(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

fn object(text: &[u8]) -> Option<String> {
    text.starts_with(b"{").then_some(())?;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

/// The error for a value under a key of ours that is no entry.
pub(super) fn no_entry(id: &str) -> Error {
    Error::new(
        ErrorKind::Backend,
        "what Redis holds under this reference is not an entry (damaged, or written by another program); delete it",
    )
    .with("ref_id", id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(plain: bool) -> Head {
        Head {
            namespace: "user:ä\"".into(),
            policy: "{\"owner\": null}".into(),
            created_at: 1000.0,
            expires_at: Some(1000.25),
            metadata: "{\"a\": [1, \"}\"]}".into(),
            side: Bytes::from_static(b"side"),
            body_len: 0,
            plain,
        }
    }

    #[test]
    fn plain_text_is_what_the_original_writes() {
        let written = write(&head(true), b"[1, 2]");
        assert_eq!(
            String::from_utf8(written.text).unwrap(),
            "{\"value\": [1, 2], \"namespace\": \"user:\\u00e4\\\"\", \"policy\": {\"owner\": null}, \
             \"created_at\": 1000.0, \"expires_at\": 1000.25, \"metadata\": {\"a\": [1, \"}\"]}}"
        );
    }

    #[test]
    fn what_is_written_is_read_back_whole() {
        for (plain, body) in [
            (true, &b"{\"a\": \"]}\\\"\"}"[..]),
            (true, b"NaN"),
            (false, b"!rcseal1\0\xff, \"namespace\": "),
        ] {
            let mut head = head(plain);
            head.body_len = body.len() as u64;
            let text = Bytes::from(write(&head, body).text);
            for hint in [None, Some(head.body_len)] {
                let read = read("c:1", text.clone(), hint, head.side.clone()).unwrap();
                assert_eq!(read.head, head);
                assert_eq!(read.body.unwrap(), body);
            }
        }
    }

    #[test]
    fn no_cut_text_is_an_entry() {
        for (plain, body) in [(true, &b"[1]"[..]), (false, b"!rcseal1abc")] {
            let text = write(&head(plain), body).text;
            for cut in 0..text.len() {
                let part = Bytes::copy_from_slice(&text[..cut]);
                assert!(read("c:1", part, None, Bytes::new()).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn old_entries_have_no_metadata() {
        let text = "{\"value\": 1, \"namespace\": \"n\", \"policy\": {}, \"created_at\": 5, \"expires_at\": null}";
        let read = read("c:1", Bytes::from(text), None, Bytes::new()).unwrap();
        assert_eq!((&*read.head.metadata, read.head.created_at), ("{}", 5.0));
    }
}
