//! Entries of Redis that are kept near: served without the server, and never once it was told otherwise.
#![cfg(feature = "redis")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mcp_refcache::access::AccessPolicy;
use mcp_refcache::backend::redis::RedisStore;
use mcp_refcache::backend::{Backend, PutOptions, RecordStore, Scope, Stored, Want};
use mcp_refcache::value::{Document, Value};
use mcp_refcache::{Details, Entry, KeyName, Permission};
use support::redis::{Server, wait_for};
use support::redis_topologies::Sentinels;

const NOW: f64 = 1_000.0;
const ID: &str = "c:1";

/// A client, and what it keeps near.
struct Client {
    store: Arc<RedisStore>,
    backend: Stored,
}

impl Client {
    fn of(store: RedisStore) -> Self {
        let store = Arc::new(store);
        Self {
            backend: Stored::shared(Arc::clone(&store) as _),
            store,
        }
    }

    /// One that keeps so many bytes near.
    async fn near(server: &Server, bytes: u64) -> Self {
        let mut options = server.options();
        options.near_cache = bytes;
        let client = Self::of(RedisStore::new(options));
        client.listens().await;
        client
    }

    async fn listens(&self) {
        let begin = Instant::now();
        while !self.store.hears_all() {
            assert!(begin.elapsed() < Duration::from_secs(20));
            let _ = self.backend.exists("c:none", NOW).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn put(&self, number: usize) {
        self.put_under(number, AccessPolicy::default()).await;
    }

    async fn put_under(&self, number: usize, policy: AccessPolicy) {
        let entry = entry(&number, policy, Some(NOW + 600.0));
        let name = name();
        let options = PutOptions {
            name: Some(&name),
            ..PutOptions::default()
        };
        self.backend.put(ID, entry, options).await.unwrap();
    }

    async fn entry(&self) -> Option<Arc<Entry>> {
        self.backend.get(ID, NOW, Want::Value).await.unwrap()
    }

    async fn number(&self) -> Option<usize> {
        self.entry().await.map(|entry| number(&entry))
    }

    async fn found(&self) -> Option<usize> {
        let found = self.backend.find(&name(), NOW, Want::Value).await.unwrap();
        found.map(|(_, entry)| number(&entry))
    }

    fn kept(&self) -> usize {
        self.store.near().unwrap().totals().1
    }
}

fn entry<T: serde::Serialize>(value: &T, policy: AccessPolicy, ends: Option<f64>) -> Arc<Entry> {
    let value = Value::Document(Arc::new(Document::from_serialize(value).unwrap()));
    let (space, policy) = ("public".into(), Arc::new(policy));
    Arc::new(Entry::new(
        value,
        space,
        policy,
        NOW,
        ends,
        Details::default(),
    ))
}

fn number(entry: &Entry) -> usize {
    entry.value.document().unwrap().text().parse().unwrap()
}

fn name() -> KeyName {
    KeyName {
        cache: "c".into(),
        namespace: "public".into(),
        key: "k".into(),
    }
}

/// Commands that the server has done, without this question.
fn commands(server: &Server) -> u64 {
    let info: String = server.ask(&["INFO", "commandstats"]);
    let calls = info
        .lines()
        .filter(|line| !line.contains("ping") && !line.contains("hello"));
    let calls = calls.filter(|line| !line.contains("info") && !line.contains("client"));
    calls
        .filter_map(|line| {
            line.split("calls=")
                .nth(1)?
                .split(',')
                .next()?
                .parse::<u64>()
                .ok()
        })
        .sum()
}

#[tokio::test]
async fn what_was_read_is_read_again_without_the_server() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 1 << 20).await,
        Client::of(server.store()),
    );
    writer.put(1).await;
    assert_eq!(
        (reader.number().await, reader.found().await),
        (Some(1), Some(1))
    );
    let before = commands(&server);
    for _ in 0..100 {
        assert_eq!(
            (reader.number().await, reader.found().await),
            (Some(1), Some(1))
        );
    }
    assert_eq!(commands(&server), before);
    assert!(
        writer.store.near().is_none(),
        "nothing is kept unless asked for"
    );
}

