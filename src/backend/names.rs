//! Which id a key leads to, for stores in this process.

use std::hash::BuildHasher;
use std::mem;
use std::sync::Arc;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet, HashTable};
use parking_lot::RwLock;

use crate::reference::{KeyName, cache_of};

const SHARDS: usize = 16;

/// Key -> namespace -> id, one cache name beside the other; sharded by key for its readers.
#[derive(Default)]
pub(super) struct Names {
    /// Found by cache and key.
    shards: [RwLock<HashTable<Holders>>; SHARDS],
    caches: RwLock<HashSet<Arc<str>>>,
    hasher: DefaultHashBuilder,
}

impl Names {
    fn hash(&self, cache: &str, key: &str) -> u64 {
        self.hasher.hash_one((cache, key))
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Holders>> {
        // by other bits than the table goes by
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    /// Notes the cache of an id that is stored.
    pub(super) fn see(&self, id: &str) {
        let Some(cache) = cache_of(id) else { return };
        if !self.caches.read().contains(cache) {
            self.caches.write().insert(cache.into());
        }
    }

    /// Whether an id of this cache was ever stored.
    pub(super) fn has_seen(&self, cache: &str) -> bool {
        self.caches.read().contains(cache)
    }

    /// The id that a name leads to.
    pub(super) fn get(&self, name: &KeyName) -> Option<Arc<str>> {
        let hash = self.hash(&name.cache, &name.key);
        let shard = self.shard(hash).read();
        let holders = shard.find(hash, |held| held.have(&name.cache, &name.key))?;
        holders.id(&name.namespace).cloned()
    }

    /// Namespace and id for every namespace in which the key is known, sorted by namespace.
    pub(super) fn everywhere(&self, cache: &str, key: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let hash = self.hash(cache, key);
        let shard = self.shard(hash).read();
        let holders = shard.find(hash, |held| held.have(cache, key));
        let mut found = holders.map(Holders::all).unwrap_or_default();
        drop(shard);
        found.sort();
        found
    }

    /// Points a name at an id; the id it pointed at before, if another.
    pub(super) fn point(&self, name: &Arc<KeyName>, id: &Arc<str>) -> Option<Arc<str>> {
        let hash = self.hash(&name.cache, &name.key);
        let mut shard = self.shard(hash).write();
        let holders = shard.entry(
            hash,
            |held| held.have(&name.cache, &name.key),
            |held| self.hash(&held.name().cache, &held.name().key),
        );
        let former = match holders {
            Entry::Vacant(place) => {
                place.insert(Holders::One(Arc::clone(name), Arc::clone(id)));
                None
            }
            Entry::Occupied(mut holders) => holders.get_mut().point(name, id),
        };
        former.filter(|former| former != id)
    }

    /// Forgets a name if it still leads to this id.
    pub(super) fn forget(&self, name: &KeyName, id: &str) {
        let hash = self.hash(&name.cache, &name.key);
        let mut shard = self.shard(hash).write();
        let holders = shard.find_entry(hash, |held| held.have(&name.cache, &name.key));
        if let Ok(mut holders) = holders
            && holders.get_mut().forget(&name.namespace, id)
        {
            holders.remove();
        }
    }
}

/// Who holds a key of a cache. A store has as many of these as entries, and nearly every key is used in one
/// namespace only.
enum Holders {
    One(Arc<KeyName>, Arc<str>),
    Many(Box<Many>),
}

struct Many {
    /// One of the names: cache and key are those of all.
    name: Arc<KeyName>,
    /// By namespace.
    ids: HashMap<Arc<str>, Arc<str>>,
}

impl Holders {
    fn name(&self) -> &KeyName {
        match self {
            Self::One(name, _) => name,
            Self::Many(many) => &many.name,
        }
    }

    fn have(&self, cache: &str, key: &str) -> bool {
        let name = self.name();
        *name.key == *key && *name.cache == *cache
    }

    fn id(&self, namespace: &str) -> Option<&Arc<str>> {
        match self {
            Self::One(name, id) => (*name.namespace == *namespace).then_some(id),
            Self::Many(many) => many.ids.get(namespace),
        }
    }

    fn all(&self) -> Vec<(Arc<str>, Arc<str>)> {
        match self {
            Self::One(name, id) => vec![(Arc::clone(&name.namespace), Arc::clone(id))],
            Self::Many(many) => {
                let ids = many.ids.iter();
                ids.map(|(namespace, id)| (Arc::clone(namespace), Arc::clone(id)))
                    .collect()
            }
        }
    }

    /// Points the name of one namespace at an id; the id it pointed at before.
    fn point(&mut self, name: &Arc<KeyName>, id: &Arc<str>) -> Option<Arc<str>> {
        let (namespace, id) = (Arc::clone(&name.namespace), Arc::clone(id));
        match self {
            Self::One(known, holder) if known.namespace == namespace => {
                // the former entry's copy of the name goes with it
                known.clone_from(name);
                Some(mem::replace(holder, id))
            }
            Self::One(known, holder) => {
                let former = (Arc::clone(&known.namespace), Arc::clone(holder));
                *self = Self::Many(Box::new(Many {
                    name: Arc::clone(name),
                    ids: HashMap::from_iter([former, (namespace, id)]),
                }));
                None
            }
            Self::Many(many) => many.ids.insert(namespace, id),
        }
    }

    /// Forgets that an id holds the name of one namespace; whether none is left.
    fn forget(&mut self, namespace: &str, id: &str) -> bool {
        if self.id(namespace).is_none_or(|holder| **holder != *id) {
            return false;
        }
        match self {
            Self::One(..) => true,
            Self::Many(many) => {
                many.ids.remove(namespace);
                many.ids.is_empty()
            }
        }
    }
}
