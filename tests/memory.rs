//! What the memory backend promises.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_refcache::backend::{Backend, PutOptions, Scope, Want, Why};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{AccessPolicy, Clock, Details, Entry, KeyName, ManualClock, MemoryBackend};

const NOW: f64 = 1_000.0;

fn entry(namespace: &str, expires_at: Option<f64>) -> Arc<Entry> {
    let document = Document::from_serialize(&[1, 2, 3]).unwrap();
    let value = Value::Document(Arc::new(document));
    Arc::new(Entry::new(
        value,
        namespace.into(),
        Arc::new(AccessPolicy::default()),
        NOW,
        expires_at,
        Details::default(),
    ))
}

fn name(namespace: &str, key: &str) -> KeyName {
    KeyName {
        cache: "c".into(),
        namespace: namespace.into(),
        key: key.into(),
    }
}

async fn put(backend: &MemoryBackend, id: &str, namespace: &str, expires_at: Option<f64>) {
    backend
        .put(id, entry(namespace, expires_at), PutOptions::default())
        .await
        .unwrap();
}

async fn ids(backend: &MemoryBackend, namespace: Option<&str>) -> Vec<String> {
    let ids = backend
        .keys(
            Scope {
                cache: None,
                namespace,
            },
            NOW,
        )
        .await
        .unwrap();
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn keys_come_in_the_order_of_their_first_write() {
    let backend = MemoryBackend::new();
    for id in ["c:1", "c:2", "c:3", "c:1"] {
        put(&backend, id, "public", None).await;
    }
    assert_eq!(ids(&backend, None).await, ["c:1", "c:2", "c:3"]);
}

#[tokio::test]
async fn an_entry_that_moves_is_listed_in_its_new_namespace_only() {
    let backend = MemoryBackend::new();
    put(&backend, "c:1", "a", None).await;
    put(&backend, "c:1", "b", None).await;
    assert!(ids(&backend, Some("a")).await.is_empty());
    assert_eq!(ids(&backend, Some("b")).await, ["c:1"]);
}

#[tokio::test]
async fn an_expired_entry_is_absent_at_once_and_gone_after_a_purge() {
    let backend = MemoryBackend::new();
    put(&backend, "c:1", "public", Some(NOW + 1.0)).await;
    assert!(
        backend
            .get("c:1", NOW + 0.9, Want::Head)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        backend
            .get("c:1", NOW + 1.0, Want::Head)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        (backend.purge(NOW + 1.0).await.unwrap(), backend.len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_later_end_replaces_an_earlier_one() {
    let backend = MemoryBackend::new();
    put(&backend, "c:1", "public", Some(NOW + 1.0)).await;
    put(&backend, "c:1", "public", Some(NOW + 9.0)).await;
    assert_eq!(backend.purge(NOW + 5.0).await.unwrap(), 0);
    assert_eq!(backend.purge(NOW + 9.0).await.unwrap(), 1);
}

#[tokio::test]
async fn the_sweeper_gives_memory_back_without_being_asked() {
    let clock = Arc::new(ManualClock::new(NOW));
    let backend = MemoryBackend::assembled(None, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    put(&backend, "c:1", "public", Some(NOW + 60.0)).await;
    clock.advance(61.0);
    let started = Instant::now();
    while !backend.is_empty() && started.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(backend.is_empty());
}

#[tokio::test]
async fn beyond_the_limit_the_least_recently_used_goes() {
    let backend = MemoryBackend::with_limit(3).unwrap();
    for id in ["c:1", "c:2", "c:3"] {
        put(&backend, id, "public", None).await;
    }
    for id in ["c:3", "c:2", "c:1"] {
        backend.get(id, NOW, Want::Head).await.unwrap().unwrap();
    }
    put(&backend, "c:4", "public", None).await;
    assert_eq!(ids(&backend, None).await, ["c:1", "c:2", "c:4"]);
    put(&backend, "c:5", "public", None).await;
    assert_eq!(ids(&backend, None).await, ["c:1", "c:4", "c:5"]);
}

#[tokio::test]
async fn beyond_the_limit_the_expired_goes_first() {
    let backend = MemoryBackend::with_limit(2).unwrap();
    put(&backend, "c:1", "public", None).await;
    put(&backend, "c:2", "public", Some(NOW - 1.0)).await;
    put(&backend, "c:3", "public", None).await;
    assert_eq!(ids(&backend, None).await, ["c:1", "c:3"]);
}

#[tokio::test]
async fn who_listens_learns_what_goes_by_itself() {
    let backend = MemoryBackend::with_limit(1).unwrap();
    let log = backend.removals().unwrap().log("c");
    put(&backend, "c:1", "n", None).await;
    put(&backend, "c:2", "n", Some(NOW + 1.0)).await;
    backend.purge(NOW + 1.0).await.unwrap();
    put(&backend, "c:3", "n", None).await;
    backend.delete("c:3").await.unwrap();
    let gone = log.take().entries.into_iter();
    let gone: Vec<_> = gone.map(|gone| (gone.id.to_string(), gone.why)).collect();
    let told = [("c:1".into(), Why::Evicted), ("c:2".into(), Why::Expired)];
    assert_eq!(gone, told);
}

#[tokio::test]
async fn the_limit_holds_over_many_writes_and_nothing_else_grows() {
    let backend = MemoryBackend::with_limit(10).unwrap();
    for i in 0..10_000 {
        let key = name("public", &format!("key {i}"));
        let options = PutOptions {
            name: Some(&key),
            retire_at: None,
            fence: None,
        };
        backend
            .put(
                &format!("c:{i}"),
                entry("public", Some(NOW + f64::from(i))),
                options,
            )
            .await
            .unwrap();
        assert!(backend.len() <= 10);
    }
    assert!(
        backend
            .find(&name("public", "key 0"), NOW, Want::Head)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        backend
            .find(&name("public", "key 9999"), NOW, Want::Head)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn a_name_leads_to_the_latest_entry_and_the_former_one_retires() {
    let backend = MemoryBackend::new();
    let key = name("public", "k");
    for id in ["c:1", "c:2"] {
        let options = PutOptions {
            name: Some(&key),
            retire_at: Some(NOW + 60.0),
            fence: None,
        };
        backend
            .put(id, entry("public", None), options)
            .await
            .unwrap();
    }
    assert_eq!(
        &*backend
            .find(&key, NOW, Want::Head)
            .await
            .unwrap()
            .unwrap()
            .0,
        "c:2"
    );
    assert!(
        backend
            .get("c:1", NOW + 59.0, Want::Head)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        backend
            .get("c:1", NOW + 60.0, Want::Head)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        backend
            .get("c:2", NOW + 60.0, Want::Head)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn removing_a_former_entry_leaves_the_name_alone() {
    let backend = MemoryBackend::new();
    let key = name("public", "k");
    for id in ["c:1", "c:2"] {
        backend
            .put(
                id,
                entry("public", None),
                PutOptions {
                    name: Some(&key),
                    retire_at: None,
                    fence: None,
                },
            )
            .await
            .unwrap();
    }
    assert!(backend.delete("c:1").await.unwrap());
    assert!(backend.find(&key, NOW, Want::Head).await.unwrap().is_some());
    assert!(backend.delete("c:2").await.unwrap());
    assert!(backend.find(&key, NOW, Want::Head).await.unwrap().is_none());
    assert!(!backend.delete("c:2").await.unwrap());
}

#[tokio::test]
async fn names_of_different_namespaces_do_not_meet() {
    let backend = MemoryBackend::new();
    for (id, namespace) in [("c:1", "a"), ("c:2", "b"), ("c:3", "c")] {
        let key = name(namespace, "k");
        backend
            .put(
                id,
                entry(namespace, None),
                PutOptions {
                    name: Some(&key),
                    retire_at: None,
                    fence: None,
                },
            )
            .await
            .unwrap();
    }
    assert_eq!(
        &*backend
            .find(&name("b", "k"), NOW, Want::Head)
            .await
            .unwrap()
            .unwrap()
            .0,
        "c:2"
    );
    assert_eq!(
        backend.find_everywhere("c", "k", NOW).await.unwrap().len(),
        3
    );
    assert!(
        backend
            .find_everywhere("d", "k", NOW)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn clearing_touches_one_cache_and_one_namespace() {
    let backend = MemoryBackend::new();
    for (id, namespace) in [
        ("c:1", "org"),
        ("c:2", "org:acme"),
        ("d:1", "org"),
        ("cc:1", "org"),
    ] {
        put(&backend, id, namespace, None).await;
    }
    assert_eq!(
        backend
            .clear(Scope {
                cache: Some("c"),
                namespace: Some("org")
            })
            .await
            .unwrap(),
        1
    );
    assert_eq!(ids(&backend, None).await, ["c:2", "d:1", "cc:1"]);
    assert_eq!(backend.clear(Scope::default()).await.unwrap(), 3);
}

#[tokio::test]
async fn threads_meet_without_losing_entries() {
    let backend = MemoryBackend::new();
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let backend = backend.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for i in 0..1_000 {
                        let id = format!("c:{worker}-{i}");
                        put(&backend, &id, "public", None).await;
                        assert!(backend.get(&id, NOW, Want::Head).await.unwrap().is_some());
                        if i % 2 == 0 {
                            assert!(backend.delete(&id).await.unwrap());
                        }
                    }
                });
            })
        })
        .collect();
    workers
        .into_iter()
        .for_each(|worker| worker.join().unwrap());
    assert_eq!(ids(&backend, None).await.len(), 4_000);
}

/// An entry whose value has this many bytes of JSON text.
fn weighing(bytes: usize, expires_at: Option<f64>) -> Arc<Entry> {
    let document = Document::from_serialize(&"x".repeat(bytes - 2)).unwrap();
    let value = Value::Document(Arc::new(document));
    Arc::new(Entry::new(
        value,
        "public".into(),
        Arc::new(AccessPolicy::default()),
        NOW,
        expires_at,
        Details::default(),
    ))
}

async fn put_weighing(backend: &MemoryBackend, id: &str, bytes: usize, expires_at: Option<f64>) {
    let entry = weighing(bytes, expires_at);
    backend.put(id, entry, PutOptions::default()).await.unwrap();
}

#[tokio::test]
async fn bytes_are_counted_exactly() {
    let backend = MemoryBackend::new();
    put_weighing(&backend, "c:1", 100, None).await;
    put_weighing(&backend, "c:2", 50, Some(NOW + 1.0)).await;
    assert_eq!(backend.bytes(), 150);
    put_weighing(&backend, "c:1", 30, None).await;
    assert_eq!(backend.bytes(), 80);
    backend.purge(NOW + 1.0).await.unwrap();
    assert_eq!(backend.bytes(), 30);
    backend.delete("c:1").await.unwrap();
    assert_eq!(backend.bytes(), 0);
    put_weighing(&backend, "c:1", 100, None).await;
    backend.clear(Scope::default()).await.unwrap();
    assert_eq!(backend.bytes(), 0);
}

#[tokio::test]
async fn beyond_the_bytes_the_expired_go_first_then_the_least_recently_used() {
    let backend = MemoryBackend::new();
    backend.set_max_bytes(Some(100)).unwrap();
    put_weighing(&backend, "c:1", 40, None).await;
    put_weighing(&backend, "c:2", 40, None).await;
    put_weighing(&backend, "c:3", 20, Some(NOW - 1.0)).await;
    put_weighing(&backend, "c:4", 10, None).await;
    assert_eq!(ids(&backend, None).await, ["c:1", "c:2", "c:4"]);
    backend.get("c:1", NOW, Want::Head).await.unwrap().unwrap();
    put_weighing(&backend, "c:5", 60, None).await;
    assert_eq!(ids(&backend, None).await, ["c:1", "c:5"]);
    put_weighing(&backend, "c:1", 41, None).await;
    assert_eq!(ids(&backend, None).await, ["c:1"]);
    assert_eq!(backend.bytes(), 41);
}

#[tokio::test]
async fn a_value_beyond_the_limit_drives_nobody_out() {
    let backend = MemoryBackend::new();
    backend.set_max_bytes(Some(100)).unwrap();
    put_weighing(&backend, "c:1", 100, None).await;
    let error = backend
        .put("c:2", weighing(101, None), PutOptions::default())
        .await
        .unwrap_err();
    assert!(error.kind().is_backend() && error.to_string().contains("raise max_bytes"));
    assert_eq!(ids(&backend, None).await, ["c:1"]);
}

#[tokio::test]
async fn a_lower_limit_on_bytes_is_kept_from_the_next_write_on() {
    let backend = MemoryBackend::new();
    for id in ["c:1", "c:2", "c:3"] {
        put_weighing(&backend, id, 50, None).await;
    }
    backend.set_max_bytes(Some(60)).unwrap();
    assert_eq!((backend.max_bytes(), backend.len()), (Some(60), 3));
    put_weighing(&backend, "c:4", 10, None).await;
    assert_eq!(ids(&backend, None).await, ["c:3", "c:4"]);
    backend.set_max_bytes(None).unwrap();
    assert_eq!(backend.max_bytes(), None);
    assert!(backend.set_max_bytes(Some(0)).is_err());
}