#[tokio::test]
async fn what_the_other_changes_is_seen_at_once() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 1 << 20).await,
        Client::of(server.store()),
    );
    writer.put(1).await;
    assert_eq!(
        (reader.number().await, reader.found().await),
        (Some(1), Some(1))
    );

    writer.put(2).await;
    assert_eq!(
        (reader.number().await, reader.found().await),
        (Some(2), Some(2))
    );

    let mut closed = AccessPolicy::default();
    closed.agent_permissions = Permission::empty();
    writer.put_under(2, closed).await;
    let policy = reader
        .entry()
        .await
        .unwrap()
        .policy
        .policy()
        .unwrap()
        .into_owned();
    assert_eq!(policy.agent_permissions, Permission::empty());

    assert!(writer.backend.delete(ID).await.unwrap());
    assert_eq!((reader.number().await, reader.found().await), (None, None));

    writer.put(3).await;
    assert_eq!(reader.number().await, Some(3));
    writer.backend.clear(Scope::default()).await.unwrap();
    assert_eq!((reader.number().await, reader.found().await), (None, None));

    writer.put(4).await;
    assert_eq!(reader.found().await, Some(4));
    let _: String = server.ask(&["FLUSHALL"]);
    // told in the same moment as its answer, not before
    while reader.found().await.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(reader.number().await, None);

    writer.put(5).await;
    assert_eq!(reader.found().await, Some(5));
    let _: u64 = server.ask(&["DEL", "mcp-refcache:entry:c:1"]);
    assert_eq!((reader.number().await, reader.found().await), (None, None));
}

#[tokio::test]
async fn what_this_client_changes_is_seen_at_once() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let client = Client::near(&server, 1 << 20).await;
    for number in 0..50 {
        client.put(number).await;
        assert_eq!(
            (client.number().await, client.found().await),
            (Some(number), Some(number))
        );
        assert!(client.backend.delete(ID).await.unwrap());
        assert_eq!((client.number().await, client.found().await), (None, None));
    }
    client.put(1).await;
    assert_eq!(client.number().await, Some(1));
    assert_eq!(client.backend.clear(Scope::default()).await.unwrap(), 1);
    assert_eq!((client.number().await, client.found().await), (None, None));
}

#[tokio::test]
async fn an_entry_ends_by_the_clock_of_the_reader_and_by_that_of_the_server() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 1 << 20).await,
        Client::of(server.store()),
    );
    writer.put(1).await;
    assert_eq!(reader.number().await, Some(1));
    let later = reader
        .backend
        .get(ID, NOW + 601.0, Want::Value)
        .await
        .unwrap();
    assert!(later.is_none());

    let short = entry(&2, AccessPolicy::default(), Some(NOW + 0.2));
    writer
        .backend
        .put(ID, short, PutOptions::default())
        .await
        .unwrap();
    assert_eq!(reader.number().await, Some(2));
    // the server removes it, and says so
    let begin = Instant::now();
    while reader.number().await.is_some() {
        assert!(begin.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn nothing_is_served_while_nothing_is_heard() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 1 << 20).await,
        Client::of(server.store()),
    );
    writer.put(1).await;
    assert_eq!(reader.number().await, Some(1));

    let _: u64 = server.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(!reader.store.hears_all());
    writer.put(2).await;
    assert_eq!(reader.number().await, Some(2));
    reader.listens().await;
    writer.put(3).await;
    assert_eq!(
        (reader.number().await, reader.number().await),
        (Some(3), Some(3))
    );

    server.kill();
    assert!(reader.backend.get(ID, NOW, Want::Value).await.is_err());
    server.run();
    let begin = Instant::now();
    while reader.backend.get(ID, NOW, Want::Value).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reader.number().await, None, "the server has forgotten it");
    reader.listens().await;
    writer.put(4).await;
    assert_eq!(
        (reader.number().await, reader.number().await),
        (Some(4), Some(4))
    );
    assert_eq!(reader.kept(), 1);
}

#[tokio::test]
async fn a_server_that_is_silent_is_not_trusted() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let reader = Client::near(&server, 1 << 20).await;
    let _: String = server.ask(&["CLIENT", "PAUSE", "4000", "ALL"]);
    assert!(reader.store.hears_all());
    tokio::time::sleep(Duration::from_millis(2_600)).await;
    assert!(!reader.store.hears_all());
}

