//! Records in a plain key-value store: what is promised, and what happens when the store fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use mcp_refcache::backend::blobs::{BlobStore, Blobs};
use mcp_refcache::backend::{Fence, Head, PutOptions, Record, RecordStore, Scope, Want};
use mcp_refcache::{Error, ErrorKind, KeyName, Result};
use parking_lot::Mutex;

const NOW: f64 = 1_000.0;
const LARGE: usize = 700_000;

/// Collection and key.
type Place = (String, String);

/// A store in memory that can be told to fail.
#[derive(Clone, Default)]
struct MemoryBlobs(Arc<Inner>);

#[derive(Default)]
struct Inner {
    blobs: Mutex<HashMap<Place, (Bytes, Option<f64>)>>,
    gets: AtomicUsize,
    /// Calls until the one that fails; 0 = none does.
    fails_in: AtomicUsize,
}

impl MemoryBlobs {
    fn call(&self) -> Result<()> {
        let left = self.0.fails_in.load(Ordering::SeqCst);
        if left > 0 {
            self.0.fails_in.store(left - 1, Ordering::SeqCst);
        }
        if left == 1 {
            return Err(Error::new(ErrorKind::Unreachable, "the store is away"));
        }
        Ok(())
    }

    fn count(&self, collection: &str) -> usize {
        let blobs = self.0.blobs.lock();
        blobs.keys().filter(|(of, _)| of == collection).count()
    }

    fn damage(&self, collection: &str) {
        let mut blobs = self.0.blobs.lock();
        for ((of, _), (blob, _)) in blobs.iter_mut() {
            if of == collection {
                *blob = Bytes::from_static(b"RCB\x01\xff\xff\xff\xff secret rubbish");
            }
        }
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Bytes>> {
        self.call()?;
        self.0.gets.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let blobs = self.0.blobs.lock();
        let found = blobs.get(&(collection.to_owned(), key.to_owned()));
        Ok(found.map(|(blob, _)| blob.clone()))
    }

    async fn put(
        &self,
        collection: &str,
        key: &str,
        blob: Bytes,
        seconds_to_live: Option<f64>,
    ) -> Result<()> {
        self.call()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        assert!(key.len() <= 64 && key.chars().all(plain), "{key}");
        assert!(blob.len() <= 256 << 10);
        assert!(seconds_to_live.is_none_or(|seconds| seconds > 0.0 && seconds.is_finite()));
        tokio::task::yield_now().await;
        let place = (collection.to_owned(), key.to_owned());
        self.0.blobs.lock().insert(place, (blob, seconds_to_live));
        Ok(())
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<bool> {
        self.call()?;
        let place = (collection.to_owned(), key.to_owned());
        Ok(self.0.blobs.lock().remove(&place).is_some())
    }
}

fn record(namespace: &str, body: &[u8], expires_at: Option<f64>) -> Record {
    let head = Head {
        namespace: namespace.into(),
        policy: r#"{"user_permissions": 31}"#.into(),
        created_at: NOW,
        expires_at,
        metadata: "{}".into(),
        side: Bytes::from_static(b"side"),
        body_len: body.len() as u64,
        plain: true,
    };
    let body = Some(Bytes::copy_from_slice(body));
    Record { head, body }
}

fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * n / 7 + n) as u8).collect()
}

fn name(namespace: &str, key: &str) -> KeyName {
    KeyName {
        cache: "c".into(),
        namespace: namespace.into(),
        key: key.into(),
    }
}

fn under(name: &KeyName) -> PutOptions<'_> {
    PutOptions {
        name: Some(name),
        retire_at: Some(NOW + 60.0),
        fence: None,
    }
}

fn of(namespace: &str) -> Scope<'_> {
    Scope {
        cache: None,
        namespace: Some(namespace),
    }
}

fn store() -> (MemoryBlobs, Blobs<MemoryBlobs>) {
    let memory = MemoryBlobs::default();
    (memory.clone(), Blobs::new(memory))
}

