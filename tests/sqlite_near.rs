//! Entries of a SQLite file that are kept near: until anybody writes to it, and not a moment longer.
#![cfg(feature = "sqlite")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mcp_refcache::access::AccessPolicy;
use mcp_refcache::backend::{
    Backend, PutOptions, RecordStore, Scope, SqliteOptions, SqliteStore, Stored, Want,
};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{Details, Entry, Permission};

/// Later than the clock on the wall, by which the store removes what has expired.
const NOW: f64 = 4_000_000_000.0;
const ID: &str = "c:1";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("refcache-near-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn open(&self, options: SqliteOptions) -> Client {
        let store = SqliteStore::open(self.0.join("cache.db"), options).unwrap();
        Client {
            backend: Stored::new(store.clone()),
            store,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One that has connections of its own, as another process has.
struct Client {
    store: SqliteStore,
    backend: Stored,
}

impl Client {
    async fn put(&self, number: usize, policy: AccessPolicy) {
        let value = Value::Document(Arc::new(Document::from_serialize(&number).unwrap()));
        let (space, policy) = ("public".into(), Arc::new(policy));
        let ends = Some(NOW + 600.0);
        let entry = Entry::new(value, space, policy, NOW, ends, Details::default());
        let put = self.backend.put(ID, Arc::new(entry), PutOptions::default());
        put.await.unwrap();
    }

    async fn entry(&self, now: f64) -> Option<Arc<Entry>> {
        self.backend.get(ID, now, Want::Value).await.unwrap()
    }

    async fn number(&self) -> Option<usize> {
        let entry = self.entry(NOW).await?;
        entry.value.document().unwrap().text().parse().ok()
    }

    fn kept(&self) -> usize {
        self.store.near().unwrap().totals().1
    }
}

#[tokio::test]
async fn what_was_read_is_kept_until_somebody_writes() {
    let folder = Folder::new("kept");
    let (reader, writer) = (
        folder.open(SqliteOptions::default()),
        folder.open(SqliteOptions::default()),
    );
    writer.put(1, AccessPolicy::default()).await;
    for _ in 0..3 {
        assert_eq!(reader.number().await, Some(1));
    }
    assert_eq!(reader.kept(), 1);
    let first = reader.entry(NOW).await.unwrap();
    assert!(
        Arc::ptr_eq(&first, &reader.entry(NOW).await.unwrap()),
        "it is not read again"
    );
    assert!(reader.entry(NOW + 601.0).await.is_none(), "it ends in time");

    writer.put(2, AccessPolicy::default()).await;
    assert_eq!(
        (reader.number().await, reader.number().await),
        (Some(2), Some(2))
    );
    let mut closed = AccessPolicy::default();
    closed.agent_permissions = Permission::empty();
    writer.put(2, closed).await;
    let policy = reader
        .entry(NOW)
        .await
        .unwrap()
        .policy
        .policy()
        .unwrap()
        .into_owned();
    assert_eq!(policy.agent_permissions, Permission::empty());
    assert!(writer.backend.delete(ID).await.unwrap());
    assert_eq!(reader.number().await, None);
    writer.put(3, AccessPolicy::default()).await;
    assert_eq!(
        (reader.number().await, reader.number().await),
        (Some(3), Some(3))
    );
    writer.backend.clear(Scope::default()).await.unwrap();
    assert_eq!(reader.number().await, None);
}

#[tokio::test]
async fn nothing_is_kept_where_it_is_not_wanted() {
    let folder = Folder::new("off");
    let client = folder.open(SqliteOptions::default().near_cache(0));
    assert!(client.store.near().is_none());
    let memory = SqliteStore::open(":memory:", SqliteOptions::default()).unwrap();
    assert!(memory.near().is_none());
}

#[tokio::test]
async fn of_a_value_that_has_no_room_what_helps_to_show_it_is_kept() {
    let folder = Folder::new("large");
    let client = folder.open(SqliteOptions::default().near_cache(128 * 1024));
    let numbers: Vec<u32> = (0..200_000).collect();
    let value = Value::Document(Arc::new(Document::from_serialize(&numbers).unwrap()));
    let (space, policy) = ("public".into(), Arc::new(AccessPolicy::default()));
    let entry = Entry::new(value, space, policy, NOW, None, Details::default());
    let put = client
        .backend
        .put(ID, Arc::new(entry), PutOptions::default());
    put.await.unwrap();
    client.entry(NOW).await.unwrap();
    assert_eq!(client.kept(), 0, "a megabyte has no room");
    client.backend.get(ID, NOW, Want::Head).await.unwrap();
    assert_eq!(client.kept(), 1);
}

/// To close a file takes away all locks that this process has on it: it has to stay open for the others.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_store_that_is_closed_takes_no_lock_from_another_of_this_process() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = Folder::new("locks");
    let (one, two) = (
        folder.open(SqliteOptions::default()),
        folder.open(SqliteOptions::default()),
    );
    one.put(1, AccessPolicy::default()).await;
    for client in [&one, &two] {
        assert_eq!(client.number().await, Some(1));
        assert!(client.store.hears_all());
    }
    let index = std::fs::metadata(folder.0.join("cache.db-shm")).unwrap();
    let lock = format!(":{} 128 128", index.ino());
    let is_locked = || {
        std::fs::read_to_string("/proc/locks")
            .unwrap()
            .contains(&lock)
    };
    assert!(is_locked());
    one.store.close();
    drop(one);
    assert!(is_locked());
    two.store.close();
    assert!(!is_locked());
}

/// A writer changes an entry and then asks the reader, while others read it all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_overlooked_in_a_thousand_races() {
    let folder = Folder::new("races");
    let reader = Arc::new(folder.open(SqliteOptions::default()));
    let writer = folder.open(SqliteOptions::default());
    let (latest, over) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let others = (0..3).map(|_| {
        let (reader, latest, over) = (Arc::clone(&reader), Arc::clone(&latest), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                let done = latest.load(Ordering::SeqCst);
                if let Some(seen) = reader.number().await {
                    assert!(seen >= done, "{seen} after {done}");
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let others: Vec<_> = others.collect();
    for round in 1..=1_000 {
        if round % 3 == 0 {
            assert!(writer.backend.delete(ID).await.unwrap());
            assert_eq!(reader.number().await, None, "{round}");
            continue;
        }
        writer.put(round, AccessPolicy::default()).await;
        latest.store(round, Ordering::SeqCst);
        assert_eq!(
            (reader.number().await, reader.number().await),
            (Some(round), Some(round))
        );
    }
    over.store(true, Ordering::SeqCst);
    for other in others {
        other.await.unwrap();
    }
}
