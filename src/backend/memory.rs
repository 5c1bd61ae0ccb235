//! [`MemoryBackend`]: entries in this process, sharded so that readers share no lock.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxBuildHasher;

use super::leases::Leases;
use super::ledger::Ledger;
use super::names::Names;
use super::sweeper::{Sweep, Sweeper};
use super::{Backend, Capabilities, PutOptions, Removal, Removals, Scope, Want, Why};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{Buckets, Demand, Take};
use crate::reference::KeyName;

/// Enough that two readers rarely meet, few enough that an empty store is small.
const SHARDS: usize = 16;

/// Entries in the memory of this process, with optional limits on their number and size.
///
/// Expired entries are removed by a thread of the backend within about a second (by its clock);
/// beyond the limit expired entries go first, then the one that was used longest ago. Clones share
/// the entries.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> mcp_refcache::Result<()> {
/// use mcp_refcache::{MemoryBackend, RefCache};
/// let cache = RefCache::builder("demo").backend(MemoryBackend::with_limit(1)?).build()?;
/// let first = cache.set("a", &1).await?;
/// cache.set("b", &2).await?;
/// assert!(!cache.exists(first.ref_id.as_str()).await?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct MemoryBackend(Arc<Store>);

struct Store {
    shards: [RwLock<HashMap<Arc<str>, Slot, FxBuildHasher>>; SHARDS],
    names: Names,
    leases: Leases,
    buckets: Buckets,
    ledger: Mutex<Ledger>,
    /// 0 = no limit
    limit: AtomicUsize,
    /// 0 = no limit
    max_bytes: AtomicU64,
    ticks: AtomicU64,
    removals: Removals,
    clock: Arc<dyn Clock>,
    sweeper: Sweeper,
}

struct Slot {
    entry: Arc<Entry>,
    order: u64,
    used: AtomicU64,
    name: Option<Arc<KeyName>>,
}

impl MemoryBackend {
    /// An empty store without a limit.
    pub fn new() -> Self {
        Self::assemble(None, Arc::new(SystemClock))
    }

    /// An empty store that keeps at most `limit` entries.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the limit is 0.
    pub fn with_limit(limit: usize) -> Result<Self> {
        Self::assembled(Some(limit), Arc::new(SystemClock))
    }

