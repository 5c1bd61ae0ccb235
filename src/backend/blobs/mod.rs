//! [`BlobStore`]: the least a key-value store must do, and [`Blobs`], which keeps records in one.

mod ends;
mod frame;
mod listing;
mod locks;
mod parts;
mod store;

use std::fmt::Write;

use async_trait::async_trait;
use bytes::Bytes;
use hashbrown::HashSet;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use self::ends::Ends;
use self::locks::Locks;
use super::leases::Leases;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};

/// A plain key-value store: blobs by collection and key.
///
/// Collections and keys are ASCII letters, digits and `-`, at most 64 of them. Blobs have at most 256 KiB,
/// unless the policy and metadata of one entry are larger, or a namespace has some 200,000 entries.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// The blob under this key; `None` if there is none or its time is over.
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Bytes>>;

    /// Writes a blob; one under the same key is replaced. It may be dropped after `seconds_to_live`,
    /// and should be, as nobody else removes all of what has ended.
    async fn put(
        &self,
        collection: &str,
        key: &str,
        blob: Bytes,
        seconds_to_live: Option<f64>,
    ) -> Result<()>;

    /// Removes a blob; whether it was there.
    async fn delete(&self, collection: &str, key: &str) -> Result<bool>;
}

/// Keeps records in a [`BlobStore`].
///
/// An entry is one blob; large bodies stand beside it in parts, so that a page reads only what it shows.
/// Which entries a namespace has is kept in small documents, which are read, changed and written back:
///
/// - Threads of one process wait for each other there. If two processes write to the same namespace at
///   the same moment, one of the two new entries can be missing from `keys` and `clear` (by reference and
///   by key it is found nevertheless). Where that matters, use SQLite or Redis.
/// - An entry that the store dropped by itself before its time may be listed until then.
/// - Leases are known to this process only.
/// - A large entry without an end leaves its parts behind if the process is killed while it writes or
///   removes it.
pub struct Blobs<B> {
    store: B,
    leases: Leases,
    locks: Locks,
    ends: Mutex<Ends>,
    seen: Mutex<HashSet<String>>,
}

impl<B: BlobStore> Blobs<B> {
    /// Keeps records in this store, beside those that are there.
    pub fn new(store: B) -> Self {
        Self {
            store,
            leases: Leases::default(),
            locks: Locks::default(),
            ends: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The store.
    pub fn store(&self) -> &B {
        &self.store
    }
}

/// Records.
const ENTRIES: &str = "refcache-entries";
/// Parts of large bodies.
const PARTS: &str = "refcache-parts";
/// What leads to records.
const INDEX: &str = "refcache-index";

/// A short key for texts of any length: 160 bits of a hash of them.
fn key_of(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let mut key = String::with_capacity(40);
    for byte in &hash.finalize()[..20] {
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// How long a blob is needed that ends at this moment. A store that counts in whole seconds must not
/// drop it before: whether a record has ended is judged by its own time, not by its absence.
fn seconds_to_live(end: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    end.map(|end| (end - now).max(0.0) + 1.0)
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Backend,
        format!("{what} in the key-value store is damaged: delete the entry or clear the store"),
    )
}
