//! [`Locks`]: who of this process may read, change and write back a blob.

use std::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;
use tokio::sync::{Mutex, MutexGuard};

const STRIPES: usize = 64;

/// Locks by the name of what they protect; a few things share one. An entry's is taken before a
/// document's, and never two of a kind.
#[derive(Default)]
pub(super) struct Locks {
    entries: Stripes,
    documents: Stripes,
}

impl Locks {
    /// Waits until the entry with this id is ours.
    pub(super) async fn entry(&self, id: &str) -> MutexGuard<'_, ()> {
        self.entries.lock(id).await
    }

    /// Waits until the document with this key is ours.
    pub(super) async fn document(&self, key: &str) -> MutexGuard<'_, ()> {
        self.documents.lock(key).await
    }
}

struct Stripes {
    stripes: [Mutex<()>; STRIPES],
    hasher: DefaultHashBuilder,
}

impl Default for Stripes {
    fn default() -> Self {
        Self {
            stripes: std::array::from_fn(|_| Mutex::default()),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl Stripes {
    async fn lock(&self, name: impl Hash) -> MutexGuard<'_, ()> {
        let stripe = self.hasher.hash_one(name) as usize % STRIPES;
        self.stripes[stripe].lock().await
    }
}
