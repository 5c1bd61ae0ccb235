//! What the Redis store promises, on one server and on a Cluster alike.
#![cfg(feature = "redis")]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use mcp_refcache::KeyName;
use mcp_refcache::backend::redis::{RedisOptions, RedisStore};
use mcp_refcache::backend::{Fence, Head, PutOptions, Record, RecordStore, SMALL, Scope, Want};
use support::redis::Server;
use support::redis_topologies::Cluster;

const NOW: f64 = 1_000.0;
const POLICY: &str = "{\"user_permissions\": 31, \"agent_permissions\": 17, \"owner\": null, \
    \"owner_permissions\": 31, \"allowed_actors\": null, \"denied_actors\": null, \"bound_session\": null}";

fn record(namespace: &str, body: impl Into<Bytes>, expires_at: Option<f64>) -> Record {
    let body = body.into();
    Record {
        head: Head {
            namespace: namespace.into(),
            policy: POLICY.to_owned(),
            created_at: NOW,
            expires_at,
            metadata: "{}".to_owned(),
            side: Bytes::new(),
            body_len: body.len() as u64,
            plain: !body.starts_with(b"!rcseal1"),
        },
        body: Some(body),
    }
}

fn large(letter: &str) -> String {
    format!("\"{}\"", letter.repeat(SMALL + 1_000))
}

fn name(namespace: &str, key: &str) -> KeyName {
    KeyName {
        cache: "c".into(),
        namespace: namespace.into(),
        key: key.into(),
    }
}

async fn put(store: &RedisStore, id: &str, namespace: &str, expires_at: Option<f64>) {
    let record = record(namespace, "1", expires_at);
    store
        .write(id, record, PutOptions::default())
        .await
        .unwrap();
}

fn in_namespace(namespace: &str) -> Scope<'_> {
    Scope {
        cache: None,
        namespace: Some(namespace),
    }
}

fn sorted(mut ids: Vec<Arc<str>>) -> Vec<String> {
    ids.sort();
    ids.iter().map(|id| id.to_string()).collect()
}

/// Each promise is checked on one server, and again on a Cluster.
macro_rules! promises {
    ($($(#[$meta:meta])* $name:ident($store:ident) $body:block)+) => {
        $(async fn $name($store: RedisStore) $body)+

        mod one_server {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(server) = super::Server::start(&[]) else { return };
                super::$name(server.store()).await;
            })+
        }

        /// One Cluster for all, emptied in between: it takes seconds to form.
        #[tokio::test(flavor = "multi_thread")]
        async fn cluster() {
            let Some(cluster) = Cluster::start() else { return };
            $(
                eprintln!("{}", stringify!($name));
                $name(cluster.store()).await;
                for node in &cluster.0 {
                    node.ask::<String>(&["FLUSHALL"]);
                }
            )+
        }
    };
}

