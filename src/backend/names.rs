//! Which id a key leads to, for stores in this process.

use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use parking_lot::RwLock;

use crate::reference::{KeyName, cache_of};

const SHARDS: usize = 16;

/// Key -> namespace -> id, one cache name beside the other; sharded by key for its readers.
#[derive(Default)]
pub(super) struct Names {
    shards: [RwLock<Shard>; SHARDS],
    caches: RwLock<HashSet<Arc<str>>>,
    hasher: DefaultHashBuilder,
}

/// (cache, key) -> who holds it.
type Shard = HashMap<(Arc<str>, Arc<str>), Holders>;

/// Namespace and id; nearly every key is used in one namespace only.
enum Holders {
    One(Arc<str>, Arc<str>),
    Many(HashMap<Arc<str>, Arc<str>>),
}

impl Names {
    fn shard(&self, cache: &str, key: &str) -> &RwLock<Shard> {
        &self.shards[self.hasher.hash_one(NameRef(cache, key)) as usize % SHARDS]
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
        let shard = self.shard(&name.cache, &name.key).read();
        match shard.get(&NameRef(&name.cache, &name.key))? {
            Holders::One(namespace, id) => (*namespace == name.namespace).then(|| Arc::clone(id)),
            Holders::Many(ids) => ids.get(&name.namespace).map(Arc::clone),
        }
    }

    /// Namespace and id for every namespace in which the key is known, sorted by namespace.
    pub(super) fn everywhere(&self, cache: &str, key: &str) -> Vec<(Arc<str>, Arc<str>)> {
        let mut found = match self.shard(cache, key).read().get(&NameRef(cache, key)) {
            None => Vec::new(),
            Some(Holders::One(namespace, id)) => vec![(Arc::clone(namespace), Arc::clone(id))],
            Some(Holders::Many(ids)) => ids
                .iter()
                .map(|(namespace, id)| (Arc::clone(namespace), Arc::clone(id)))
                .collect(),
        };
        found.sort();
        found
    }

    /// Points a name at an id; the id it pointed at before, if another.
    pub(super) fn point(&self, name: &KeyName, id: &Arc<str>) -> Option<Arc<str>> {
        let mut shard = self.shard(&name.cache, &name.key).write();
        let slot = (Arc::clone(&name.cache), Arc::clone(&name.key));
        let (namespace, id) = (Arc::clone(&name.namespace), Arc::clone(id));
        let former = match shard.entry(slot) {
            hashbrown::hash_map::Entry::Vacant(slot) => {
                slot.insert(Holders::One(namespace, Arc::clone(&id)));
                None
            }
            hashbrown::hash_map::Entry::Occupied(mut slot) => match slot.get_mut() {
                Holders::One(known, holder) if *known == namespace => {
                    Some(std::mem::replace(holder, Arc::clone(&id)))
                }
                Holders::One(known, holder) => {
                    let both = [
                        (Arc::clone(known), Arc::clone(holder)),
                        (namespace, Arc::clone(&id)),
                    ];
                    slot.insert(Holders::Many(HashMap::from_iter(both)));
                    None
                }
                Holders::Many(ids) => ids.insert(namespace, Arc::clone(&id)),
            },
        };
        former.filter(|former| *former != id)
    }

    /// Forgets a name if it still leads to this id.
    pub(super) fn forget(&self, name: &KeyName, id: &str) {
        let mut shard = self.shard(&name.cache, &name.key).write();
        let reference = NameRef(&name.cache, &name.key);
        let emptied = match shard.get_mut(&reference) {
            Some(Holders::One(namespace, holder)) => {
                *namespace == name.namespace && **holder == *id
            }
            Some(Holders::Many(ids)) => {
                if ids
                    .get(&name.namespace)
                    .is_some_and(|holder| **holder == *id)
                {
                    ids.remove(&name.namespace);
                }
                ids.is_empty()
            }
            None => false,
        };
        if emptied {
            shard.remove(&reference);
        }
    }
}

/// A borrowed (cache, key).
#[derive(Hash)]
struct NameRef<'a>(&'a str, &'a str);

impl hashbrown::Equivalent<(Arc<str>, Arc<str>)> for NameRef<'_> {
    fn equivalent(&self, key: &(Arc<str>, Arc<str>)) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}
