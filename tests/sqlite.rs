//! What the SQLite store promises, on real files.
#![cfg(feature = "sqlite")]

mod sqlite_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mcp_refcache::backend::{
    Fence, PutOptions, RecordStore as _, SMALL, Scope, SqliteOptions, SqliteStore, Stored, Want,
};
use mcp_refcache::{ErrorKind, GetOptions, ManualClock, RefCache, blocking};
use sqlite_support::{Folder, NOW, large, name, open, record, wait_until};

async fn put(store: &SqliteStore, id: &str, namespace: &str, expires_at: Option<f64>) {
    let record = record(namespace, "[1, 2, 3]", expires_at);
    store
        .write(id, record, PutOptions::default())
        .await
        .unwrap();
}

async fn put_named(store: &SqliteStore, id: &str, key: &str, retire_at: Option<f64>) {
    let name = name("public", key);
    let options = PutOptions {
        name: Some(&name),
        retire_at,
        ..PutOptions::default()
    };
    let record = record("public", "1", None);
    store.write(id, record, options).await.unwrap();
}

async fn ids(store: &SqliteStore, cache: Option<&str>, namespace: Option<&str>) -> Vec<String> {
    let keys = store.keys(Scope { cache, namespace }, NOW).await.unwrap();
    let mut ids: Vec<_> = keys.iter().map(ToString::to_string).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_record_comes_back_as_it_was() {
    let folder = Folder::new();
    for path in [folder.file(), ":memory:".into()] {
        let store = open(&path);
        for (id, body) in [
            ("c:00000001", "{\"a\": NaN}".to_owned()),
            ("c:00000002", large()),
        ] {
            for plain in [true, false] {
                let mut written = record("user:ä", &body, Some(NOW + 0.25));
                written.head.plain = plain;
                written.head.side = "side".into();
                store
                    .write(id, written.clone(), PutOptions::default())
                    .await
                    .unwrap();
                let read = store.read(id, NOW, Want::Value).await.unwrap().unwrap();
                assert_eq!(read, written);
                let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
                assert_eq!(read.head, written.head);
                assert_eq!(read.body.is_some(), body.len() <= SMALL);
                assert!(store.exists(id, NOW).await.unwrap());
                assert!(!store.exists(id, NOW + 0.25).await.unwrap());
                let expired = store.read(id, NOW + 0.25, Want::Head).await.unwrap();
                assert_eq!(expired, None);
            }
        }
    }
}

#[tokio::test]
async fn parts_of_a_body_are_read_in_the_order_asked_for() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let (body, id) = (large(), "c:00000001");
    let record = record("public", &body, None);
    let head = record.head.clone();
    store
        .write(id, record.clone(), PutOptions::default())
        .await
        .unwrap();
    let end = body.len() as u64;
    let ranges = [end - 10..end, 0..7, 70_000..70_000, 65_000..90_000];
    let parts = store.read_body(id, &head, &ranges).await.unwrap().unwrap();
    for (range, part) in ranges.iter().zip(parts) {
        assert_eq!(
            part,
            &body.as_bytes()[range.start as usize..range.end as usize]
        );
    }
    let mut other = head.clone();
    other.created_at += 1.0;
    assert_eq!(store.read_body(id, &other, &ranges).await.unwrap(), None);
    assert_eq!(store.read_body("c:0", &head, &ranges).await.unwrap(), None);
}

#[tokio::test]
async fn a_side_is_replaced_only_where_the_record_is_the_same() {
    let folder = Folder::new();
    let store = open(&folder.file());
    for (id, body) in [("c:00000001", "1".to_owned()), ("c:00000002", large())] {
        let record = record("public", &body, None);
        let head = record.head.clone();
        store
            .write(id, record, PutOptions::default())
            .await
            .unwrap();
        store.write_side(id, &head, "new".into()).await.unwrap();
        let mut other = head.clone();
        other.created_at += 1.0;
        store.write_side(id, &other, "bad".into()).await.unwrap();
        other = head.clone();
        other.body_len += 1;
        store.write_side(id, &other, "bad".into()).await.unwrap();
        let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
        assert_eq!(read.head.side, "new");
        let before = store.totals().await.unwrap();
        store.write_side(id, &head, "".into()).await.unwrap();
        assert_eq!(store.totals().await.unwrap().bytes, before.bytes - 3);
    }
    let head = record("public", "1", None).head;
    store.write_side("c:0", &head, "x".into()).await.unwrap();
    assert!(!store.exists("c:0", NOW).await.unwrap());
}