promises! {
    what_was_written_is_read(store) {
        for body in ["1".to_owned(), "NaN".into(), "{\"a\": [1, \"ä\"]}".into(), large("x"), "!rcseal1\u{1}z".into(), format!("!rcseal1{}", large("y"))] {
            let mut written = record("user:ä", body, Some(NOW + 60.5));
            written.head.metadata = "{\"_refcache\": {\"n\": \", \\\"x\\\": \"}}".into();
            written.head.side = Bytes::from_static(b"\0side");
            store.write("c:1", written.clone(), PutOptions::default()).await.unwrap();
            assert_eq!(store.read("c:1", NOW, Want::Value).await.unwrap(), Some(written.clone()));
            let read = store.read("c:1", NOW, Want::Head).await.unwrap().unwrap();
            assert_eq!(read.head, written.head);
            assert_eq!(read.body.is_some(), written.head.body_len <= SMALL as u64);
        }
        assert_eq!(store.read("c:2", NOW, Want::Value).await.unwrap(), None);
        assert_eq!(store.read("c:2", NOW, Want::Head).await.unwrap(), None);
    }

    parts_of_a_body_are_those_asked_for(store) {
        for body in ["[10, 20]".to_owned(), large("z"), format!("!rcseal1{}", large("y"))] {
            let written = record("n", body.clone(), None);
            store.write("c:1", written.clone(), PutOptions::default()).await.unwrap();
            let (len, head) = (body.len() as u64, written.head);
            let parts = store.read_body("c:1", &head, &[1..3, 5..5, len - 2..len]).await.unwrap().unwrap();
            assert_eq!(parts[0], body[1..3]);
            assert_eq!(parts[1], "");
            assert_eq!(parts[2], body[body.len() - 2..]);
            let other = Head { created_at: NOW + 1.0, ..head.clone() };
            assert_eq!(store.read_body("c:1", &other, std::slice::from_ref(&(0..1))).await.unwrap(), None);
            assert_eq!(store.read_body("c:2", &head, std::slice::from_ref(&(0..1))).await.unwrap(), None);
            store.delete("c:1").await.unwrap();
        }
    }

    a_side_is_replaced_only_where_it_belongs(store) {
        for body in ["1".to_owned(), large("s"), "!rcseal1abc".into()] {
            let written = record("n", body, Some(NOW + 60.0));
            store.write("c:1", written.clone(), PutOptions::default()).await.unwrap();
            let other = Head { created_at: NOW + 1.0, ..written.head.clone() };
            store.write_side("c:1", &other, Bytes::from_static(b"wrong")).await.unwrap();
            store.write_side("c:1", &written.head, Bytes::from_static(b"right")).await.unwrap();
            for want in [Want::Head, Want::Value] {
                let read = store.read("c:1", NOW, want).await.unwrap().unwrap();
                assert_eq!(read.head.side, "right");
            }
        }
        let head = record("n", "1", None).head;
        store.write_side("c:none", &head, Bytes::from_static(b"x")).await.unwrap();
        assert!(!store.exists("c:none", NOW).await.unwrap());
    }

    an_entry_ends_by_the_time_handed_in(store) {
        put(&store, "c:1", "n", Some(NOW + 30.0)).await;
        assert!(store.exists("c:1", NOW + 29.9).await.unwrap());
        assert!(!store.exists("c:1", NOW + 30.0).await.unwrap());
        assert!(store.read("c:1", NOW + 29.9, Want::Head).await.unwrap().is_some());
        assert!(store.read("c:1", NOW + 30.0, Want::Head).await.unwrap().is_none());
        assert!(store.read("c:1", NOW + 30.0, Want::Value).await.unwrap().is_none());
        assert!(store.keys(Scope::default(), NOW + 30.0).await.unwrap().is_empty());
        assert_eq!(store.purge(NOW + 29.0).await.unwrap(), 0);
        assert_eq!(store.purge(NOW + 30.0).await.unwrap(), 1);
        assert!(!store.delete("c:1").await.unwrap());
    }

    the_server_removes_what_has_ended_to_the_millisecond(store) {
        put(&store, "c:1", "n", Some(NOW + 0.3)).await;
        assert!(store.exists("c:1", NOW).await.unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        assert!(!store.exists("c:1", NOW).await.unwrap());
        assert!(store.keys(Scope::default(), NOW).await.unwrap().is_empty());
    }

    a_name_leads_to_its_latest_entry(store) {
        let name = name("n", "key");
        let options = |retire_at| PutOptions { name: Some(&name), retire_at, ..PutOptions::default() };
        assert!(store.find(&name, NOW, Want::Value).await.unwrap().is_none());
        store.write("c:1", record("n", large("1"), None), options(None)).await.unwrap();
        let (id, found) = store.find(&name, NOW, Want::Head).await.unwrap().unwrap();
        assert_eq!((&*id, found.body), ("c:1", None));
        store.write("c:2", record("n", "2", None), options(Some(NOW + 9.5))).await.unwrap();
        let (id, found) = store.find(&name, NOW, Want::Value).await.unwrap().unwrap();
        assert_eq!((&*id, found.body.unwrap()), ("c:2", Bytes::from("2")));
        assert_eq!(store.name_of("c:2").await.unwrap().as_ref(), Some(&name));
        assert_eq!(store.name_of("c:1").await.unwrap(), None);

        let former = store.read("c:1", NOW + 9.4, Want::Head).await.unwrap().unwrap();
        assert_eq!((former.head.expires_at, former.body), (Some(NOW + 9.5), None));
        let whole = store.read("c:1", NOW, Want::Value).await.unwrap().unwrap();
        assert_eq!(whole.body.unwrap(), large("1"));
        let part = store.read_body("c:1", &former.head, std::slice::from_ref(&(1..3))).await.unwrap();
        assert_eq!(part.unwrap()[0], "11");
        assert!(store.read("c:1", NOW + 9.5, Want::Head).await.unwrap().is_none());
        assert!(!store.exists("c:1", NOW + 9.5).await.unwrap());

        assert!(store.delete("c:2").await.unwrap());
        assert!(store.find(&name, NOW, Want::Value).await.unwrap().is_none());
        assert_eq!(store.name_of("c:2").await.unwrap(), None);
    }

    a_former_entry_keeps_an_earlier_end_of_its_own(store) {
        let name = name("n", "key");
        let options = PutOptions { name: Some(&name), retire_at: Some(NOW + 9.0), ..PutOptions::default() };
        for (body, end) in [("1", NOW + 5.123_456), ("!rcseal1x", NOW + 8.0), ("3", NOW + 7.0)] {
            store.write("c:1", record("n", body, Some(end)), options).await.unwrap();
            store.write("c:2", record("n", "2", None), options).await.unwrap();
            let former = store.read("c:1", NOW, Want::Value).await.unwrap().unwrap();
            assert_eq!((former.head.expires_at, former.body.unwrap()), (Some(end), Bytes::from(body)));
        }
        for (body, end) in [("\"long\"", NOW + 999_999.123_456), ("!rcseal1y", NOW + 99_999.123_456), ("!rcseal1z", NOW + 10.0)] {
            store.write("c:1", record("n", body, Some(end)), options).await.unwrap();
            store.write("c:2", record("n", "2", None), options).await.unwrap();
            let former = store.read("c:1", NOW, Want::Value).await.unwrap().unwrap();
            assert_eq!((former.head.expires_at, former.body.unwrap()), (Some(NOW + 9.0), Bytes::from(body)));
        }
    }

    a_key_is_found_in_every_namespace_that_has_it(store) {
        for (id, namespace, key) in [("c:1", "b", "k:1"), ("c:2", "a", "k:1"), ("c:3", "a", "k")] {
            let name = name(namespace, key);
            let options = PutOptions { name: Some(&name), ..PutOptions::default() };
            store.write(id, record(namespace, "1", None), options).await.unwrap();
        }
        let found = store.find_everywhere("c", "k:1", NOW).await.unwrap();
        let found: Vec<_> = found.iter().map(|(space, id)| (&**space, &**id)).collect();
        assert_eq!(found, [("a", "c:2"), ("b", "c:1")]);
        store.delete("c:2").await.unwrap();
        assert_eq!(store.find_everywhere("c", "k:1", NOW).await.unwrap().len(), 1);
        assert!(store.find_everywhere("d", "k:1", NOW).await.unwrap().is_empty());
    }

    scopes_select_by_cache_and_namespace(store) {
        for (id, namespace) in [("c:1", "a"), ("c:2", "b"), ("d:1", "a"), ("plain", "a"), ("c:3", "a:x")] {
            put(&store, id, namespace, None).await;
        }
        put(&store, "c:2", "a", None).await;
        let both = Scope { cache: Some("c"), namespace: Some("a") };
        assert_eq!(sorted(store.keys(Scope::default(), NOW).await.unwrap()), ["c:1", "c:2", "c:3", "d:1", "plain"]);
        assert_eq!(sorted(store.keys(in_namespace("a"), NOW).await.unwrap()), ["c:1", "c:2", "d:1", "plain"]);
        assert_eq!(sorted(store.keys(both, NOW).await.unwrap()), ["c:1", "c:2"]);
        assert!(store.keys(in_namespace("b"), NOW).await.unwrap().is_empty());
        assert!(store.knows_cache("d").await.unwrap() && !store.knows_cache("e").await.unwrap());
        assert_eq!(store.clear(both).await.unwrap(), 2);
        assert_eq!(store.clear(in_namespace("a")).await.unwrap(), 2);
        assert_eq!(store.clear(Scope::default()).await.unwrap(), 1);
        assert_eq!(store.clear(Scope::default()).await.unwrap(), 0);
    }

    a_lease_has_one_holder_and_growing_tokens(store) {
        let first = store.acquire("job", 30.0, NOW).await.unwrap().unwrap();
        assert_eq!(store.acquire("job", 30.0, NOW).await.unwrap(), None);
        assert!(store.acquire("other", 30.0, NOW).await.unwrap().unwrap() > first);
        assert!(store.renew("job", first, 0.2, NOW).await.unwrap());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!store.renew("job", first, 9.0, NOW).await.unwrap());
        let second = store.acquire("job", 30.0, NOW).await.unwrap().unwrap();
        assert!(second > first);
        assert!(!store.release("job", first, NOW).await.unwrap());
        assert!(store.release("job", second, NOW).await.unwrap());
        assert!(!store.release("job", second, NOW).await.unwrap());
    }

    a_name_stays_with_who_took_the_lease_over(store) {
        let name = name("n", "key");
        let mine = store.acquire("job", 0.05, NOW).await.unwrap().unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let theirs = store.acquire("job", 30.0, NOW).await.unwrap().unwrap();
        for (id, token) in [("c:theirs", theirs), ("c:mine", mine)] {
            let fence = Some(Fence { lease: "job", token });
            let options = PutOptions { name: Some(&name), fence, ..PutOptions::default() };
            store.write(id, record("n", "1", None), options).await.unwrap();
        }
        assert_eq!(&*store.find(&name, NOW, Want::Head).await.unwrap().unwrap().0, "c:theirs");
        assert!(store.exists("c:mine", NOW).await.unwrap());
    }

    what_the_original_does_behind_our_back_is_noticed(store) {
        store.write("c:1", record("n", large("a"), None), PutOptions::default()).await.unwrap();
        let head = store.read("c:1", NOW, Want::Head).await.unwrap().unwrap().head;
        // an entry of the same length, written at another moment, as the original would
        let text = format!("{{\"value\": {}, \"namespace\": \"n\", \"policy\": {POLICY}, \"created_at\": 1001.0, \
            \"expires_at\": null, \"metadata\": {{}}}}", large("b"));
        raw(&store, "SET", "mcp-refcache:entry:c:1", &text).await;
        for want in [Want::Head, Want::Value] {
            let read = store.read("c:1", NOW, want).await.unwrap().unwrap();
            assert_eq!((read.head.created_at, read.body.unwrap()), (1001.0, Bytes::from(large("b"))));
        }
        assert_eq!(store.read_body("c:1", &head, std::slice::from_ref(&(0..1))).await.unwrap(), None);
        // one that no index knows, and one that is deleted
        raw(&store, "SET", "mcp-refcache:entry:c:2", &text).await;
        raw(&store, "SET", "mcp-refcache:entry:c:3", "no entry").await;
        put(&store, "c:4", "n", None).await;
        raw(&store, "DEL", "mcp-refcache:entry:c:4", "mcp-refcache:entry:c:4").await;
        for _ in 0..2 {
            assert_eq!(sorted(store.keys(in_namespace("n"), NOW).await.unwrap()), ["c:1", "c:2"]);
        }
        assert_eq!(store.clear(in_namespace("n")).await.unwrap(), 2);
        assert_eq!(store.clear(Scope::default()).await.unwrap(), 1);
    }
}

