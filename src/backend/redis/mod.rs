//! [`RedisStore`]: records in Redis or Valkey, in the shape of the original, so that both can use one database.
//!
//! `options` and `url` say where; `connect`, `link` and `request` get there and back. Shorter ways without TLS are,
//! through `plain` sockets, `direct` and `line` for threads that may block and `looped` for the tasks of an event loop,
//! who wait in `seats`. `watch` hears what others change; `keys` and `layout` say what is stored; the Lua in `scripts`
//! does in one step what must be one; `read`, `write`, `cluster`, `lists`, `foreign`, `leases` and `buckets` ask for it.

mod buckets;
mod cluster;
mod connect;
mod direct;
mod errors;
mod foreign;
mod keys;
mod layout;
mod leases;
mod line;
mod link;
mod lists;
#[cfg(all(unix, feature = "python"))]
mod looped;
mod options;
mod plain;
mod read;
mod reply;
mod request;
mod scripts;
mod seats;
#[cfg(test)]
mod speed;
mod url;
mod watch;
mod write;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ::redis::cmd;
use async_trait::async_trait;
use bytes::Bytes;

use super::{Capabilities, Head, Near, PutOptions, Record, RecordStore, Scope, Want};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::limits::{Demand, Take};
use crate::reference::KeyName;
use link::{Again, Link};

pub use options::{ConnectionInfo, Node, RedisOptions, Servers, Tls};

/// Records in Redis or Valkey 6.2 or newer: one server, the master of Sentinels, or a Cluster.
///
/// Nothing is connected before the first use. There is one connection per process, shared by all tasks, one for
/// threads that may block, and one for each event loop of Python; they are made anew when one breaks. Every operation
/// ends within `socket_timeout`, with an error of kind
/// [`Unreachable`](crate::ErrorKind::Unreachable), [`Timeout`](crate::ErrorKind::Timeout),
/// [`Busy`](crate::ErrorKind::Busy) or [`Backend`](crate::ErrorKind::Backend) if the server does not do its part.
/// What only reads, or is the same done twice, is tried once more on a new connection.
///
/// Each operation on one entry is one round trip; in a Cluster, where name and entry lie on different servers,
/// finding and writing by name are two, and replacing a name's entry is four.
///
/// Listing and clearing cost what they list, plus, while `shared_with_original` is set, a walk over the names of all
/// keys of the database, as the entries of the original stand in no index: about 6 s per million keys (measured on a
/// busy machine of two cores), in steps between which the server serves others.
///
/// Leases end, and rate limits count, by the server's clock. Expiry is the server's as well as ours: it removes an entry as many
/// milliseconds after its writing as it was to live, and what is expired by the `now` handed in is never returned.
///
/// A server that evicts keys by itself (`maxmemory-policy allkeys-*`) may evict the index: entries stay readable
/// by id, but are no longer found by name.
pub struct RedisStore {
    link: Link,
    near: Option<Arc<Near>>,
}

impl RedisStore {
    /// A store; nothing is connected yet.
    pub fn new(options: RedisOptions) -> Self {
        let keeps = options.near_cache > 0 && options.may_keep_near();
        let near = keeps.then(|| Arc::new(Near::new(options.near_cache as usize)));
        Self {
            link: Link::new(options, near.clone()),
            near,
        }
    }

    /// What may be shown of the connection.
    pub fn connection_info(&self) -> ConnectionInfo {
        self.link.options().connection_info()
    }

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn ping(&self) -> Result<()> {
        self.link.ask(&cmd("PING"), Again::Yes).await.map(drop)
    }

    /// Closes the connection of this process; the next use makes a new one.
    pub fn close(&self) {
        self.link.close();
    }
}

impl fmt::Debug for RedisStore {
    /// Never shows a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisStore")
            .field(self.link.options())
            .finish()
    }
}

#[async_trait]
impl RecordStore for RedisStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: true,
            shared: true,
            waits: true,
        }
    }

    async fn read(&self, id: &str, now: Timestamp, want: Want) -> Result<Option<Record>> {
        self.read_record(id, now, want).await
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        want: Want,
    ) -> Result<Option<(Arc<str>, Record)>> {
        self.find_record(name, now, want).await
    }

    async fn read_body(
        &self,
        id: &str,
        head: &Head,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>> {
        self.read_parts(id, head, ranges).await
    }

    async fn write(&self, id: &str, record: Record, options: PutOptions<'_>) -> Result<()> {
        self.write_record(id, record, options).await
    }

    async fn write_side(&self, id: &str, head: &Head, side: Bytes) -> Result<()> {
        self.replace_side(id, head, side).await
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.remove(&[id.into()]).await? > 0)
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        self.is_live(id, now).await
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        self.clear_scope(scope).await
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        self.live_ids(scope, now).await
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        self.holders(cache, key, now).await
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        self.name_leading_to(id).await
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        self.has_seen(cache).await
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        self.remove_ended(now).await
    }

    async fn acquire(&self, lease: &str, seconds: f64, _now: Timestamp) -> Result<Option<u64>> {
        self.take_lease(lease, seconds).await
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, _now: Timestamp) -> Result<bool> {
        self.keep_lease(lease, token, seconds).await
    }

    async fn release(&self, lease: &str, token: u64, _now: Timestamp) -> Result<bool> {
        self.give_lease(lease, token).await
    }

    fn near(&self) -> Option<&Near> {
        self.near.as_deref()
    }

    fn hears_all(&self) -> bool {
        self.link.hears_all()
    }

    async fn take(&self, demands: &[Demand], _now: Timestamp) -> Result<Take> {
        self.take_tokens(demands).await
    }
}