async fn keys(store: &Blobs<MemoryBlobs>, scope: Scope<'_>) -> Vec<String> {
    let keys = store.keys(scope, NOW).await.unwrap();
    let mut keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn a_record_comes_back_as_it_was() {
    let (_, store) = store();
    for (id, len) in [("c:00000001", 0), ("c:00000002", 100), ("odd id/ü", LARGE)] {
        let written = record("public", &noise(len), Some(NOW + 5.5));
        store
            .write(id, written.clone(), PutOptions::default())
            .await
            .unwrap();
        let read = store.read(id, NOW, Want::Value).await.unwrap();
        assert_eq!(read, Some(written));
    }
}

#[tokio::test]
async fn another_process_finds_what_was_written() {
    let (memory, store) = store();
    let named = name("public", "k");
    let written = record("public", b"[1]", None);
    store
        .write("c:00000001", written.clone(), under(&named))
        .await
        .unwrap();
    let other = Blobs::new(memory);
    let found = other.find(&named, NOW, Want::Value).await.unwrap().unwrap();
    assert_eq!((&*found.0, found.1), ("c:00000001", written));
    assert!(other.knows_cache("c").await.unwrap());
    assert!(!other.knows_cache("d").await.unwrap());
    assert_eq!(keys(&other, Scope::default()).await, ["c:00000001"]);
}

#[tokio::test]
async fn a_large_body_is_read_in_the_parts_that_are_asked_for() {
    let (memory, store) = store();
    let body = noise(LARGE);
    let id = "c:00000001";
    store
        .write(id, record("public", &body, None), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(memory.count("refcache-parts"), 3);
    let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!((read.body, read.head.body_len), (None, LARGE as u64));
    let before = memory.0.gets.load(Ordering::SeqCst);
    let ranges = [10..20, 300_000..300_000, 262_100..262_200, 699_990..700_000];
    let parts = store
        .read_body(id, &read.head, &ranges)
        .await
        .unwrap()
        .unwrap();
    for (part, range) in parts.iter().zip(&ranges) {
        assert_eq!(part, &body[range.start as usize..range.end as usize]);
    }
    // the record, and each part once
    assert_eq!(memory.0.gets.load(Ordering::SeqCst) - before, 4);
    let beyond = 0..LARGE as u64 + 1;
    let beyond = store
        .read_body(id, &read.head, std::slice::from_ref(&beyond))
        .await;
    assert!(beyond.unwrap_err().kind().is_backend());
}

#[tokio::test]
async fn parts_of_a_record_that_was_replaced_are_not_there_any_more() {
    let (memory, store) = store();
    let id = "c:00000001";
    let large = record("public", &noise(LARGE), None);
    store
        .write(id, large.clone(), PutOptions::default())
        .await
        .unwrap();
    store
        .write(id, record("public", b"1", None), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(memory.count("refcache-parts"), 0);
    let parts = store
        .read_body(id, &large.head, &[0..1, 1..2])
        .await
        .unwrap();
    assert_eq!(parts, None);
}

#[tokio::test]
async fn a_side_of_any_length_replaces_the_one_before() {
    let (memory, store) = store();
    let id = "c:00000001";
    let written = record("public", b"[1]", None);
    store
        .write(id, written.clone(), PutOptions::default())
        .await
        .unwrap();
    for side in [noise(LARGE), noise(10)] {
        store
            .write_side(id, &written.head, side.clone().into())
            .await
            .unwrap();
        let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
        assert_eq!(
            (read.head.side, read.body),
            (side.into(), written.body.clone())
        );
    }
    assert_eq!(memory.count("refcache-parts"), 0);
    let other = Head {
        created_at: NOW + 1.0,
        ..written.head
    };
    store.write_side(id, &other, Bytes::new()).await.unwrap();
    let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!(read.head.side.len(), 10);
}

#[tokio::test]
async fn a_record_ends_to_the_millisecond() {
    let (_, store) = store();
    let (id, end) = ("c:00000001", NOW + 0.005);
    let named = name("public", "k");
    store
        .write(id, record("public", b"1", Some(end)), under(&named))
        .await
        .unwrap();
    assert!(store.exists(id, end - 0.001).await.unwrap());
    assert!(!store.exists(id, end).await.unwrap());
    assert_eq!(store.read(id, end, Want::Head).await.unwrap(), None);
    assert_eq!(store.find(&named, end, Want::Head).await.unwrap(), None);
    assert!(store.keys(of("public"), end).await.unwrap().is_empty());
    assert_eq!(store.purge(end - 0.001).await.unwrap(), 0);
    assert_eq!(store.purge(end).await.unwrap(), 1);
    assert_eq!(store.purge(end).await.unwrap(), 0);
}

#[tokio::test]
async fn nothing_but_the_mark_of_the_cache_is_left_of_what_was_removed() {
    let (memory, store) = store();
    for number in 0..40 {
        let named = name("public", &number.to_string());
        let end = (number % 2 == 0).then_some(NOW + 9.0);
        let len = if number % 5 == 0 { LARGE } else { 10 };
        let id = format!("c:{number:08x}");
        store
            .write(&id, record("public", &noise(len), end), under(&named))
            .await
            .unwrap();
    }
    assert_eq!(store.purge(NOW + 9.0).await.unwrap(), 20);
    assert!(store.delete("c:00000001").await.unwrap());
    assert!(!store.delete("c:00000001").await.unwrap());
    assert_eq!(store.clear(Scope::default()).await.unwrap(), 19);
    assert_eq!(memory.count("refcache-entries"), 0);
    assert_eq!(memory.count("refcache-parts"), 0);
    let left = memory.0.blobs.lock().keys().cloned().collect::<Vec<_>>();
    let other = |key: &str| !key.starts_with("cache-") && !key.starts_with("namespaces-");
    assert!(!left.iter().any(|(_, key)| other(key)), "{left:?}");
}

#[tokio::test]
async fn a_name_leads_to_the_newest_and_the_former_retires() {
    let (_, store) = store();
    let named = name("public", "k");
    for id in ["c:00000001", "c:00000002"] {
        store
            .write(id, record("public", b"1", Some(NOW + 900.0)), under(&named))
            .await
            .unwrap();
    }
    let found = store.find(&named, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!(&*found.0, "c:00000002");
    assert_eq!(store.name_of("c:00000001").await.unwrap(), None);
    assert_eq!(
        store.name_of("c:00000002").await.unwrap(),
        Some(named.clone())
    );
    assert!(store.exists("c:00000001", NOW + 59.0).await.unwrap());
    assert!(!store.exists("c:00000001", NOW + 60.0).await.unwrap());
    assert!(store.exists("c:00000002", NOW + 60.0).await.unwrap());
    store.delete("c:00000002").await.unwrap();
    assert_eq!(store.find(&named, NOW, Want::Head).await.unwrap(), None);
}

#[tokio::test]
async fn an_entry_written_again_keeps_its_name_unless_that_has_moved_on() {
    let (_, store) = store();
    let named = name("public", "k");
    let plain = || record("public", b"1", None);
    store
        .write("c:00000001", plain(), under(&named))
        .await
        .unwrap();
    store
        .write("c:00000001", plain(), PutOptions::default())
        .await
        .unwrap();
    assert_eq!(
        store.name_of("c:00000001").await.unwrap(),
        Some(named.clone())
    );
    store
        .write("c:00000002", plain(), under(&named))
        .await
        .unwrap();
    store
        .write("c:00000001", plain(), PutOptions::default())
        .await
        .unwrap();
    let found = store.find(&named, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!(&*found.0, "c:00000002");
}

#[tokio::test]
async fn a_key_is_found_in_every_namespace_that_has_it() {
    let (_, store) = store();
    for (number, namespace) in ["b", "a", "gone"].into_iter().enumerate() {
        let named = name(namespace, "k");
        let end = (namespace == "gone").then_some(NOW + 1.0);
        let id = format!("c:{number:08x}");
        store
            .write(&id, record(namespace, b"1", end), under(&named))
            .await
            .unwrap();
    }
    let found = store.find_everywhere("c", "k", NOW + 1.0).await.unwrap();
    let found: Vec<_> = found.iter().map(|(ns, id)| (&**ns, &**id)).collect();
    assert_eq!(found, [("a", "c:00000001"), ("b", "c:00000000")]);
    assert!(
        store
            .find_everywhere("d", "k", NOW)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_scope_is_of_one_cache_and_one_namespace() {
    let (_, store) = store();
    for (id, namespace) in [
        ("c:00000001", "a"),
        ("c:00000002", "b"),
        ("d:00000003", "a"),
    ] {
        store
            .write(id, record(namespace, b"1", None), PutOptions::default())
            .await
            .unwrap();
    }
    let scope = Scope {
        cache: Some("c"),
        namespace: Some("a"),
    };
    assert_eq!(keys(&store, scope).await, ["c:00000001"]);
    assert_eq!(keys(&store, of("a")).await, ["c:00000001", "d:00000003"]);
    assert_eq!(store.clear(scope).await.unwrap(), 1);
    assert_eq!(
        keys(&store, Scope::default()).await,
        ["c:00000002", "d:00000003"]
    );
}

#[tokio::test]
async fn an_entry_that_moves_is_listed_in_its_new_namespace_only() {
    let (_, store) = store();
    for namespace in ["a", "b"] {
        store
            .write(
                "c:00000001",
                record(namespace, b"1", None),
                PutOptions::default(),
            )
            .await
            .unwrap();
    }
    assert!(keys(&store, of("a")).await.is_empty());
    assert_eq!(keys(&store, of("b")).await, ["c:00000001"]);
}

#[tokio::test]
async fn a_lost_lease_keeps_its_holder_from_taking_the_name() {
    let (_, store) = store();
    let named = name("public", "k");
    let first = store.acquire("l", 1.0, NOW).await.unwrap().unwrap();
    assert_eq!(store.acquire("l", 1.0, NOW).await.unwrap(), None);
    let second = store.acquire("l", 1.0, NOW + 1.0).await.unwrap().unwrap();
    for (id, token) in [("c:00000002", second), ("c:00000001", first)] {
        let fence = Some(Fence { lease: "l", token });
        let options = PutOptions {
            fence,
            ..under(&named)
        };
        store
            .write(id, record("public", b"1", None), options)
            .await
            .unwrap();
    }
    let found = store.find(&named, NOW, Want::Head).await.unwrap().unwrap();
    assert_eq!(&*found.0, "c:00000002");
    assert!(store.exists("c:00000001", NOW).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_of_one_process_lose_nothing() {
    let (_, store) = store();
    let store = Arc::new(store);
    let writers = (0..200).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let named = name("public", &format!("{}", number % 10));
            let id = format!("c:{number:08x}");
            store
                .write(&id, record("public", b"1", None), under(&named))
                .await
                .unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(keys(&store, of("public")).await.len(), 200);
    for key in 0..10 {
        let named = name("public", &key.to_string());
        let (id, _) = store.find(&named, NOW, Want::Head).await.unwrap().unwrap();
        assert_eq!(store.name_of(&id).await.unwrap(), Some(named));
    }
}

#[tokio::test]
async fn a_write_that_fails_at_any_step_leaves_the_entry_as_it_was() {
    for former in [None, Some(&b"before"[..])] {
        for step in 1.. {
            let (memory, store) = store();
            let named = name("public", "k");
            if let Some(body) = former {
                let before = record("public", body, None);
                store
                    .write("c:00000001", before, under(&named))
                    .await
                    .unwrap();
            }
            memory.0.fails_in.store(step, Ordering::SeqCst);
            let after = record("public", &noise(LARGE), None);
            let outcome = store.write("c:00000001", after, under(&named)).await;
            if memory.0.fails_in.swap(0, Ordering::SeqCst) > 0 {
                // all steps went well
                assert!(step > 8);
                break;
            }
            let read = store.read("c:00000001", NOW, Want::Value).await.unwrap();
            match outcome {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unreachable);
                    let body = read.and_then(|record| record.body);
                    assert_eq!(body.as_deref(), former, "step {step}");
                    assert_eq!(memory.count("refcache-parts"), 0, "step {step}");
                }
                Ok(()) => assert_eq!(read.unwrap().head.body_len, LARGE as u64),
            }
        }
    }
}

#[tokio::test]
async fn damaged_blobs_are_an_error_that_shows_none_of_them_and_can_be_replaced() {
    let (memory, store) = store();
    let written = record("public", b"1", None);
    let write = || store.write("c:00000001", written.clone(), PutOptions::default());
    write().await.unwrap();
    memory.damage("refcache-entries");
    let error = store.read("c:00000001", NOW, Want::Head).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert!(!error.to_string().contains("rubbish"));
    write().await.unwrap();
    assert!(store.exists("c:00000001", NOW).await.unwrap());
    memory.damage("refcache-entries");
    assert!(store.delete("c:00000001").await.unwrap());
    memory.damage("refcache-index");
    assert!(
        store
            .keys(Scope::default(), NOW)
            .await
            .unwrap_err()
            .kind()
            .is_backend()
    );
}

#[tokio::test]
async fn an_entry_whose_parts_the_store_dropped_is_gone() {
    let (memory, store) = store();
    let large = record("public", &noise(LARGE), None);
    store
        .write("c:00000001", large, PutOptions::default())
        .await
        .unwrap();
    memory
        .0
        .blobs
        .lock()
        .retain(|(of, _), _| of != "refcache-parts");
    assert_eq!(
        store.read("c:00000001", NOW, Want::Value).await.unwrap(),
        None
    );
}