#[tokio::test]
async fn keys_and_clear_know_caches_and_namespaces() {
    let folder = Folder::new();
    for path in [folder.file(), ":memory:".into()] {
        let store = open(&path);
        put(&store, "a:00000001", "public", None).await;
        put(&store, "a:00000002", "user:x", Some(NOW + 1.0)).await;
        put(&store, "ab:00000003", "public", None).await;
        put(&store, "a:00000004", "public", Some(NOW)).await;
        assert_eq!(ids(&store, None, None).await.len(), 3);
        assert_eq!(
            ids(&store, Some("a"), None).await,
            ["a:00000001", "a:00000002"]
        );
        assert_eq!(ids(&store, Some("a"), Some("public")).await, ["a:00000001"]);
        assert_eq!(ids(&store, None, Some("user:x")).await, ["a:00000002"]);
        assert_eq!(ids(&store, None, Some("user:")).await, [""; 0]);
        let scope = Scope {
            cache: Some("a"),
            namespace: Some("public"),
        };
        assert_eq!(store.clear(scope).await.unwrap(), 2);
        assert_eq!(ids(&store, None, None).await, ["a:00000002", "ab:00000003"]);
        assert_eq!(store.clear(Scope::default()).await.unwrap(), 2);
        assert_eq!(store.totals().await.unwrap().bytes, 0);
    }
}

#[tokio::test]
async fn clearing_goes_on_beyond_one_batch() {
    let folder = Folder::new();
    let store = open(&folder.file());
    for number in 0..1_200 {
        put(
            &store,
            &format!("a:{number:08x}"),
            "public",
            Some(NOW + 1.0),
        )
        .await;
    }
    put(&store, "b:00000000", "other", None).await;
    let scope = Scope {
        cache: None,
        namespace: Some("public"),
    };
    assert_eq!(store.clear(scope).await.unwrap(), 1_200);
    for number in 0..1_200 {
        put(
            &store,
            &format!("a:{number:08x}"),
            "public",
            Some(NOW + 1.0),
        )
        .await;
    }
    assert_eq!(store.purge(NOW + 0.999).await.unwrap(), 0);
    assert_eq!(store.purge(NOW + 1.0).await.unwrap(), 1_200);
    assert_eq!(ids(&store, None, None).await, ["b:00000000"]);
}

#[tokio::test]
async fn a_name_leads_to_the_last_entry_and_nowhere_once_that_is_gone() {
    let folder = Folder::new();
    let store = open(&folder.file());
    put_named(&store, "c:00000001", "k", None).await;
    put_named(&store, "c:00000002", "k", Some(NOW + 5.0)).await;
    let key = name("public", "k");
    let (id, _) = store.find(&key, NOW, Want::Value).await.unwrap().unwrap();
    assert_eq!(&*id, "c:00000002");
    assert_eq!(
        store.name_of("c:00000002").await.unwrap(),
        Some(key.clone())
    );
    assert_eq!(store.name_of("c:00000001").await.unwrap(), None);
    let former = store.read("c:00000001", NOW, Want::Head).await.unwrap();
    assert_eq!(former.unwrap().head.expires_at, Some(NOW + 5.0));
    assert!(store.delete("c:00000002").await.unwrap());
    assert!(!store.delete("c:00000002").await.unwrap());
    assert!(store.find(&key, NOW, Want::Head).await.unwrap().is_none());
    assert_eq!(store.name_of("c:00000002").await.unwrap(), None);
}

#[tokio::test]
async fn a_large_former_entry_retires_too_and_never_lives_longer() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let key = name("public", "k");
    let named = |retire_at| PutOptions {
        name: Some(&key),
        retire_at,
        ..PutOptions::default()
    };
    let first = record("public", &large(), Some(NOW + 2.0));
    store.write("c:00000001", first, named(None)).await.unwrap();
    let second = record("public", &large(), None);
    store
        .write("c:00000002", second, named(Some(NOW + 5.0)))
        .await
        .unwrap();
    let third = record("public", "1", None);
    store
        .write("c:00000003", third, named(Some(NOW + 7.0)))
        .await
        .unwrap();
    for (id, ends) in [("c:00000001", 2.0), ("c:00000002", 7.0)] {
        let read = store.read(id, NOW, Want::Head).await.unwrap().unwrap();
        assert_eq!(read.head.expires_at, Some(NOW + ends));
    }
}

