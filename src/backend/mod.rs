//! Where entries are kept: the promise every store makes, and the stores.

mod indexed;
mod ledger;
mod memory;
mod names;
mod sweeper;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::Result;
use crate::reference::KeyName;

pub use indexed::{KeyIndexed, SimpleBackend};
pub use memory::MemoryBackend;

/// What an operation over many entries is about; empty = everything in the store.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Only entries whose reference begins with this cache name.
    pub cache: Option<&'a str>,
    /// Only entries of exactly this namespace.
    pub namespace: Option<&'a str>,
}

impl Scope<'_> {
    /// Whether an entry with this id belongs to the scope's cache.
    pub fn has_id(&self, id: &str) -> bool {
        self.cache.is_none_or(|cache| {
            id.strip_prefix(cache)
                .is_some_and(|rest| rest.starts_with(':'))
        })
    }
}

/// What else happens when an entry is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct PutOptions<'a> {
    /// The key that from now on leads to this entry.
    pub name: Option<&'a KeyName>,
    /// The entry that held the name until now lives until then at the latest.
    pub retire_at: Option<Timestamp>,
}

/// A store of entries.
///
/// Backends store, the cache decides: a backend knows no permission and no preview. `now` is handed
/// in; an entry that is expired by then is as good as absent and may be removed. Errors are of kind
/// [`Backend`](crate::ErrorKind::Backend) or [`Busy`](crate::ErrorKind::Busy), never a missing entry.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The live entry with this id; `None` if there is none.
    async fn get(&self, id: &str, now: Timestamp) -> Result<Option<Arc<Entry>>>;

    /// Writes an entry and what the options say in one step: afterwards all of it is there, or,
    /// after an error, nothing. An entry with the same id is replaced.
    async fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Result<()>;

    /// Removes an entry; whether it was there (also if expired and not yet removed). A name leads
    /// nowhere once its entry is gone.
    async fn delete(&self, id: &str) -> Result<bool>;

    /// Whether a live entry has this id.
    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self.get(id, now).await?.is_some())
    }

    /// Removes all entries of the scope; how many there were.
    async fn clear(&self, scope: Scope<'_>) -> Result<usize>;

    /// Ids of the live entries of the scope, in the order they were first written if the store keeps one.
    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>>;

    /// The id and live entry that a name leads to.
    async fn find(&self, name: &KeyName, now: Timestamp) -> Result<Option<(Arc<str>, Arc<Entry>)>>;

    /// Namespace and id of every live entry that this key leads to in some namespace of the cache.
    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>>;

    /// Whether entries of a cache of this name were ever stored here, as far as the store knows.
    async fn knows_cache(&self, cache: &str) -> Result<bool>;

    /// Removes entries that are expired by `now`; how many. Never scans the others.
    async fn purge(&self, now: Timestamp) -> Result<usize>;
}
