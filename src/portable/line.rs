//! [`Line`]: the lines of an export, written and read.

use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{FORMAT, VERSION};
use crate::backend::{Head, Record};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Document, write};

/// The longest line that is read: a value of 4 GiB and what is known about it.
const LONGEST: u64 = (4 << 30) + (16 << 20);

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct First {
    format: String,
    version: u32,
    pub(super) cache: String,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) namespace: Option<String>,
}

impl First {
    pub(super) fn new(cache: &str, created_at: Timestamp, namespace: Option<&str>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            cache: cache.to_owned(),
            created_at,
            namespace: namespace.map(str::to_owned),
        }
    }
}

/// The last line.
#[derive(Serialize, Deserialize)]
pub(super) struct Last {
    /// How many entries the file has.
    pub(super) entries: usize,
    end: bool,
}

impl Last {
    pub(super) fn new(entries: usize) -> Self {
        Self { entries, end: true }
    }
}

/// An entry under its reference and key.
pub(super) struct Named {
    pub(super) ref_id: String,
    pub(super) key: Option<Arc<str>>,
    pub(super) record: Record,
}

/// Any line after the first.
pub(super) enum Line {
    Entry(Box<Named>),
    Last(Last),
}

/// What stands before the value in the line of an entry. `policy` and `metadata` are read as JSON, but kept
/// as the texts they are.
#[derive(Deserialize)]
struct About {
    ref_id: String,
    #[serde(default)]
    key: Option<String>,
    namespace: String,
    created_at: Timestamp,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// Writes lines and counts their bytes.
pub(super) struct Lines<'w> {
    out: &'w mut dyn Write,
    pub(super) bytes: u64,
}

impl<'w> Lines<'w> {
    pub(super) fn new(out: &'w mut dyn Write) -> Self {
        Self { out, bytes: 0 }
    }

    pub(super) fn write<T: Serialize>(&mut self, line: &T) -> Result<()> {
        let line = Document::from_serialize(line)?;
        self.put(line.text().as_bytes())?;
        self.put(b"\n")
    }

    /// The value comes last, so that it is found without reading it, and as it is.
    pub(super) fn write_entry(&mut self, entry: &Named) -> Result<()> {
        let Head {
            namespace,
            policy,
            created_at,
            expires_at,
            metadata,
            ..
        } = &entry.record.head;
        let mut about = String::from("{\"ref_id\": ");
        write::string(&entry.ref_id, &mut about);
        about.push_str(", \"key\": ");
        match &entry.key {
            Some(key) => write::string(key, &mut about),
            None => about.push_str("null"),
        }
        about.push_str(", \"namespace\": ");
        write::string(namespace, &mut about);
        let times = Document::from_serialize(&(created_at, expires_at))?;
        let [created_at, expires_at] = items(&times)?;
        for (name, text) in [
            ("policy", policy.as_str()),
            ("created_at", created_at),
            ("expires_at", expires_at),
            ("metadata", metadata),
        ] {
            about.push_str(&format!(", \"{name}\": {text}"));
        }
        about.push_str(", \"value\": ");
        self.put(about.as_bytes())?;
        self.put(entry.record.body.as_deref().unwrap_or(b"null"))?;
        self.put(b"}\n")
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(not_written)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(not_written)
    }
}

fn items(pair: &Document) -> Result<[&str; 2]> {
    let texts = pair.root().map(|root| {
        let items = pair.items(root, 0);
        items.map(|item| pair.slice(item.value)).collect::<Vec<_>>()
    });
    let texts = texts.and_then(|texts| texts.try_into().ok());
    texts.ok_or_else(|| Error::new(ErrorKind::Unexpected, "a pair has not two items"))
}

fn not_written(error: std::io::Error) -> Error {
    failed("the export could not be written", error)
}

/// A stream of the caller's own fails with an error of its own, which is the cause then.
fn failed(message: &str, error: std::io::Error) -> Error {
    let own = error.get_ref().is_some();
    let failed = Error::new(ErrorKind::Io, message);
    match own.then(|| error.kind()) {
        None => failed.caused_by(error),
        Some(kind) => match error.into_inner() {
            Some(own) => failed.caused_by(own),
            None => failed.caused_by(std::io::Error::from(kind)),
        },
    }
}