#[tokio::test]
async fn a_key_is_found_in_every_namespace_that_has_it() {
    let folder = Folder::new();
    let store = open(&folder.file());
    for (id, namespace, ends) in [
        ("c:00000001", "b", None),
        ("c:00000002", "a", None),
        ("c:00000003", "z", Some(NOW)),
    ] {
        let key = name(namespace, "k");
        let options = PutOptions {
            name: Some(&key),
            ..PutOptions::default()
        };
        let record = record(namespace, "1", ends);
        store.write(id, record, options).await.unwrap();
    }
    let found = store.find_everywhere("c", "k", NOW).await.unwrap();
    let found: Vec<_> = found.iter().map(|(n, id)| (&**n, &**id)).collect();
    assert_eq!(found, [("a", "c:00000002"), ("b", "c:00000001")]);
    assert!(
        store
            .find_everywhere("d", "k", NOW)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_cache_stays_known_after_its_entries() {
    let folder = Folder::new();
    let store = open(&folder.file());
    put(&store, "calc:00000001", "public", None).await;
    store.delete("calc:00000001").await.unwrap();
    store.close();
    assert!(store.knows_cache("calc").await.unwrap());
    assert!(!store.knows_cache("cal").await.unwrap());
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_late_one_does_not_take_the_name() {
    let folder = Folder::new();
    let (one, two) = (open(&folder.file()), open(&folder.file()));
    let first = one.acquire("l", 10.0, NOW).await.unwrap().unwrap();
    assert_eq!(two.acquire("l", 10.0, NOW + 9.9).await.unwrap(), None);
    assert!(one.renew("l", first, 10.0, NOW + 9.0).await.unwrap());
    assert_eq!(two.acquire("l", 10.0, NOW + 18.9).await.unwrap(), None);
    let second = two.acquire("l", 10.0, NOW + 19.0).await.unwrap().unwrap();
    assert!(second > first);
    assert!(!one.renew("l", first, 10.0, NOW + 19.0).await.unwrap());
    assert!(!one.release("l", first, NOW + 19.0).await.unwrap());
    assert!(two.release("l", second, NOW + 20.0).await.unwrap());
    assert!(!two.release("l", second, NOW + 20.0).await.unwrap());

    let key = name("public", "k");
    for (token, id, leads) in [(first, "c:00000001", false), (second, "c:00000002", true)] {
        let options = PutOptions {
            name: Some(&key),
            fence: Some(Fence { lease: "l", token }),
            ..PutOptions::default()
        };
        let record = record("public", "1", None);
        one.write(id, record, options).await.unwrap();
        assert!(one.exists(id, NOW).await.unwrap());
        let found = one.find(&key, NOW, Want::Head).await.unwrap();
        assert_eq!(found.is_some_and(|(found, _)| &*found == id), leads);
    }
}

#[tokio::test]
async fn tokens_grow_across_stores_and_restarts() {
    let folder = Folder::new();
    let mut last = 0;
    for round in 0..20 {
        let store = open(&folder.file());
        let moment = NOW + 10_000.0 * f64::from(round);
        let token = store.acquire("l", 1.0, moment).await.unwrap().unwrap();
        assert!(token > last);
        last = token;
    }
}

#[tokio::test]
async fn beyond_the_limit_expired_entries_go_first_then_the_oldest() {
    let folder = Folder::new();
    for path in [folder.file(), ":memory:".into()] {
        let options = SqliteOptions::default().max_entries(3).unwrap();
        let clock = Arc::new(ManualClock::new(0.0));
        let store = SqliteStore::open(&path, options.clock(clock)).unwrap();
        put(&store, "c:00000001", "public", None).await;
        put(&store, "c:00000002", "public", Some(NOW - 1.0)).await;
        put(&store, "c:00000003", "public", None).await;
        put(&store, "c:00000004", "public", None).await;
        assert_eq!(
            ids(&store, None, None).await,
            ["c:00000001", "c:00000003", "c:00000004"]
        );
        put(&store, "c:00000005", "public", None).await;
        assert_eq!(
            ids(&store, None, None).await,
            ["c:00000003", "c:00000004", "c:00000005"]
        );
    }
}

#[tokio::test]
async fn the_limit_on_bytes_holds_and_a_value_beyond_it_is_refused() {
    let folder = Folder::new();
    let options = SqliteOptions::default().max_bytes(400_000).unwrap();
    let store = SqliteStore::open(folder.file(), options).unwrap();
    for number in 0..10 {
        let record = record("public", &large(), None);
        let id = format!("c:{number:08x}");
        store
            .write(&id, record, PutOptions::default())
            .await
            .unwrap();
        assert!(store.exists(&id, NOW).await.unwrap());
        assert!(store.totals().await.unwrap().bytes <= 400_000);
    }
    assert_eq!(store.totals().await.unwrap().entries, 3);
    let huge = record("public", &"1".repeat(400_000), None);
    let refused = store.write("c:ffffffff", huge, PutOptions::default()).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Backend);
    assert!(error.to_string().contains("max_bytes"), "{error}");
    assert_eq!(store.totals().await.unwrap().entries, 3);
}

#[test]
fn a_limit_of_nothing_is_refused() {
    for options in [
        SqliteOptions::default().max_entries(0),
        SqliteOptions::default().max_bytes(0),
    ] {
        assert_eq!(options.err().unwrap().kind(), ErrorKind::InvalidArgument);
    }
}

#[tokio::test]
async fn the_file_shrinks_after_it_was_cleared() {
    let folder = Folder::new();
    let store = open(&folder.file());
    for number in 0..100 {
        let record = record("public", &large().repeat(2), None);
        let id = format!("c:{number:08x}");
        store
            .write(&id, record, PutOptions::default())
            .await
            .unwrap();
    }
    let size = || std::fs::metadata(folder.file()).unwrap().len();
    put(&store, "d:00000001", "public", None).await;
    let scope = Scope {
        cache: Some("c"),
        namespace: None,
    };
    store.clear(scope).await.unwrap();
    wait_until(Duration::from_secs(15), || {
        // pages go back with the next checkpoint, which comes with the next commits
        size() < 4 << 20
    });
    assert!(store.exists("d:00000001", NOW).await.unwrap());
}

#[tokio::test]
async fn expired_entries_are_removed_in_the_background() {
    let folder = Folder::new();
    for path in [folder.file(), ":memory:".into()] {
        let clock = Arc::new(ManualClock::new(NOW));
        let options = SqliteOptions::default().clock(clock.clone());
        let store = SqliteStore::open(&path, options).unwrap();
        for number in 0..1_300 {
            put(
                &store,
                &format!("c:{number:08x}"),
                "public",
                Some(NOW + 0.001),
            )
            .await;
        }
        put(&store, "c:ffffffff", "public", None).await;
        clock.advance(0.001);
        let until = Instant::now() + Duration::from_secs(15);
        while store.totals().await.unwrap().entries > 1 {
            assert!(Instant::now() < until, "nobody purges");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_cache_finds_by_key_after_a_restart_and_shows_pages_of_large_values() {
    let folder = Folder::new();
    let cache = || {
        let store = Stored::new(open(&folder.file()));
        let cache = RefCache::builder("c").backend(store).build().unwrap();
        blocking::RefCache::from(cache)
    };
    let rows: Vec<_> = (0..200_000)
        .map(|number| serde_json::json!({"id": number, "name": "row"}))
        .collect();
    let id = cache().set("rows", &rows).unwrap().ref_id;
    let again = cache();
    assert_eq!(&*again.get("rows").unwrap().ref_id, id.as_str());
    let options = GetOptions {
        page: Some(10_000),
        page_size: Some(20),
        ..GetOptions::default()
    };
    let page = again.get_with(id.as_str(), &options).unwrap();
    assert!(page.preview().to_string().contains("199999"));
    let whole: Vec<serde_json::Value> = again.resolve("rows").unwrap();
    assert_eq!(whole, rows);
}

#[test]
fn many_threads_write_and_read_at_the_same_time() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..32)
        .map(|worker| {
            let (store, written) = (store.clone(), Arc::clone(&written));
            runtime.spawn(async move {
                for number in 0..40 {
                    let id = format!("c:{worker:04x}{number:04x}");
                    put(&store, &id, "public", None).await;
                    written.fetch_add(1, Ordering::SeqCst);
                    let read = store.read(&id, NOW, Want::Value).await.unwrap();
                    assert_eq!(read.unwrap().body.unwrap(), "[1, 2, 3]");
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
        let totals = store.totals().await.unwrap();
        assert_eq!(totals.entries as usize, written.load(Ordering::SeqCst));
        assert_eq!(totals.bytes, totals.entries * (512 + 9));
    });
}

#[test]
fn closing_amid_other_uses_loses_nothing() {
    let folder = Folder::new();
    let store = open(&folder.file());
    thread::scope(|scope| {
        for worker in 0..4 {
            let store = store.clone();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    for number in 0..50 {
                        put(&store, &format!("c:{worker:04x}{number:04x}"), "p", None).await;
                    }
                });
            });
        }
        for _ in 0..20 {
            store.close();
            thread::sleep(Duration::from_millis(2));
        }
        store.before_fork();
        thread::sleep(Duration::from_millis(20));
        store.after_fork();
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let keys = runtime.block_on(ids(&store, None, None));
    assert_eq!(keys.len(), 200);
}