    /// An empty store with a limit (`None` = no limit) and the clock that its sweeper looks at.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the limit is 0.
    pub fn assembled(limit: Option<usize>, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self::assemble(checked(limit)?, clock))
    }

    fn assemble(limit: Option<usize>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Store {
            shards: std::array::from_fn(|_| RwLock::default()),
            names: Names::default(),
            leases: Leases::default(),
            buckets: Buckets::default(),
            ledger: Mutex::default(),
            limit: AtomicUsize::new(limit.unwrap_or(0)),
            max_bytes: AtomicU64::new(0),
            ticks: AtomicU64::new(0),
            removals: Removals::default(),
            clock,
            sweeper: Sweeper::default(),
        }))
    }

    /// Number of entries, expired ones that are not yet removed included.
    pub fn len(&self) -> usize {
        self.0.ledger.lock().len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The limit on the number of entries.
    pub fn limit(&self) -> Option<usize> {
        Some(self.0.limit.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    /// Sets the limit on the number of entries; what is beyond it goes with the next write.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the limit is 0.
    pub fn set_limit(&self, limit: Option<usize>) -> Result<()> {
        self.0
            .limit
            .store(checked(limit)?.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Bytes of the JSON texts of all values; one that has no such text counts nothing.
    pub fn bytes(&self) -> u64 {
        self.0.ledger.lock().bytes()
    }

    /// The limit on [`bytes`](Self::bytes).
    pub fn max_bytes(&self) -> Option<u64> {
        Some(self.0.max_bytes.load(Ordering::Relaxed)).filter(|most| *most > 0)
    }

    /// Sets the limit on [`bytes`](Self::bytes); what is beyond it goes with the next write. A value that alone
    /// is larger is an error when it is put, as it would only drive out all others.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if the limit is 0.
    pub fn set_max_bytes(&self, most: Option<u64>) -> Result<()> {
        if most == Some(0) {
            let message = "max_bytes must be 1 or more, or None for no limit";
            return Err(Error::invalid(message).with("max_bytes", 0));
        }
        let most = most.unwrap_or(0);
        self.0.max_bytes.store(most, Ordering::Relaxed);
        Ok(())
    }

    /// A value that alone is more than the limit would only drive out all others.
    fn check_size(&self, bytes: u64) -> Result<()> {
        match self.max_bytes() {
            Some(most) if bytes > most => {
                let message =
                    "the value is larger than all that the store may hold; raise max_bytes";
                Err(Error::new(ErrorKind::Backend, message)
                    .with("max_bytes", most)
                    .with("bytes", bytes))
            }
            _ => Ok(()),
        }
    }

    /// All ids, in the order they were first written.
    #[cfg(feature = "python")]
    pub(crate) fn ids(&self) -> Vec<Arc<str>> {
        self.0.ledger.lock().ids(None)
    }

    /// Removes all entries.
    #[cfg(feature = "python")]
    pub(crate) fn drain(&self) {
        drop(self.0.clear(Scope::default()));
    }

    /// Calls `visit` with every entry that can be looked at without waiting (for a garbage
    /// collector, which must not block).
    pub fn visit_entries(&self, mut visit: impl FnMut(&Arc<Entry>)) {
        for shard in &self.0.shards {
            if let Some(shard) = shard.try_read() {
                shard.values().for_each(|slot| visit(&slot.entry));
            }
        }
    }
}

fn checked(limit: Option<usize>) -> Result<Option<usize>> {
    if limit == Some(0) {
        return Err(
            Error::invalid("max_size must be 1 entry or more, or None for no limit")
                .with("max_size", 0),
        );
    }
    Ok(limit)
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("entries", &self.len())
            .field("limit", &self.limit())
            .finish()
    }
}

impl Store {
    fn shard(&self, id: &str) -> &RwLock<HashMap<Arc<str>, Slot, FxBuildHasher>> {
        // by other bits than the map goes by
        &self.shards[(FxBuildHasher.hash_one(id) >> 32) as usize % SHARDS]
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::Relaxed)
    }

    fn get(&self, id: &str, now: Timestamp) -> Option<Arc<Entry>> {
        let shard = self.shard(id).read();
        let slot = shard.get(id).filter(|slot| !slot.entry.is_expired(now))?;
        slot.used.store(self.tick(), Ordering::Relaxed);
        Some(Arc::clone(&slot.entry))
    }

    /// Every write holds the ledger's lock throughout, so that writes come one after the other.
    /// What is displaced is handed back to be dropped outside all locks: its destructor may be
    /// anybody's code.
    fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Vec<Arc<Entry>> {
        let id: Arc<str> = id.into();
        let now = entry.created_at;
        let name = options.name.filter(|_| self.leases.admits(options.fence));
        let name = name.cloned().map(Arc::new);
        let mut displaced = Vec::new();
        let mut ledger = self.ledger.lock();
        let tick = self.tick();
        let mut shard = self.shard(&id).write();
        match shard.get_mut(&*id) {
            Some(slot) => {
                ledger.moved(slot.order, &slot.entry.namespace, &entry.namespace);
                ledger.ends_at(slot.order, slot.entry.expires_at, entry.expires_at);
                ledger.weighs(bytes_of(&slot.entry), bytes_of(&entry));
                slot.used.store(tick, Ordering::Relaxed);
                slot.name = name.clone().or(slot.name.take());
                displaced.push(std::mem::replace(&mut slot.entry, entry));
            }
            None => {
                let order = ledger.enter(&id, &entry.namespace);
                ledger.ends_at(order, None, entry.expires_at);
                ledger.used(order, tick);
                ledger.weighs(0, bytes_of(&entry));
                let slot = Slot {
                    entry,
                    order,
                    used: AtomicU64::new(tick),
                    name: name.clone(),
                };
                shard.insert(Arc::clone(&id), slot);
            }
        }
        drop(shard);
        if let Some(former) = name.and_then(|name| self.names.point(&name, &id)) {
            displaced.extend(self.retire(&mut ledger, &former, options.retire_at));
        }
        self.evict(&mut ledger, now, &mut displaced);
        displaced
    }

    /// Takes an entry its name and, if there is a moment, what is beyond that of its life.
    fn retire(
        &self,
        ledger: &mut Ledger,
        id: &str,
        moment: Option<Timestamp>,
    ) -> Option<Arc<Entry>> {
        let mut shard = self.shard(id).write();
        let slot = shard.get_mut(id)?;
        slot.name = None;
        let moment =
            moment.filter(|moment| slot.entry.expires_at.is_none_or(|end| end > *moment))?;
        ledger.ends_at(slot.order, slot.entry.expires_at, Some(moment));
        let retired = Arc::new(slot.entry.expiring_at(moment));
        Some(std::mem::replace(&mut slot.entry, retired))
    }

    fn evict(&self, ledger: &mut Ledger, now: Timestamp, displaced: &mut Vec<Arc<Entry>>) {
        let limit = self.limit.load(Ordering::Relaxed);
        let most = self.max_bytes.load(Ordering::Relaxed);
        while (limit > 0 && ledger.len() > limit) || (most > 0 && ledger.bytes() > most) {
            let expired = ledger.first_to_end().filter(|id| {
                self.shard(id)
                    .read()
                    .get(&**id)
                    .is_some_and(|slot| slot.entry.is_expired(now))
            });
            let why = match expired {
                Some(_) => Why::Expired,
                None => Why::Evicted,
            };
            let victim = expired.or_else(|| {
                ledger.least_recently_used(|id| {
                    self.shard(id)
                        .read()
                        .get(id)
                        .map(|slot| slot.used.load(Ordering::Relaxed))
                })
            });
            let Some(victim) = victim else { return };
            displaced.extend(self.lose(ledger, &victim, why));
        }
    }

    /// Removes an entry that nobody asked to remove.
    fn lose(&self, ledger: &mut Ledger, id: &Arc<str>, why: Why) -> Option<Arc<Entry>> {
        let entry = self.remove(ledger, id)?;
        let removal = Removal::new(Arc::clone(id), Arc::clone(&entry.namespace), why);
        self.removals.tell(&removal);
        Some(entry)
    }

    fn remove(&self, ledger: &mut Ledger, id: &str) -> Option<Arc<Entry>> {
        let slot = self.shard(id).write().remove(id)?;
        ledger.weighs(bytes_of(&slot.entry), 0);
        ledger.strike(slot.order, &slot.entry.namespace, slot.entry.expires_at);
        if let Some(name) = &slot.name {
            self.names.forget(name, id);
        }
        Some(slot.entry)
    }

    fn clear(&self, scope: Scope<'_>) -> Vec<Arc<Entry>> {
        let mut ledger = self.ledger.lock();
        let ids = ledger.ids(scope.namespace);
        ids.iter()
            .filter(|id| scope.has_id(id))
            .filter_map(|id| self.remove(&mut ledger, id))
            .collect()
    }

    fn purge(&self, now: Timestamp) -> Vec<Arc<Entry>> {
        let mut ledger = self.ledger.lock();
        let ended = ledger.ended(now);
        ended
            .iter()
            .filter_map(|id| self.lose(&mut ledger, id, Why::Expired))
            .collect()
    }
}

/// What an entry counts for the limit on bytes.
fn bytes_of(entry: &Entry) -> u64 {
    entry.value.total_size().unwrap_or(0) as u64
}

impl Sweep for Store {
    fn sweep(&self) {
        self.clock.at_now(&mut |now| drop(self.purge(now)));
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn get(&self, id: &str, now: Timestamp, _want: Want) -> Result<Option<Arc<Entry>>> {
        Ok(self.0.get(id, now))
    }

    async fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Result<()> {
        self.check_size(bytes_of(&entry))?;
        if entry.expires_at.is_some() || options.retire_at.is_some() {
            self.0.sweeper.watch(&self.0);
        }
        self.0.names.see(id);
        drop(self.0.put(id, entry, options));
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        let removed = self.0.remove(&mut self.0.ledger.lock(), id);
        Ok(removed.is_some())
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        Ok(self.0.clear(scope).len())
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        drop(self.0.purge(now));
        let mut ids = self.0.ledger.lock().ids(scope.namespace);
        ids.retain(|id| scope.has_id(id));
        Ok(ids)
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        _want: Want,
    ) -> Result<Option<(Arc<str>, Arc<Entry>)>> {
        let id = self.0.names.get(name);
        Ok(id.and_then(|id| self.0.get(&id, now).map(|entry| (id, entry))))
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        let mut holders = self.0.names.everywhere(cache, key);
        holders.retain(|(_, id)| self.0.get(id, now).is_some());
        Ok(holders)
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        let shard = self.0.shard(id).read();
        Ok(shard.get(id).and_then(|slot| slot.name.as_deref().cloned()))
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        Ok(self.0.names.has_seen(cache))
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        Ok(self.0.purge(now).len())
    }

    fn removals(&self) -> Option<&Removals> {
        Some(&self.0.removals)
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        Ok(self.0.leases.acquire(lease, seconds, now))
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        Ok(self.0.leases.renew(lease, token, seconds, now))
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        Ok(self.0.leases.release(lease, token, now))
    }

    async fn take(&self, demands: &[Demand], now: Timestamp) -> Result<Take> {
        Ok(self.0.buckets.take(demands, now))
    }
}
