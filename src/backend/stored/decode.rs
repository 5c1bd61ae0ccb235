//! From a record to its entry.

use std::sync::Arc;

use bytes::Bytes;

use super::Seals;
use super::metadata;
use super::parts::{self, Label};
use super::side::Side;
use super::source::{Plain, Sealed};
use crate::access::AccessPolicy;
use crate::backend::record::{Head, Record, RecordStore};
use crate::entry::{Details, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::value::{Document, Remote, Value};

/// The largest side that is opened: one of a text of 4 GiB is smaller.
const LARGEST_SIDE: usize = 64 * 1024 * 1024;

/// The document of stored text and of what it does not tell about types.
///
/// # Errors
/// [`ErrorKind::Codec`] if it is no JSON, or the types are not those of this text.
pub(super) fn document(text: &str, types: Option<&str>) -> Result<Document> {
    match types {
        None => Document::parse(text),
        // as it was written: parsing would keep one of equal keys, which only their types may tell apart
        Some(types) => Document::with_types(text.to_owned(), types)
            .or_else(|_| Document::with_types(Document::parse(text)?.text().to_owned(), types)),
    }
}

/// Reads the records of one entry.
pub(super) struct Decoder {
    pub(super) seals: Arc<Seals>,
    pub(super) store: Arc<dyn RecordStore>,
    pub(super) id: Arc<str>,
}

impl Decoder {
    /// The side of a head, if it has one that can be read.
    ///
    /// # Errors
    /// What the seal fails with.
    pub(super) fn side(&self, head: &Head) -> Result<Option<Side>> {
        if head.side.is_empty() {
            return Ok(None);
        }
        if head.plain {
            let side = Side::from_bytes(&head.side);
            return Ok(side.filter(|side| side.text_len() as u64 == head.body_len));
        }
        let label = self.label(head).of("side");
        let seal = self.seals.required()?;
        let bytes = seal.open(&head.side, &label, LARGEST_SIDE)?;
        Ok(Side::from_bytes(&bytes))
    }

    /// The entry of a record and its side; a value whose body is not in the record stays in the store.
    ///
    /// # Errors
    /// [`ErrorKind::Backend`] for a record that is damaged, was written by something else, or cannot be
    /// opened.
    pub(super) fn entry(&self, record: Record, side: Option<Side>) -> Result<Entry> {
        self.read(record, side).map_err(|error| match error.kind() {
            ErrorKind::Codec => Error::new(
                ErrorKind::Backend,
                "a stored entry cannot be read: it was damaged, or not written by this program",
            )
            .with("reference", &self.id)
            .caused_by(error),
            _ => error,
        })
    }

    fn read(&self, record: Record, side: Option<Side>) -> Result<Entry> {
        let Record { head, body } = record;
        if head.plain && self.seals.protect() {
            return Err(Error::new(
                ErrorKind::Backend,
                "an entry is not encrypted, in a store where all are to be: it was written without the key",
            )
            .with("reference", &self.id));
        }
        let (details, reserved) = metadata::read(&head.metadata)?;
        let types = reserved.types.as_deref();
        let value = match (body, &side) {
            (Some(body), side) if head.plain => plain(body, side.as_ref(), types)?,
            (Some(body), _) => {
                let seal = self.seals.required()?;
                let (types, text) = parts::open(seal, &self.label(&head), &body)?;
                document(&text, Some(&*types).filter(|types| !types.is_empty()))?
            }
            (None, Some(side)) => return self.remote(head, details, side, types),
            (None, None) => return Err(no_text()),
        };
        entry(
            Value::Document(Arc::new(value)),
            &head,
            details,
            side.as_ref(),
        )
    }

    fn remote(
        &self,
        head: Head,
        details: Details,
        side: &Side,
        types: Option<&str>,
    ) -> Result<Entry> {
        let (store, id) = (Arc::clone(&self.store), Arc::clone(&self.id));
        let kept = head.clone();
        let remote = match &side.sealed {
            None => {
                let document = outlined(side, types)?;
                let head = kept;
                Remote::new(document, Arc::new(Plain { store, id, head }))
            }
            Some(sealed) => {
                let types = Some(&*sealed.types).filter(|types| !types.is_empty());
                let document = outlined(side, types)?;
                let source = Sealed {
                    store,
                    id,
                    head: kept,
                    seal: self.seals.shared()?,
                    table: sealed.table.clone(),
                };
                Remote::new(document, Arc::new(source))
            }
        };
        entry(Value::Remote(Arc::new(remote)), &head, details, Some(side))
    }

    fn label<'a>(&'a self, head: &'a Head) -> Label<'a> {
        Label { id: &self.id, head }
    }
}

fn entry(value: Value, head: &Head, details: Details, side: Option<&Side>) -> Result<Entry> {
    let entry = Entry::new(
        value,
        Arc::clone(&head.namespace),
        Arc::new(policy(head)?),
        head.created_at,
        head.expires_at,
        details,
    );
    if let Some(side) = side {
        side.restore_views(&entry);
    }
    Ok(entry)
}

/// The policy of a head. One that cannot be read would let in whom it may not: it is an error.
fn policy(head: &Head) -> Result<AccessPolicy> {
    serde_json::from_str(&head.policy).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry cannot be read").caused_by(error)
    })
}

/// The value of a body that is JSON text.
fn plain(body: Bytes, side: Option<&Side>, types: Option<&str>) -> Result<Document> {
    match side {
        // what was indexed was written here, so that only its form has to be right
        Some(side) if side.text_len() == body.len() && body.is_ascii() => {
            let text = String::from_utf8(body.into()).map_err(|_| no_text())?;
            Ok(outlined(side, types)?.with_whole(text))
        }
        _ => document(std::str::from_utf8(&body).map_err(|_| no_text())?, types),
    }
}

fn outlined(side: &Side, types: Option<&str>) -> Result<Document> {
    Document::outlined(side.outline(), types)
}

fn no_text() -> Error {
    Error::new(ErrorKind::Codec, "a value is no text")
}

/// The entry of a record of plain JSON text that has its body.
pub(super) fn plain_entry(record: Record) -> Result<Entry> {
    let Record { head, body } = record;
    let (details, reserved) = metadata::read(&head.metadata)?;
    let body = body.ok_or_else(no_text)?;
    let value = plain(body, None, reserved.types.as_deref())?;
    entry(Value::Document(Arc::new(value)), &head, details, None)
}
