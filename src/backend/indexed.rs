//! [`KeyIndexed`]: makes a full backend of a store with six plain methods by keeping its key names
//! in this process.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, RwLock};

use super::leases::Leases;
use super::names::Names;
use super::{Backend, Capabilities, PutOptions, Scope, Want};
use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::error::Result;
use crate::reference::KeyName;

/// The least that a store of entries must do; [`KeyIndexed`] adds the rest.
///
/// Whether an entry is expired is judged by the caller, whatever the store itself does about it.
#[async_trait]
pub trait SimpleBackend: Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    /// The entry with this id; `None` if there is none.
    async fn get(&self, id: &str) -> Result<Option<Arc<Entry>>>;
    /// Writes an entry; one with the same id is replaced.
    async fn set(&self, id: &str, entry: Arc<Entry>) -> Result<()>;
    /// Removes an entry; whether it was there.
    async fn delete(&self, id: &str) -> Result<bool>;
    /// Whether there is an entry with this id.
    async fn exists(&self, id: &str) -> Result<bool>;
    /// Removes the entries of a namespace, or all; how many.
    async fn clear(&self, namespace: Option<&str>) -> Result<usize>;
    /// Ids of the entries of a namespace, or all.
    async fn keys(&self, namespace: Option<&str>) -> Result<Vec<String>>;
}

/// A [`SimpleBackend`] with names: lookups by key work for what was stored through this object.
pub struct KeyIndexed<S> {
    store: S,
    names: Names,
    leases: Leases,
    named: RwLock<HashMap<Arc<str>, Arc<KeyName>>>,
    limit: Option<usize>,
    written: Mutex<Written>,
    /// Ids to look after, the one whose turn is next first.
    watched: Mutex<VecDeque<Arc<str>>>,
}

/// Ids that were written through this object and are not known to be gone, oldest first.
#[derive(Default)]
struct Written {
    queue: VecDeque<Arc<str>>,
    alive: HashSet<Arc<str>>,
}

impl Written {
    /// Notes an id; gives the ids that are too many now.
    fn note(&mut self, id: &Arc<str>, limit: usize) -> Vec<Arc<str>> {
        if self.alive.insert(Arc::clone(id)) {
            self.queue.push_back(Arc::clone(id));
        }
        let mut surplus = Vec::new();
        while self.alive.len() > limit {
            let Some(oldest) = self.queue.pop_front() else {
                break;
            };
            if self.alive.remove(&oldest) {
                surplus.push(oldest);
            }
        }
        if self.queue.len() > 2 * self.alive.len() + 64 {
            let alive = &self.alive;
            self.queue.retain(|id| alive.contains(id));
        }
        surplus
    }
}

impl<S: SimpleBackend> KeyIndexed<S> {
    /// Wraps a store.
    pub fn new(store: S) -> Self {
        Self {
            store,
            names: Names::default(),
            leases: Leases::default(),
            named: RwLock::default(),
            limit: None,
            written: Mutex::default(),
            watched: Mutex::default(),
        }
    }

    /// Wraps a store and keeps at most so many of the entries written through this object: beyond
    /// that the oldest goes.
    pub fn with_limit(store: S, limit: usize) -> Self {
        Self {
            limit: Some(limit),
            ..Self::new(store)
        }
    }

    /// The wrapped store.
    pub fn store(&self) -> &S {
        &self.store
    }

    fn forget(&self, id: &str) {
        if self.limit.is_some() {
            self.written.lock().alive.remove(id);
        }
        if let Some(name) = self.named.write().remove(id) {
            self.names.forget(&name, id);
        }
    }

    /// Looks after one entry a write, the one that was looked after longest ago: an expired one is
    /// removed, and what the store dropped by itself is forgotten, so that nothing here outgrows it.
    async fn look_after_one(&self, now: Timestamp) -> Result<()> {
        let next = self.watched.lock().pop_front();
        if let Some(id) = next {
            self.look_after(id, now).await?;
        }
        Ok(())
    }

    /// Removes an entry if it is expired, else goes on watching it; whether it is live.
    async fn look_after(&self, id: Arc<str>, now: Timestamp) -> Result<bool> {
        let lives = self.live(&id, now).await?.is_some();
        if lives {
            self.watched.lock().push_back(id);
        }
        Ok(lives)
    }

