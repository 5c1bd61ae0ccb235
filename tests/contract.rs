//! Every store keeps every promise: as it is, compressed and encrypted, and behind an `Arc`.

mod support;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mcp_refcache::backend::blobs::{BlobStore, Blobs};
use mcp_refcache::backend::seal::{Compressed, Encrypted, Key, Then};
use mcp_refcache::backend::{
    Backend, Entries, KeyIndexed, MemoryBackend, RecordStore, SimpleBackend, SqliteOptions,
    SqliteStore, Stored, contract,
};
use mcp_refcache::{Entry, Result};
use parking_lot::Mutex;
use support::redis::Server;
use support::redis_topologies::Cluster;

/// The least that somebody would write.
#[derive(Default)]
struct Simple(Mutex<HashMap<String, Arc<Entry>>>);

#[async_trait]
impl SimpleBackend for Simple {
    async fn get(&self, id: &str) -> Result<Option<Arc<Entry>>> {
        Ok(self.0.lock().get(id).cloned())
    }
    async fn set(&self, id: &str, entry: Arc<Entry>) -> Result<()> {
        self.0.lock().insert(id.to_owned(), entry);
        Ok(())
    }
    async fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.0.lock().remove(id).is_some())
    }
    async fn exists(&self, id: &str) -> Result<bool> {
        Ok(self.0.lock().contains_key(id))
    }
    async fn clear(&self, namespace: Option<&str>) -> Result<usize> {
        let mut entries = self.0.lock();
        let before = entries.len();
        entries
            .retain(|_, entry| namespace.is_some_and(|namespace| *entry.namespace != *namespace));
        Ok(before - entries.len())
    }
    async fn keys(&self, namespace: Option<&str>) -> Result<Vec<String>> {
        let entries = self.0.lock();
        let of = |entry: &Entry| namespace.is_none_or(|namespace| *entry.namespace == *namespace);
        let ids = entries.iter().filter(|(_, entry)| of(entry));
        Ok(ids.map(|(id, _)| id.clone()).collect())
    }
}

/// A key-value store in memory.
#[derive(Default)]
struct MemoryBlobs(Mutex<HashMap<(String, String), Bytes>>);

fn place(collection: &str, key: &str) -> (String, String) {
    (collection.to_owned(), key.to_owned())
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Bytes>> {
        tokio::task::yield_now().await;
        Ok(self.0.lock().get(&place(collection, key)).cloned())
    }
    async fn put(&self, collection: &str, key: &str, blob: Bytes, _: Option<f64>) -> Result<()> {
        tokio::task::yield_now().await;
        self.0.lock().insert(place(collection, key), blob);
        Ok(())
    }
    async fn delete(&self, collection: &str, key: &str) -> Result<bool> {
        tokio::task::yield_now().await;
        Ok(self.0.lock().remove(&place(collection, key)).is_some())
    }
}

/// Runs the list for a store of records, plain and sealed.
async fn records<S: RecordStore>(make: impl Fn() -> S) {
    contract::all(&Stored::new(make())).await;
    let key = Key::from_bytes(&[7; 32]).unwrap();
    let seal = Arc::new(Then(Compressed, Encrypted::new(key)));
    contract::all(&Stored::new(make()).sealed(seal, 0)).await;
}

#[tokio::test]
async fn in_memory() {
    contract::all(&MemoryBackend::new()).await;
    let shared: Arc<dyn Backend> = Arc::new(MemoryBackend::new());
    contract::all(&*shared).await;
}

#[tokio::test]
async fn over_six_plain_methods() {
    contract::all(&KeyIndexed::new(Simple::default())).await;
}

#[tokio::test]
async fn in_a_sqlite_file() {
    let folder = std::env::temp_dir().join(format!("refcache-contract-{}", std::process::id()));
    let number = Mutex::new(0);
    records(|| {
        let mut number = number.lock();
        *number += 1;
        let path = folder.join(format!("{number}.db"));
        SqliteStore::open(path, SqliteOptions::default()).unwrap()
    })
    .await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn in_sqlite_without_a_file() {
    records(|| SqliteStore::open(":memory:", SqliteOptions::default()).unwrap()).await;
}

#[tokio::test]
async fn in_redis() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    records(|| server.store()).await;
}

#[tokio::test]
async fn in_a_redis_cluster() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    records(|| cluster.store()).await;
}

#[tokio::test]
async fn in_a_key_value_store() {
    records(|| Blobs::new(MemoryBlobs::default())).await;
}

#[tokio::test]
async fn in_the_entries_of_another_backend() {
    records(|| Entries::new(Arc::new(MemoryBackend::new()))).await;
    records(|| Entries::new(Arc::new(KeyIndexed::new(Simple::default())))).await;
}
