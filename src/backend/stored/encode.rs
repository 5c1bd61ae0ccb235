//! From an entry to its record.

use std::sync::Arc;

use bytes::Bytes;

use super::Seals;
use super::metadata;
use super::parts::{self, Label};
use super::side::{SealedParts, Side};
use crate::backend::record::{Head, Record, SMALL};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};

/// The record of an entry.
///
/// # Errors
/// [`ErrorKind::Codec`] for a value that no store can keep, and what the seal fails with.
pub(super) fn record(seals: &Seals, id: &str, entry: &Entry) -> Result<Record> {
    let document = entry.value.portable()?;
    let types = document.types();
    let plain_types = types.clone().filter(|_| !seals.protect());
    let mut head = Head {
        namespace: Arc::clone(&entry.namespace),
        policy: policy(entry)?,
        created_at: entry.created_at,
        expires_at: entry.expires_at,
        metadata: metadata::write(&entry.details, plain_types)?,
        side: Bytes::new(),
        body_len: 0,
        plain: true,
    };
    let text = document.text();
    let sealed = match seals.seal_for(text.len()) {
        Some(seal) => {
            let label = Label { id, head: &head };
            Some(parts::seal(seal, &label, types.as_deref(), text)?)
        }
        None => None,
    };
    let (body, table) = match sealed {
        Some((body, table)) => (Bytes::from(body), Some(table)),
        None => (Bytes::copy_from_slice(text.as_bytes()), None),
    };
    head.plain = table.is_none();
    head.body_len = body.len() as u64;
    if text.len() > SMALL {
        let mut side = Side::of(&document).with_views(entry, &document)?;
        side.sealed = table.map(|table| SealedParts {
            table,
            types: types.unwrap_or_default(),
        });
        head.side = seal_side(seals, id, &head, &side)?;
    }
    Ok(Record {
        head,
        body: Some(body),
    })
}

/// A side in the form in which it is stored: sealed if the value is.
pub(super) fn seal_side(seals: &Seals, id: &str, head: &Head, side: &Side) -> Result<Bytes> {
    let bytes = side.to_bytes()?;
    Ok(match seals.seal() {
        Some(seal) if !head.plain => {
            let label = Label { id, head };
            seal.seal(&bytes, &label.of("side"))?.into()
        }
        _ => bytes.into(),
    })
}

fn policy(entry: &Entry) -> Result<String> {
    let policy = entry.policy.policy()?;
    serde_json::to_string(&*policy).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry has no JSON text").caused_by(error)
    })
}
