//! [`Record`]: an entry in the form that outlives its process, and [`RecordStore`]: what keeps records.
//!
//! A store of records deals in texts and bytes only. What they mean (types, indexes, prepared previews,
//! compression, encryption) is made and read in [`stored`](super::stored), once for all stores.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{Capabilities, Near, PutOptions, Removals, Scope, Want};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::limits::{Demand, Take};
use crate::reference::KeyName;

/// Bodies of at most so many bytes are read together with the head.
pub const SMALL: usize = 64 * 1024;

/// What is stored of an entry besides its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Where it lives.
    pub namespace: Arc<str>,
    /// The policy as JSON text, in the shape of the original.
    pub policy: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it ends; `None` = never.
    pub expires_at: Option<Timestamp>,
    /// Metadata as the JSON text of an object; what is ours in it stands under `_refcache`.
    pub metadata: String,
    /// What helps to show a large value without reading it. Opaque to the store, and empty for most
    /// entries; losing it costs time, not data.
    pub side: Bytes,
    /// Length of the body in bytes.
    pub body_len: u64,
    /// Whether the body is JSON text; else it is bytes that begin with [`SEALED`](super::stored::SEALED)
    /// and must be stored so that the original fails to read them instead of taking them for a value.
    pub plain: bool,
}

/// An entry as a store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What is known about it.
    pub head: Head,
    /// The value's JSON text, or its sealed bytes. `None`: it is larger than [`SMALL`] and only the head
    /// was asked for.
    pub body: Option<Bytes>,
}

/// A store of records: SQLite, Redis, or one of your own.
///
/// The promises are those of [`Backend`](super::Backend) for the methods of the same name; wrap it in
/// `Stored` to make it one. Expiry: an entry whose `expires_at` is not after `now` is
/// absent. Blocking work belongs into a thread of its own.
#[async_trait]
pub trait RecordStore: Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// The live record with this id, with its body if it is [`SMALL`] or `want` says so.
    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>>;

    /// The id and live record that a name leads to, likewise.
    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>>;

    /// Parts of a body, in the order asked for, each of exactly the length asked for. `None` if the
    /// record with this `created_at` and `body_len` is not there any more.
    async fn read_body(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>>;

    /// Writes a record, which has a body, and what the options say, in one step.
    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()>;

    /// Replaces the side of a record if it is still the one with this `created_at` and `body_len`.
    async fn write_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()>;

    /// Removes a record; whether it was there.
    async fn delete(&self, id: &str) -> Result<bool>;

    /// Whether a live record has this id; its body is not read.
    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool>;

    /// Removes all records of the scope; how many.
    async fn clear(&self, scope: Scope<'_>) -> Result<usize>;

    /// Ids of the live records of the scope.
    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>>;

    /// Namespace and id of every live record that this key leads to in some namespace of the cache.
    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>>;

    /// The name that leads to this id, if one does.
    async fn name_of(&self, id: &str) -> Result<Option<KeyName>>;

    /// Whether records of a cache of this name were ever stored here.
    async fn knows_cache(&self, cache: &str) -> Result<bool>;

    /// Removes records that are expired by `now`; how many. Never scans the others.
    async fn purge(&self, now: Timestamp) -> Result<usize>;

    /// See [`Backend::removals`](super::Backend::removals).
    fn removals(&self) -> Option<&Removals> {
        None
    }

    /// See [`Backend::acquire`](super::Backend::acquire).
    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>>;

    /// See [`Backend::renew`](super::Backend::renew).
    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool>;

    /// See [`Backend::release`](super::Backend::release).
    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool>;

    /// Where entries may be kept that were read before, if this store can tell what others change.
    fn near(&self) -> Option<&Near> {
        None
    }

    /// Whether all that has changed until now was taken away from [`near`](Self::near). Waits for nobody.
    fn hears_all(&self) -> bool {
        false
    }

    /// See [`Backend::take`](super::Backend::take).
    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        let _ = (demands, now);
        Ok(Take::NotKept)
    }
}