/// The next line without its end; `None` at the end of the stream. Blank lines are passed over.
pub(super) fn next(
    reader: &mut dyn BufRead,
    read: &mut u64,
    number: &mut usize,
) -> Result<Option<String>> {
    loop {
        let mut line = Vec::new();
        let mut limited = Read::take(&mut *reader, LONGEST);
        let length = limited
            .read_until(b'\n', &mut line)
            .map_err(|error| failed("the import could not be read", error))?;
        if length == 0 {
            return Ok(None);
        }
        *read += length as u64;
        *number += 1;
        if length as u64 == LONGEST {
            return Err(bad("it is longer than any value may be"));
        }
        let line = String::from_utf8(line).map_err(|_| bad("it is not UTF-8"))?;
        if !line.trim_ascii().is_empty() {
            return Ok(Some(line));
        }
    }
}

/// Reads the first line.
pub(super) fn first(line: Option<&str>) -> Result<First> {
    let no_export = || {
        let message = "this is no export of a cache: its first line does not say so";
        Error::new(ErrorKind::InvalidArgument, message)
    };
    let document = Document::parse(line.ok_or_else(no_export)?).map_err(|_| no_export())?;
    let first: First = document.deserialize().map_err(|_| no_export())?;
    if first.format != FORMAT {
        return Err(no_export());
    }
    if first.version != VERSION {
        let message = "the export was made by a newer version: update to read it";
        return Err(Error::new(ErrorKind::Unsupported, message).with("version", first.version));
    }
    Ok(first)
}

/// Reads any other line.
pub(super) fn line(text: &str) -> Result<Line> {
    let Some((about, value)) = split(text) else {
        let last: Last = json(text)?
            .deserialize()
            .map_err(|_| bad("it is no entry"))?;
        return Ok(Line::Last(last));
    };
    let about = json(&about)?;
    let member = |name: &str| {
        let root = about.root()?;
        let mut items = about.items(root, 0);
        let quoted = format!("\"{name}\"");
        let item = items.find(|item| {
            item.key
                .clone()
                .is_some_and(|key| about.slice(key) == quoted)
        })?;
        Some(about.slice(item.value).to_owned())
    };
    let policy = member("policy").ok_or_else(|| bad("it has no policy"))?;
    let metadata = member("metadata").ok_or_else(|| bad("it has no metadata"))?;
    if !metadata.starts_with('{') {
        return Err(bad("its metadata is no object"));
    }
    let facts: About = about
        .deserialize()
        .map_err(|error| bad("it is no entry").caused_by(error))?;
    let ends = facts.expires_at.is_some_and(f64::is_nan);
    if !facts.created_at.is_finite() || ends {
        return Err(bad("its times are no numbers"));
    }
    let head = Head {
        namespace: facts.namespace.into(),
        policy,
        created_at: facts.created_at,
        expires_at: facts.expires_at,
        metadata,
        side: Bytes::new(),
        body_len: value.len() as u64,
        plain: true,
    };
    let body = Some(Bytes::copy_from_slice(value.as_bytes()));
    Ok(Line::Entry(Box::new(Named {
        ref_id: facts.ref_id,
        key: facts.key.map(Arc::from),
        record: Record { head, body },
    })))
}

fn json(text: &str) -> Result<Document> {
    Document::parse(text).map_err(|error| bad("it is no JSON").caused_by(error))
}

/// What stands before the last member, `value`, as an object of its own, and the text of the value; `None`
/// if there is none. A value may be nested as deep as any, so that the line as a whole may be deeper.
fn split(line: &str) -> Option<(String, &str)> {
    let bytes = line.as_bytes();
    let (mut depth, mut at, mut comma, mut key) = (0_usize, 0, None, false);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => {
                depth += 1;
                key = depth == 1;
            }
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b',' if depth == 1 => (comma, key) = (Some(at), true),
            b'"' => {
                let end = end_of_string(bytes, at)?;
                if depth == 1 && key && &line[at..end] == "\"value\"" {
                    let value = line[end..].trim_ascii_start().strip_prefix(':')?;
                    let value = value.trim_ascii().strip_suffix('}')?.trim_ascii();
                    let before = &line[..comma.unwrap_or(at)];
                    return Some((format!("{before}}}"), value));
                }
                key = false;
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where a string ends that begins here.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The error of a line; its number is added by who counts.
pub(super) fn bad(why: &str) -> Error {
    Error::new(
        ErrorKind::Codec,
        format!("a line of the import is damaged: {why}"),
    )
}