#[tokio::test]
async fn the_new_master_is_listened_to_after_a_failover() {
    let Some(mut sentinels) = Sentinels::start() else {
        return;
    };
    let mut options = sentinels.options();
    options.near_cache = 1 << 20;
    let (reader, writer) = (Client::of(RedisStore::new(options.clone())), {
        options.near_cache = 0;
        Client::of(RedisStore::new(options))
    });
    reader.listens().await;
    writer.put(1).await;
    assert_eq!(reader.number().await, Some(1));
    let replica = sentinels.servers[1].port;
    wait_for("the replica has the entry", || {
        support::redis::ask(replica, &["EXISTS", "mcp-refcache:entry:c:1"])
    });
    sentinels.servers[0].kill();
    assert!(!reader.store.hears_all());
    let begin = Instant::now();
    loop {
        let entry = entry(&2, AccessPolicy::default(), None);
        if writer
            .backend
            .put(ID, entry, PutOptions::default())
            .await
            .is_ok()
        {
            break;
        }
        assert!(begin.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reader.listens().await;
    assert_eq!(reader.number().await, Some(2));
    writer.put(3).await;
    assert_eq!(reader.number().await, Some(3));
}

#[tokio::test]
async fn no_more_is_kept_than_there_is_room_for() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 64 * 1024).await,
        Client::of(server.store()),
    );
    let put = async |id: &str, length: usize| {
        let text = entry(&"x".repeat(length), AccessPolicy::default(), None);
        writer
            .backend
            .put(id, text, PutOptions::default())
            .await
            .unwrap();
    };
    for number in 0..100 {
        put(&format!("c:{number}"), 1_000).await;
    }
    put("c:large", 9_000).await;
    for number in 0..100 {
        let id = format!("c:{number}");
        assert!(
            reader
                .backend
                .get(&id, NOW, Want::Value)
                .await
                .unwrap()
                .is_some()
        );
        // what is asked for again and again stays
        assert!(
            reader
                .backend
                .get("c:0", NOW, Want::Value)
                .await
                .unwrap()
                .is_some()
        );
    }
    assert!(
        reader
            .backend
            .get("c:large", NOW, Want::Value)
            .await
            .unwrap()
            .is_some()
    );
    let (bytes, count) = reader.store.near().unwrap().totals();
    assert!(
        bytes <= 64 * 1024 && (20..64).contains(&count),
        "{bytes} in {count}"
    );
    let before = commands(&server);
    assert!(
        reader
            .backend
            .get("c:0", NOW, Want::Value)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(commands(&server), before);
}

#[tokio::test]
async fn a_large_value_is_kept_by_what_is_known_of_it() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let (reader, writer) = (
        Client::near(&server, 1 << 20).await,
        Client::of(server.store()),
    );
    let rows: Vec<_> = (0..40_000).map(|number| format!("row {number}")).collect();
    let large = entry(&rows, AccessPolicy::default(), None);
    writer
        .backend
        .put(ID, large, PutOptions::default())
        .await
        .unwrap();
    for _ in 0..2 {
        let head = reader
            .backend
            .get(ID, NOW, Want::Head)
            .await
            .unwrap()
            .unwrap();
        head.value.load().await.unwrap();
        assert_eq!(head.value.document().unwrap().len(), Some(40_000));
    }
    let (bytes, count) = reader.store.near().unwrap().totals();
    assert!(bytes < 50_000 && count == 1, "{bytes}");
}

/// A writer changes an entry and then asks the reader, while others read it all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_is_overlooked_in_a_thousand_races() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let reader = Arc::new(Client::near(&server, 1 << 20).await);
    let (writer, latest) = (Client::of(server.store()), Arc::new(AtomicUsize::new(0)));
    let over = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..3)
        .map(|_| {
            let (reader, latest, over) =
                (Arc::clone(&reader), Arc::clone(&latest), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    let done = latest.load(Ordering::SeqCst);
                    for seen in [reader.number().await, reader.found().await]
                        .into_iter()
                        .flatten()
                    {
                        assert!(seen >= done, "{seen} after {done}");
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 1..=1_000 {
        if round % 3 == 0 {
            assert!(writer.backend.delete(ID).await.unwrap());
            assert_eq!(
                (reader.number().await, reader.found().await),
                (None, None),
                "{round}"
            );
            continue;
        }
        writer.put(round).await;
        latest.store(round, Ordering::SeqCst);
        assert_eq!(reader.number().await, Some(round));
        assert_eq!(reader.found().await, Some(round));
    }
    over.store(true, Ordering::SeqCst);
    for other in others {
        other.await.unwrap();
    }
    wait_for("the reader keeps something", || reader.store.hears_all());
}
