//! [`Entries`]: records kept as the entries of another backend, so that a seal can be put around any.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::record::{Head, Record, RecordStore, SMALL};
use super::{Backend, Capabilities, PutOptions, Removals, Scope, Want, stored};
use crate::access::AccessPolicy;
use crate::clock::Timestamp;
use crate::entry::{Details, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Demand, Take};
use crate::reference::KeyName;
use crate::value::{Document, Value};

/// A [`RecordStore`] over a backend of entries: in memory, or written by a user.
///
/// A plain record is an entry with its value. A sealed one is an entry whose value is the sealed bytes as a
/// base64 string; what else there is to know of a record stands in the entry's metadata. Entries that
/// were put into the backend directly are read as plain records.
pub struct Entries {
    backend: Arc<dyn Backend>,
}

/// Metadata of an entry that holds a record.
#[derive(Serialize, Deserialize)]
struct Metadata {
    #[serde(rename = "_refcache_record")]
    facts: Facts,
}

/// What an entry does not tell of its record.
#[derive(Serialize, Deserialize)]
struct Facts {
    plain: bool,
    metadata: String,
    /// base64
    side: String,
}

impl Entries {
    /// Keeps records in this backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend }
    }

    /// The backend.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    async fn load(&self, id: &str, now: Timestamp) -> Result<Option<Record>> {
        let entry = self.backend.get(id, now, Want::Value).await?;
        entry.map(|entry| to_record(id, &entry)).transpose()
    }
}

fn to_entry(record: Record) -> Result<Entry> {
    let Record { head, body } = record;
    let body = body.ok_or_else(|| {
        let message = "a record without a body was to be written";
        Error::new(ErrorKind::Unexpected, message)
    })?;
    let value = if head.plain {
        let text = std::str::from_utf8(&body)
            .map_err(|error| Error::new(ErrorKind::Codec, "a value is no text").caused_by(error))?;
        Document::parse(text)?
    } else {
        Document::from_serialize(&STANDARD.encode(&body))?
    };
    let policy: AccessPolicy = serde_json::from_str(&head.policy).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry cannot be read").caused_by(error)
    })?;
    let facts = Facts {
        plain: head.plain,
        metadata: head.metadata,
        side: STANDARD.encode(&head.side),
    };
    let metadata = Document::from_serialize(&Metadata { facts })?;
    let details = Details {
        extra: Some(Value::Document(Arc::new(metadata))),
        ..Details::default()
    };
    Ok(Entry::new(
        Value::Document(Arc::new(value)),
        head.namespace,
        Arc::new(policy),
        head.created_at,
        head.expires_at,
        details,
    ))
}

fn to_record(id: &str, entry: &Entry) -> Result<Record> {
    let Some(facts) = facts(&entry.details)? else {
        return stored::to_plain(id, entry);
    };
    let document = entry.value.document()?;
    let body = if facts.plain {
        Bytes::copy_from_slice(document.text().as_bytes())
    } else {
        let text: String = document.deserialize().map_err(|_| damaged(id))?;
        unbase64(&text, id)?
    };
    let policy = serde_json::to_string(&*entry.policy.policy()?).map_err(|error| {
        Error::new(ErrorKind::Codec, "the policy of an entry has no JSON text").caused_by(error)
    })?;
    let head = Head {
        namespace: Arc::clone(&entry.namespace),
        policy,
        created_at: entry.created_at,
        expires_at: entry.expires_at,
        metadata: facts.metadata,
        side: unbase64(&facts.side, id)?,
        body_len: body.len() as u64,
        plain: facts.plain,
    };
    let body = Some(body);
    Ok(Record { head, body })
}

/// What makes an entry a record; `None` if it was never one.
fn facts(details: &Details) -> Result<Option<Facts>> {
    let Some(extra) = &details.extra else {
        return Ok(None);
    };
    let metadata = extra.document()?.deserialize::<Metadata>();
    Ok(metadata.ok().map(|metadata| metadata.facts))
}

fn unbase64(text: &str, id: &str) -> Result<Bytes> {
    let bytes = STANDARD.decode(text).map_err(|_| damaged(id))?;
    Ok(bytes.into())
}

fn damaged(id: &str) -> Error {
    let message = "a sealed entry is damaged: delete it and store it again";
    Error::new(ErrorKind::Backend, message).with("reference", id)
}

/// The record as `want` asks for it.
fn wanted(mut record: Record, want: Want) -> Record {
    if want == Want::Head && record.head.body_len > SMALL as u64 {
        record.body = None;
    }
    record
}

#[async_trait]
impl RecordStore for Entries {
    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>> {
        let record = self.load(id, now).await?;
        Ok(record.map(|record| wanted(record, want)))
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        let Some((id, entry)) = self.backend.find(name, now, Want::Value).await? else {
            return Ok(None);
        };
        let record = to_record(&id, &entry)?;
        Ok(Some((id, wanted(record, want))))
    }

    async fn read_body(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        let record = self.load(id, Timestamp::NEG_INFINITY).await?;
        let body = record.filter(|record| {
            record.head.created_at == head.created_at && record.head.body_len == head.body_len
        });
        let Some(body) = body.and_then(|record| record.body) else {
            return Ok(None);
        };
        let parts = ranges.iter().map(|range| {
            let inside = range.start <= range.end && range.end <= body.len() as u64;
            let part = range.start as usize..range.end as usize;
            inside.then(|| body.slice(part)).ok_or_else(|| damaged(id))
        });
        parts.collect::<Result<Vec<_>>>().map(Some)
    }

    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()> {
        let entry = to_entry(record)?;
        self.backend.put(id, Arc::new(entry), options).await
    }

    /// Does nothing: a backend of entries has no step that replaces an entry only if it is still the
    /// same, and a side is not worth the risk of putting an old value over a new one.
    async fn write_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()> {
        let _ = (id, head, side);
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        self.backend.delete(id).await
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        self.backend.exists(id, now).await
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        self.backend.clear(scope).await
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        self.backend.keys(scope, now).await
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        self.backend.find_everywhere(cache, key, now).await
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        self.backend.name_of(id).await
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        self.backend.knows_cache(cache).await
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        self.backend.purge(now).await
    }

    fn removals(&self) -> Option<&Removals> {
        self.backend.removals()
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        self.backend.acquire(lease, seconds, now).await
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        self.backend.renew(lease, token, seconds, now).await
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        self.backend.release(lease, token, now).await
    }

    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        self.backend.take(demands, now).await
    }
}