/// A command by a client of its own, that follows a Cluster.
async fn raw(store: &RedisStore, verb: &str, key: &str, value: &str) {
    let url = store.connection_info();
    let mut command = redis::cmd(verb);
    command.arg(key).arg(value);
    let node = format!("redis://{}:{}", url.host, url.port);
    if url.url.contains("cluster") {
        let client = redis::cluster::ClusterClient::new([node]).unwrap();
        let mut connection = client.get_async_connection().await.unwrap();
        let _: redis::Value = command.query_async(&mut connection).await.unwrap();
    } else {
        let client = redis::Client::open(node).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let _: redis::Value = command.query_async(&mut connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_limits_a_store_drops_ended_entries_then_the_oldest() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut options = server.options();
    options.max_entries = Some(2);
    let store = RedisStore::new(options);
    let write = async |id: &str, created: f64, end: Option<f64>| {
        let mut record = record("n", "1", end);
        record.head.created_at = created;
        store
            .write(id, record, PutOptions::default())
            .await
            .unwrap();
    };
    write("c:old", 1000.0, None).await;
    write("c:ends", 1001.0, Some(1002.0)).await;
    write("d:new", 1003.0, None).await;
    assert_eq!(
        sorted(store.keys(Scope::default(), 1003.0).await.unwrap()),
        ["c:old", "d:new"]
    );
    write("c:newer", 1004.0, None).await;
    assert_eq!(
        sorted(store.keys(Scope::default(), 1004.0).await.unwrap()),
        ["c:newer", "d:new"]
    );

    store.clear(Scope::default()).await.unwrap();
    let mut options = server.options();
    options.max_bytes = Some(2_000);
    let store = RedisStore::new(options);
    for id in ["c:1", "c:2", "c:3"] {
        let text = format!("\"{}\"", "x".repeat(900));
        store
            .write(id, record("n", text, None), PutOptions::default())
            .await
            .unwrap();
    }
    assert_eq!(
        sorted(store.keys(Scope::default(), 1004.0).await.unwrap()),
        ["c:3"]
    );
    let refused = store
        .write("c:4", record("n", large("x"), None), PutOptions::default())
        .await;
    assert!(refused.unwrap_err().message().contains("max_bytes"));
    assert_eq!(
        server.ask::<u64>(&["STRLEN", "mcp-refcache:{index}:bytes"]),
        4
    );
    store.clear(Scope::default()).await.unwrap();
    assert_eq!(server.ask::<u64>(&["GET", "mcp-refcache:{index}:bytes"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_remains_of_what_was_removed() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    for i in 0..50 {
        let name = name("n", &format!("k{}", i % 10));
        let options = PutOptions {
            name: Some(&name),
            retire_at: Some(NOW + 1.0),
            ..PutOptions::default()
        };
        let record = record("n", large("x"), Some(NOW + 5.0));
        store
            .write(&format!("c:{i}"), record, options)
            .await
            .unwrap();
    }
    store.purge(NOW + 5.0).await.unwrap();
    let left: Vec<String> = server.ask(&["KEYS", "*"]);
    let expected = ["mcp-refcache:{index}:bytes", "mcp-refcache:{index}:caches"];
    assert_eq!(
        sorted(left.iter().map(|key| (&**key).into()).collect()),
        expected
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_file_is_a_server_too() {
    let Some(server) = Server::start(&["--unixsocket", "socket"]) else {
        return;
    };
    let url = format!("unix://{}/socket?db=3", server.folder.display());
    let store = RedisStore::new(RedisOptions::parse(&url).unwrap());
    put(&store, "c:1", "n", None).await;
    assert!(store.exists("c:1", NOW).await.unwrap());
    assert!(
        !server.store().exists("c:1", NOW).await.unwrap(),
        "another database"
    );
}

/// One read is one request, and a head of a large entry does not move its body.
#[tokio::test(flavor = "multi_thread")]
async fn each_operation_is_one_round_trip() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let store = server.store();
    let name = name("n", "k");
    let options = PutOptions {
        name: Some(&name),
        ..PutOptions::default()
    };
    store
        .write("c:1", record("n", large("x"), None), options)
        .await
        .unwrap();
    let mut used = 0;
    let stat = |field: &str| -> u64 {
        let info: String = server.ask(&["INFO", "stats"]);
        let line = info.lines().find(|line| line.starts_with(field)).unwrap();
        line.split(':').nth(1).unwrap().trim().parse().unwrap()
    };
    let options = PutOptions {
        retire_at: Some(NOW + 1.0),
        ..options
    };
    for _ in 0..2 {
        // the second time around the server knows the scripts
        let (reads, sent) = (
            stat("total_reads_processed:"),
            stat("total_net_output_bytes:"),
        );
        for _ in 0..10 {
            store.find(&name, NOW, Want::Head).await.unwrap();
            store.read("c:1", NOW, Want::Head).await.unwrap();
            store.exists("c:1", NOW).await.unwrap();
        }
        assert!(stat("total_net_output_bytes:") - sent < 30_000);
        for _ in 0..10 {
            store.read("c:1", NOW, Want::Value).await.unwrap();
            store
                .write("c:2", record("n", "1", None), options)
                .await
                .unwrap();
            store
                .write("c:1", record("n", large("x"), None), options)
                .await
                .unwrap();
            store.delete("c:2").await.unwrap();
        }
        used = stat("total_reads_processed:") - reads;
    }
    // those of the statistics themselves come on top, and large requests are read in several parts
    assert!(used < 110, "{used} reads for 70 operations");
}