    async fn live(&self, id: &str, now: Timestamp) -> Result<Option<Arc<Entry>>> {
        let entry = self.store.get(id).await?;
        match entry {
            Some(entry) if !entry.is_expired(now) => Ok(Some(entry)),
            Some(_) => {
                self.store.delete(id).await?;
                self.forget(id);
                Ok(None)
            }
            None => {
                self.forget(id);
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl<S: SimpleBackend> Backend for KeyIndexed<S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, id: &str, now: Timestamp, _want: Want) -> Result<Option<Arc<Entry>>> {
        self.live(id, now).await
    }

    async fn put(&self, id: &str, entry: Arc<Entry>, options: PutOptions<'_>) -> Result<()> {
        let now = entry.created_at;
        self.store.set(id, entry).await?;
        self.names.see(id);
        self.look_after_one(now).await?;
        let id: Arc<str> = id.into();
        self.watched.lock().push_back(Arc::clone(&id));
        if let Some(limit) = self.limit {
            let surplus = self.written.lock().note(&id, limit);
            for oldest in surplus {
                self.delete(&oldest).await?;
            }
        }
        let Some(name) = options.name.filter(|_| self.leases.admits(options.fence)) else {
            return Ok(());
        };
        let name = Arc::new(name.clone());
        self.named
            .write()
            .insert(Arc::clone(&id), Arc::clone(&name));
        let Some(former) = self.names.point(&name, &id) else {
            return Ok(());
        };
        self.named.write().remove(&*former);
        if let Some(moment) = options.retire_at
            && let Some(entry) = self.store.get(&former).await?
            && entry.expires_at.is_none_or(|end| end > moment)
        {
            self.store
                .set(&former, Arc::new(entry.expiring_at(moment)))
                .await?;
        }
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<bool> {
        self.forget(id);
        self.store.delete(id).await
    }

    async fn exists(&self, id: &str, now: Timestamp) -> Result<bool> {
        // the store's own word is enough for "no", its entry is needed for "not expired"
        Ok(self.store.exists(id).await? && self.live(id, now).await?.is_some())
    }

    async fn clear(&self, scope: Scope<'_>) -> Result<usize> {
        if scope.cache.is_none() {
            let removed = self.store.clear(scope.namespace).await?;
            let gone = |name: &KeyName| scope.namespace.is_none_or(|own| *own == *name.namespace);
            let named = self
                .named
                .write()
                .extract_if(|_, name| gone(name))
                .collect::<Vec<_>>();
            for (id, name) in named {
                self.names.forget(&name, &id);
            }
            return Ok(removed);
        }
        let mut removed = 0;
        for id in self.store.keys(scope.namespace).await? {
            if scope.has_id(&id) {
                removed += usize::from(self.delete(&id).await?);
            }
        }
        Ok(removed)
    }

    async fn keys(&self, scope: Scope<'_>, now: Timestamp) -> Result<Vec<Arc<str>>> {
        let mut live = Vec::new();
        for id in self.store.keys(scope.namespace).await? {
            if scope.has_id(&id) && self.live(&id, now).await?.is_some() {
                live.push(id.into());
            }
        }
        Ok(live)
    }

    async fn find(
        &self,
        name: &KeyName,
        now: Timestamp,
        _want: Want,
    ) -> Result<Option<(Arc<str>, Arc<Entry>)>> {
        let Some(id) = self.names.get(name) else {
            return Ok(None);
        };
        Ok(self.live(&id, now).await?.map(|entry| (id, entry)))
    }

    async fn find_everywhere(
        &self,
        cache: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>> {
        let mut live = Vec::new();
        for (namespace, id) in self.names.everywhere(cache, key) {
            if self.live(&id, now).await?.is_some() {
                live.push((namespace, id));
            }
        }
        Ok(live)
    }

    async fn name_of(&self, id: &str) -> Result<Option<KeyName>> {
        Ok(self.named.read().get(id).map(|name| (**name).clone()))
    }

    async fn knows_cache(&self, cache: &str) -> Result<bool> {
        Ok(self.names.has_seen(cache))
    }

    async fn purge(&self, now: Timestamp) -> Result<usize> {
        let ids = std::mem::take(&mut *self.watched.lock());
        let mut removed = 0;
        for id in ids {
            removed +=
                usize::from(self.store.exists(&id).await? && !self.look_after(id, now).await?);
        }
        Ok(removed)
    }

    async fn acquire(&self, lease: &str, seconds: f64, now: Timestamp) -> Result<Option<u64>> {
        Ok(self.leases.acquire(lease, seconds, now))
    }

    async fn renew(&self, lease: &str, token: u64, seconds: f64, now: Timestamp) -> Result<bool> {
        Ok(self.leases.renew(lease, token, seconds, now))
    }

    async fn release(&self, lease: &str, token: u64, now: Timestamp) -> Result<bool> {
        Ok(self.leases.release(lease, token, now))
    }
}
