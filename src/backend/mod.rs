//! Where entries are kept: the promise every store makes, and the stores.

pub mod blobs;
#[cfg(feature = "contract-tests")]
pub mod contract;
mod entries;
mod indexed;
mod leases;
mod ledger;
mod memory;
mod names;
mod near;
mod record;
#[cfg(feature = "redis")]
pub mod redis;
mod removals;
pub mod seal;
#[cfg(feature = "sqlite")]
mod sqlite;
pub mod stored;
mod sweeper;

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::Result;
use crate::limits::{Demand, Take};
use crate::reference::KeyName;

pub use entries::Entries;
pub use indexed::{KeyIndexed, SimpleBackend};
pub use memory::MemoryBackend;
pub use near::Near;
pub use record::{Head, Record, RecordStore, SMALL};
pub use removals::{Gone, Removal, RemovalLog, Removals, Why};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore, Totals};
pub use stored::Stored;

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

/// How much of an entry a caller is going to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// What is known about it and what was prepared to be shown: a large value may stay in the store,
    /// to be read in parts.
    Head,
    /// The value, whole.
    Value,
}

/// What else happens when an entry is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct PutOptions<'a> {
    /// The key that from now on leads to this entry.
    pub name: Option<&'a KeyName>,
    /// The entry that held the name until now lives until then at the latest.
    pub retire_at: Option<Timestamp>,
    /// The lease under which the entry was made. If somebody else has taken it over meanwhile, the
    /// entry is written, but the name stays with theirs.
    pub fence: Option<Fence<'a>>,
}

/// A lease that its holder believes to have.
#[derive(Debug, Clone, Copy)]
pub struct Fence<'a> {
    /// The name of the lease.
    pub lease: &'a str,
    /// The token it was given with.
    pub token: u64,
}

/// What a store can do beyond what all can; known without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// Entries outlive this process, so they must be in a form that another one can read.
    pub persistent: bool,
    /// Other processes see the same entries and leases.
    pub shared: bool,
    /// Its futures are not ready at once: they wait for a disk, a network or other code.
    pub waits: bool,
}

/// A store of entries.
///
/// Backends store, the cache decides: a backend knows no permission and no preview. `now` is handed
/// in; an entry that is expired by then is as good as absent and may be removed. Errors are of a kind
/// that [`is_backend`](crate::ErrorKind::is_backend), never a missing entry.
///
/// What is promised here is tested by the functions of `contract` (feature `contract-tests`), which run
/// for any store.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// The live entry with this id; `None` if there is none.
    async fn get(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Arc<Entry>>>;

    /// Writes an entry and what the options say in one step: afterwards all of it is there, or,
    /// after an error, nothing. An entry with the same id is replaced.
    async fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Result<()>;

    /// Keeps what was prepared to be shown of a stored entry (its remembered views) with it, so that
    /// later readers need not read the value. A store that keeps entries as they are has it already.
    async fn remember(&self, id: &str, entry: &Entry) -> Result<()> {
        let _ = (id, entry);
        Ok(())
    }

    /// Removes an entry; whether it was there (also if expired and not yet removed). A name leads
    /// nowhere once its entry is gone.
    async fn delete(&self, id: &str) -> Result<bool>;

    /// Whether a live entry has this id.
    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        Ok(self.get(id, now, Want::Head).await?.is_some())
    }

    /// Removes all entries of the scope; how many there were.
    async fn clear(&self, scope: Scope<'_>) -> Result<usize>;

    /// Ids of the live entries of the scope, in the order they were first written if the store keeps one.
    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>>;

    /// The id and live entry that a name leads to.
    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Arc<Entry>)>>;

    /// Namespace and id of every live entry that this key leads to in some namespace of the cache.
    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>>;

    /// The name that leads to this id, if one does.
    async fn name_of(&self, id: &str) -> Result<Option<KeyName>>;

    /// Whether entries of a cache of this name were ever stored here, as far as the store knows.
    async fn knows_cache(&self, cache: &str) -> Result<bool>;

    /// Removes entries that are expired by `now`; how many. Never scans the others.
    async fn purge(&self, now: Timestamp) -> Result<usize>;

    /// Where to listen to what the store removes by itself: entries whose time is over, and those that make room.
    /// `None` for a store that does not know.
    fn removals(&self) -> Option<&Removals> {
        None
    }

    /// Takes a lease: the token it comes with, or `None` while somebody else holds it. It ends by
    /// itself `seconds` later, so that a holder that dies is replaced; tokens of one name only grow.
    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>>;

    /// Lets a lease end `seconds` from now instead; whether the holder of the token still has it.
    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool>;

    /// Gives a lease back; whether the holder of the token still had it.
    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool>;

    /// Takes one token of the bucket of each demand, or none of any, in one step. A bucket that is not known
    /// is full, and one that is full again is as good as not known. A store without buckets answers
    /// [`Take::NotKept`]; the cache keeps them in its process then.
    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        let _ = (demands, now);
        Ok(Take::NotKept)
    }
}
