//! An entry as a record of plain JSON text, and back: what [`Entries`](super::Entries) and exports need.
//!
//! TO BE REPLACED when `stored` lands: `record` is `stored::encode::record` without a seal, `entry` is
//! `stored::decode`'s reading of a record with its body. They keep the types of values, this does not.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::record::{Head, Record};
use crate::access::AccessPolicy;
use crate::entry::{Details, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::preview::PreviewStrategy;
use crate::value::{Document, Value};

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Facts {
    tool_name: Option<String>,
    total_items: Option<usize>,
    total_size: Option<usize>,
    #[serde(rename = "_refcache")]
    ours: Ours,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Ours {
    max_size: Option<usize>,
    strategy: Option<PreviewStrategy>,
    bound: bool,
}

/// The record of an entry whose value is here.
///
/// # Errors
/// [`ErrorKind::Codec`] for a value that has no JSON text.
pub(crate) fn record(_id: &str, entry: &Entry) -> Result<Record> {
    let document = entry.value.document()?;
    let policy = serde_json::to_string(&*entry.policy.policy()?).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry has no JSON text").caused_by(error)
    })?;
    let details = &entry.details;
    let facts = Facts {
        tool_name: details.tool_name.as_deref().map(str::to_owned),
        total_items: details.total_items,
        total_size: details.total_size,
        ours: Ours {
            max_size: details.max_size,
            strategy: details.strategy,
            bound: details.bound,
        },
    };
    let body = Bytes::copy_from_slice(document.text().as_bytes());
    let head = Head {
        namespace: Arc::clone(&entry.namespace),
        policy,
        created_at: entry.created_at,
        expires_at: entry.expires_at,
        metadata: Document::from_serialize(&facts)?.text().to_owned(),
        side: Bytes::new(),
        body_len: body.len() as u64,
        plain: true,
    };
    let body = Some(body);
    Ok(Record { head, body })
}

/// The entry of a plain record with its body.
///
/// # Errors
/// [`ErrorKind::Codec`] for a record that is damaged.
pub(crate) fn entry(_id: &str, record: Record) -> Result<Entry> {
    let no_text = || Error::new(ErrorKind::Codec, "a value is no text");
    let body = record.body.ok_or_else(no_text)?;
    let text = std::str::from_utf8(&body).map_err(|_| no_text())?;
    let policy: AccessPolicy = serde_json::from_str(&record.head.policy).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry cannot be read").caused_by(error)
    })?;
    let facts: Facts = Document::parse(&record.head.metadata)?.deserialize()?;
    let details = Details {
        tool_name: facts.tool_name.map(Arc::from),
        total_items: facts.total_items,
        total_size: facts.total_size,
        max_size: facts.ours.max_size,
        strategy: facts.ours.strategy,
        bound: facts.ours.bound,
        extra: None,
    };
    Ok(Entry::new(
        Value::Document(Arc::new(Document::parse(text)?)),
        record.head.namespace,
        Arc::new(policy),
        record.head.created_at,
        record.head.expires_at,
        details,
    ))
}
